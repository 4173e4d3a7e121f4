"""The cron machine: hands each event to the part that decides, and joins what they want done.

Parts: `submitting` (jobs), `issuing` (runs), `dispatch` (offers), `reconciliation`, `ending`
(outcomes). What a step changed is one `Persist` in front of everything else that it wants, so
that an intent is durable before anyone hears of it. Source: design §4; Chronos, JobScheduler.scala.
"""

from collections.abc import Callable, Sequence
from typing import Any

from chronos_app.core import notices
from chronos_app.core.calendar import Calendar
from chronos_app.core.dispatch import Dispatch
from chronos_app.core.ending import Ending
from chronos_app.core.events import (
    CompletionReported,
    Denied,
    Done,
    Effect,
    Event,
    JobDeletionRequested,
    JobSubmitted,
    KillRequested,
    NoticeHandedOver,
    Notify,
    ProgressReported,
    QueueCleared,
    RunRequested,
    SchedulerConnected,
    SchedulerDisconnected,
    SchedulerEventReceived,
    Started,
    SuccessMarked,
)
from chronos_app.core.graph import Graph
from chronos_app.core.issuing import Issuing
from chronos_app.core.ledger import Collections, Ledger
from chronos_app.core.outcome import Outcome
from chronos_app.core.reconciliation import Reconciliation
from chronos_app.core.run import Cause, Run, RunState
from chronos_app.core.settings import Settings
from chronos_app.core.submitting import Submitting
from chronos_app.core.tasks import Tasks
from chronos_app.core.timers import Timers
from chronos_app.core.waiting import Waiting
from chronos_app.schema.refusal import Refusal
from kernel.machine import DeadlineReached, Now
from kernel.messages.scheduler import EventType

TICK_MS = 10_000  # with jobs to run, look at the wall clock this often: somebody may set it
WAITING_PER_JOB_MAX = 100
GONE_KEPT_MS = 7 * 86_400_000


class Cron:
    """State: the ledger (which survives) and what the parts derive from it."""

    def __init__(self, settings: Settings | None = None, ledger: Ledger | None = None) -> None:
        self.settings = settings or Settings()
        self.ledger = ledger or Ledger(self.settings.history_count_max)
        self.graph = Graph()
        self._timers = Timers()
        self.waiting = Waiting(self.ledger, self._timers)
        self.calendar = Calendar(self.ledger)
        self._issuing = Issuing(self.ledger, self.waiting, self.calendar)
        self.dispatch = Dispatch(self.ledger, self.waiting, self.calendar, self.settings)
        self._reconciliation = Reconciliation(self.ledger, self.settings)
        self._ending = Ending(self.ledger, self._issuing, self.waiting, self.graph, self.settings)
        self.submitting = Submitting(self.ledger, self.calendar, self.graph)
        self._tasks = Tasks(
            self.ledger, self._ending, self._reconciliation, self._timers, self.settings
        )
        self._last = Now(0, 0)
        self.steps_count = 0  # so that a reader can tell whether anything may have changed

    @classmethod
    def restore(cls, collections: Collections, settings: Settings | None = None) -> "Cron":
        """What an earlier process persisted, taken up; `Started` must be the first event."""
        settings = settings or Settings()
        cron = cls(settings, Ledger.restore(collections, settings.history_count_max))
        cron.submitting.restore()
        return cron

    def step(self, event: Event, now: Now) -> Sequence[Effect]:
        """See `kernel.machine`."""
        self._last = now
        self.steps_count += 1
        effects: list[Effect] = []
        if not isinstance(event, Started | SchedulerDisconnected):
            effects += self._issue_due(now)  # so that no request overtakes an occurrence
        effects += _HANDLERS[type(event)](self, event, now)
        launched_before = self.dispatch.launched_count
        effects += self.dispatch.serve(now)
        if self.dispatch.launched_count > launched_before:
            self._reconciliation.watch(now)
        persist = self.ledger.flush()
        return effects if persist is None else [persist, *effects]

    def next_deadline_ms(self) -> int | None:
        """On the monotonic clock; instants on the wall clock are translated as of the last step."""
        ahead = self._last.mono_ms - self._last.wall_ms
        due_ms = self.calendar.next_ms()
        wall = [due_ms, self._timers.next_ms()]
        look_ms = self.dispatch.next_wall_ms()
        if look_ms is not None and look_ms > self._last.wall_ms:
            wall.append(look_ms)
        mono = [self._reconciliation.next_mono_ms(), self.dispatch.next_mono_ms()]
        candidates = [at_ms + ahead for at_ms in wall if at_ms is not None]
        candidates += [at_ms for at_ms in mono if at_ms is not None]
        if due_ms is not None:
            candidates.append(self._last.mono_ms + TICK_MS)
        return min(candidates, default=None)

    def _issue_due(self, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        for name, missed in self._issuing.issue_due(now.wall_ms):
            notice = notices.skipped(self.ledger.jobs[name].job, missed, now.wall_ms)
            self.ledger.put_notice(notice)
            effects.append(Notify(notice))
        return effects

    # What the process and the master say

    def _on_started(self, event: Started, now: Now) -> list[Effect]:
        self.ledger.prune_gone(now.wall_ms - GONE_KEPT_MS)
        if self.settings.tzdata and self.ledger.tzdata != self.settings.tzdata:
            if self.ledger.tzdata:
                self.submitting.recompute(now.wall_ms)
            self.ledger.put_tzdata(self.settings.tzdata)
        for run in self.ledger.runs.values():
            if run.state is RunState.WAITING:
                self.waiting.add(run, now.wall_ms)
            else:
                self._tasks.watch(run, now)
        return [Notify(notice) for notice in self.ledger.outbox.values()]

    def _on_connected(self, event: SchedulerConnected, now: Now) -> list[Effect]:
        return []  # SUBSCRIBED, the first thing that the stream brings, says more

    def _on_disconnected(self, event: SchedulerDisconnected, now: Now) -> list[Effect]:
        self.dispatch.end()
        self._reconciliation.end()
        return []

    def _on_scheduler_event(self, received: SchedulerEventReceived, now: Now) -> list[Effect]:
        event = received.event
        effects: list[Effect] = []
        if event.type is EventType.SUBSCRIBED and event.subscribed is not None:
            if event.subscribed.framework_id.value != self.ledger.framework_id:
                self.ledger.put_framework_id(event.subscribed.framework_id.value)
            self.dispatch.begin()
            effects += self._reconciliation.begin(now)
            effects += self._tasks.kill_again(now)
        elif event.type is EventType.OFFERS and event.offers is not None:
            for offer in event.offers.offers:
                effects += self.dispatch.take_in(offer)
        elif event.type is EventType.RESCIND and event.rescind is not None:
            self.dispatch.rescind(event.rescind.offer_id.value)
        elif event.type is EventType.UPDATE and event.update is not None:
            effects += self._tasks.updated(event.update.status, now)
        elif event.error is not None and "removed" in event.error.message:
            # Torn down, or away for longer than the failover timeout: come back as a new one.
            self.ledger.put_framework_id("")
        return effects  # FAILURE repeats what updates say; after ERROR the stream ends

    # What people ask for

    def _on_submitted(self, event: JobSubmitted, now: Now) -> list[Effect]:
        refusal = self.submitting.submit(event.submission, now.wall_ms)
        if refusal is not None:
            return [Denied(event.request_id, refusal)]
        name = event.submission.job.name
        if self.ledger.progress[name].disabled:
            self._drop_waiting(name, RunState.SKIPPED, "the job was disabled", now)
        return [*self._issue_due(now), Done(event.request_id)]

    def _on_deletion(self, event: JobDeletionRequested, now: Now) -> list[Effect]:
        if event.name not in self.ledger.jobs:
            return [_unknown(event.request_id, event.name)]
        self._drop_waiting(event.name, RunState.KILLED, "its job was deleted", now)
        effects: list[Effect] = []
        for run in self.ledger.live(event.name):
            effects += self._tasks.abandon(run, now)
        self.submitting.delete(event.name, now.wall_ms)
        return [*effects, Done(event.request_id)]

    def _on_run_requested(self, event: RunRequested, now: Now) -> list[Effect]:
        if event.name not in self.ledger.jobs:
            return [_unknown(event.request_id, event.name)]
        waiting = [r for r in self.ledger.live(event.name) if r.state is RunState.WAITING]
        if len(waiting) >= WAITING_PER_JOB_MAX:
            message = f"{len(waiting)} runs of {event.name!r} are waiting already; kill them first"
            return [Denied(event.request_id, Refusal("", message))]
        self._issuing.issue_extra(
            event.name, Cause.REQUEST, now.wall_ms, arguments=event.arguments, lineage={}
        )
        return [Done(event.request_id)]

    def _on_success_marked(self, event: SuccessMarked, now: Now) -> list[Effect]:
        if event.name not in self.ledger.jobs:
            return [Done(event.request_id, changed=False)]
        return [*self._ending.mark_success(event.name, now.wall_ms), Done(event.request_id)]

    def _on_kill_requested(self, event: KillRequested, now: Now) -> list[Effect]:
        if event.name not in self.ledger.jobs:
            return [_unknown(event.request_id, event.name)]
        return [*self._kill(event.name, now), Done(event.request_id)]

    def _on_completion(self, event: CompletionReported, now: Now) -> list[Effect]:
        run = self.ledger.runs.get(event.task_id)
        if run is None or run.orphan:
            message = f"there is no running task {event.task_id!r}"
            return [Denied(event.request_id, Refusal("id", message))]
        if not self.ledger.jobs[run.job].job.is_async or not run.state.is_launched:
            return [Done(event.request_id, changed=False)]
        state = RunState.SUCCEEDED if event.status_code == 0 else RunState.FAILED
        outcome = Outcome(state, event.status_code, message="reported by the job itself")
        return [*self._ending.end(run, outcome, now.wall_ms), Done(event.request_id)]

    def _on_queue_cleared(self, event: QueueCleared, now: Now) -> list[Effect]:
        for name in tuple(self.ledger.by_job):
            self._drop_waiting(name, RunState.KILLED, "removed from the queue by request", now)
        return [Done(event.request_id)]

    def _on_progress(self, event: ProgressReported, now: Now) -> list[Effect]:
        record, run = self.ledger.jobs.get(event.name), self.ledger.runs.get(event.task_id)
        if record is None:
            return [_unknown(event.request_id, event.name)]
        if not record.job.data_processing:
            message = f"{event.name!r} is no data processing job (dataProcessingJobType)"
            return [Denied(event.request_id, Refusal("dataProcessingJobType", message))]
        if run is None or run.job != event.name:
            message = f"{event.name!r} has no running task {event.task_id!r}"
            return [Denied(event.request_id, Refusal("id", message))]
        run.elements += event.elements
        self.ledger.put_run(run)
        return [Done(event.request_id)]

    def _on_handed_over(self, event: NoticeHandedOver, now: Now) -> list[Effect]:
        self.ledger.drop_notice(event.notice_id)
        return []

    def _on_deadline(self, event: DeadlineReached, now: Now) -> list[Effect]:
        effects = self._reconciliation.ring(now)
        for alarm, run_id in self._timers.ring(now.wall_ms):
            effects += self._tasks.rung(alarm, run_id, self.waiting, self._issuing, now)
        return effects

    # Shared by handlers

    def _kill(self, name: str, now: Now) -> list[Effect]:
        self._drop_waiting(name, RunState.KILLED, "killed before it was launched", now)
        effects: list[Effect] = []
        for run in self.ledger.live(name):
            effects += self._tasks.kill(run, now)
        return effects

    def _drop_waiting(self, name: str, state: RunState, why: str, now: Now) -> None:
        for run in self.ledger.live(name):
            if run.state is RunState.WAITING:
                self._issuing.drop(run, state, why, now.wall_ms)

    def runs_of(self, name: str) -> list[Run]:
        """Live ones and the history of a job, newest first, for people."""
        return [*reversed(tuple(self.ledger.live(name))), *self.ledger.rows(name)]

    def check_invariants(self) -> None:
        """See `kernel.machine`."""
        self.ledger.check_invariants()
        self.graph.check_invariants()
        self.dispatch.check_invariants()
        for name, record in self.ledger.jobs.items():
            assert self.graph.parents.get(name, ()) == record.job.parents, f"edges of {name}"
        for run in self.waiting.in_order():
            assert self.ledger.runs.get(run.run_id) is run, f"{run.run_id} waits but is unknown"


def _unknown(request_id: int, name: str) -> Denied:
    return Denied(request_id, Refusal("name", f"Job '{name}' not found"))


_HANDLERS: dict[type[Any], Callable[[Cron, Any, Now], list[Effect]]] = {
    Started: Cron._on_started,
    SchedulerConnected: Cron._on_connected,
    SchedulerDisconnected: Cron._on_disconnected,
    SchedulerEventReceived: Cron._on_scheduler_event,
    JobSubmitted: Cron._on_submitted,
    JobDeletionRequested: Cron._on_deletion,
    RunRequested: Cron._on_run_requested,
    SuccessMarked: Cron._on_success_marked,
    KillRequested: Cron._on_kill_requested,
    CompletionReported: Cron._on_completion,
    QueueCleared: Cron._on_queue_cleared,
    ProgressReported: Cron._on_progress,
    NoticeHandedOver: Cron._on_handed_over,
    DeadlineReached: Cron._on_deadline,
}
