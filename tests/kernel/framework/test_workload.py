"""A framework with tasks to run: nothing is lost, nothing runs twice, everything is told."""

from collections import Counter, deque

from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.framework.session import framework_info
from kernel.framework.task import Task, TaskRecord
from kernel.framework.workload import (
    KillRequested,
    SchedulerDisconnected,
    SchedulerEventReceived,
    SendCall,
    TaskForgotten,
    TaskSubmitted,
    TeardownRequested,
    TellSubscribed,
    TellUpdated,
    Workload,
    WorkloadEffect,
    WorkloadEvent,
)
from kernel.machine import DeadlineReached, Now, Persist, Put
from kernel.messages import quantities, v1
from kernel.messages.scheduler import (
    Call,
    CallType,
    Event,
    EventType,
    Offers,
    Subscribed,
    Update,
)
from kernel.messages.v1 import TaskStatus
from kernel.model.resources import parse
from kernel.model.task import TaskState

FREE = "cpus:0.4;mem:1024;ports:[31000-31009]"


class Crash(Exception):
    """The process is gone at this very point."""


class World:
    """One framework process, its store, and a master with one agent that behaves as Mesos does:
    it repeats updates until acknowledged, drops launches on void offers, and answers
    reconciliation."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.store: dict[str, dict[str, bytes]] = {}
        self.crash_in: int | None = None  # effects until then
        self.crash_before: CallType | None = None
        self.calls: list[CallType] = []
        self.told: list[tuple[str, TaskState | None]] = []
        self.started: Counter[str] = Counter()
        self.running: dict[str, v1.TaskInfo] = {}
        self.unacknowledged: dict[str, deque[TaskStatus]] = {}
        self.offer_id = ""
        self.is_suppressed = False
        self._count = 0
        self._inbox: deque[Event] = deque()
        self.boot()

    def boot(self) -> None:
        """A new process over what the last one made durable."""
        self.workload = Workload(framework_info("test", user="me"))
        self.workload.restore(self.store)
        self.connect()

    def connect(self) -> None:
        call = self.workload.subscribe_call()
        assert call.subscribe is not None
        self.is_suppressed = bool(call.subscribe.suppressed_roles)
        self.offer_id = ""
        self._inbox.clear()
        subscribed = Subscribed(framework_id=v1.Id("F1"))
        self._say(Event(type=EventType.SUBSCRIBED, subscribed=subscribed))
        for statuses in self.unacknowledged.values():
            self._say_update(statuses[0])

    def disconnect(self) -> None:
        """What the master had said is lost; it goes on hearing nothing."""
        self._inbox.clear()
        self.post(SchedulerDisconnected())

    # --- time ------------------------------------------------------------------------------------
    def post(self, event: WorkloadEvent) -> None:
        try:
            effects = self.workload.step(event, Now(self.now_ms, self.now_ms))
            self.workload.check_invariants()
            for effect in effects:
                if self.crash_in is not None:
                    self.crash_in -= 1
                    if self.crash_in < 0:
                        raise Crash
                self._perform(effect)
        except Crash:
            self.crash_in = None
            self.boot()

    def pump(self) -> None:
        """Until nobody has anything to say."""
        while self._inbox or self._offer():
            self.post(SchedulerEventReceived(self._inbox.popleft()))

    def after(self, ms: int) -> None:
        end_ms = self.now_ms + ms
        self.pump()
        while (due_ms := self.workload.next_deadline_ms()) is not None and due_ms <= end_ms:
            self.now_ms = max(self.now_ms + 1, due_ms)
            self.post(DeadlineReached())
            self.pump()
        self.now_ms = end_ms

    def submit(self, *task_ids: str, cpus: float = 0.1) -> None:
        for task_id in task_ids:
            self.post(TaskSubmitted(Task(task_id, "true", cpus=cpus)))

    # --- effects ---------------------------------------------------------------------------------
    def _perform(self, effect: WorkloadEffect) -> None:
        if isinstance(effect, Persist):
            for operation in effect.operations:
                records = self.store.setdefault(operation.collection, {})
                if isinstance(operation, Put):
                    records[operation.key] = operation.value
                else:
                    records.pop(operation.key, None)
        elif isinstance(effect, SendCall):
            if effect.call.type is self.crash_before:
                self.crash_before = None
                raise Crash
            self._called(effect.call)
        elif isinstance(effect, TellUpdated):
            self.told.append((effect.record.id, effect.record.state))

    def _called(self, call: Call) -> None:
        assert call.framework_id == v1.Id("F1") and call.type is not None
        self.calls.append(call.type)
        if call.accept is not None:
            is_valid = call.accept.offer_ids[0].value == self.offer_id
            self.offer_id = ""
            for operation in call.accept.operations:
                assert operation.launch is not None
                for info in operation.launch.task_infos:
                    self._launched(info, is_valid)
        elif call.decline is not None:
            self.offer_id = ""
            self.is_suppressed = True  # for so long as nothing changes
        elif call.type is CallType.REVIVE:
            self.is_suppressed = False
        elif call.type is CallType.SUPPRESS:
            self.is_suppressed = True
        elif call.kill is not None and call.kill.task_id.value in self.running:
            self.ends(call.kill.task_id.value, TaskState.KILLED)
        elif call.acknowledge is not None:
            self._acknowledged(call.acknowledge.task_id.value, call.acknowledge.uuid)
        elif call.reconcile is not None:
            for task in call.reconcile.tasks:
                self._reconcile(task.task_id.value)

    def _launched(self, info: v1.TaskInfo, is_valid: bool) -> None:
        task_id = info.task_id.value
        if not is_valid:
            status = TaskStatus(task_id=info.task_id, state=TaskState.DROPPED)
            self._say_update(status)
            return
        assert task_id in self.store["tasks"], "launched before it was durable"
        self.started[task_id] += 1
        self.running[task_id] = info
        self._report(task_id, TaskState.RUNNING)

    def ends(self, task_id: str, state: TaskState = TaskState.FINISHED) -> None:
        del self.running[task_id]
        self.is_suppressed = False
        self._report(task_id, state)

    # --- the master ------------------------------------------------------------------------------
    def _say(self, event: Event) -> None:
        self._inbox.append(event)

    def _say_update(self, status: TaskStatus) -> None:
        self._say(Event(type=EventType.UPDATE, update=Update(status=status)))

    def _report(self, task_id: str, state: TaskState) -> None:
        self._count += 1
        uuid = self._count.to_bytes(16, "big")
        status = TaskStatus(task_id=v1.Id(task_id), state=state, agent_id=v1.Id("S1"), uuid=uuid)
        statuses = self.unacknowledged.setdefault(task_id, deque())
        statuses.append(status)
        if len(statuses) == 1:
            self._say_update(status)

    def _acknowledged(self, task_id: str, uuid: bytes) -> None:
        statuses = self.unacknowledged.get(task_id, deque())
        if statuses and statuses[0].uuid == uuid:
            statuses.popleft()
            if statuses:
                self._say_update(statuses[0])
            else:
                del self.unacknowledged[task_id]

    def _reconcile(self, task_id: str) -> None:
        state = TaskState.RUNNING if task_id in self.running else TaskState.GONE
        if task_id in self.unacknowledged:
            state = self.unacknowledged[task_id][-1].state
        self._say_update(TaskStatus(task_id=v1.Id(task_id), state=state))

    def _offer(self) -> bool:
        free = parse(FREE)
        for info in self.running.values():
            free = free - quantities.from_wire(info.resources)
        if self.is_suppressed or self.offer_id or not free.scalar("cpus"):
            return False
        self._count += 1
        self.offer_id = f"O{self._count}"
        offer = v1.Offer(
            id=v1.Id(self.offer_id),
            framework_id=v1.Id("F1"),
            agent_id=v1.Id("S1"),
            hostname="one.example",
            resources=quantities.to_wire(free),
        )
        self._say(Event(type=EventType.OFFERS, offers=Offers(offers=[offer])))
        return True


def test_what_is_submitted_runs_as_soon_as_there_is_room() -> None:
    world = World()
    world.submit("a", "b", "c", "d", "e")
    world.after(1_000)

    assert list(world.started) == ["a", "b", "c", "d"], "the oldest first, and the fifth waits"
    world.ends("b")
    world.after(1_000)

    assert world.started["e"] == 1
    assert world.workload.records.by_id["e"].hostname == "one.example"


def test_each_update_is_told_and_then_acknowledged() -> None:
    world = World()
    world.submit("a")
    world.after(1_000)
    world.ends("a")
    world.pump()

    assert world.told == [("a", TaskState.RUNNING), ("a", TaskState.FINISHED)]
    assert world.unacknowledged == {}


def test_an_update_that_comes_again_is_told_once_and_acknowledged_again() -> None:
    """Its acknowledgement died with the master."""
    world = World()
    world.submit("a")
    world.pump()
    status = TaskStatus(
        task_id=v1.Id("a"), state=TaskState.RUNNING, agent_id=v1.Id("S1"), uuid=b"1" * 16
    )

    for _ in range(2):
        world._say_update(status)
        world.pump()

    assert world.told == [("a", TaskState.RUNNING)] * 2, "its first one had another uuid"
    assert world.calls.count(CallType.ACKNOWLEDGE) == 3


def test_an_end_is_told_once_whether_it_is_heard_by_asking_or_by_update() -> None:
    world = World()
    world.submit("a")
    world.pump()
    world.told.clear()

    world._say_update(TaskStatus(task_id=v1.Id("a"), state=TaskState.FINISHED))
    world.ends("a")
    world.pump()

    assert world.told == [("a", TaskState.FINISHED)]
    assert world.unacknowledged == {}


def test_a_task_that_was_given_up_and_comes_back_is_killed() -> None:
    """Its agent was forgotten by the master, and returns."""
    world = World()
    world.submit("a")
    world.pump()
    world._say_update(TaskStatus(task_id=v1.Id("a"), state=TaskState.UNKNOWN))
    world.pump()
    assert world.workload.records.by_id["a"].is_over

    world._say_update(TaskStatus(task_id=v1.Id("a"), state=TaskState.RUNNING))
    world.pump()

    assert world.running == {}
    assert world.told[-1] == ("a", TaskState.UNKNOWN), "for the framework it was over before"


def test_without_tasks_no_offers_are_wanted() -> None:
    world = World()
    world.pump()
    assert world.is_suppressed

    world.submit("a")
    assert not world.is_suppressed
    world.pump()

    assert world.is_suppressed


def test_a_large_task_holds_up_no_small_one_and_says_what_is_short() -> None:
    world = World()
    world.submit("large", cpus=2.5)
    world.submit("small")
    world.pump()

    assert list(world.started) == ["small"]
    assert world.workload.records.shortages["large"] == (
        "one.example: needs 2.5 cpus, has 0.3: short of 2.2"
    )


def test_an_id_is_submitted_once_in_all_its_life() -> None:
    world = World()
    world.submit("a", "a")
    world.pump()
    world.boot()
    world.submit("a")
    world.after(60_000)

    assert world.started == {"a": 1}


def test_who_waits_is_killed_at_once_and_who_runs_until_it_is_dead() -> None:
    world = World()
    world.submit("runs")
    world.pump()
    world.submit("waits", cpus=2)

    world.post(KillRequested("waits"))
    world.post(KillRequested("runs"))
    world.post(KillRequested("nobody"))
    world.pump()

    assert world.told[-2:] == [("waits", TaskState.KILLED), ("runs", TaskState.KILLED)]


def test_a_kill_that_never_left_is_said_by_the_next_process() -> None:
    world = World()
    world.submit("a")
    world.pump()
    world.crash_before = CallType.KILL

    world.post(KillRequested("a"))
    world.pump()

    assert world.workload.records.by_id["a"].state is TaskState.KILLED


def test_a_launch_that_never_left_is_told_as_gone() -> None:
    """Whether to try again is the framework's: this master knows nothing of it, by then."""
    world = World()
    world.submit("a")
    world.pump()
    world.crash_before = CallType.ACCEPT
    world.submit("b")
    world.after(60_000)

    assert world.told[-1] == ("b", TaskState.GONE)
    assert world.started == {"a": 1}


def test_a_task_of_another_time_is_killed() -> None:
    world = World()
    world.submit("a")
    world.pump()
    world.store["tasks"].clear()

    world.boot()
    world.pump()
    world._reconcile("a")  # as the answer to what is asked implicitly
    world.pump()

    assert world.running == {}


def test_what_is_over_can_be_forgotten_and_what_runs_cannot() -> None:
    world = World()
    world.submit("a", "b")
    world.pump()
    world.ends("a")
    world.pump()

    world.post(TaskForgotten("a"))
    world.post(TaskForgotten("b"))

    assert list(world.workload.records.by_id) == ["b"] == list(world.store["tasks"])


def test_a_teardown_leaves_nothing_behind() -> None:
    world = World()
    world.submit("a")
    world.pump()

    world.post(TeardownRequested())
    assert world.calls[-1] is CallType.TEARDOWN
    world.disconnect()

    assert world.store == {"framework": {}, "tasks": {}}


def test_a_teardown_without_a_stream_waits_for_the_next() -> None:
    world = World()
    world.disconnect()

    world.post(TeardownRequested())
    assert not world.workload.is_torn_down
    world.connect()
    world.pump()

    assert world.workload.is_torn_down
    assert world.calls[-1] is CallType.TEARDOWN


def test_the_framework_id_is_durable_before_its_code_hears_of_it() -> None:
    workload = Workload(framework_info("test", user="me"))
    subscribed = Subscribed(framework_id=v1.Id("F1"))

    effects = workload.step(
        SchedulerEventReceived(Event(type=EventType.SUBSCRIBED, subscribed=subscribed)), Now(0, 0)
    )

    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) < kinds.index(SendCall) < kinds.index(TellSubscribed)


FAULTS = st.lists(
    st.tuples(st.sampled_from(["crash", "disconnect", "end", "wait"]), st.integers(0, 25)),
    max_size=25,
)


@settings(deadline=None)
@given(FAULTS)
def test_whatever_dies_each_task_starts_once_at_most_and_its_end_is_told(
    faults: list[tuple[str, int]],
) -> None:
    world = World()
    names = [f"t{number}" for number in range(8)]
    for name in names:
        world.submit(name)
    for what, number in faults:
        if what == "crash":
            world.crash_in = number
        elif what == "disconnect":
            world.disconnect()
            world.connect()
        elif what == "end" and world.running:
            world.ends(list(world.running)[number % len(world.running)])
        world.after(number * 1_000)
    world.crash_in = None
    for name in names:
        world.submit(name)  # as a framework does that starts
    for _ in range(20):
        world.after(120_000)
        for name in list(world.running):
            world.ends(name)

    ends = {name: state for name, state in world.told if state and state.is_terminal}
    assert sorted(ends) == names, "each end is told"
    assert max(world.started.values()) == 1, "none is started twice"
    for name, state in ends.items():
        assert (state is TaskState.FINISHED) == (world.started[name] == 1), name
    assert world.unacknowledged == {}


def test_a_record_is_read_back_as_it_was() -> None:
    world = World()
    world.post(TaskSubmitted(Task("a", "true", ports_count=2, labels={"k": "v"})))
    world.pump()
    before: TaskRecord = world.workload.records.by_id["a"]
    assert before.ports == (31000, 31001)

    world.boot()

    assert world.workload.records.by_id["a"] == before
