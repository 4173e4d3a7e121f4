"""LAUNCH_GROUP: all tasks or none, and what is wrong with one is wrong with all.

Source: mesos.md §2.7 9-10; recordings, scheduler-launch-group-invalid.
"""

from typing import Any

import pytest

from kernel.messages import agent as agent_messages
from kernel.messages.quantities import from_wire, to_wire
from kernel.messages.scheduler import LaunchGroup, Operation, TaskGroupInfo
from kernel.messages.v1 import CommandInfo, ExecutorInfo, Id, TaskInfo
from kernel.model.resources import parse
from kernel.model.task import TaskState
from tests.kernel.master.stage import AgentActor, SchedulerActor, Stage, launch_of, task


def scene() -> tuple[Stage, SchedulerActor, AgentActor]:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    agent.hear()
    return stage, framework, agent


def executor(framework: SchedulerActor, **more: Any) -> ExecutorInfo:
    fields = {
        "executor_id": Id("d"),
        "type": "DEFAULT",
        "framework_id": Id(framework.framework_id),
        "resources": to_wire(parse("cpus:0.1;mem:32;disk:32")),
        **more,
    }
    return ExecutorInfo(**fields)


def group_of(info: ExecutorInfo, *tasks: TaskInfo) -> Operation:
    launch = LaunchGroup(executor=info, task_group=TaskGroupInfo(tasks=list(tasks)))
    return Operation(type="LAUNCH_GROUP", launch_group=launch)


def test_a_group_reaches_the_agent_as_one_and_holds_what_it_uses() -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()

    framework.accept([offer], group_of(executor(framework), task("a", agent), task("b", agent)))

    [run] = [each for each in agent.hear() if isinstance(each, agent_messages.RunGroup)]
    assert [each.task_id.value for each in run.tasks] == ["a", "b"]
    assert run.starts_executor and run.executor.executor_id == Id("d")
    assert all(each.executor == run.executor for each in run.tasks)
    stage.pass_time(6_000)
    [rest] = framework.offers()
    assert rest.executor_ids == [Id("d")]
    left = from_wire(rest.resources).quantities()
    assert left["cpus"] == 4_000 - 100 - 2 * 1_000 and left["disk"] == 9_968_000


def test_a_second_group_on_a_running_executor_pays_only_for_itself() -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()
    info = executor(framework)
    framework.accept([offer], group_of(info, task("a", agent)))
    stage.pass_time(6_000)
    [offer] = framework.offers()
    agent.hear()

    framework.accept([offer], group_of(info, task("b", agent)))

    [run] = [each for each in agent.hear() if isinstance(each, agent_messages.RunGroup)]
    assert not run.starts_executor


@pytest.mark.parametrize(
    ("executor_changes", "task_changes", "problem"),
    [
        ({"type": None}, {}, "'ExecutorInfo.type' must be set"),
        ({"framework_id": None}, {}, "'ExecutorInfo.framework_id' must be set"),
        (
            {"command": CommandInfo(value="x")},
            {},
            "'ExecutorInfo.command' must not be set for 'DEFAULT' executor",
        ),
        (
            {"resources": to_wire(parse("cpus:0.001;mem:32;disk:1"))},
            {},
            "Executor 'd' uses less CPUs (0.001) than the minimum required (0.01)",
        ),
        (
            {"resources": to_wire(parse("cpus:0.1;disk:1"))},
            {},
            "Executor 'd' uses less memory (None) than the minimum required (32MB)",
        ),
        ({}, {"resources": []}, "Task 'b' is invalid: Task uses no resources"),
        (
            {},
            {"container": {"type": "DOCKER"}},
            "Task 'b' is invalid: Docker ContainerInfo is not supported on the task",
        ),
        (
            {},
            {"executor": ExecutorInfo(executor_id=Id("e"))},
            "Task 'b' is invalid: 'TaskInfo.executor' must not be set",
        ),
    ],
)
def test_one_fault_makes_every_task_an_error(
    executor_changes: dict[str, Any], task_changes: dict[str, Any], problem: str
) -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()
    bad = task("b", agent, **task_changes)

    framework.accept(
        [offer], group_of(executor(framework, **executor_changes), task("a", agent), bad)
    )

    statuses = framework.statuses()
    assert [status.task_id.value for status in statuses] == ["a", "b"]
    assert {status.state for status in statuses} == {TaskState.ERROR}
    assert {status.reason for status in statuses} == {"REASON_TASK_GROUP_INVALID"}
    assert {status.message for status in statuses} == {problem}
    assert not any(isinstance(each, agent_messages.RunGroup) for each in agent.hear())


def test_a_group_that_does_not_fit_is_an_error_as_a_whole() -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()
    tasks = [task("a", agent, "cpus:3;mem:64"), task("b", agent, "cpus:1;mem:64")]

    framework.accept([offer], group_of(executor(framework), *tasks))

    statuses = framework.statuses()
    assert [status.state for status in statuses] == [TaskState.ERROR] * 2
    assert "required by task group and its executor are more than" in (statuses[0].message or "")


@pytest.mark.parametrize(
    ("executor_has", "task_has"),
    [("ports:[3-4]", "ports:[1-3]"), ("cpus:0.1", "ports:[5-9]"), ("zones:{x,y}", "zones:{y}")],
)
def test_no_two_of_a_group_have_the_same_port_or_name(executor_has: str, task_has: str) -> None:
    stage = Stage()
    framework = stage.framework()
    agent = stage.agent("cpus:4;mem:1000;disk:100;ports:[1-10];zones:{x,y,z}")
    [offer] = framework.offers()
    info = executor(framework, resources=to_wire(parse(f"cpus:1;mem:32;disk:1;{executor_has}")))
    tasks = [task("a", agent, f"cpus:1;{task_has}"), task("b", agent, "cpus:1;ports:[7-8]")]

    framework.accept([offer], group_of(info, *tasks), refuse_s=0)

    statuses = framework.statuses()
    assert [status.state for status in statuses] == [TaskState.ERROR] * 2
    assert {status.reason for status in statuses} == {"REASON_TASK_GROUP_INVALID"}
    assert "More than one task or executor of this launch names" in (statuses[0].message or "")


def test_a_running_tasks_id_in_a_group_does_not_make_its_scheduler_believe_it_dead() -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()
    framework.accept([offer], launch_of(task("a", agent)))
    stage.pass_time(6_000)
    [offer] = framework.offers()

    framework.accept([offer], group_of(executor(framework), task("a", agent), task("b", agent)))

    states = {each.task_id.value: each.state for each in framework.statuses()}
    assert states == {"a": TaskState.STAGING, "b": TaskState.ERROR}


def test_a_default_executor_runs_groups_only() -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()

    framework.accept(
        [offer], launch_of(task("a", agent, command=None, executor=executor(framework)))
    )

    [status] = framework.statuses()
    assert status.state is TaskState.ERROR and "use LAUNCH_GROUP" in (status.message or "")
