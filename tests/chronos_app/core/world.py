"""A small true world for the cron machine: a virtual clock, a durable store, a master with agents.

The master behaves as Mesos does where it matters: offers come only to a framework that is not
suppressed, an ACCEPT of a void offer drops its tasks, updates repeat until acknowledged,
reconciliation answers for what it knows. A crash may be put before or after any effect.
"""

import json
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any

from msgspec import Struct

from chronos_app.core.cron import Cron
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
from chronos_app.core.settings import Settings
from chronos_app.schema.job import Defaults, Dialect
from chronos_app.schema.submission import Kind, read_submission
from kernel.machine import Answer, DeadlineReached, Now, Persist, Put
from kernel.messages import scheduler
from kernel.messages.scheduler import Call, CallType, EventType
from kernel.messages.v1 import (
    Attribute,
    Id,
    Offer,
    Resource,
    ScalarValue,
    TaskInfo,
    TaskStatus,
    TextValue,
)
from kernel.model.task import TaskState

LATENCY_MS = 3
START_MS = 1_780_000_000_000


class Crash(Exception):
    """The process is gone at this very point."""


class Start(Struct):
    """One process that really ran."""

    task_id: str
    at_ms: int
    info: TaskInfo

    @property
    def job(self) -> str:
        return self.task_id.split(":")[3]

    @property
    def nominal_ms(self) -> int:
        return int(self.task_id.split(":")[1])


class Agent(Struct):
    agent_id: str
    cpus: float = 4.0
    attributes: dict[str, str] = {}


def ends_well(start: Start) -> tuple[int, TaskState, str]:
    """How a task fares unless a test says otherwise: (duration ms, end, message)."""
    return 100, TaskState.FINISHED, "Command exited with status 0"


class World:
    """`fate` says how each task fares; `crash_at` counts down effects until a crash."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        fate: Callable[[Start], tuple[int, TaskState, str]] = ends_well,
        agents: tuple[Agent, ...] = (Agent("S1"),),
        calls_survive: bool = False,
    ) -> None:
        self.calls_survive = calls_survive  # what was sent before a crash still arrives
        self.settings = settings or Settings()
        self.fate = fate
        self.agents = agents
        self.wall_ms = START_MS
        self.mono_ms = 0
        self.store: dict[str, dict[str, bytes]] = {}
        self.cron = Cron.restore(self.store, self.settings)
        self.starts: list[Start] = []
        self.notices: list[Any] = []
        self.answers: list[Answer] = []
        self.calls: list[Call] = []
        self.crash_at: int | None = None
        self.effects_count = 0
        self._events: list[tuple[int, int, int, Callable[[], None]]] = []
        self._serial = 0
        self._spins = 0
        self._epoch = 0
        self._up = False
        self._offers: dict[str, str] = {}  # offer -> agent
        self._suppressed = False
        self._free: dict[str, float] = {agent.agent_id: agent.cpus for agent in agents}
        self._tasks: dict[str, tuple[str, TaskInfo, TaskState]] = {}  # live, by id
        self._unacked: dict[str, TaskStatus] = {}
        self.boot()

    # The clock

    def run(self, for_ms: int) -> None:
        """Let time pass; crashes are followed by a restart two seconds later."""
        self.run_until(self.mono_ms + for_ms)

    def run_until(self, end_ms: int) -> None:
        while True:
            deadline = self.cron.next_deadline_ms() if self._up else None
            event = self._events[0][0] if self._events else None
            at = min((t for t in (deadline, event) if t is not None), default=None)
            if at is None or at > end_ms:
                break
            self._advance(max(at, self.mono_ms))
            if event is not None and event <= self.mono_ms:
                _, _, epoch, act = heappop(self._events)
                if epoch in (-1, self._epoch):
                    act()
            else:
                self._deliver(DeadlineReached())
                again = self.cron.next_deadline_ms() if self._up else None
                if again is not None and again <= self.mono_ms:
                    self._spins += 1
                    assert self._spins < 50, "it asks for deadlines and makes nothing of them"
                    self._advance(self.mono_ms + 1)  # as a driver's timer would
                else:
                    self._spins = 0
        self._advance(end_ms)

    def _advance(self, mono_ms: int) -> None:
        self.wall_ms += mono_ms - self.mono_ms
        self.mono_ms = mono_ms

    def later(self, delay_ms: int, act: Callable[[], None], *, survives: bool = False) -> None:
        self._serial += 1
        epoch = -1 if survives else self._epoch
        heappush(self._events, (self.mono_ms + delay_ms, self._serial, epoch, act))

    # The process

    def boot(self) -> None:
        self._up = True
        self.cron = Cron.restore(self.store, self.settings)
        self._deliver(Started())
        self.later(LATENCY_MS, self.connect)

    def connect(self) -> None:
        self._suppressed = False
        self._offers.clear()
        self._deliver(SchedulerConnected())
        subscribed = scheduler.Subscribed(framework_id=Id("F1"))
        self._say(scheduler.Event(type=EventType.SUBSCRIBED, subscribed=subscribed))
        for run_id in list(self._unacked):
            self._send_update(run_id)
        self._offer_soon()

    def disconnect(self) -> None:
        self._offers.clear()
        self._deliver(SchedulerDisconnected())
        self._epoch += 1

    def crash(self, down_ms: int = 2_000) -> None:
        self._up = False
        self._epoch += 1
        if not self.calls_survive:  # else the master has not noticed yet
            self._offers.clear()
        self.later(down_ms, self.boot)

    def tell(self, event: Event) -> Answer | None:
        """A client's request; the answer, unless the process crashed before giving it."""
        self.answers.clear()
        self._deliver(event)
        return self.answers[-1] if self.answers else None

    def submit(self, dialect: Dialect = Dialect.V3, **fields: Any) -> Answer | None:
        fields = {"command": "true", **fields}
        kind = Kind.DEPENDENT if fields.get("parents") else Kind.SCHEDULED
        raw = json.dumps(fields).encode()
        return self.tell(JobSubmitted(1, read_submission(raw, dialect, kind, Defaults())))

    def _deliver(self, event: Event) -> None:
        if not self._up:
            return
        effects = self.cron.step(event, Now(self.mono_ms, self.wall_ms))
        self.cron.check_invariants()
        try:
            for effect in effects:
                self._point()
                self._perform(effect)
        except Crash:
            self.crash()

    def _point(self) -> None:
        self.effects_count += 1
        if self.crash_at is not None and self.effects_count >= self.crash_at:
            self.crash_at = None
            raise Crash

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Persist):
            for operation in effect.operations:
                records = self.store.setdefault(operation.collection, {})
                if isinstance(operation, Put):
                    records[operation.key] = operation.value
                else:
                    records.pop(operation.key, None)
        elif isinstance(effect, SendCall):
            call = effect.call
            self.calls.append(call)
            self.later(LATENCY_MS, lambda: self._receive(call), survives=self.calls_survive)
        elif isinstance(effect, Notify):
            notice = effect.notice
            self.notices.append(notice)
            self.later(1, lambda: self._deliver(NoticeHandedOver(notice.notice_id)))
        else:
            self.answers.append(effect)

    # The master

    def _say(self, event: scheduler.Event) -> None:
        self.later(0, lambda: self._deliver(SchedulerEventReceived(event)))

    def _receive(self, call: Call) -> None:
        if call.type is CallType.ACCEPT and call.accept is not None:
            self._accepted(call.accept)
        elif call.type is CallType.DECLINE and call.decline is not None:
            for offer_id in call.decline.offer_ids:
                self._offers.pop(offer_id.value, None)
        elif call.type is CallType.REVIVE:
            self._suppressed = False
            self._offer_soon()
        elif call.type is CallType.SUPPRESS:
            self._suppressed = True
        elif call.type is CallType.ACKNOWLEDGE and call.acknowledge is not None:
            status = self._unacked.get(call.acknowledge.task_id.value)
            if status is not None and status.uuid == call.acknowledge.uuid:
                del self._unacked[call.acknowledge.task_id.value]
        elif call.type is CallType.RECONCILE and call.reconcile is not None:
            for task in call.reconcile.tasks:
                self._reconcile(task.task_id.value)
        elif call.type is CallType.KILL and call.kill is not None:
            self._end(call.kill.task_id.value, TaskState.KILLED, "Command terminated")

    def _offer_soon(self) -> None:
        self.later(20, self._offer)

    def _offer(self) -> None:
        if self._suppressed:
            return
        offers = []
        for agent in self.agents:
            if agent.agent_id in self._offers.values():
                continue
            self._serial += 1
            offer_id = f"O{self._serial}"
            self._offers[offer_id] = agent.agent_id
            offers.append(self._make_offer(offer_id, agent))
        if offers:
            said = scheduler.Offers(offers=offers)
            self._say(scheduler.Event(type=EventType.OFFERS, offers=said))

    def _make_offer(self, offer_id: str, agent: Agent) -> Offer:
        amounts = {"cpus": self._free[agent.agent_id], "mem": 64_000.0, "disk": 99_000.0}
        return Offer(
            id=Id(offer_id),
            framework_id=Id("F1"),
            agent_id=Id(agent.agent_id),
            hostname=f"{agent.agent_id.lower()}.example",
            resources=[
                Resource(name=name, type="SCALAR", scalar=ScalarValue(value))
                for name, value in amounts.items()
            ],
            attributes=[
                Attribute(name=name, type="TEXT", text=TextValue(value))
                for name, value in agent.attributes.items()
            ],
        )

    def _accepted(self, accept: scheduler.Accept) -> None:
        agent_id = self._offers.pop(accept.offer_ids[0].value, None)
        for operation in accept.operations:
            assert operation.launch is not None
            for info in operation.launch.task_infos:
                if agent_id is None:
                    self._report(info, TaskState.DROPPED, "Task launched with invalid offers")
                else:
                    self._start(agent_id, info)
        self._offer_soon()

    def _start(self, agent_id: str, info: TaskInfo) -> None:
        run_id = info.task_id.value
        assert run_id not in self._tasks, f"{run_id} was started twice at once"
        start = Start(run_id, self.wall_ms, info)
        self.starts.append(start)
        self._free[agent_id] -= _cpus(info)
        self._tasks[run_id] = (agent_id, info, TaskState.RUNNING)
        self._report(info, TaskState.RUNNING, "")
        duration_ms, state, message = self.fate(start)
        self.later(duration_ms, lambda: self._end(run_id, state, message), survives=True)

    def _end(self, run_id: str, state: TaskState, message: str) -> None:
        if run_id in self._tasks:
            agent_id, info, _ = self._tasks.pop(run_id)
            self._free[agent_id] += _cpus(info)
            self._report(info, state, message)
            self._offer_soon()

    def _report(self, info: TaskInfo, state: TaskState, message: str) -> None:
        self._serial += 1
        run_id = info.task_id.value
        uuid = self._serial.to_bytes(16, "big")
        if state is TaskState.DROPPED:
            status = TaskStatus(task_id=info.task_id, state=state, message=message)
        else:
            status = TaskStatus(
                task_id=info.task_id,
                state=state,
                message=message,
                agent_id=info.agent_id,
                uuid=uuid,
            )
            self._unacked[run_id] = status
        self._say_update(status)

    def _send_update(self, run_id: str) -> None:
        if run_id in self._unacked:
            self._say_update(self._unacked[run_id])

    def _say_update(self, status: TaskStatus) -> None:
        update = scheduler.Update(status=status)
        self._say(scheduler.Event(type=EventType.UPDATE, update=update))

    def _reconcile(self, run_id: str) -> None:
        state = TaskState.GONE
        if run_id in self._tasks:
            state = self._tasks[run_id][2]
        elif run_id in self._unacked:
            state = self._unacked[run_id].state
        self._say_update(TaskStatus(task_id=Id(run_id), state=state, message="Reconciliation"))

    # For tests

    def started(self, job: str) -> list[int]:
        """When each process of a job began, in ms since the world did."""
        return [start.at_ms - START_MS for start in self.starts if start.job == job]

    def states(self, job: str) -> list[str]:
        """The history of a job, oldest first."""
        return [run.state.value for run in reversed(self.cron.ledger.history.newest(job))]


def _cpus(info: TaskInfo) -> float:
    return next((r.scalar.value for r in info.resources if r.name == "cpus" and r.scalar), 0.0)


def environment(start: Start) -> Mapping[str, str | None]:
    assert start.info.command and start.info.command.environment
    return {v.name: v.value for v in start.info.command.environment.variables}
