"""A task and a status as Mesos shows them, made of what the agent keeps.

Source: Mesos, include/mesos/v1/mesos.proto (Task, TaskStatus); recordings.
"""

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
    limitation = None
    if event.memory_limit_bytes is not None:
        mem = {"value": event.memory_limit_bytes / _MIB}
        limitation = {"resources": [{"name": "mem", "type": "SCALAR", "scalar": mem}]}
    address = {"protocol": "IPv4", "ip_address": ip}
    return TaskStatus(
        task_id=record.task.task_id,
        state=event.state,
        message=event.message,
        source=event.source,
        reason=event.reason,
        agent_id=Id(record.agent_id),
        executor_id=record.task.task_id,
        timestamp=wall_ms / 1000,
        healthy=event.healthy,
        check_status=event.check_status,
        container_status=ContainerStatus(
            container_id={"value": record.container_id},
            network_infos=[{"ip_addresses": [address]}],
        ),
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
