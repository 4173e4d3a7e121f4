"""A task and a status as Mesos shows them, made of what the agent keeps.

Source: Mesos, include/mesos/v1/mesos.proto (Task, TaskStatus); recordings.
"""

from typing import Any

from msgspec.structs import replace

from kernel.agent.executors import Fate
from kernel.agent.talk import StatusReported
from kernel.agent.tasks import TaskRecord
from kernel.messages.v1 import AgentInfo, ContainerStatus, Id, Task, TaskStatus
from kernel.model.task import Source, TaskState

_MIB = 1024 * 1024


def task_view(record: TaskRecord, statuses: list[TaskStatus]) -> Task:
    info = record.task
    return Task(
        name=info.name,
        task_id=info.task_id,
        framework_id=Id(record.framework_id),
        agent_id=Id(record.agent_id),
        state=statuses[-1].state if statuses else TaskState.STAGING,
        executor_id=info.executor.executor_id if info.executor is not None else None,
        resources=info.resources,
        statuses=statuses,
        labels=info.labels,
        discovery=info.discovery,
        container=info.container,
        health_check=info.health_check,
        kill_policy=info.kill_policy,
        user=info.command.user if info.command is not None else None,
        limits=info.limits,
    )


def status_of(record: TaskRecord, event: StatusReported, ip: str, wall_ms: int) -> TaskStatus:
    """What a container reported, as the framework is told; the uuid comes with the stream."""
    return TaskStatus(
        task_id=record.task.task_id,
        state=event.state,
        message=event.message,
        source=event.source,
        reason=event.reason,
        agent_id=Id(record.agent_id),
        executor_id=Id(record.executor_id),
        timestamp=wall_ms / 1000,
        healthy=event.healthy,
        check_status=event.check_status,
        container_status=container_status(record, ip, event.pid, event.state),
        limitation=limitation_of(event),
    )


def limitation_of(event: StatusReported) -> dict[str, Any] | None:
    """Which limit ended a container."""
    if event.memory_limit_bytes is None:
        return None
    mem = {"value": event.memory_limit_bytes / _MIB}
    return {"resources": [{"name": "mem", "type": "SCALAR", "scalar": mem}]}


def container_status(
    record: TaskRecord, ip: str, pid: int | None, state: TaskState
) -> ContainerStatus:
    """Of the container that a task runs in, which may be that of its executor. One inside that is
    described only while it runs, as Mesos has it."""
    container: dict[str, Any] = {"value": record.executor or record.container_id}
    if record.is_nested:
        container = {"value": record.container_id, "parent": {"value": record.executor}}
        if state not in (TaskState.RUNNING, TaskState.KILLING):
            return ContainerStatus(container_id=container)
    address = {"protocol": "IPv4", "ip_address": ip}
    return ContainerStatus(
        container_id=container,
        network_infos=[{"ip_addresses": [address]}],
        executor_pid=pid,
    )


def completed_status(
    said: TaskStatus, executor_id: str, agent_id: str, there: ContainerStatus | None, wall_ms: int
) -> TaskStatus:
    """What a custom executor said of a task, with what the agent knows beside it."""
    own = said.container_status
    if own is not None and there is not None:
        there = ContainerStatus(
            container_id=own.container_id or there.container_id,
            network_infos=own.network_infos or there.network_infos,
            cgroup_info=own.cgroup_info or there.cgroup_info,
            executor_pid=own.executor_pid or there.executor_pid,
        )
    return replace(
        said,
        agent_id=Id(agent_id),
        executor_id=Id(executor_id),
        timestamp=said.timestamp if said.timestamp is not None else wall_ms / 1000,
        container_status=there or own,
    )


def ended_status(
    record: TaskRecord, fate: Fate, limitation: dict[str, Any] | None, wall_ms: int
) -> TaskStatus:
    """Of a task that the end of its executor takes along."""
    return TaskStatus(
        task_id=record.task.task_id,
        state=fate.state,
        message=fate.message,
        source=Source.AGENT,
        reason=fate.reason,
        agent_id=Id(record.agent_id),
        executor_id=Id(record.executor_id),
        timestamp=wall_ms / 1000,
        limitation=limitation,
    )


def dropped(task_id: Id, agent_id: str, message: str, reason: str, wall_ms: int) -> TaskStatus:
    """Of a task that has no container here and will get none."""
    return TaskStatus(
        task_id=task_id,
        state=TaskState.DROPPED,
        message=message,
        source=Source.AGENT,
        reason=reason,
        agent_id=Id(agent_id),
        timestamp=wall_ms / 1000,
    )


def with_id(info: AgentInfo, agent_id: str | None) -> AgentInfo:
    if agent_id is None:
        return info
    fields = {name: getattr(info, name) for name in info.__struct_fields__}
    return AgentInfo(**{**fields, "id": Id(agent_id)})
