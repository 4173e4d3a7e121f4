"""The table of reconciliation answers. Source: mesos.md §2.6; recordings scheduler-reconcile*."""

from kernel.model.task import Source, TaskState
from tests.kernel.master.stage import Stage, running


def test_a_known_task_is_answered_with_its_state() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)

    [status] = framework.reconcile(("t1", None))

    assert status.state is TaskState.RUNNING
    assert status.message == "Reconciliation: Latest task state"
    assert (status.source, status.reason) == (Source.MASTER, "REASON_RECONCILIATION")
    assert status.uuid is None
    assert status.executor_id is None


def test_nothing_named_means_everything_that_lives_or_is_not_acknowledged() -> None:
    """Source: mesos.md §6, C8."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    for task_id in ("t1", "t2", "t3"):
        running(stage, framework, agent, task_id)
        stage.pass_time(20)
    agent.say(agent.update(framework, "t2", TaskState.FINISHED))
    agent.say(agent.update(framework, "t3", TaskState.FAILED))
    _, failed = framework.statuses()
    framework.acknowledge(failed)

    states = {s.task_id.value: s.state for s in framework.reconcile()}

    assert states == {"t1": TaskState.RUNNING, "t2": TaskState.FINISHED}


def test_what_is_unknown_depends_on_its_agent() -> None:
    stage = Stage()
    aware, legacy = stage.framework(), stage.framework("legacy", capabilities=())
    here, lost = stage.agent(), stage.agent(hostname="lost")
    lost.hang_up()
    for _ in range(6):
        stage.pass_time(15_000)
        here.say()
    questions = [("x", here.agent_id), ("x", lost.agent_id), ("x", "nobody"), ("x", None)]

    states = [s.state for s in aware.reconcile(*questions)]

    assert states == [
        TaskState.GONE,
        TaskState.UNREACHABLE,
        TaskState.UNKNOWN,
        TaskState.UNKNOWN,
    ]
    assert [s.state for s in legacy.reconcile(*questions)] == [TaskState.LOST] * 4


def test_an_unreachable_task_is_found_without_naming_its_agent() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    stage.pass_time(90_000)

    [status] = framework.reconcile(("t1", None))

    assert status.state is TaskState.UNREACHABLE
    assert status.message == "Reconciliation: Task is unreachable"
    assert status.unreachable_time is not None


def test_nobody_can_say_while_agents_are_expected_back() -> None:
    """Source: mesos.md §6, C7, recovered agents."""
    stage = Stage()
    agent = stage.agent()
    stage.restart()
    framework = stage.framework()

    assert framework.reconcile(("t1", agent.agent_id), ("t2", None)) == []
    [status] = framework.reconcile(("t3", "nobody"))
    assert status.state is TaskState.UNKNOWN


def test_a_task_that_is_being_launched_is_staging() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    stage.restart()
    info = framework.info
    agent.subscribe([agent.task(framework, "t2", TaskState.STAGING)], [info])
    framework.subscribe()

    assert [s.state for s in framework.reconcile()] == [TaskState.STAGING]
