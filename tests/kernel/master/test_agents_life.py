"""Agents join, break, drain, go and come back, and operators plan, in any order.

Claims: nothing is ever offered of an agent that is draining, deactivated, gone, or on a machine
that is down; who is gone stays gone; what the registry says is what the master believes; nobody
is asked twice to leave an agent, nor asked to leave one that stays.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kernel.master import registry, registry_drains, registry_gone, registry_maintenance
from kernel.master.machines import key_of
from kernel.master.standing import unavailability
from kernel.messages import operator_calls
from kernel.messages.maintenance import MachineId, Schedule, Window
from kernel.messages.operator_calls import DrainAgent, Duration, OfAgent
from kernel.messages.v1 import Id, TimeInfo, Unavailability
from kernel.model.task import TaskState
from tests.kernel.master.stage import AgentActor, Stage, launch_of, task

HOSTS = ("one", "two", "three")
UNTIL_UNREACHABLE_MS = 100_000
hosts = st.lists(st.sampled_from(HOSTS), unique=True, min_size=1)


class AgentsLife(RuleBasedStateMachine):
    """`out`, `gone` and `down` are what operators were told is so."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(registry_max_agent_count=50)
        self.frameworks = [
            self.stage.framework("keeps"),
            self.stage.framework("loses", roles=("b",), checkpoint=False),
        ]
        self.agents: list[AgentActor] = []
        self.out: set[str] = set()
        self.gone: set[str] = set()
        self.down: set[str] = set()
        self.number = 0

    # --- what agents and schedulers do -----------------------------------------------------

    @rule(host=st.sampled_from(HOSTS))
    def agent_joins(self, host: str) -> None:
        if len(self.agents) < 4:
            agent = self.stage.agent("cpus:4;mem:400", hostname=host)
            if agent.agent_id:  # else it was refused
                self.agents.append(agent)

    @rule(cpus=st.integers(1, 3), which=st.integers(0, 1), gives=st.booleans())
    def launch_or_decline(self, cpus: int, which: int, gives: bool) -> None:
        framework = self.frameworks[which]
        there = self.stage.master.cluster.offers
        for offer in [o for o in framework.offers() if o.id.value in there]:
            agent = next(a for a in self.agents if a.agent_id == offer.agent_id.value)
            if gives:
                framework.decline(offer, refuse_s=1)
                continue
            self.number += 1
            info = task(f"t{self.number}", agent, f"cpus:{cpus};mem:{cpus * 100}")
            framework.accept([offer], launch_of(info), refuse_s=0)

    @precondition(lambda self: self.agents)
    @rule(data=st.data(), state=st.sampled_from(["TASK_RUNNING", "TASK_KILLED"]))
    def tasks_go_on(self, data: Any, state: str) -> None:
        agent = data.draw(st.sampled_from(self.agents))
        known = self.stage.master.cluster.agents.get(agent.agent_id)
        for key in list(known.tasks) if known is not None else []:
            framework = next((f for f in self.frameworks if f.framework_id == key[0]), None)
            if framework is not None:
                agent.say(agent.update(framework, key[1], TaskState(state)))
        self.acknowledge()

    def acknowledge(self) -> None:
        for framework in self.frameworks:
            for status in framework.statuses():
                if status.uuid is not None:
                    framework.acknowledge(status)

    @precondition(lambda self: self.agents)
    @rule(data=st.data(), ms=st.sampled_from([10, 1_000, UNTIL_UNREACHABLE_MS]))
    def agent_breaks_and_returns(self, data: Any, ms: int) -> None:
        agent = data.draw(st.sampled_from(self.agents))
        reported, infos = self.report(agent)
        if data.draw(st.booleans()):
            agent.hang_up()
        self.stage.pass_time(ms)
        agent.subscribe(reported, infos, is_draining=data.draw(st.booleans()))

    def report(self, agent: AgentActor) -> tuple[list[Any], list[Any]]:
        known = self.stage.master.cluster.agents.get(agent.agent_id)
        tasks = list(known.tasks.values()) if known is not None else []
        live = [r for r in tasks if not r.state.is_terminal]
        owners = {f.framework_id: f for f in self.frameworks}
        reported = [
            agent.task(
                owners[r.key[0]],
                r.key[1],
                TaskState.RUNNING,
                resources=f"cpus:{r.resources.scalar('cpus') // 1000};"
                f"mem:{r.resources.scalar('mem') // 1000}",
            )
            for r in live
            if r.key[0] in owners
        ]
        named = dict.fromkeys(task.framework_id.value for task in reported)
        return reported, [owners[name].info for name in named]

    @rule(which=st.integers(0, 1))
    def scheduler_fails_over(self, which: int) -> None:
        self.frameworks[which].subscribe()

    @rule(back=st.lists(st.booleans(), min_size=4, max_size=4))
    def master_fails_over(self, back: list[bool]) -> None:
        reports = [self.report(agent) for agent in self.agents]
        self.stage.restart()
        for agent, report, comes in zip(self.agents, reports, back, strict=False):
            if comes:
                agent.subscribe(*report)
        for framework in self.frameworks:
            framework.subscribe()

    @rule(ms=st.sampled_from([20, 2_000, 700_000]))
    def time_passes(self, ms: int) -> None:
        self.stage.pass_time(ms)

    # --- what operators do -----------------------------------------------------------------

    @precondition(lambda self: self.agents)
    @rule(data=st.data(), mark_gone=st.booleans())
    def drain(self, data: Any, mark_gone: bool) -> None:
        agent = data.draw(st.sampled_from(self.agents))
        call = DrainAgent(Id(agent.agent_id), Duration(seconds=2), mark_gone)
        if self.stage.operate("DRAIN_AGENT", drain_agent=call).status == 200:
            self.out.add(agent.agent_id)

    @precondition(lambda self: self.agents)
    @rule(data=st.data(), type_=st.sampled_from(["DEACTIVATE_AGENT", "REACTIVATE_AGENT"]))
    def turn(self, data: Any, type_: str) -> None:
        agent = data.draw(st.sampled_from(self.agents))
        call = OfAgent(agent_id=Id(agent.agent_id))
        if self.stage.operate(type_, **{type_.lower(): call}).status == 200:
            if type_ == "DEACTIVATE_AGENT":
                self.out.add(agent.agent_id)
            else:
                self.out.discard(agent.agent_id)

    @precondition(lambda self: self.agents)
    @rule(data=st.data())
    def mark_gone(self, data: Any) -> None:
        agent = data.draw(st.sampled_from(self.agents))
        call = OfAgent(agent_id=Id(agent.agent_id))
        if self.stage.operate("MARK_AGENT_GONE", mark_agent_gone=call).status == 200:
            self.gone.add(agent.agent_id)

    @rule(named=st.lists(st.sampled_from(HOSTS), unique=True), start=st.integers(1, 3))
    def plan(self, named: list[str], start: int) -> None:
        away = Unavailability(start=TimeInfo(start))
        machines = [MachineId(hostname=host) for host in named]
        windows = [Window(machine_ids=machines, unavailability=away)] if machines else []
        update = operator_calls.UpdateMaintenanceSchedule(schedule=Schedule(windows=windows))
        answer = self.stage.operate(
            "UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule=update
        )
        assert (answer.status == 200) == (self.down <= set(named))

    @rule(named=hosts)
    def take_down(self, named: list[str]) -> None:
        machines = operator_calls.Machines(machines=[MachineId(hostname=h) for h in named])
        answer = self.stage.operate("START_MAINTENANCE", start_maintenance=machines)
        if answer.status == 200:
            self.down |= set(named)
            self.out -= {a.agent_id for a in self.agents if a.info.hostname in self.down}

    @rule(named=hosts)
    def bring_up(self, named: list[str]) -> None:
        machines = operator_calls.Machines(machines=[MachineId(hostname=h) for h in named])
        answer = self.stage.operate("STOP_MAINTENANCE", stop_maintenance=machines)
        assert (answer.status == 200) == (set(named) <= self.down)
        if answer.status == 200:
            self.down -= set(named)

    # --- what must hold --------------------------------------------------------------------

    @invariant()
    def nothing_is_offered_that_is_out_of_service(self) -> None:
        cluster = self.stage.master.cluster
        for offer in cluster.offers.values():
            host = cluster.agents[offer.agent_id].info.hostname
            assert offer.agent_id not in self.out | self.gone and host not in self.down

    @invariant()
    def who_is_gone_or_down_is_none_of_ours(self) -> None:
        for agent_id, agent in self.stage.master.cluster.agents.items():
            assert agent_id not in self.gone and agent.info.hostname not in self.down

    @invariant()
    def the_registry_says_what_the_master_believes(self) -> None:
        cluster, records = self.stage.master.cluster, self.stage.records
        known = registry.read(records)
        lost = {a for a, r in known.items() if r.unreachable_ms is not None}
        assert lost == set(cluster.unreachable)
        assert set(known) - lost == set(cluster.agents) | set(cluster.recovered)
        assert registry_gone.read(records) == cluster.gone
        assert registry_drains.read(records) == cluster.deactivations
        assert registry_maintenance.read_schedule(records) == cluster.machines.schedule
        down = {key_of(machine) for machine in registry_maintenance.read_down(records)}
        assert down == set(cluster.machines.down)

    @invariant()
    def only_who_must_leave_is_asked_and_once(self) -> None:
        cluster = self.stage.master.cluster
        asked = [(o.framework_id, o.agent_id) for o in cluster.inverse.outstanding.values()]
        assert len(asked) == len(set(asked))
        for offer in cluster.inverse.outstanding.values():
            agent = cluster.agents[offer.agent_id]
            assert agent.is_connected and unavailability(cluster, agent) == offer.unavailability
            assert cluster.frameworks[offer.framework_id].is_connected

    @invariant()
    def the_books_agree(self) -> None:
        self.stage.master.check_invariants()


TestAgentsLife = AgentsLife.TestCase
TestAgentsLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
