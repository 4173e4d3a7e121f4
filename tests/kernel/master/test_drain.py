"""Agents that operators take out of service: deactivated, drained, gone."""

import json
from typing import Any

import pytest

from kernel.machine import Persist
from kernel.master import operator_views, views
from kernel.master.events import SendToAgent, SendToScheduler
from kernel.messages import agent as agent_messages
from kernel.messages.operator_calls import DrainAgent, Duration, OfAgent
from kernel.messages.scheduler import EventType
from kernel.messages.v1 import Id
from kernel.model.task import TaskState
from tests.kernel.master.operating import RESERVED, Worker, of, reserve
from tests.kernel.master.stage import CAPABLE, AgentActor, SchedulerActor, Stage, running

UNTIL_UNREACHABLE_MS = 90_000


def drain(stage: Stage, agent_id: str, **more: Any) -> tuple[int, str]:
    answer = stage.operate("DRAIN_AGENT", drain_agent=DrainAgent(agent_id=Id(agent_id), **more))
    return answer.status, answer.message


def ask(stage: Stage, type_: str, agent_id: str) -> tuple[int, str]:
    answer = stage.operate(type_, **{type_.lower(): OfAgent(agent_id=Id(agent_id))})
    return answer.status, answer.message


def shown(stage: Stage, agent: AgentActor) -> Any:
    known = stage.master.cluster.agents[agent.agent_id]  # type: ignore[index]
    return operator_views.agent_view(stage.master.cluster, known)


def end(agent: AgentActor, framework: SchedulerActor, task_id: str = "t1") -> None:
    """The task is killed, and its framework acknowledges that."""
    agent.say(agent.update(framework, task_id, TaskState.KILLED))
    framework.acknowledge(framework.statuses()[-1])


def info_of(stage: Stage, framework: SchedulerActor) -> Any:
    return stage.master.cluster.frameworks[framework.framework_id].info  # type: ignore[index]


def test_an_agent_is_drained_when_its_last_task_has_ended_and_that_is_acknowledged() -> None:
    """Source: mesos.md §6, D9; recording operator-drain-agent."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    [offer] = framework.offers()

    assert drain(stage, agent.agent_id, max_grace_period=Duration(seconds=2)) == (200, "")

    assert agent.hear() == [agent_messages.DrainAgent(max_grace_ms=2_000)]
    assert [e.rescind.offer_id for e in framework.hear() if e.rescind] == [offer.id]
    view = shown(stage, agent)
    assert (view["active"], view["deactivated"]) == (False, True)
    assert view["drain_info"] == {
        "state": "DRAINING",
        "config": {"max_grace_period": {"nanoseconds": 2_000_000_000}, "mark_gone": False},
    }
    agent.say(agent.update(framework, "t1", TaskState.KILLED))
    assert shown(stage, agent)["drain_info"]["state"] == "DRAINING"
    framework.acknowledge(framework.statuses()[-1])
    assert shown(stage, agent)["drain_info"]["state"] == "DRAINED"
    assert framework.offers() == []


def test_a_drain_is_durable_before_anybody_hears_of_it() -> None:
    """Source: mesos.md §1.1; design: written before it is acted on."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    framework.offers()
    order: list[type] = []
    post = stage.post

    def watch(event: Any) -> Any:
        effects = post(event)
        order.extend(type(e) for e in effects)
        return effects

    stage.post = watch  # type: ignore[method-assign]
    drain(stage, agent.agent_id)

    assert order.index(Persist) < min(order.index(SendToAgent), order.index(SendToScheduler))


def test_reactivation_waits_for_the_drain_and_then_offers_resume() -> None:
    """Source: mesos.md §6, D9; mesos-observed.md row 22: the agent hears of it before any task."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    drain(stage, agent.agent_id)

    early = ask(stage, "REACTIVATE_AGENT", agent.agent_id)
    end(agent, framework)
    agent.hear(), framework.hear()
    late = ask(stage, "REACTIVATE_AGENT", agent.agent_id)

    assert early == (400, "Agent is still in the DRAINING state")
    assert late == (200, "")
    assert agent.hear() == [agent_messages.ReactivateAgent()]
    assert len(framework.offers()) == 1
    assert stage.records["drains"] == {}
    assert ask(stage, "REACTIVATE_AGENT", agent.agent_id) == (400, "Agent is not deactivated")


def test_a_drain_goes_on_under_the_next_master() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    drain(stage, agent.agent_id, max_grace_period=Duration(seconds=2), mark_gone=False)
    info = info_of(stage, framework)

    stage.restart()
    framework.subscribe()
    agent.subscribe([agent.task(framework, "t1", TaskState.RUNNING)], [info], is_draining=True)

    assert agent_messages.DrainAgent(max_grace_ms=2_000) in agent.hear()
    assert framework.offers() == []
    assert shown(stage, agent)["drain_info"]["state"] == "DRAINING"
    end(agent, framework)
    assert shown(stage, agent)["drain_info"]["state"] == "DRAINED"
    stage.restart()
    agent.subscribe(is_draining=True)
    assert shown(stage, agent)["drain_info"]["state"] == "DRAINED"


def test_an_agent_that_missed_its_reactivation_hears_of_it_when_it_comes() -> None:
    stage = Stage()
    agent = stage.agent()
    drain(stage, agent.agent_id)
    agent.hang_up()
    assert ask(stage, "REACTIVATE_AGENT", agent.agent_id) == (200, "")

    agent.subscribe(is_draining=True)

    assert [type(e) for e in agent.hear()][1:] == [agent_messages.ReactivateAgent]


def test_a_deactivated_agent_keeps_its_tasks_and_is_not_offered() -> None:
    """Source: mesos.md §1.3, DEACTIVATE/REACTIVATE for cordon."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    framework.offers(), framework.hear()

    assert ask(stage, "DEACTIVATE_AGENT", agent.agent_id) == (200, "")

    assert [e.type for e in framework.hear()] == [EventType.RESCIND]
    assert agent.hear() == [] and framework.offers() == []
    agent.subscribe([agent.task(framework, "t1", TaskState.RUNNING)], [info_of(stage, framework)])
    assert framework.offers() == []
    assert "drain_info" not in shown(stage, agent)
    assert ask(stage, "REACTIVATE_AGENT", agent.agent_id) == (200, "")
    assert len(framework.offers()) == 1


def test_drained_with_mark_gone_an_agent_ends_and_never_comes_back() -> None:
    """Source: mesos.md §6, D9."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    drain(stage, agent.agent_id, mark_gone=True)
    framework.hear()

    end(agent, framework)

    assert isinstance(agent.hear()[-1], agent_messages.ShutdownAgent)
    assert agent.stream_id in stage.closed
    assert [e.failure.agent_id for e in framework.hear() if e.failure] == [Id(agent.agent_id)]
    assert list(stage.records["gone"]) == [agent.agent_id]
    assert stage.records["agents"] == {} and stage.records["drains"] == {}
    agent.subscribe()
    assert [type(e) for e in agent.hear()] == [agent_messages.ShutdownAgent]


def test_a_draining_agent_with_mark_gone_that_falls_silent_is_gone() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    drain(stage, agent.agent_id, mark_gone=True)

    stage.pass_time(UNTIL_UNREACHABLE_MS)

    states = [s.state for s in framework.statuses()]
    assert states == [TaskState.UNREACHABLE, TaskState.GONE_BY_OPERATOR]
    assert list(stage.master.cluster.gone) == [agent.agent_id]


def test_a_task_of_an_agent_that_is_marked_gone_is_gone_by_operator() -> None:
    """Source: mesos.md §6, D10; recording operator-mark-agent-gone."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    framework.offers()
    framework.hear()

    assert ask(stage, "MARK_AGENT_GONE", agent.agent_id) == (200, "")

    update, rescind, failure = framework.hear()
    assert update.update is not None
    status = update.update.status
    assert status.state is TaskState.GONE_BY_OPERATOR
    assert (status.reason, status.message, status.uuid) == (
        "REASON_AGENT_REMOVED_BY_OPERATOR",
        "Agent has been marked gone",
        None,
    )
    assert (rescind.type, failure.type) == (EventType.RESCIND, EventType.FAILURE)
    assert [type(e) for e in agent.hear()] == [agent_messages.ShutdownAgent]
    told = framework.reconcile(("t1", agent.agent_id), ("nope", agent.agent_id))
    assert [s.state for s in told] == [TaskState.GONE_BY_OPERATOR] * 2
    assert ask(stage, "MARK_AGENT_GONE", agent.agent_id) == (200, "")


def test_gone_stays_gone_under_the_next_master() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    ask(stage, "MARK_AGENT_GONE", agent.agent_id)

    stage.restart()
    framework.subscribe()
    agent.subscribe()

    assert [type(e) for e in agent.hear()] == [agent_messages.ShutdownAgent]
    [status] = framework.reconcile(("t1", agent.agent_id))
    assert status.state is TaskState.GONE_BY_OPERATOR


@pytest.mark.parametrize(
    ("capabilities", "states"),
    [
        (("PARTITION_AWARE", "MULTI_ROLE"), [TaskState.GONE_BY_OPERATOR]),
        (("MULTI_ROLE",), []),
    ],
)
def test_an_unreachable_agent_may_be_marked_gone(
    capabilities: tuple[str, ...], states: list[TaskState]
) -> None:
    """Source: MasterAPITest.UnreachableAgentMarkedGone; who heard LOST hears nothing more."""
    stage = Stage()
    framework, agent = stage.framework(capabilities=capabilities), stage.agent()
    running(stage, framework, agent)
    stage.pass_time(UNTIL_UNREACHABLE_MS)
    framework.hear()

    assert ask(stage, "MARK_AGENT_GONE", agent.agent_id) == (200, "")

    assert [s.state for s in framework.statuses()] == states
    known = stage.master.cluster.frameworks[framework.framework_id]  # type: ignore[index]
    assert known.unreachable == {}
    assert [r.state for r in known.completed] == (states or [TaskState.LOST])


def test_an_agent_that_is_not_back_yet_can_be_drained_and_marked_gone() -> None:
    stage = Stage()
    one, two = stage.agent(hostname="one"), stage.agent(hostname="two")
    stage.restart()

    assert drain(stage, one.agent_id) == (200, "")
    assert ask(stage, "MARK_AGENT_GONE", two.agent_id) == (200, "")

    one.subscribe(), two.subscribe()
    assert [type(e) for e in one.hear()][1:] == [agent_messages.DrainAgent]
    assert [type(e) for e in two.hear()] == [agent_messages.ShutdownAgent]


def test_unknown_agents_are_refused_in_mesos_words() -> None:
    """Source: recording status-operator-master."""
    stage = Stage()

    assert drain(stage, "no-such") == (400, "Unknown agent")
    assert ask(stage, "DEACTIVATE_AGENT", "no-such") == (400, "Unknown agent")
    assert ask(stage, "REACTIVATE_AGENT", "no-such") == (400, "Agent is not deactivated")
    assert ask(stage, "MARK_AGENT_GONE", "no-such") == (404, "Agent 'no-such' not found")


@pytest.mark.parametrize("grace", [Duration(seconds=-1), Duration(nanos=-1), Duration(2**62)])
def test_a_grace_that_is_no_duration_is_refused(grace: Duration) -> None:
    stage = Stage()
    agent = stage.agent()

    status, message = drain(stage, agent.agent_id, max_grace_period=grace)

    assert status == 400 and "max_grace_period" in message
    assert stage.master.cluster.deactivations == {}


def test_the_v0_views_show_a_drain() -> None:
    """Source: mesos.md §2.9, slave: drain_info."""
    stage = Stage()
    agent = stage.agent()
    drain(stage, agent.agent_id)

    slave = json.loads(
        views.agent_shown(stage.master.cluster, *stage.master.cluster.agents.values())
    )

    assert slave["drain_info"] == {"state": "DRAINED", "config": {"mark_gone": False}}
    assert slave["estimated_drain_start_time_seconds"] > 0
    assert (slave["active"], slave["deactivated"]) == (False, True)


def test_an_agent_is_not_drained_while_an_operation_is_under_way() -> None:
    """Source: mesos.md §1.3: DRAINED when no task or operation remains."""
    stage = Stage()
    framework = stage.framework(capabilities=(*CAPABLE, "SHARED_RESOURCES"))
    worker = Worker(stage)
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000)), refuse_s=0)

    drain(stage, worker.actor.agent_id)

    assert shown(stage, worker.actor)["drain_info"]["state"] == "DRAINING"
    worker.work()
    assert shown(stage, worker.actor)["drain_info"]["state"] == "DRAINED"
