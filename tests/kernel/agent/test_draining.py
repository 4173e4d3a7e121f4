"""A drain on the agent. Source: mesos.md §1.3, §6 D9; mesos-observed.md §1 row 22."""

from kernel.agent.talk import EndAgent, KillContainer
from kernel.messages.agent import DrainAgent, ReactivateAgent, RunTask, ShutdownAgent
from kernel.messages.executor import EventType
from kernel.messages.v1 import DurationInfo, KillPolicy
from kernel.model.task import TaskState
from tests.kernel.agent.test_custom_executors import Stage, told
from tests.kernel.agent.world import FRAMEWORK, World, command, ready, sent, states

PATIENT = KillPolicy(grace_period=DurationInfo(60_000_000_000))


def drained_of(world: World, max_grace_ms: int | None = None) -> list[KillContainer]:
    effects = world.hears(DrainAgent(max_grace_ms=max_grace_ms))
    return [each for each in effects if isinstance(each, KillContainer)]


def test_every_task_is_killed_with_the_lesser_of_its_grace_and_the_drains() -> None:
    world = ready()
    hasty = world.runs("hasty")
    world.hears(RunTask(framework=FRAMEWORK, task=command("patient", kill_policy=PATIENT)))
    record = world.agent.tasks.find("F", "patient")
    assert record is not None

    kills = drained_of(world, max_grace_ms=5_000)

    assert kills == [KillContainer(hasty, 3_000), KillContainer(record.container_id, 5_000)]


def test_what_the_drain_kills_says_so() -> None:
    world = ready()
    container = world.runs()
    world.acknowledges(sent(world.reports(container, TaskState.RUNNING))[0])
    drained_of(world)

    killing = sent(world.reports(container, TaskState.KILLING))[0]
    world.reports(container, TaskState.KILLED)
    killed = sent(world.acknowledges(killing))[0]

    assert [each.reason for each in (killing, killed)] == ["REASON_AGENT_DRAINING"] * 2


def test_what_ends_by_itself_meanwhile_keeps_its_reason() -> None:
    world = ready()
    container = world.runs()
    drained_of(world)

    assert sent(world.reports(container, TaskState.FINISHED))[0].reason is None


def test_a_launch_meanwhile_is_dropped_and_one_after_it_runs() -> None:
    world = ready()
    drained_of(world)

    dropped = sent(world.hears(RunTask(framework=FRAMEWORK, task=command("late"))))
    assert [(each.state, each.reason) for each in dropped] == [
        (TaskState.DROPPED, "REASON_AGENT_DRAINING")
    ]

    world.hears(ReactivateAgent())
    assert world.runs("later")


def test_a_restart_forgets_no_drain() -> None:
    world = ready()
    container = world.runs()
    drained_of(world, max_grace_ms=1_000)

    effects = world.crash()
    world.subscribed()

    assert KillContainer(container, 1_000) in effects
    assert world.agent.subscribe_call().is_draining
    assert states(world.hears(RunTask(framework=FRAMEWORK, task=command("late")))) == [
        TaskState.DROPPED
    ]
    world.hears(ReactivateAgent())
    world.crash()
    assert not world.agent.subscribe_call().is_draining


def test_an_agent_that_is_gone_ends_and_comes_back_as_another_one() -> None:
    world = ready()
    container = world.runs()
    world.hears(DrainAgent(mark_gone=True))
    last = sent(world.reports(container, TaskState.KILLED))[0]
    world.acknowledges(last)

    effects = world.hears(ShutdownAgent(message="marked gone"))

    assert [each for each in effects if isinstance(each, EndAgent)]
    world.crash()
    call = world.agent.subscribe_call()
    assert call.agent_info.id is None
    assert not call.is_draining


def test_an_executor_goes_with_its_last_task_and_at_once_if_it_has_none() -> None:
    """Else an agent with an idle executor would never be empty."""
    busy = Stage("t")
    assert told(busy.world.hears(DrainAgent())) == [EventType.KILL]
    assert told(busy.says("t", TaskState.KILLED, b"1"))[-1] is EventType.SHUTDOWN

    idle = Stage("t")
    idle.says("t", TaskState.FINISHED, b"1")
    assert told(idle.world.hears(DrainAgent())) == [EventType.SHUTDOWN]
    assert told(idle.world.hears(DrainAgent(max_grace_ms=1))) == []
