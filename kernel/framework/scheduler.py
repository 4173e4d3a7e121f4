"""A framework's whole side of the conversation with the master, but for what it wants to run.

Subscribes under the same id again, reconciles, repeats kills, asks for offers and stops asking.
Its owner decides what to launch, what an update means and when it is durable, hands in each event
of the stream, and acknowledges. Works the same with Tepui and with Mesos.
Source: Mesos, docs/scheduler-http-api.md, docs/high-availability-framework-guide.md.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from kernel.framework import calls
from kernel.framework.interest import Interest, InterestTiming
from kernel.framework.kills import RETRY_MS, Kills
from kernel.framework.reconciliation import Reconciliation, ReconciliationTiming, Tasks
from kernel.framework.session import Session
from kernel.machine import Now
from kernel.messages.scheduler import Call, Event
from kernel.messages.v1 import FrameworkInfo, TaskInfo, TaskStatus
from kernel.model.task import TaskState


class Timing(Struct, frozen=True):
    """How patient the scheduler is; milliseconds throughout."""

    reconciliation: ReconciliationTiming = field(default_factory=ReconciliationTiming)
    interest: InterestTiming = field(default_factory=InterestTiming)
    kill_retry_ms: int = RETRY_MS


def is_over(state: TaskState) -> bool:
    """Whether no more is to come of a task: it ended, or the master does not know it."""
    return state.is_terminal or state is TaskState.UNKNOWN


class Scheduler:
    """`tasks` answers the tasks that are not known to be over, with their agents. `send` takes
    each call, in order, addressed; none comes while there is no stream. `on_framework_id` is told
    when the id is new (make it durable before what is sent next) and, with None, when it is used
    up."""

    def __init__(
        self,
        info: FrameworkInfo,
        *,
        tasks: Tasks,
        send: Callable[[Call], None],
        on_framework_id: Callable[[str | None], None],
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self._session = Session(info)
        self._reconciliation = Reconciliation(tasks, timing.reconciliation)
        self._kills = Kills(timing.kill_retry_ms)
        self._interest = Interest(timing.interest)
        self._send, self._on_framework_id = send, on_framework_id
        self._subscribes_suppressed = False

    # --- what we are -----------------------------------------------------------------------------
    @property
    def framework_id(self) -> str | None:
        return self._session.framework_id

    @property
    def is_connected(self) -> bool:
        """Whether SUBSCRIBED has come on the present stream."""
        return self._session.is_connected

    def resume(self, framework_id: str | None) -> None:
        """After a restart, before anything else: the id that was made durable."""
        self._session.framework_id = framework_id

    def subscribe_call(self, *, is_suppressed: bool = False) -> Call:
        """What opens the stream; `is_suppressed` where no offers are wanted yet."""
        self._subscribes_suppressed = is_suppressed
        return self._session.subscribe_call(self._session.roles if is_suppressed else ())

    # --- what the master says --------------------------------------------------------------------
    def received(self, event: Event, now: Now) -> None:
        """Each event of the stream, before its owner acts on it."""
        if event.subscribed is not None:
            if self._session.subscribed(event.subscribed.framework_id.value):
                self._on_framework_id(self._session.framework_id)
            self._interest.begin(is_suppressed=self._subscribes_suppressed)
            self.send(*self._reconciliation.begin(now), *self._kills.begin(now))
        elif event.update is not None:
            status = event.update.status
            self._reconciliation.heard(status.task_id.value)
            if is_over(status.state):
                self._kills.over(status.task_id.value)
        elif event.error is not None:
            if self._session.refused(event.error.message):
                self._on_framework_id(None)
            self.disconnected()

    def disconnected(self) -> None:
        """The stream ended: offers are void, and what was sent last may be lost."""
        self._session.disconnected()
        self._reconciliation.end()
        self._kills.end()

    def elapsed(self, now: Now) -> None:
        """An instant has come that `next_deadline_ms` named."""
        self.send(*self._reconciliation.elapsed(now), *self._kills.elapsed(now))

    def next_deadline_ms(self) -> int | None:
        """When `elapsed` has something to do, or the wish for offers is to be said again."""
        if not self.is_connected:
            return None
        instants = [
            self._reconciliation.next_deadline_ms(),
            self._kills.next_deadline_ms(),
            self._interest.next_deadline_ms(),
        ]
        return min((at_ms for at_ms in instants if at_ms is not None), default=None)

    # --- what we say -----------------------------------------------------------------------------
    def send(self, *said: Call) -> None:
        """Under our id; lost while there is no stream."""
        for call in said:
            addressed = self._session.addressed(call)
            if addressed is not None:
                self._send(addressed)

    def launch(
        self, offer_ids: Sequence[str], tasks: Sequence[TaskInfo], now: Now, *, refuse_ms: int
    ) -> None:
        """Launch on offers of one agent. The tasks must be durable before this leaves; silence
        about them is followed up."""
        for task in tasks:
            self._reconciliation.launched(task.task_id.value, now)
        self.send(calls.launch(offer_ids, tasks, refuse_ms=refuse_ms))

    def decline(self, offer_ids: Sequence[str], *, refuse_ms: int) -> None:
        """Give offers back."""
        self.send(calls.decline(offer_ids, refuse_ms=refuse_ms))

    def kill(self, task_id: str, agent_id: str | None, now: Now) -> None:
        """Kill a task, however often it takes; also while disconnected, and after a restart for
        those that were being killed."""
        self.send(*self._kills.kill(task_id, agent_id, now))

    def spare(self, task_id: str) -> None:
        """Kill it no longer: its owner has given the task up."""
        self._kills.over(task_id)

    def acknowledge(self, status: TaskStatus) -> None:
        """What the update changed is durable."""
        call = calls.acknowledge(status)
        if call is not None:
            self.send(call)

    def teardown(self) -> None:
        """End the framework: every task of it is killed, and its id is used up."""
        self.send(calls.teardown())

    def want_offers(self, reason: object, now: Now) -> None:
        """See `Interest.want`; to be said in each step in which it is so."""
        if self.is_connected:
            self.send(*self._interest.want(reason, now))

    def hold_offers(self) -> None:
        """See `Interest.hold`."""
        self._interest.hold()

    def rest(self) -> None:
        """See `Interest.rest`."""
        if self.is_connected:
            self.send(*self._interest.rest())
