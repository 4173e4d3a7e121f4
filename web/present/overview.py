"""What the first page tells: which apps wait and why, and what failed lately."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from web.present.states import FAILED, Look, task_look
from web.present.why import WhyWaiting, why_waiting
from web.present.words import ms_of
from web.shapes.chronos import Job
from web.shapes.marathon import App, Queued

WAITING_MAX = 6
FAILURES_MAX = 8


class WaitingRow(Struct, frozen=True):
    app_id: str
    why: WhyWaiting


class Failure(Struct, frozen=True):
    kind: str  # app or job
    name: str
    look: Look
    message: str
    at_ms: int
    host: str = ""


def waiting(queue: Sequence[Queued], told: Callable[[str], Sequence[str]]) -> list[WaitingRow]:
    """Longest waiting first; `told` asks Marathon for its sentences, for the shown ones only."""
    waits = [queued for queued in queue if queued.app and queued.count]
    waits.sort(key=lambda queued: (queued.since or "", queued.app.id if queued.app else ""))
    return [
        WaitingRow(queued.app.id, why_waiting(queued, told(queued.app.id)))
        for queued in waits[:WAITING_MAX]
        if queued.app
    ]


def failures(apps: Sequence[App], jobs: Sequence[Job]) -> list[Failure]:
    """Of apps the last failure of each, of jobs the last error if no success came after it."""
    found = []
    for app in apps:
        failure = app.last_task_failure
        at_ms = ms_of(failure.timestamp) if failure else None
        if failure and at_ms is not None:
            look = task_look(failure.state)
            found.append(Failure("app", app.id, look, failure.message, at_ms, failure.host))
    for job in jobs:
        error_ms = ms_of(job.last_error)
        if error_ms is not None and error_ms > (ms_of(job.last_success) or 0):
            message = f"{job.error_count} failed, {job.success_count} succeeded"
            found.append(Failure("job", job.name, FAILED, message, error_ms))
    return sorted(found, key=lambda failure: (-failure.at_ms, failure.name))[:FAILURES_MAX]
