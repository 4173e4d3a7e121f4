"""Does what people ask for, or says why not; the answer comes with what it brings about.

Chronos dropped a run that was asked for while another was queued or running, and answered 204;
here it waits for its turn (DIFFERS). Adding and deleting jobs is `submitting`'s.
"""

from collections.abc import Callable
from typing import Any

from chronos_app.core.ending import Ending
from chronos_app.core.events import (
    CompletionReported,
    Denied,
    Done,
    Effect,
    JobDeletionRequested,
    JobSubmitted,
    KillRequested,
    ProgressReported,
    QueueCleared,
    RunRequested,
    SuccessMarked,
)
from chronos_app.core.issuing import Issuing
from chronos_app.core.ledger import Ledger
from chronos_app.core.outcome import Outcome
from chronos_app.core.run import Cause, RunState
from chronos_app.core.submitting import Submitting
from chronos_app.core.tasks import Tasks
from chronos_app.schema.refusal import Refusal
from kernel.machine import Now

WAITING_PER_JOB_MAX = 100

Request = (
    JobDeletionRequested
    | RunRequested
    | SuccessMarked
    | KillRequested
    | CompletionReported
    | QueueCleared
    | ProgressReported
)


class Requests:
    """Keeps nothing of its own."""

    def __init__(
        self,
        ledger: Ledger,
        submitting: Submitting,
        issuing: Issuing,
        ending: Ending,
        tasks: Tasks,
    ) -> None:
        self._ledger = ledger
        self._submitting = submitting
        self._issuing = issuing
        self._ending = ending
        self._tasks = tasks

    def take(self, event: Request, now: Now) -> list[Effect]:
        """Any request but a submission."""
        return _HANDLERS[type(event)](self, event, now)

    def submit(self, event: JobSubmitted, now: Now) -> Effect:
        """Add or replace a job; what is due of it is issued afterwards."""
        refusal = self._submitting.submit(event.submission, now.wall_ms)
        if refusal is not None:
            return Denied(event.request_id, refusal)
        name = event.submission.job.name
        if self._ledger.progress[name].disabled:
            self._drop_waiting(name, RunState.SKIPPED, "the job was disabled", now)
        return Done(event.request_id)

    def _delete(self, event: JobDeletionRequested, now: Now) -> list[Effect]:
        if event.name not in self._ledger.jobs:
            return [_unknown(event.request_id, event.name)]
        self._drop_waiting(event.name, RunState.KILLED, "its job was deleted", now)
        effects: list[Effect] = []
        for run in self._ledger.live(event.name):
            effects += self._tasks.abandon(run, now)
        self._submitting.delete(event.name, now.wall_ms)
        return [*effects, Done(event.request_id)]

    def _run(self, event: RunRequested, now: Now) -> list[Effect]:
        if event.name not in self._ledger.jobs:
            return [_unknown(event.request_id, event.name)]
        waiting = [r for r in self._ledger.live(event.name) if r.state is RunState.WAITING]
        if len(waiting) >= WAITING_PER_JOB_MAX:
            message = f"{len(waiting)} runs of {event.name!r} are waiting already; kill them first"
            return [Denied(event.request_id, Refusal("", message))]
        self._issuing.issue_extra(
            event.name, Cause.REQUEST, now.wall_ms, arguments=event.arguments, lineage={}
        )
        return [Done(event.request_id)]

    def _mark_success(self, event: SuccessMarked, now: Now) -> list[Effect]:
        if event.name not in self._ledger.jobs:
            return [Done(event.request_id, changed=False)]
        return [*self._ending.mark_success(event.name, now.wall_ms), Done(event.request_id)]

    def _kill(self, event: KillRequested, now: Now) -> list[Effect]:
        if event.name not in self._ledger.jobs:
            return [_unknown(event.request_id, event.name)]
        self._drop_waiting(event.name, RunState.KILLED, "killed before it was launched", now)
        effects: list[Effect] = []
        for run in self._ledger.live(event.name):
            effects += self._tasks.kill(run, now)
        return [*effects, Done(event.request_id)]

    def _complete(self, event: CompletionReported, now: Now) -> list[Effect]:
        run = self._ledger.runs.get(event.task_id)
        if run is None or run.orphan:
            message = f"there is no running task {event.task_id!r}"
            return [Denied(event.request_id, Refusal("id", message))]
        if not self._ledger.jobs[run.job].job.is_async or not run.state.is_launched:
            return [Done(event.request_id, changed=False)]
        state = RunState.SUCCEEDED if event.status_code == 0 else RunState.FAILED
        outcome = Outcome(state, event.status_code, message="reported by the job itself")
        return [*self._ending.end(run, outcome, now.wall_ms), Done(event.request_id)]

    def _clear_queue(self, event: QueueCleared, now: Now) -> list[Effect]:
        for name in tuple(self._ledger.by_job):
            self._drop_waiting(name, RunState.KILLED, "removed from the queue by request", now)
        return [Done(event.request_id)]

    def _note_progress(self, event: ProgressReported, now: Now) -> list[Effect]:
        record, run = self._ledger.jobs.get(event.name), self._ledger.runs.get(event.task_id)
        if record is None:
            return [_unknown(event.request_id, event.name)]
        if not record.job.data_processing:
            message = f"{event.name!r} is no data processing job (dataProcessingJobType)"
            return [Denied(event.request_id, Refusal("dataProcessingJobType", message))]
        if run is None or run.job != event.name:
            message = f"{event.name!r} has no running task {event.task_id!r}"
            return [Denied(event.request_id, Refusal("id", message))]
        run.elements += event.elements
        self._ledger.put_run(run)
        return [Done(event.request_id)]

    def _drop_waiting(self, name: str, state: RunState, why: str, now: Now) -> None:
        for run in self._ledger.live(name):
            if run.state is RunState.WAITING:
                self._issuing.drop(run, state, why, now.wall_ms)


def _unknown(request_id: int, name: str) -> Denied:
    return Denied(request_id, Refusal("name", f"Job '{name}' not found"))


_HANDLERS: dict[type[Any], Callable[[Requests, Any, Now], list[Effect]]] = {
    JobDeletionRequested: Requests._delete,
    RunRequested: Requests._run,
    SuccessMarked: Requests._mark_success,
    KillRequested: Requests._kill,
    CompletionReported: Requests._complete,
    QueueCleared: Requests._clear_queue,
    ProgressReported: Requests._note_progress,
}
