"""The machine as a whole: dispatch, passes, and what holds whatever happens."""

from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kernel.master.events import Event
from kernel.master.master import PASS_GAP_MS
from kernel.messages.v1 import Offer
from kernel.model.task import TaskState
from tests.kernel.master.stage import AgentActor, SchedulerActor, Stage, launch_of, task


def test_every_event_has_a_handler() -> None:
    assert set(Stage().master._handlers) == set(get_args(Event))


def test_a_burst_is_given_away_together() -> None:
    stage = Stage()
    framework = stage.framework()
    stage.agent()
    framework.hear()

    for _ in range(5):
        stage.agent()

    assert framework.said == []
    stage.pass_time(PASS_GAP_MS)
    [event] = framework.hear()
    assert event.offers is not None and len(event.offers.offers) == 5


def test_freed_resources_are_offered_within_the_gap() -> None:
    """DIFFERS: Mesos waits for the next tick of a second."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    [offer] = framework.offers()
    framework.launch(offer, task("t1", agent, "cpus:4;mem:4096"), refuse_s=0)
    stage.pass_time(1_000)
    framework.hear()

    agent.say(agent.update(framework, "t1", TaskState.FAILED))

    assert [e.offers is not None for e in framework.hear()] == [False, True]


def test_a_machine_at_rest_wakes_up_for_heartbeats_only() -> None:
    stage = Stage()
    stage.framework()
    stage.pass_time(10)

    assert stage.master.next_deadline_ms() == stage.mono_ms - 10 + 15_000


class MasterLife(RuleBasedStateMachine):
    """Agents, frameworks, launches, ends, breaks and failovers in any order.

    Claims: no agent gives more than it has, an offer is in one hand, and everything is free again
    when all is over (the first two are asserted by the machine's own invariants after each step).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.frameworks: list[SchedulerActor] = []
        self.agents: list[AgentActor] = []
        self.offered: dict[str, tuple[SchedulerActor, Offer]] = {}
        self.running: dict[str, tuple[SchedulerActor, AgentActor]] = {}
        self.number = 0

    @initialize()
    def begin(self) -> None:
        self.frameworks = [self.stage.framework("one"), self.stage.framework("two", roles=("b",))]

    @rule(cpus=st.integers(1, 4))
    def agent_joins(self, cpus: int) -> None:
        if len(self.agents) < 4:
            self.agents.append(self.stage.agent(f"cpus:{cpus};mem:{cpus * 100};ports:[1-{cpus}]"))

    @rule(data=st.data(), cpus=st.integers(1, 3), refuse_s=st.sampled_from([0, 1]))
    def launch(self, data: Any, cpus: int, refuse_s: int) -> None:
        self.collect()
        if not self.offered:
            return
        offer_id = data.draw(st.sampled_from(sorted(self.offered)))
        framework, offer = self.offered.pop(offer_id)
        agent = self.agent_of(offer)
        self.number += 1
        task_id = f"t{self.number}"
        info = task(task_id, agent, f"cpus:{cpus};mem:{cpus * 100}")
        framework.accept([offer], launch_of(info), refuse_s=refuse_s)
        known = self.stage.master.cluster.frameworks.get(framework.framework_id)  # type: ignore[call-overload]
        if known is not None and task_id in known.tasks:
            self.running[task_id] = (framework, agent)

    @rule(data=st.data())
    def decline(self, data: Any) -> None:
        self.collect()
        if self.offered:
            offer_id = data.draw(st.sampled_from(sorted(self.offered)))
            framework, offer = self.offered.pop(offer_id)
            framework.decline(offer, refuse_s=data.draw(st.sampled_from([0, 1])))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), state=st.sampled_from(["TASK_RUNNING", "TASK_FINISHED", "TASK_FAILED"]))
    def update(self, data: Any, state: str) -> None:
        task_id = data.draw(st.sampled_from(sorted(self.running)))
        framework, agent = self.running[task_id]
        if agent.say(agent.update(framework, task_id, TaskState(state))).status != 202:
            return
        if TaskState(state).is_terminal:
            del self.running[task_id]
        for status in framework.statuses():
            if status.uuid is not None:
                framework.acknowledge(status)

    @precondition(lambda self: self.agents)
    @rule(data=st.data())
    def agent_breaks_and_returns(self, data: Any) -> None:
        agent = data.draw(st.sampled_from(self.agents))
        if data.draw(st.booleans()):
            agent.hang_up()
        if data.draw(st.booleans()):
            self.stage.pass_time(data.draw(st.sampled_from([10, 1_000, 100_000])))
        self.come_back(agent)

    def come_back(self, agent: AgentActor) -> None:
        alive = {t: f for t, (f, a) in self.running.items() if a is agent}
        infos = {f.framework_id: f.info for f in alive.values()}
        reported = [
            agent.task(f, t, TaskState.RUNNING, resources=self.of(t)) for t, f in alive.items()
        ]
        agent.subscribe(reported, list(infos.values()))

    def of(self, task_id: str) -> str:
        for framework in self.stage.master.cluster.frameworks.values():
            for group in (framework.tasks, framework.unreachable):
                if task_id in group:
                    cpus = group[task_id].resources.scalar("cpus") // 1000  # type: ignore[index]
                    return f"cpus:{cpus};mem:{cpus * 100}"
        return "cpus:1;mem:100"

    @rule(data=st.data())
    def scheduler_breaks_and_returns(self, data: Any) -> None:
        framework = data.draw(st.sampled_from(self.frameworks))
        if data.draw(st.booleans()):
            framework.hang_up()
        self.stage.pass_time(data.draw(st.sampled_from([1, 2_000])))
        framework.subscribe()

    @rule()
    def master_fails_over(self) -> None:
        self.stage.restart()
        self.offered.clear()
        for agent in self.agents:
            self.come_back(agent)
        for framework in self.frameworks:
            framework.subscribe()

    @rule(ms=st.sampled_from([1, 20, 1_000, 5_000]))
    def time_passes(self, ms: int) -> None:
        self.stage.pass_time(ms)

    def collect(self) -> None:
        for framework in self.frameworks:
            for offer in framework.offers():
                self.offered[offer.id.value] = (framework, offer)
        there = self.stage.master.cluster.offers
        self.offered = {o: held for o, held in self.offered.items() if o in there}

    def agent_of(self, offer: Offer) -> AgentActor:
        return next(a for a in self.agents if a.agent_id == offer.agent_id.value)

    @invariant()
    def the_books_agree(self) -> None:
        self.stage.master.check_invariants()

    def teardown(self) -> None:
        """When every task has ended and every offer is back, all is free."""
        for agent in self.agents:
            self.come_back(agent)
        for task_id, (framework, agent) in self.running.items():
            agent.say(agent.update(framework, task_id, TaskState.FINISHED))
            for status in framework.statuses():
                if status.uuid is not None:
                    framework.acknowledge(status)
        for agent in self.agents:
            agent.hang_up()
        allocator = self.stage.master.cluster.allocator
        for agent_id, known in self.stage.master.cluster.agents.items():
            stuck = [r for r in known.tasks.values() if r.state is not TaskState.STAGING]
            assert stuck == []
            if not known.tasks:
                assert allocator.books[agent_id].free == allocator.books[agent_id].total


TestMasterLife = MasterLife.TestCase
TestMasterLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
