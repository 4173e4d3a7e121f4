"""Words what owners hear of: a job failed for good, was disabled, ran out, or started late.

An id is the same however often it is told, so that nobody is told twice. How it gets to people is
`deliveries`'s. Source: Chronos, NotificationClient.scala and JobScheduler.scala (its subjects).
"""

from typing import Any

from chronos_app.core.events import Notice
from chronos_app.core.lateness import Missed
from chronos_app.core.run import Run
from chronos_app.core.schedule import iso_utc
from chronos_app.schema.job import Job


def failed(job: Job, run: Run, now_ms: int) -> Notice:
    attempts = f" after {run.attempt + 1} attempts" if run.attempt else ""
    return _notice(
        "job-failed",
        job,
        f"job '{job.name}' failed!",
        f"'{job.name}' due {iso_utc(run.nominal_ms)} failed{attempts}: {_how(run)}",
        run.run_id,
        now_ms,
        _details(run),
    )


def disabled(job: Job, run: Run, failures: int, now_ms: int) -> Notice:
    return _notice(
        "job-disabled",
        job,
        f"job '{job.name}' disabled",
        f"'{job.name}' failed {failures} times in a row and is disabled now. Last: {_how(run)}",
        run.run_id,
        now_ms,
        _details(run),
    )


def exhausted(job: Job, run: Run, now_ms: int) -> Notice:
    return _notice(
        "job-exhausted",
        job,
        f"job '{job.name}' has run for the last time",
        f"'{job.name}' has no occurrence left in {job.schedule} and is disabled now.",
        run.run_id,
        now_ms,
        _details(run),
    )


def late(job: Job, run: Run, now_ms: int, why: str) -> Notice:
    seconds = (now_ms - run.nominal_ms) // 1_000
    return _notice(
        "job-late",
        job,
        f"job '{job.name}' started {seconds} s late",
        f"'{job.name}' due {iso_utc(run.nominal_ms)} started {seconds} s late. {why}".rstrip(),
        run.run_id,
        now_ms,
        _details(run),
    )


def skipped(job: Job, missed: Missed, now_ms: int) -> Notice:
    first_ms = missed.first.instant_ms
    return _notice(
        "job-late",
        job,
        f"job '{job.name}' was skipped",
        f"{missed.count} run(s) of '{job.name}', the first due {iso_utc(first_ms)}, could not "
        f"start within {job.epsilon} of their time and were skipped.",
        f"{job.name}:{first_ms}",
        now_ms,
        {"nominal": iso_utc(first_ms), "count": missed.count},
    )


def _how(run: Run) -> str:
    if run.timed_out:
        return "it ran for longer than its maxCompletionTime"
    return run.message or run.state.value


def _details(run: Run) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "nominal": iso_utc(run.nominal_ms),
        "attempt": run.attempt,
        "exitStatus": run.exit_status,
        "signal": run.signal,
        "agent": run.agent_host,
        "message": run.message,
    }


def _notice(
    kind: str,
    job: Job,
    subject: str,
    message: str,
    about: str,
    now_ms: int,
    details: dict[str, Any],
) -> Notice:
    more = {"owner": job.owner, "command": job.command, "schedule": job.schedule}
    return Notice(
        f"{kind}:{about}", kind, job.name, subject, message, job.owners(), now_ms, details | more
    )
