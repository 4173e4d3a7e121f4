"""The default executor as the agent's machine plays it.

Source: mesos.md §1.4, §1.2 (paths); mesos-observed.md §2; recordings, scheduler-launch-group*.
"""

from typing import Any

from kernel.agent.talk import Effect, KillContainer, LaunchTask, RecoverTask, SendCall
from kernel.machine import Persist
from kernel.messages.agent import ExecutorEnded, KillTask, RunGroup, ShutdownExecutor
from kernel.messages.v1 import DurationInfo, ExecutorInfo, Id, KillPolicy
from kernel.model.task import TaskState
from tests.kernel.agent.world import FRAMEWORK, World, command, ready, sent, states

INFO = ExecutorInfo(executor_id=Id("d"), framework_id=Id("F"), type="DEFAULT")


def runs(world: World, *task_ids: str, **more: Any) -> list[str]:
    """Launch a group; the containers of its tasks."""
    tasks = [command(task_id, executor=INFO) for task_id in task_ids]
    world.hears(RunGroup(framework=FRAMEWORK, executor=INFO, tasks=tasks, **more))
    found = [world.agent.tasks.find("F", task_id) for task_id in task_ids]
    return [record.container_id for record in found if record is not None]


def ends(effects: list[Effect]) -> list[int | None]:
    calls = [each.call for each in effects if isinstance(each, SendCall)]
    return [call.status for call in calls if isinstance(call, ExecutorEnded)]


def kills(effects: list[Effect]) -> list[str]:
    return [each.container_id for each in effects if isinstance(each, KillContainer)]


def test_each_task_has_a_container_of_its_own_inside_the_executors() -> None:
    world = ready()

    first, second = runs(world, "a", "b")

    assert [type(effect) for effect in world.effects] == [Persist, LaunchTask, LaunchTask]
    (executor,) = world.agent.books.executors.live
    record = world.agent.tasks.live[first]
    runs_directory = "/work/slaves/S0/frameworks/F/executors/d/runs"
    assert record.place.sandbox("/work") == f"{runs_directory}/{executor}/containers/{first}"
    assert len({executor, first, second}) == 3
    (starting,) = sent(world.reports(first, TaskState.RUNNING, pid=5))
    assert starting.executor_id == Id("d") and starting.container_status is not None
    assert starting.container_status.container_id == {
        "value": first,
        "parent": {"value": executor},
    }


def test_a_group_starts_all_or_nothing() -> None:
    world = ready()
    tasks = [command("a", executor=INFO), command("b", executor=INFO, container={"docker": {}})]

    effects = world.hears(RunGroup(framework=FRAMEWORK, executor=INFO, tasks=tasks))

    assert not any(isinstance(effect, LaunchTask) for effect in effects)
    assert states(effects) == [TaskState.FAILED, TaskState.FAILED]
    assert ends(effects) == [-1]


def test_one_that_fails_takes_its_group_along_and_only_that() -> None:
    world = ready()
    a, b = runs(world, "a", "b")
    (other,) = runs(world, "c")

    effects = world.reports(a, TaskState.FAILED)

    assert kills(effects) == [b]
    assert ends(effects) == []
    assert world.agent.tasks.live[other].killing is False


def test_one_that_finishes_leaves_the_others_and_with_the_last_the_executor_ends() -> None:
    world = ready()
    a, b = runs(world, "a", "b")

    first = world.reports(a, TaskState.FINISHED)
    last = world.reports(b, TaskState.FAILED)

    assert kills(first) == [] and ends(first) == []
    assert ends(last) == [0]
    assert [type(each.call).__name__ for each in last if isinstance(each, SendCall)] == [
        "Update",
        "ExecutorEnded",
    ]


def test_a_kill_of_one_kills_it_by_its_policy_and_then_the_others() -> None:
    world = ready()
    a, b = runs(world, "a", "b")
    policy = KillPolicy(grace_period=DurationInfo(700_000_000))

    asked = world.hears(KillTask(framework_id=Id("F"), task_id=Id("a"), kill_policy=policy))
    died = world.reports(a, TaskState.KILLED)

    assert asked == [KillContainer(a, 700)]
    assert kills(died) == [b]


def test_a_shutdown_of_the_executor_kills_all_its_groups() -> None:
    world = ready()
    containers = [*runs(world, "a", "b"), *runs(world, "c")]

    effects = world.hears(ShutdownExecutor(framework_id=Id("F"), executor_id=Id("d")))

    assert kills(effects) == containers
    for container in containers:
        effects = world.reports(container, TaskState.KILLED)
    assert ends(effects) == [0]


def test_nothing_starts_on_an_executor_that_nobody_holds_resources_for() -> None:
    world = ready()

    assert runs(world, "a", starts_executor=False) == []
    assert runs(world, "a") != []
    assert runs(world, "b", starts_executor=False) != []


def test_a_group_is_still_one_after_a_restart() -> None:
    world = ready()
    a, b = runs(world, "a", "b")

    recovered = world.crash()
    world.subscribed()
    effects = world.reports(a, TaskState.FAILED)

    assert [type(effect) for effect in recovered] == [RecoverTask, RecoverTask]
    assert kills(effects) == [b]


def test_after_a_reboot_neither_tasks_nor_executor_are_left() -> None:
    world = ready()
    runs(world, "a", "b")

    world.crash(boot_id="boot-2")

    assert world.agent.books.executors.live == {}
    assert all(world.agent.books.state_of(r).is_terminal for r in world.agent.tasks.live.values())


def test_a_group_told_twice_is_one_launch() -> None:
    world = ready()
    runs(world, "a", "b")
    tasks = [command(task_id, executor=INFO) for task_id in ("a", "b")]

    again = world.hears(RunGroup(framework=FRAMEWORK, executor=INFO, tasks=tasks))

    assert again == []
