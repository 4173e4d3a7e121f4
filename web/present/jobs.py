"""Rows of jobs and runs, the heat strip of past runs, and schedules."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from web.present import states
from web.present.states import Look
from web.present.words import ms_of, span
from web.shapes.chronos import Job, Run

FILTERS = ("scheduled", "running", "failed", "dependent", "disabled")
SORTS = ("name", "next", "last", "state")
STRIP_RUNS = 24


class Cell(Struct, frozen=True):
    """One run in the heat strip."""

    tone: str
    text: str


class RunRow(Struct, frozen=True):
    id: str
    look: Look
    nominal_ms: int | None
    started_ms: int | None
    finished_ms: int | None
    took: str
    late: str
    exit_text: str
    attempt: int
    host: str
    message: str
    task_id: str


class JobRow(Struct, frozen=True):
    name: str
    description: str
    look: Look
    schedule: str
    zone: str
    parents: Sequence[str]
    next_ms: int | None
    last_ms: int | None
    last: Look
    strip: Sequence[Cell]
    successes: int
    errors: int
    disabled: bool
    filters: Sequence[str]


def job_rows(jobs: Sequence[Job]) -> list[JobRow]:
    return [job_row(job) for job in jobs]


def job_row(job: Job) -> JobRow:
    last_ms, last = _last_run(job)
    look = _look(job)
    return JobRow(
        name=job.name,
        description=job.description or "",
        look=look,
        schedule=job.schedule or "",
        zone=job.schedule_time_zone or "",
        parents=job.parents,
        next_ms=None if job.disabled else ms_of(job.next_run),
        last_ms=last_ms,
        last=last,
        strip=[_cell(run) for run in _oldest_first(job.recent)[-STRIP_RUNS:]],
        successes=job.success_count,
        errors=job.error_count,
        disabled=job.disabled,
        filters=_filters(job, look, last),
    )


def _look(job: Job) -> Look:
    """Disabled wins over idle, but a run that goes on is shown even then."""
    word = job.state.strip().lower()
    if "running" in word:
        return Look(job.state.capitalize(), "disc", "busy")
    if word == "queued":
        return states.QUEUED
    if job.disabled:
        return states.DISABLED
    if word == "retrying":
        return states.run_look(word)
    return Look("Scheduled", "clock", "calm") if job.schedule else Look("Waits", "ring", "faint")


def _filters(job: Job, look: Look, last: Look) -> tuple[str, ...]:
    found = {
        "scheduled": bool(job.schedule) and not job.disabled,
        "running": look.tone == "busy",
        "failed": last.tone == "bad",
        "dependent": bool(job.parents),
        "disabled": job.disabled,
    }
    return tuple(name for name in FILTERS if found[name])


def _last_run(job: Job) -> tuple[int | None, Look]:
    """From `lastRun`, a time or a run; else from the newer of lastSuccess and lastError."""
    if isinstance(job.last_run, dict):
        return _last_of(job.last_run)
    success, error = ms_of(job.last_success), ms_of(job.last_error)
    if success is None and error is None:
        told = ms_of(job.last_run) if isinstance(job.last_run, str) else None
        return told, Look("Never" if told is None else "", "dot", "faint")
    if (error or 0) > (success or 0):
        return error, states.FAILED
    return success, states.run_look("FINISHED")


def _last_of(run: dict[str, Any]) -> tuple[int | None, Look]:
    times = [run.get(key) for key in ("finished", "started", "nominal")]
    at = next((time for time in times if isinstance(time, str) and time), None)
    return ms_of(at), states.run_look(str(run.get("state", "")))


def _oldest_first(runs: Sequence[Run]) -> list[Run]:
    return sorted(
        runs, key=lambda run: (ms_of(run.nominal) or ms_of(run.started) or 0, run.attempt)
    )


def run_rows(runs: Sequence[Run]) -> list[RunRow]:
    """Newest first."""
    return [run_row(run) for run in reversed(_oldest_first(runs))]


def run_row(run: Run) -> RunRow:
    nominal, started, finished = ms_of(run.nominal), ms_of(run.started), ms_of(run.finished)
    took = span(finished - started) if started is not None and finished is not None else ""
    late = span(started - nominal) if started is not None and nominal is not None else ""
    return RunRow(
        id=run.run_id,
        look=states.run_look(run.state),
        nominal_ms=nominal,
        started_ms=started,
        finished_ms=finished,
        took=took,
        late=late,
        exit_text=_exit_text(run),
        attempt=run.attempt,
        host=run.host or run.agent or "",
        message=_more_than_the_exit(run.message or ""),
        task_id=run.task_id or "",
    )


def _more_than_the_exit(message: str) -> str:
    """The exit status has a column of its own."""
    return "" if message.startswith("Command exited with status") else message


def _exit_text(run: Run) -> str:
    """A shell's status above 128 is a signal; say so."""
    if run.signal:
        return f"signal {run.signal}"
    if run.exit_status is None:
        return ""
    if run.exit_status < 0:
        return f"signal {-run.exit_status}"
    return f"exit {run.exit_status}"


def strip(runs: Sequence[Run]) -> list[Cell]:
    return [_cell(run) for run in _oldest_first(runs)[-STRIP_RUNS:]]


def _cell(run: Run) -> Cell:
    look = states.run_look(run.state)
    when = run.nominal or run.started or ""
    exit_text = _exit_text(run)
    return Cell(look.tone, f"{look.word}{' · ' + exit_text if exit_text else ''} · {when}")


def matching(rows: Sequence[JobRow], search: str, state: str) -> list[JobRow]:
    needles = search.lower().split()
    return [
        row
        for row in rows
        if (not state or state in row.filters)
        and all(needle in f"{row.name} {row.description}".lower() for needle in needles)
    ]


def in_order(rows: Sequence[JobRow], column: str, downwards: bool) -> list[JobRow]:
    """Rows without a time come last in both directions."""
    by_name = sorted(rows, key=lambda row: row.name.lower())
    if column in ("next", "last"):
        sign = -1 if downwards else 1
        times = {row.name: row.next_ms if column == "next" else row.last_ms for row in rows}
        return sorted(
            by_name,
            key=lambda row: (times[row.name] is None, sign * (times[row.name] or 0)),
        )
    if column == "state":
        return sorted(by_name, key=lambda row: row.look.word, reverse=downwards)
    return by_name[::-1] if downwards else by_name


def children_of(name: str, jobs: Sequence[Job]) -> list[str]:
    return sorted(job.name for job in jobs if name in job.parents)


def counts_by_filter(rows: Sequence[JobRow]) -> dict[str, int]:
    return {name: sum(name in row.filters for row in rows) for name in FILTERS}


def next_runs(jobs: Sequence[Job], limit: int = 6) -> list[JobRow]:
    rows = [row for row in job_rows(jobs) if row.next_ms is not None]
    return in_order(rows, "next", False)[:limit]
