"""Shows jobs and runs to clients: plain values, ready for JSON. Decides nothing.

The keys of Chronos's own answers are Chronos's; those under `tepui/` are ours.
"""

from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from chronos_app.core.cron import Cron
from chronos_app.core.graph import as_csv, as_dot
from chronos_app.core.run import Run, RunState
from chronos_app.core.schedule import iso_in_zone, iso_utc, next_runs
from chronos_app.core.statistics import durations_ms, histogram, statistic
from chronos_app.core.wallclock import EPOCH
from chronos_app.core.words import in_words
from chronos_app.core.zones import find_zone
from chronos_app.schema.job import Counters, Dialect, Job
from chronos_app.schema.listing import list_job

RECENT_COUNT = 24  # the strip of past runs on the dashboard
TASK_HISTORY_COUNT = 5  # Chronos: --job_history_limit
_STATUS = {RunState.SUCCEEDED: "Success", RunState.RUNNING: "Running", RunState.STARTING: "Running"}
# What people call a run that has not begun.
_WORDS = {RunState.WAITING: "queued", RunState.LAUNCHING: "staging"}


class Listed(NamedTuple):
    """What a listing needs of a job; cheap to take on the loop, to be shown elsewhere."""

    job: Job
    counters: Counters
    disabled: bool

    def show(self, dialect: Dialect) -> dict[str, Any]:
        return list_job(self.job, self.counters, dialect, self.disabled)


def listed(cron: Cron, name: str) -> Listed:
    """One job, as of now."""
    record, progress = cron.ledger.jobs[name], cron.ledger.progress[name]
    return Listed(record.job, progress.counters(), progress.disabled)


def state(cron: Cron, name: str) -> str:
    """Chronos's word: idle, queued, or how many run."""
    live = cron.ledger.by_job.get(name, {}).values()
    running = sum(run.state.is_launched for run in live)
    return f"{running} running" if running else ("queued" if live else "idle")


def summary(cron: Cron) -> list[dict[str, Any]]:
    """Source: Chronos 3.x, JobSummary.scala."""
    return [
        {
            "name": name,
            "status": cron.ledger.progress[name].status,
            "state": state(cron, name),
            "schedule": record.job.schedule,
            "parents": list(record.job.parents),
            "disabled": cron.ledger.progress[name].disabled,
        }
        for name, record in cron.ledger.jobs.items()
    ]


def search(cron: Cron, name: str, command: str, any_text: str) -> list[str]:
    """Names of jobs that contain these words, in any case; `any` looks in both places."""
    name, command, any_text = name.lower(), command.lower(), any_text.lower()
    return [
        each
        for each, record in cron.ledger.jobs.items()
        if name in each.lower()
        and command in record.job.command.lower()
        and (any_text in each.lower() or any_text in record.job.command.lower())
    ]


def dot(cron: Cron) -> str:
    return as_dot(list(cron.ledger.jobs), cron.graph)


def csv(cron: Cron) -> str:
    states = {
        name: (cron.ledger.progress[name].status, state(cron, name)) for name in cron.ledger.jobs
    }
    return as_csv(states, cron.graph)


def job_statistics(cron: Cron, name: str) -> dict[str, Any]:
    """Source: Chronos, JobManagementResource.scala (stat)."""
    launched = [run for run in cron.runs_of(name) if run.launched_ms]
    data = cron.ledger.jobs[name].job.data_processing
    return {
        "histogram": histogram(durations_ms(cron.ledger.history.newest(name))),
        "taskStatHistory": [_task_stat(run, data) for run in launched[:TASK_HISTORY_COUNT]],
    }


def _task_stat(run: Run, data_processing: bool) -> dict[str, Any]:
    ended = run.state.is_over
    shown: dict[str, Any] = {
        "taskId": run.run_id,
        "jobName": run.job,
        "slaveId": run.agent_id,
        "startTime": _short(run.started_ms or run.launched_ms),
        "endTime": _short(run.finished_ms),
    }
    if ended:
        shown["duration"] = _span(run.finished_ms - (run.started_ms or run.launched_ms))
    shown["status"] = _STATUS.get(run.state, "Fail" if ended else "Idle")
    if data_processing:
        shown["numElementsProcessed"] = run.elements
    return shown


def _short(instant_ms: int) -> str:
    if not instant_ms:
        return "N/A"
    return (EPOCH + timedelta(milliseconds=instant_ms)).strftime("%m/%d/%y %H:%M:%S")


def _span(duration_ms: int) -> str:
    """`1d2h3m4s`, without leading zeros."""
    seconds = max(0, duration_ms) // 1_000
    parts = [
        (seconds // 86_400, "d"),
        (seconds // 3_600 % 24, "h"),
        (seconds // 60 % 60, "m"),
        (seconds % 60, "s"),
    ]
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"


def percentile(cron: Cron, name: str, which: str) -> dict[str, Any]:
    """One statistic of one job, in seconds."""
    seconds = statistic(durations_ms(cron.ledger.history.newest(name)), which) / 1_000
    return {"jobNameLabel": name, "time": seconds}


# Ours


def run(cron: Cron, shown: Run, prefix: str) -> dict[str, Any]:
    """One row of the history; times are ISO 8601 in UTC, or null."""
    missing = shown.missed_count > 1
    return {
        "runId": shown.run_id,
        "taskId": shown.run_id,
        "job": shown.job,
        "cause": shown.cause.value,
        "nominal": iso_utc(shown.nominal_ms),
        "launched": _iso(shown.launched_ms),
        "started": _iso(shown.started_ms),
        "finished": _iso(shown.finished_ms),
        "exitStatus": shown.exit_status,
        "signal": shown.signal or None,
        "state": _word(shown),
        "attempt": shown.attempt,
        "occurrence": shown.index if shown.index >= 0 else None,
        "count": shown.missed_count if missing else None,
        "arguments": shown.arguments or None,
        "agent": shown.agent_id or None,
        "host": shown.agent_host or None,
        "sandbox": shown.agent_url or None,
        "log": f"{prefix}/{quote(shown.run_id, safe='')}/log" if shown.launched_ms else None,
        "message": shown.message or cron.waiting.why.get(shown.run_id) or None,
    }


def _word(shown: Run) -> str:
    if shown.state is RunState.WAITING and shown.attempt:
        return "retrying"
    return _WORDS.get(shown.state, shown.state.value)


def _iso(instant_ms: int) -> str | None:
    return iso_utc(instant_ms) if instant_ms else None


def our_job(cron: Cron, name: str) -> dict[str, Any]:
    """The listing with what Chronos never said: when next, how last, and why it waits."""
    record, progress = cron.ledger.jobs[name], cron.ledger.progress[name]
    schedule = cron.ledger.schedule_of(name)
    recent = list(islice(_told(cron, name), RECENT_COUNT))
    shown = listed(cron, name).show(record.job.dialect)
    zone = record.job.schedule_time_zone
    next_ms = None if progress.disabled else progress.next_ms
    shown |= {
        "state": state(cron, name),
        "status": progress.status,
        "nextRun": None if next_ms is None else iso_utc(next_ms),
        "lastRun": recent[0] if recent else None,
        "recent": recent,
        "inWords": in_words(schedule) if schedule else _after(record.job.parents),
        "exhausted": schedule is not None and progress.next_ms is None,
        "waitingFor": [
            cron.waiting.why[run_id]
            for run_id in cron.ledger.by_job.get(name, {})
            if run_id in cron.waiting.why
        ],
        "children": list(cron.graph.children_of(name)),
    }
    if zone and (warning := find_zone(zone, java_names=True).warning):
        shown["warning"] = warning
    return shown


def _told(cron: Cron, name: str) -> Any:
    """Short rows, newest first: runs that waited in vain say so too."""
    for each in cron.runs_of(name):
        yield {
            "runId": each.run_id,
            "nominal": iso_utc(each.nominal_ms),
            "started": _iso(each.started_ms),
            "finished": _iso(each.finished_ms),
            "exitStatus": each.exit_status,
            "state": _word(each),
            "attempt": each.attempt,
        }


def _after(parents: tuple[str, ...]) -> str:
    return f"after {' and '.join(parents)} succeeded"


def upcoming(cron: Cron, name: str, now_ms: int, count: int) -> list[str]:
    """The next runs of one job, as its zone's clock shows them."""
    schedule, progress = cron.ledger.schedule_of(name), cron.ledger.progress[name]
    if schedule is None or progress.disabled or progress.next_ms is None:
        return []
    upcoming_ms = next_runs(schedule, now_ms, count, progress.next_index)
    return [iso_in_zone(ms, schedule.zone) for ms in upcoming_ms]


def find_run(cron: Cron, name: str, run_id: str) -> Run | None:
    """A run of a job, live or over."""
    return next((each for each in cron.runs_of(name) if each.run_id == run_id), None)


def counts(cron: Cron) -> dict[str, int]:
    """For gauges."""
    runs = cron.ledger.runs.values()
    return {
        "jobs": len(cron.ledger.jobs),
        "jobsDisabled": sum(progress.disabled for progress in cron.ledger.progress.values()),
        "runsWaiting": sum(run.state is RunState.WAITING for run in runs),
        "runsLaunched": sum(run.state.is_launched for run in runs),
        "outbox": len(cron.ledger.outbox),
        "offersHeld": len(cron.dispatch.held),
    }
