"""What becomes of agents that go, and of what ran on them."""

from kernel.messages import agent as agent_messages
from kernel.messages.scheduler import EventType
from kernel.messages.v1 import Id
from kernel.model.task import TaskState
from tests.kernel.master.stage import Stage, running

UNTIL_UNREACHABLE_MS = 90_000  # to the next ping, then five of 15 s that go unanswered


def test_a_silent_agent_is_unreachable_after_five_missed_pings() -> None:
    """Source: Mesos, --max_agent_ping_timeouts; recording scheduler-agent-unreachable-aware."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    assert len(framework.offers()) == 1
    framework.hear()

    stage.pass_time(UNTIL_UNREACHABLE_MS)

    assert [type(e) for e in agent.hear()] == [agent_messages.Ping] * 5
    update, rescind, failure = framework.hear()
    assert update.update is not None
    status = update.update.status
    assert (status.state, status.reason) == (TaskState.UNREACHABLE, "REASON_AGENT_REMOVED")
    assert status.unreachable_time is not None and status.uuid is None
    assert rescind.type is EventType.RESCIND
    assert failure.failure is not None
    assert failure.failure.agent_id == Id(agent.agent_id)
    assert failure.failure.executor_id is None
    assert agent.stream_id in stage.closed


def test_a_disconnected_agent_is_given_up_all_the_same() -> None:
    stage = Stage()
    agent = stage.agent()
    agent.hang_up()

    stage.pass_time(UNTIL_UNREACHABLE_MS)

    assert list(stage.master.cluster.unreachable) == [agent.agent_id]


def test_an_agent_that_ends_for_good_takes_its_tasks_along() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)

    assert agent.say(agent_messages.Unregister()).status == 202

    [status] = framework.statuses()
    assert (status.state, status.reason) == (TaskState.GONE, "REASON_AGENT_REMOVED")
    assert stage.records["agents"] == {}
    assert stage.master.cluster.agents == {}
    [unknown] = framework.reconcile(("t1", agent.agent_id))
    assert unknown.state is TaskState.UNKNOWN


def test_the_tasks_of_a_disconnected_agent_are_left_in_peace() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)

    agent.hang_up()

    assert framework.statuses() == []
    [status] = framework.reconcile(("t1", None))
    assert status.state is TaskState.RUNNING


def test_tasks_without_checkpoints_are_lost_when_their_agents_connection_breaks() -> None:
    """Source: mesos-observed.md row 13; recording scheduler-agent-gone-no-checkpoint."""
    stage = Stage()
    framework, agent = stage.framework(checkpoint=False), stage.agent()
    running(stage, framework, agent)
    framework.hear()

    agent.hang_up()

    [update, *_] = framework.hear()
    assert update.update is not None
    status = update.update.status
    assert (status.state, status.reason) == (TaskState.LOST, "REASON_AGENT_DISCONNECTED")
    assert (status.message, status.uuid) == ("Agent host disconnected", None)
    assert framework.reconcile() == []


def test_a_task_that_was_declared_lost_is_killed_when_its_agent_is_back() -> None:
    stage = Stage()
    framework, agent = stage.framework(checkpoint=False), stage.agent()
    running(stage, framework, agent)
    agent.hang_up()

    agent.subscribe(
        [agent.task(framework, "t1", TaskState.RUNNING)],
        [stage.master.cluster.frameworks[framework.framework_id].info],  # type: ignore[index]
    )

    [kill] = [e for e in agent.hear() if isinstance(e, agent_messages.KillTask)]
    assert kill.task_id == Id("t1")
    agent.say(agent.update(framework, "t1", TaskState.KILLED))
    framework.acknowledge(framework.statuses()[-1])
    known = stage.master.cluster.frameworks[framework.framework_id]  # type: ignore[index]
    assert [r.state for r in known.completed] == [TaskState.KILLED]
