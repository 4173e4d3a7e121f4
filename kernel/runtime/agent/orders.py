"""What the machine's launches become: a container with its places, and orders for its one life.

Source: Mesos, src/slave/slave.cpp (Framework::launchExecutor), src/launcher/executor.cpp.
"""

from msgspec.structs import replace

from kernel.agent.agent import Agent
from kernel.agent.talk import RecoverExecutor, RecoverTask
from kernel.executor.talk import GRACE_MS, LaunchOrdered, LifeRecovered, Orders
from kernel.messages.v1 import FrameworkInfo, Id, Resource, TaskInfo
from kernel.model.task import TaskState
from kernel.runtime.agent.container import Container

_EXECUTOR = Orders(kills_at_once=True)


def task_container(
    machine: Agent, work_dir: str, container_id: str, framework: FrameworkInfo, task: TaskInfo
) -> Container:
    place = machine.tasks.live[container_id].place
    return Container(container_id, framework, task, place, work_dir)


def executor_container(
    machine: Agent, work_dir: str, container_id: str, framework: FrameworkInfo
) -> Container:
    record = machine.books.executors.live[container_id].record
    info = replace(record.info, framework_id=Id(record.framework_id))
    return Container(
        container_id,
        framework,
        None,
        record.place,
        work_dir,
        executor=info,
        held=held(machine, container_id),
    )


def held(machine: Agent, container_id: str) -> list[Resource]:
    """What a custom executor may use: its own and what its tasks may."""
    executor = machine.books.executors.live.get(container_id)
    if executor is None:
        return []
    resources = list(executor.record.info.resources)
    for record in machine.custom.unfinished(executor):
        resources += record.task.resources
    return resources


def launch(container_id: str, framework: FrameworkInfo, task: TaskInfo) -> LaunchOrdered:
    return LaunchOrdered(container_id, _orders(framework, task))


def launch_executor(container_id: str) -> LaunchOrdered:
    return LaunchOrdered(container_id, _EXECUTOR)


def recover(effect: RecoverTask) -> LifeRecovered:
    return LifeRecovered(
        effect.container_id,
        _orders(effect.framework, effect.task),
        effect.state,
        effect.healthy,
        effect.killing,
        effect.age_ms,
        effect.check_status,
    )


def recover_executor(effect: RecoverExecutor) -> LifeRecovered:
    state = TaskState.RUNNING if effect.subscribed else TaskState.STAGING
    return LifeRecovered(effect.container_id, _EXECUTOR, state, age_ms=effect.age_ms)


def _orders(framework: FrameworkInfo, task: TaskInfo) -> Orders:
    policy = task.kill_policy
    grace = policy.grace_period if policy is not None else None
    limit = task.max_completion_time
    return Orders(
        grace_ms=GRACE_MS if grace is None else grace.nanoseconds // 1_000_000,
        killing_state=any(each.type == "TASK_KILLING_STATE" for each in framework.capabilities),
        health=task.health_check,
        check=task.check,
        completion_ms_max=None if limit is None else limit.nanoseconds // 1_000_000,
    )
