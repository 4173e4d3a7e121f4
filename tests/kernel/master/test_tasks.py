"""Updates, acknowledgements, kills and messages between schedulers and agents."""

from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import Id
from kernel.model.ids import AgentId
from kernel.model.task import TaskState
from tests.kernel.master.stage import Stage, running, task


def test_an_update_and_its_acknowledgement_pass_through() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    [offer] = framework.offers()
    framework.launch(offer, task("t1", agent))
    agent.hear()
    update = agent.update(framework, "t1", TaskState.RUNNING)

    assert agent.say(update).status == 202
    assert framework.statuses() == [update.status]
    framework.acknowledge(update.status)

    [passed] = agent.hear()
    assert passed == agent_messages.AcknowledgeUpdate(
        framework_id=Id(framework.framework_id),
        task_id=Id("t1"),
        uuid=update.status.uuid or b"",
    )


def test_a_legacy_framework_hears_lost() -> None:
    stage = Stage()
    framework, agent = stage.framework(capabilities=()), stage.agent()
    [offer] = framework.offers()
    framework.launch(offer, task("t1", agent))

    agent.say(agent.update(framework, "t1", TaskState.DROPPED))

    assert [s.state for s in framework.statuses()] == [TaskState.LOST]


def test_an_end_frees_the_resources_before_it_is_acknowledged() -> None:
    """Source: mesos.md §6, C3."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    framework.decline(*framework.offers(), refuse_s=1_000)

    agent.say(agent.update(framework, "t1", TaskState.FINISHED))

    [offer] = framework.offers()
    assert from_wire(offer.resources).scalar("cpus") == 4_000
    assert "t1" in stage.master.cluster.frameworks[framework.framework_id].tasks


def test_an_end_that_is_ahead_of_its_update_frees_too() -> None:
    """Source: mesos.md §1.4, status updates: the newest state comes along."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    [offer] = framework.offers()
    framework.launch(offer, task("t1", agent, "cpus:4;mem:4096"), refuse_s=0)

    agent.say(agent.update(framework, "t1", TaskState.STARTING, latest_state=TaskState.FINISHED))

    assert len(framework.offers()) == 1
    assert [s.state for s in framework.reconcile()] == [TaskState.STARTING]


def test_the_acknowledgement_of_the_end_moves_the_task_into_history() -> None:
    stage = Stage(completed_tasks_max=1)
    framework, agent = stage.framework(), stage.agent()
    for task_id in ("t1", "t2"):
        running(stage, framework, agent, task_id)
        agent.say(agent.update(framework, task_id, TaskState.FINISHED))
        [status] = framework.statuses()
        framework.acknowledge(status)
        stage.pass_time(20)

    known = stage.master.cluster.frameworks[framework.framework_id]

    assert known.tasks == {}
    assert [record.key[1] for record in known.completed] == ["t2"]


def test_an_update_of_a_forgotten_task_is_passed_on_all_the_same() -> None:
    """The agent lost the acknowledgement, so it says it again, and must be answered."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    update = agent.update(framework, "t1", TaskState.FINISHED)
    agent.say(update)
    framework.acknowledge(framework.statuses()[0])
    agent.hear()

    agent.say(update)

    [again] = framework.statuses()
    framework.acknowledge(again)
    assert [type(e) for e in agent.hear()] == [agent_messages.AcknowledgeUpdate]


def test_an_acknowledgement_while_the_agent_is_away_leaves_the_update_open() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    agent.say(agent.update(framework, "t1", TaskState.FINISHED))
    [status] = framework.statuses()
    agent.hang_up()

    framework.acknowledge(status)

    assert [s.state for s in framework.reconcile()] == [TaskState.FINISHED]


def test_a_kill_goes_to_the_agent() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)

    assert framework.kill("t1", agent.agent_id).status == 202

    assert agent.hear() == [
        agent_messages.KillTask(framework_id=Id(framework.framework_id), task_id=Id("t1"))
    ]


def test_a_kill_that_names_the_wrong_agent_is_ignored() -> None:
    """Source: mesos.md §2.5, KILL."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)

    framework.kill("t1", "another")

    assert agent.hear() == []


def test_a_kill_while_the_agent_is_away_is_delivered_on_its_return() -> None:
    """Source: mesos-observed.md §2, agent restart."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    agent.hang_up()
    framework.kill("t1")

    agent.subscribe(
        [agent.task(framework, "t1", TaskState.RUNNING)],
        [stage.master.cluster.frameworks[framework.framework_id].info],
    )

    assert [type(e) for e in agent.hear()] == [
        agent_messages.Subscribed,
        agent_messages.KillTask,
    ]


def test_a_kill_of_an_unknown_task_is_answered() -> None:
    """Source: recordings scheduler-kill-unknown, scheduler-kill-unknown-legacy."""
    stage = Stage()
    aware, legacy = stage.framework(), stage.framework("legacy", capabilities=())
    agent = stage.agent()
    seen = []
    for framework in (aware, legacy):
        for where in (None, agent.agent_id, "no-such-agent"):
            framework.hear()
            framework.kill("no-such-task", where)
            [status] = framework.statuses()
            seen.append((status.state, status.message))

    texts = [
        "Reconciliation: Task is unknown",
        "Reconciliation: Task is unknown to the agent",
        "Reconciliation: Task is unknown",
    ]
    aware_states = [TaskState.UNKNOWN, TaskState.GONE, TaskState.UNKNOWN]
    assert seen == [*zip(aware_states, texts, strict=True)] + [(TaskState.LOST, t) for t in texts]


def test_messages_pass_both_ways() -> None:
    """Source: mesos.md §6, C10."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    framework.hear()
    agent.hear()
    message = scheduler.Message(agent_id=Id(agent.agent_id), executor_id=Id("e"), data=b"\x00there")

    framework.call("MESSAGE", message=message)
    agent.say(
        agent_messages.ExecutorMessage(
            framework_id=Id(framework.framework_id), executor_id=Id("e"), data=b"back\xff"
        )
    )

    [there] = agent.hear()
    assert there.data == b"\x00there"
    assert [e.message.data for e in framework.hear() if e.message is not None] == [b"back\xff"]


def test_a_shutdown_goes_to_the_agent() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    agent.hear()

    shutdown = scheduler.Shutdown(executor_id=Id("e"), agent_id=Id(agent.agent_id))
    framework.call("SHUTDOWN", shutdown=shutdown)

    assert [type(e) for e in agent.hear()] == [agent_messages.ShutdownExecutor]


def test_the_end_of_a_task_without_framework_is_heard_without_uuid() -> None:
    """Agents say it once, since nobody is there to acknowledge it."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    framework.call("TEARDOWN")

    agent.say(agent.update(framework, "t1", TaskState.KILLED, uuid=None))

    assert stage.master.cluster.agents[AgentId(agent.agent_id)].tasks == {}
