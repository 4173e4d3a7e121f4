"""The cron machine: hands each event to the part that decides, and joins what they want done.

Parts: `submitting` (jobs), `issuing` (runs), `dispatch` (offers), `ending` (outcomes), and the
kernel's `Scheduler` for the conversation with the master. What a step changed is one `Persist` in
front of everything else that it wants, so that an intent is durable before anyone hears of it.
Source: design §4; Chronos, JobScheduler.scala.
"""

from collections.abc import Callable, Sequence
from typing import Any, get_args

from chronos_app.core import notices
from chronos_app.core.calendar import Calendar
from chronos_app.core.dispatch import Dispatch
from chronos_app.core.ending import Ending
from chronos_app.core.events import (
    Effect,
    Event,
    JobSubmitted,
    NoticeHandedOver,
    Notify,
    SchedulerConnected,
    SchedulerDisconnected,
    SchedulerEventReceived,
    SendCall,
    Started,
)
from chronos_app.core.graph import Graph
from chronos_app.core.issuing import Issuing
from chronos_app.core.ledger import Collections, Ledger
from chronos_app.core.requests import Request, Requests
from chronos_app.core.run import Run, RunState
from chronos_app.core.settings import Settings
from chronos_app.core.submitting import Submitting
from chronos_app.core.tasks import Tasks
from chronos_app.core.timers import Timers
from chronos_app.core.waiting import Waiting
from kernel.framework.reconciliation import ReconciliationTiming
from kernel.framework.scheduler import Scheduler, Timing
from kernel.machine import DeadlineReached, Now
from kernel.messages.scheduler import Call, EventType

TICK_MS = 10_000  # with jobs to run, look at the wall clock this often: somebody may set it
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
        self._calls: list[Call] = []  # of this step, for the master
        self.scheduler = self._make_scheduler()
        self.dispatch = Dispatch(
            self.ledger, self.waiting, self.calendar, self.settings, self.scheduler
        )
        self._ending = Ending(self.ledger, self._issuing, self.waiting, self.graph, self.settings)
        self.submitting = Submitting(self.ledger, self.calendar, self.graph)
        self._tasks = Tasks(self.ledger, self._ending, self.scheduler, self._timers, self.settings)
        self._requests = Requests(
            self.ledger, self.submitting, self._issuing, self._ending, self._tasks
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

    def _make_scheduler(self) -> Scheduler:
        scheduler = Scheduler(
            self.settings.framework,
            tasks=lambda: _with_mesos(self.ledger),
            send=self._calls.append,
            on_framework_id=lambda found: self.ledger.put_framework(framework_id=found or ""),
            timing=Timing(ReconciliationTiming(interval_ms=self.settings.reconcile_interval_ms)),
        )
        scheduler.resume(self.ledger.framework_id or None)
        return scheduler

    def step(self, event: Event, now: Now) -> Sequence[Effect]:
        """See `kernel.machine`."""
        self._last = now
        self.steps_count += 1
        effects: list[Effect] = []
        if not isinstance(event, Started | SchedulerDisconnected):
            effects += self._issue_due(now)  # so that no request overtakes an occurrence
        effects += _HANDLERS[type(event)](self, event, now)
        effects += self.dispatch.serve(now)
        effects += [SendCall(call) for call in self._calls]
        self._calls.clear()
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
        candidates = [at_ms + ahead for at_ms in wall if at_ms is not None]
        mono_ms = self.scheduler.next_deadline_ms()
        if mono_ms is not None:
            candidates.append(mono_ms)
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
            self.ledger.put_framework(tzdata=self.settings.tzdata)
        for run in self.ledger.runs.values():
            if run.state is RunState.WAITING:
                self.waiting.add(run, now.wall_ms)
            else:
                self._tasks.resume(run, now)
        return [Notify(notice) for notice in self.ledger.outbox.values()]

    def _on_connected(self, event: SchedulerConnected, now: Now) -> list[Effect]:
        return []  # SUBSCRIBED, the first thing that the stream brings, says more

    def _on_disconnected(self, event: SchedulerDisconnected, now: Now) -> list[Effect]:
        self.scheduler.disconnected()
        self.dispatch.end()
        return []

    def _on_scheduler_event(self, received: SchedulerEventReceived, now: Now) -> list[Effect]:
        event = received.event
        self.scheduler.received(event, now)
        if event.type in (EventType.SUBSCRIBED, EventType.ERROR):
            self.dispatch.end()
        elif event.type is EventType.OFFERS and event.offers is not None:
            for offer in event.offers.offers:
                self.dispatch.take_in(offer)
        elif event.type is EventType.RESCIND and event.rescind is not None:
            self.dispatch.rescind(event.rescind.offer_id.value)
        elif event.type is EventType.UPDATE and event.update is not None:
            return self._tasks.updated(event.update.status, now)
        return []  # FAILURE repeats what updates say; after ERROR the stream ends

    # What people ask for

    def _on_submitted(self, event: JobSubmitted, now: Now) -> list[Effect]:
        answer = self._requests.submit(event, now)
        # A start in the past is due at once, and the answer follows what that brings.
        return [*self._issue_due(now), answer]

    def _on_request(self, event: Request, now: Now) -> list[Effect]:
        return self._requests.take(event, now)

    def _on_handed_over(self, event: NoticeHandedOver, now: Now) -> list[Effect]:
        self.ledger.drop_notice(event.notice_id)
        return []

    def _on_deadline(self, event: DeadlineReached, now: Now) -> list[Effect]:
        self.scheduler.elapsed(now)
        effects: list[Effect] = []
        for alarm, run_id in self._timers.ring(now.wall_ms):
            effects += self._tasks.rung(alarm, run_id, self.waiting, self._issuing, now)
        return effects

    def runs_of(self, name: str) -> list[Run]:
        """Live ones and the history of a job, newest first, for people."""
        return [*reversed(tuple(self.ledger.live(name))), *self.ledger.history.newest(name)]

    def check_invariants(self) -> None:
        """See `kernel.machine`."""
        self.ledger.check_invariants()
        self.graph.check_invariants()
        self.dispatch.check_invariants()
        for name, record in self.ledger.jobs.items():
            assert self.graph.parents.get(name, ()) == record.job.parents, f"edges of {name}"
        for run in self.waiting.in_order():
            assert self.ledger.runs.get(run.run_id) is run, f"{run.run_id} waits but is unknown"


def _with_mesos(ledger: Ledger) -> dict[str, str]:
    """The agent of each run that may be a task."""
    return {
        run.run_id: run.agent_id
        for run in ledger.runs.values()
        if run.state.is_launched and run.state is not RunState.REPORTING
    }


_HANDLERS: dict[type[Any], Callable[[Cron, Any, Now], list[Effect]]] = {
    Started: Cron._on_started,
    SchedulerConnected: Cron._on_connected,
    SchedulerDisconnected: Cron._on_disconnected,
    SchedulerEventReceived: Cron._on_scheduler_event,
    JobSubmitted: Cron._on_submitted,
    NoticeHandedOver: Cron._on_handed_over,
    DeadlineReached: Cron._on_deadline,
    **dict.fromkeys(get_args(Request), Cron._on_request),
}
