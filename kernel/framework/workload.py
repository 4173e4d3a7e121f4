"""A framework that is finished but for its tasks: submit them, and hear how each fares.

A machine: what is submitted waits, meets an offer, is written down, and only then launched; an
update is told to the framework's own code, written down, and only then acknowledged, so that each
is told at least once, whatever dies. Whether to try again is that code's.
Source: Mesos, docs/app-framework-development-guide.md, docs/high-availability-framework-guide.md.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct, structs

from kernel.framework.matching import Demand, Shortage, Taken, take
from kernel.framework.records import Collections, Records
from kernel.framework.scheduler import Scheduler, Timing, is_over
from kernel.framework.task import Task, TaskRecord, demand_of, task_info
from kernel.machine import DeadlineReached, Now, Persist
from kernel.messages import quantities
from kernel.messages.scheduler import Call, Event
from kernel.messages.v1 import FrameworkInfo, Offer, TaskInfo, TaskStatus
from kernel.model.resources import NOTHING, Resources, ResourcesMalformed
from kernel.model.task import TaskState

REFUSE_MS = 5_000  # of what did not fit; a new demand forgets it

Accepts = Callable[[Task, Offer], bool]
MakesTaskInfo = Callable[[Task, Offer, Taken], TaskInfo]


# --- events --------------------------------------------------------------------------------------
class TaskSubmitted(Struct, frozen=True, tag=True):
    """Run this; a task whose id is known already is not run again."""

    task: Task


class KillRequested(Struct, frozen=True, tag=True):
    """End this task; one that waits is over at once, one that nobody knows is no error."""

    task_id: str


class TaskForgotten(Struct, frozen=True, tag=True):
    """The record of a task that is over is needed no longer."""

    task_id: str


class TeardownRequested(Struct, frozen=True, tag=True):
    """End the framework and every task of it, and forget all; the stream ends then."""


class CallRequested(Struct, frozen=True, tag=True):
    """Say this to the master, as it is."""

    call: Call


class SchedulerEventReceived(Struct, frozen=True, tag=True):
    """The master said something."""

    event: Event


class SchedulerDisconnected(Struct, frozen=True, tag=True):
    """The stream ended."""


WorkloadEvent = (
    TaskSubmitted
    | KillRequested
    | TaskForgotten
    | TeardownRequested
    | CallRequested
    | SchedulerEventReceived
    | SchedulerDisconnected
    | DeadlineReached
)


# --- effects -------------------------------------------------------------------------------------
class SendCall(Struct, frozen=True, tag=True):
    """Say this to the master."""

    call: Call


class TellSubscribed(Struct, frozen=True, tag=True):
    """Tell the framework's code that the master knows us, under this id."""

    framework_id: str


class TellUpdated(Struct, frozen=True, tag=True):
    """Tell the framework's code how a task fares; `status` is None where no master said so."""

    record: TaskRecord
    status: TaskStatus | None = None


class TellEvent(Struct, frozen=True, tag=True):
    """Tell the framework's code what this machine makes nothing of: MESSAGE, FAILURE, ERROR."""

    event: Event


WorkloadEffect = Persist | SendCall | TellSubscribed | TellUpdated | TellEvent


class Workload:
    """The records say where each task stands; what else there is lasts for one step."""

    def __init__(
        self,
        info: FrameworkInfo,
        *,
        accepts: Accepts = lambda task, offer: True,
        makes_task_info: MakesTaskInfo = task_info,
        timing: Timing | None = None,
    ) -> None:
        self._accepts, self._makes_task_info = accepts, makes_task_info
        self.records = Records()
        self._wants_teardown = False
        self.is_torn_down = False  # TEARDOWN has left; the end of the stream will follow
        self._tells: list[WorkloadEffect] = []  # before the write, so that none is ever left out
        self._effects: list[WorkloadEffect] = []
        self._acknowledged: list[TaskStatus] = []
        self._ports_count = 0  # given out, so that a port is taken again as late as can be
        self.scheduler = Scheduler(
            info,
            tasks=self.records.launched,
            send=lambda call: self._effects.append(SendCall(call)),
            on_framework_id=self.records.keep_framework_id,
            timing=timing,
        )

    def restore(self, collections: Collections) -> None:
        """From what an earlier process persisted, before the first step."""
        self.scheduler.resume(self.records.load(collections))
        for record in self.records.by_id.values():
            if record.is_doomed and record.is_launched:
                self.scheduler.kill(record.id, record.agent_id, Now(0, 0))

    def subscribe_call(self) -> Call:
        """What the shell sends to open the stream, each time anew."""
        return self.scheduler.subscribe_call(is_suppressed=not self.records.waiting)

    # --- the machine -----------------------------------------------------------------------------
    def step(self, event: WorkloadEvent, now: Now) -> Sequence[WorkloadEffect]:
        """See `kernel.machine`."""
        _HANDLERS[type(event)](self, event, now)
        if self.records.waiting:
            self.scheduler.want_offers(self.records.submitted_count, now)
        else:
            self.scheduler.rest()
        for status in self._acknowledged:  # after all that was made of them
            self.scheduler.acknowledge(status)
        effects = [*self._tells, *self.records.flush(), *self._effects]
        self._tells, self._effects, self._acknowledged = [], [], []
        return effects

    def next_deadline_ms(self) -> int | None:
        return self.scheduler.next_deadline_ms()

    def check_invariants(self) -> None:
        self.records.check_invariants()
        assert not (self._tells or self._effects), "a step left something behind"

    # --- what the framework's code wants ---------------------------------------------------------
    def _on_submitted(self, event: TaskSubmitted, now: Now) -> None:
        self.records.submit(event.task)

    def _on_kill_requested(self, event: KillRequested, now: Now) -> None:
        record = self.records.by_id.get(event.task_id)
        if record is None or record.is_over:
            return
        if record.state is not None:
            self.records.put(structs.replace(record, is_doomed=True))
            self.scheduler.kill(record.id, record.agent_id, now)
            return
        killed = structs.replace(
            record,
            state=TaskState.KILLED,
            message="killed before it was launched",
            is_over=True,
            is_doomed=True,
        )
        self.records.put(killed)
        self._effects.append(TellUpdated(killed))

    def _on_forgotten(self, event: TaskForgotten, now: Now) -> None:
        record = self.records.by_id.get(event.task_id)
        if record is not None and record.is_over:
            self.records.forget(record.id)

    def _on_teardown(self, event: TeardownRequested, now: Now) -> None:
        self._wants_teardown = True
        self._tear_down()
        for task_id in list(self.records.by_id):
            self.records.forget(task_id)

    def _tear_down(self) -> None:
        if self.scheduler.is_connected:
            self.is_torn_down = True
            self.scheduler.teardown()

    # --- what the master says --------------------------------------------------------------------
    def _on_scheduler_event(self, received: SchedulerEventReceived, now: Now) -> None:
        event = received.event
        self.scheduler.received(event, now)
        if self._wants_teardown:
            self._tear_down()
        elif event.subscribed is not None:
            self._effects.append(TellSubscribed(event.subscribed.framework_id.value))
        elif event.offers is not None:
            self._offered(event.offers.offers, now)
        elif event.update is not None:
            self._updated(event.update.status, now)
        else:
            self._effects.append(TellEvent(event))

    def _on_disconnected(self, event: SchedulerDisconnected, now: Now) -> None:
        self.scheduler.disconnected()
        if self.is_torn_down:
            self.records.keep_framework_id(None)

    def _on_deadline(self, event: DeadlineReached, now: Now) -> None:
        self.scheduler.elapsed(now)

    def _updated(self, status: TaskStatus, now: Now) -> None:
        record = self.records.by_id.get(status.task_id.value)
        if record is None or not record.is_launched:
            self._stranger(status, now)
        elif status.state is not record.state or status.uuid not in (None, record.uuid):
            # What is written down was told before that; all else is news.
            record = structs.replace(
                record,
                state=status.state,
                message=status.message or "",
                reason=status.reason or "",
                uuid=status.uuid or record.uuid,
                is_over=is_over(status.state),
            )
            self.records.put(record)
            self._tells.append(TellUpdated(record, status))
        self._acknowledged.append(status)

    def _stranger(self, status: TaskStatus, now: Now) -> None:
        """Of a task that was forgotten, or given up when nobody knew it: it must not run on."""
        if not is_over(status.state) and status.state is not TaskState.UNREACHABLE:
            agent_id = status.agent_id.value if status.agent_id else None
            self.scheduler.kill(status.task_id.value, agent_id, now)

    # --- offers ----------------------------------------------------------------------------------
    def _offered(self, offers: Sequence[Offer], now: Now) -> None:
        unused: list[str] = []
        for offer in offers:
            tasks = self._fill(offer)
            if tasks:
                self.scheduler.launch([offer.id.value], tasks, now, refuse_ms=0)
            else:
                unused.append(offer.id.value)
        if unused:
            self.scheduler.decline(unused, refuse_ms=REFUSE_MS)

    def _fill(self, offer: Offer) -> list[TaskInfo]:
        """As many as fit, the oldest first; who does not fit holds up nobody but his like."""
        left = _usable(offer)
        tasks: list[TaskInfo] = []
        too_large: list[Demand] = []
        for task_id in list(self.records.waiting):
            task = self.records.by_id[task_id].task
            demand = demand_of(task)
            if demand in too_large or not self._accepts(task, offer):
                continue
            taken = take(left, demand, spread=self._ports_count)
            if isinstance(taken, Shortage):
                too_large.append(demand)
                self.records.shortages[task_id] = f"{offer.hostname}: {taken.sentence()}"
                continue
            left = taken.left
            self._ports_count += len(taken.ports)
            self.records.launch(task, offer, taken)
            tasks.append(self._makes_task_info(task, offer, taken))
        return tasks


def _usable(offer: Offer) -> Resources:
    """What plain tasks can be launched with: no volumes, and nothing that may be taken back."""
    plain = [r for r in offer.resources if not (r.disk or r.revocable or r.shared)]
    try:
        return quantities.from_wire(plain)
    except ResourcesMalformed:
        return NOTHING  # what this cannot read, it cannot use


_HANDLERS: dict[type[Any], Callable[[Workload, Any, Now], None]] = {
    TaskSubmitted: Workload._on_submitted,
    KillRequested: Workload._on_kill_requested,
    TaskForgotten: Workload._on_forgotten,
    TeardownRequested: Workload._on_teardown,
    CallRequested: lambda self, event, now: self.scheduler.send(event.call),
    SchedulerEventReceived: Workload._on_scheduler_event,
    SchedulerDisconnected: Workload._on_disconnected,
    DeadlineReached: Workload._on_deadline,
}
