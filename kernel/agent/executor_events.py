"""What an agent says to custom executors, as events. Source: executor.proto of Mesos."""

from collections.abc import Sequence

from kernel.messages.executor import (
    Acknowledged,
    Event,
    EventType,
    Kill,
    Launch,
    LaunchGroup,
    Message,
    Subscribed,
)
from kernel.messages.scheduler import TaskGroupInfo
from kernel.messages.v1 import AgentInfo, ExecutorInfo, FrameworkInfo, Id, KillPolicy, TaskInfo

SHUTDOWN = Event(type=EventType.SHUTDOWN)
HEARTBEAT = Event(type=EventType.HEARTBEAT)


def subscribed(
    executor: ExecutorInfo, framework: FrameworkInfo, agent: AgentInfo, container_id: str
) -> Event:
    payload = Subscribed(
        executor_info=executor,
        framework_info=framework,
        agent_info=agent,
        container_id=Id(container_id),
    )
    return Event(type=EventType.SUBSCRIBED, subscribed=payload)


def launch(task: TaskInfo) -> Event:
    return Event(type=EventType.LAUNCH, launch=Launch(task=task))


def launch_group(tasks: Sequence[TaskInfo]) -> Event:
    group = TaskGroupInfo(tasks=list(tasks))
    return Event(type=EventType.LAUNCH_GROUP, launch_group=LaunchGroup(task_group=group))


def kill(task_id: Id, policy: KillPolicy | None) -> Event:
    return Event(type=EventType.KILL, kill=Kill(task_id=task_id, kill_policy=policy))


def acknowledged(task_id: Id, uuid: bytes) -> Event:
    payload = Acknowledged(task_id=task_id, uuid=uuid)
    return Event(type=EventType.ACKNOWLEDGED, acknowledged=payload)


def message(data: bytes) -> Event:
    return Event(type=EventType.MESSAGE, message=Message(data=data))
