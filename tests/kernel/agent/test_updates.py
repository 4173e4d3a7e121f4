"""Status updates until they are heard. Source: Mesos, src/tests/status_update_manager_tests.cpp."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kernel.agent.talk import MasterLost
from kernel.machine import DeadlineReached
from kernel.messages.v1 import TaskStatus
from kernel.model.task import TaskState
from tests.kernel.agent.world import World, ready, sent, states


def test_only_the_head_is_sent_and_the_next_follows_its_acknowledgement() -> None:
    world = ready()
    container = world.runs()
    (starting,) = sent(world.reports(container, TaskState.STARTING))

    assert world.reports(container, TaskState.RUNNING) == []
    assert states(world.acknowledges(starting)) == [TaskState.RUNNING]


def test_the_newest_state_travels_with_the_head() -> None:
    world = ready()
    container = world.runs()
    world.reports(container, TaskState.STARTING)
    world.reports(container, TaskState.FAILED)

    (effect,) = world.gets(DeadlineReached(), at_ms=10_000)

    call = effect.call  # type: ignore[union-attr]
    assert (call.status.state, call.latest_state) == (TaskState.STARTING, TaskState.FAILED)


def test_the_head_is_repeated_after_ten_seconds_doubling_to_ten_minutes() -> None:
    world = ready()
    world.subscribed().clear()
    world.reports(world.runs(), TaskState.STARTING)
    world.agent.registration.ping_due_ms = None  # the master's silence is another matter
    gaps, last_ms = [], 0
    for _ in range(9):
        due_ms = world.agent.next_deadline_ms()
        assert due_ms is not None
        assert states(world.gets(DeadlineReached(), at_ms=due_ms)) == [TaskState.STARTING]
        gaps.append((due_ms - last_ms) // 1000)
        last_ms = due_ms

    assert gaps == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_a_new_master_hears_each_head_at_once() -> None:
    world = ready()
    world.reports(world.runs("a"), TaskState.STARTING)
    world.reports(world.runs("b"), TaskState.STARTING)
    world.gets(MasterLost("gone"))

    assert states(world.subscribed()) == [TaskState.STARTING] * 2


def test_nothing_is_sent_while_nobody_listens() -> None:
    world = ready()
    container = world.runs()
    world.gets(MasterLost("gone"))

    assert world.reports(container, TaskState.STARTING) == []
    assert world.agent.updates.next_deadline_ms() is None


def test_an_acknowledgement_of_anything_but_the_head_is_ignored() -> None:
    world = ready()
    container = world.runs()
    (starting,) = sent(world.reports(container, TaskState.STARTING))
    world.reports(container, TaskState.RUNNING)
    stranger = TaskStatus(task_id=starting.task_id, state=starting.state, uuid=b"x" * 16)

    assert world.acknowledges(stranger) == []
    world.acknowledges(starting)
    assert world.acknowledges(starting) == []


def test_the_same_update_keeps_its_uuid_over_a_crash() -> None:
    world = ready()
    (starting,) = sent(world.reports(world.runs(), TaskState.STARTING))
    world.crash()

    (again,) = sent(world.subscribed())

    assert again == starting


def test_old_health_news_does_not_pile_up() -> None:
    world = ready()
    container = world.runs()
    for healthy in (None, True, False, True, False):
        (status,) = sent(world.reports(container, TaskState.RUNNING, healthy=healthy))
        world.acknowledges(status)

    assert len(world.disk["update"]) == 1
    (task,) = world.agent.subscribe_call().tasks
    assert [status.healthy for status in task.statuses] == [False]


class Delivery(RuleBasedStateMachine):
    """Whatever is lost, crashes or repeats: a listener hears every update, once each, in order."""

    @initialize()
    def begin(self) -> None:
        self.world: World = ready()
        self.container = self.world.runs()
        self.reported: list[bytes] = []
        self.heard: list[bytes] = []
        self.in_flight: TaskStatus | None = None
        self.connected = True
        self.count = 0

    def _arrives(self, statuses: list[TaskStatus]) -> None:
        for status in statuses:
            assert status.uuid is not None
            if not self.heard or status.uuid not in self.heard:
                self.heard.append(status.uuid)
            self.in_flight = status

    @precondition(lambda self: self.count < 8)
    @rule(arrives=st.booleans())
    def report(self, arrives: bool) -> None:
        self.count += 1
        effects = self.world.reports(self.container, TaskState.RUNNING, message=str(self.count))
        stream = self.world.agent.updates.streams[self.container]
        uuid = stream.kept[-1].status.uuid
        assert uuid is not None
        self.reported.append(uuid)
        if arrives:
            self._arrives(sent(effects))

    @precondition(lambda self: self.in_flight is not None and self.connected)
    @rule(arrives=st.booleans())
    def acknowledge(self, arrives: bool) -> None:
        assert self.in_flight is not None
        effects = self.world.acknowledges(self.in_flight)
        if arrives:
            self._arrives(sent(effects))

    @rule()
    def lose_master(self) -> None:
        self.world.gets(MasterLost("gone"))
        self.connected = False

    @rule(arrives=st.booleans())
    def subscribe(self, arrives: bool) -> None:
        effects = self.world.subscribed()
        self.connected = True
        if arrives:
            self._arrives(sent(effects))

    @rule()
    def crash(self) -> None:
        self.world.crash()
        self.connected = False

    @rule()
    def wait(self) -> None:
        self.world.agent.registration.ping_due_ms = None
        due_ms = self.world.agent.next_deadline_ms()
        if due_ms is not None:
            self._arrives(sent(self.world.gets(DeadlineReached(), at_ms=due_ms)))

    @invariant()
    def heard_in_order(self) -> None:
        if hasattr(self, "heard"):
            assert self.heard == self.reported[: len(self.heard)]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._arrives(sent(self.world.subscribed()))
        for _ in range(2 * len(self.reported) + 2):
            if self.in_flight is not None:
                self._arrives(sent(self.world.acknowledges(self.in_flight)))
        assert self.heard == self.reported


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
