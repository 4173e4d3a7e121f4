"""Agents registering, coming back, falling silent and ending, and their tasks with them."""

from typing import Any

import msgspec
import pytest

from kernel.machine import Persist
from kernel.master.agents import agent_problem
from kernel.master.events import SendToAgent
from kernel.messages import agent as agent_messages
from kernel.messages.domains import domain_of
from kernel.messages.quantities import from_wire, parse_attributes, to_wire
from kernel.messages.scheduler import EventType
from kernel.messages.v1 import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    Id,
    Resource,
    ScalarValue,
    Task,
)
from kernel.model.resources import parse
from kernel.model.task import TaskState
from tests.kernel.master.stage import CAPABLE, SchedulerActor, Stage, running, task

UNTIL_UNREACHABLE_MS = 90_000  # to the next ping, then five of 15 s that go unanswered


def known_info(stage: Stage, framework: SchedulerActor) -> FrameworkInfo:
    return stage.master.cluster.frameworks[framework.framework_id].info  # type: ignore[index]


def test_an_agent_is_admitted_durably_before_it_is_told_so() -> None:
    stage = Stage()

    agent = stage.agent()

    effects = agent.subscribe(resources="cpus:8")
    kinds = [type(e) for e in effects if isinstance(e, (Persist, SendToAgent))]
    assert kinds == [Persist, SendToAgent]
    assert list(stage.records["agents"]) == ["M0-S0"]
    [subscribed] = agent.hear()
    assert subscribed.ping_timeout_seconds == 75.0
    assert (subscribed.master_id, subscribed.epoch) == ("M0", 1)


def test_an_agent_that_answers_stays() -> None:
    stage = Stage()
    agent = stage.agent()

    for _ in range(20):
        stage.pass_time(15_000)
        agent.say(agent_messages.Pong())

    assert list(stage.master.cluster.agents) == [agent.agent_id]


def test_an_unreachable_agent_that_returns_brings_its_tasks_back() -> None:
    """Source: mesos.md §6, C12; recording scheduler-agent-unreachable-aware."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    stage.pass_time(UNTIL_UNREACHABLE_MS)
    framework.hear()

    agent.subscribe(
        [agent.task(framework, "t1", TaskState.RUNNING)], [known_info(stage, framework)]
    )

    [status] = framework.statuses()
    assert (status.state, status.reason) == (TaskState.RUNNING, "REASON_AGENT_REREGISTERED")
    assert status.uuid is None
    [offer] = framework.offers()
    assert from_wire(offer.resources).scalar("cpus") == 3_000
    assert stage.master.cluster.unreachable == {}
    assert b'unreachable_ms":null' in stage.records["agents"][agent.agent_id]


def test_a_task_that_did_not_survive_being_unreachable_is_asked_for() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    stage.pass_time(UNTIL_UNREACHABLE_MS)
    framework.hear()

    agent.subscribe()

    [subscribed] = agent.hear()
    assert [t.task_id.value for t in subscribed.tasks] == ["t1"]
    agent.say(agent.update(framework, "t1", TaskState.DROPPED))
    [status] = framework.statuses()
    framework.acknowledge(status)
    known = stage.master.cluster.frameworks[framework.framework_id]  # type: ignore[index]
    assert known.unreachable == {}
    assert [type(e) for e in agent.hear()] == [agent_messages.AcknowledgeUpdate]


def test_a_launch_that_never_arrived_is_named_to_the_agent() -> None:
    """Source: mesos.md §6, C14."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    [offer] = framework.offers()
    framework.launch(offer, task("t1", agent))

    agent.subscribe()

    [subscribed] = agent.hear()
    assert [(t.task_id.value, t.state) for t in subscribed.tasks] == [("t1", TaskState.STAGING)]


def test_after_a_failover_everything_is_learned_again() -> None:
    """Source: mesos.md §1.1, role of the master."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    info = known_info(stage, framework)

    stage.restart()
    agent.subscribe([agent.task(framework, "t1", TaskState.RUNNING)], [info])

    assert agent.agent_id == "M0-S0"
    recovered = stage.master.cluster.frameworks[framework.framework_id]  # type: ignore[index]
    assert recovered.is_recovered and not recovered.is_connected
    framework.subscribe()
    assert [s.state for s in framework.reconcile()] == [TaskState.RUNNING]
    [offer] = framework.offers()
    assert from_wire(offer.resources).scalar("cpus") == 3_000
    assert stage.framework("new").framework_id == "M1-0000"


def test_a_framework_that_is_known_from_agents_only_is_removed_in_the_end() -> None:
    """DIFFERS: Mesos keeps its tasks for ever (MESOS-4659)."""
    stage = Stage()
    framework, agent = stage.framework(failover_timeout=700.0), stage.agent()
    running(stage, framework, agent)
    info = known_info(stage, framework)
    stage.restart()
    agent.subscribe([agent.task(framework, "t1", TaskState.RUNNING)], [info])
    agent.hear()

    for _ in range(70):
        stage.pass_time(10_000)
        agent.say(agent_messages.Pong())

    said = [e for e in agent.hear() if not isinstance(e, agent_messages.Ping)]
    assert said == [agent_messages.ShutdownFramework(framework_id=Id(framework.framework_id))]


def test_an_agent_hears_of_a_framework_that_ended_while_it_was_away() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    info = known_info(stage, framework)
    agent.hang_up()
    framework.call("TEARDOWN")

    agent.subscribe([agent.task(framework, "t1", TaskState.RUNNING)], [info])

    assert [type(e) for e in agent.hear()] == [
        agent_messages.Subscribed,
        agent_messages.ShutdownFramework,
    ]


def test_an_agent_hears_of_a_framework_that_changed_while_it_was_away() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    old = known_info(stage, framework)
    agent.hang_up()
    framework.subscribe(failover_timeout=1_000.0)

    agent.subscribe([agent.task(framework, "t1", TaskState.RUNNING)], [old])

    changed = agent.hear()[-1]
    assert isinstance(changed, agent_messages.UpdateFramework)
    assert changed.framework.failover_timeout == 1_000.0


def test_a_second_stream_of_an_agent_replaces_the_first() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    assert len(framework.offers()) == 1
    old_stream = agent.stream_id

    agent.subscribe()

    assert old_stream in stage.closed
    stage.pass_time(20)
    assert [e.type for e in framework.hear()][-2:] == [EventType.RESCIND, EventType.OFFERS]
    agent.stream_id, new_stream = old_stream, agent.stream_id
    assert agent.say(agent_messages.Pong()).status == 403
    agent.hang_up()
    agent.stream_id = new_stream
    assert agent.say(agent_messages.Pong()).status == 202


def test_an_agent_may_come_back_with_other_resources() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    agent.hang_up()

    agent.subscribe(resources="cpus:16;mem:1024")

    offer = framework.offers()[-1]
    assert from_wire(offer.resources) == parse("cpus:16;mem:1024")


def test_what_an_executor_held_of_a_larger_agent_is_gone_with_it() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent("cpus:4;mem:1024")
    holding = ExecutorInfo(
        executor_id=Id("e"),
        framework_id=Id(framework.framework_id),
        resources=to_wire(parse("cpus:3"), allocated_to="test"),
    )
    agent.subscribe(executors=[holding], resources="cpus:1;mem:1024")

    agent.say(
        agent_messages.ExecutorEnded(
            framework_id=Id(framework.framework_id), executor_id=holding.executor_id
        )
    )

    assert from_wire(framework.offers()[-1].resources) == parse("cpus:1;mem:1024")


def test_what_a_task_held_of_a_larger_agent_is_gone_with_it_under_a_new_master() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent("cpus:4;mem:1024")
    holding = agent.task(framework, "t1", TaskState.RUNNING, resources="cpus:3")
    info = known_info(stage, framework)
    stage.restart()
    framework.subscribe()
    agent.subscribe([holding], [info], resources="cpus:1;mem:1024")

    agent.say(agent.update(framework, "t1", TaskState.FINISHED))

    offered = [from_wire(offer.resources) for offer in framework.offers()]
    assert sum(each.scalar("cpus") for each in offered) == 1_000


def test_a_task_that_is_unreachable_elsewhere_is_not_taken_for_another_agents() -> None:
    stage = Stage()
    framework, lost = stage.framework(), stage.agent()
    running(stage, framework, lost)
    stage.pass_time(UNTIL_UNREACHABLE_MS)
    other = stage.agent()

    other.subscribe(
        [other.task(framework, "t1", TaskState.RUNNING)], [known_info(stage, framework)]
    )

    [status] = framework.reconcile(("t1", None))
    assert (status.state, status.agent_id) == (TaskState.UNREACHABLE, Id(lost.agent_id))


def test_a_batch_of_an_agent_that_is_not_subscribed_is_refused() -> None:
    stage = Stage()
    agent = stage.agent()
    agent.hang_up()

    assert agent.say(agent_messages.Pong()).status == 403


def test_a_task_whose_end_came_while_the_agent_was_away_frees_its_resources() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    info = known_info(stage, framework)
    agent.hang_up()

    agent.subscribe([agent.task(framework, "t1", TaskState.FINISHED)], [info])

    offer = framework.offers()[-1]
    assert from_wire(offer.resources).scalar("cpus") == 4_000


def test_a_known_agents_info_is_kept_as_it_is() -> None:
    stage = Stage()
    stage.agent(attributes="rack:r1")

    record = msgspec.json.decode(stage.records["agents"]["M0-S0"])

    assert record["info"]["attributes"][0]["name"] == "rack"


def subscribe_of(**more: Any) -> agent_messages.Subscribe:
    info = AgentInfo(hostname="h", resources=to_wire(parse("cpus:1")))
    return agent_messages.Subscribe(**{"agent_info": info, "version": "1", **more})


def reported(role: str = "test", task_id: str = "t", framework_id: str = "f") -> Task:
    return Task(
        name="t",
        task_id=Id(task_id),
        framework_id=Id(framework_id),
        agent_id=Id("a"),
        state=TaskState.RUNNING,
        resources=to_wire(parse("cpus:1"), allocated_to=role),
    )


@pytest.mark.parametrize(
    "more",
    [
        {"frameworks": [FrameworkInfo(user="u", name="n")]},
        {"frameworks": [FrameworkInfo(user="u", name="n", id=Id("f"), failover_timeout=1e300)]},
        {"executors": [ExecutorInfo(executor_id=Id("e"))]},
        {"tasks": [reported(role="a/.")]},
        {"tasks": [reported(task_id="a/b")]},
        {"tasks": [reported(framework_id="a/b")]},
        {
            "agent_info": AgentInfo(
                hostname="h",
                resources=[Resource(name="mem", type="SCALAR", scalar=ScalarValue(1e306))],
            )
        },
    ],
)
def test_a_report_that_makes_no_sense_is_refused(more: dict[str, Any]) -> None:
    assert agent_problem(subscribe_of()) is None
    assert agent_problem(subscribe_of(tasks=[reported()])) is None
    assert agent_problem(subscribe_of(**more)) is not None


def test_an_agent_that_comes_back_changed_is_asked_about_anew() -> None:
    """Source: mesos.md §3.3, a refusal ends with an agent's change; nothing is wiped."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent(attributes="rack:a")
    framework.decline(*framework.offers(), refuse_s=1_000)
    info = known_info(stage, framework)
    stage.pass_time(2_000)
    assert framework.offers() == []

    agent.info = msgspec.structs.replace(agent.info, attributes=parse_attributes("rack:b"))
    agent.subscribe([agent.task(framework, "t1", TaskState.RUNNING)], [info])

    [offer] = framework.offers()
    assert offer.attributes == agent.info.attributes
    assert [s.state for s in framework.reconcile()] == [TaskState.RUNNING]
    assert b'"b"' in stage.records["agents"][agent.agent_id]


@pytest.mark.parametrize(("capabilities", "count"), [((), 1), (("REGION_AWARE",), 2)])
def test_agents_of_another_region_are_for_those_who_know_of_regions(
    capabilities: tuple[str, ...], count: int
) -> None:
    """Source: mesos.md §1.3, Fault domains."""
    stage = Stage()
    info = stage.master.cluster.settings.master_info
    here = msgspec.structs.replace(info, domain=domain_of("here", "a"))
    settings = msgspec.structs.replace(stage.master.cluster.settings, master_info=here)
    stage.master.cluster.settings = settings
    for hostname, region in (("near", "here"), ("far", "there")):
        agent = stage.agent(hostname=hostname)
        agent.info = msgspec.structs.replace(agent.info, domain=domain_of(region, "b"))
        agent.subscribe()

    offers = stage.framework(capabilities=(*CAPABLE, *capabilities)).offers()

    assert len(offers) == count
    assert all(offer.domain is not None for offer in offers)
