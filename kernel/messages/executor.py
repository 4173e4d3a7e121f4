"""The conversation executor <-> agent: Mesos's v1 executor API, calls and events.

A call is an envelope: its `type` names the sub-message that counts, in lower case.
Source: Mesos, include/mesos/v1/executor/executor.proto, src/slave/validation.cpp; recordings.
"""

from enum import StrEnum

from kernel.messages.scheduler import TaskGroupInfo
from kernel.messages.v1 import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    Id,
    KillPolicy,
    TaskInfo,
    TaskStatus,
    Wire,
)
from kernel.model.task import Source, TaskState

UUID_BYTES = 16


class CallType(StrEnum):
    UNKNOWN = "UNKNOWN"
    SUBSCRIBE = "SUBSCRIBE"
    UPDATE = "UPDATE"
    MESSAGE = "MESSAGE"
    HEARTBEAT = "HEARTBEAT"


class Update(Wire, frozen=True):
    status: TaskStatus


class Subscribe(Wire, frozen=True):
    """What the executor has taken on, and said, and not heard of since."""

    unacknowledged_tasks: list[TaskInfo] = []
    unacknowledged_updates: list[Update] = []


class Message(Wire, frozen=True):
    """Bytes from or to the framework's scheduler; best effort."""

    data: bytes


class Call(Wire, frozen=True):
    executor_id: Id
    framework_id: Id
    type: CallType | None = None
    subscribe: Subscribe | None = None
    update: Update | None = None
    message: Message | None = None


class EventType(StrEnum):
    UNKNOWN = "UNKNOWN"
    SUBSCRIBED = "SUBSCRIBED"
    LAUNCH = "LAUNCH"
    LAUNCH_GROUP = "LAUNCH_GROUP"
    KILL = "KILL"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    MESSAGE = "MESSAGE"
    SHUTDOWN = "SHUTDOWN"
    ERROR = "ERROR"
    HEARTBEAT = "HEARTBEAT"


class Subscribed(Wire, frozen=True):
    executor_info: ExecutorInfo
    framework_info: FrameworkInfo
    agent_info: AgentInfo
    container_id: Id | None = None


class Launch(Wire, frozen=True):
    task: TaskInfo


class LaunchGroup(Wire, frozen=True):
    task_group: TaskGroupInfo


class Kill(Wire, frozen=True):
    task_id: Id
    kill_policy: KillPolicy | None = None


class Acknowledged(Wire, frozen=True):
    """The agent has stored the update; whether the scheduler has heard it, is another matter."""

    task_id: Id
    uuid: bytes


class Error(Wire, frozen=True):
    message: str


class Event(Wire, frozen=True):
    type: EventType
    subscribed: Subscribed | None = None
    launch: Launch | None = None
    launch_group: LaunchGroup | None = None
    kill: Kill | None = None
    acknowledged: Acknowledged | None = None
    message: Message | None = None
    error: Error | None = None


def call_problem(call: Call) -> str | None:
    """What is wrong with a call's form, in Mesos's words, or None."""
    if call.type is None:
        return "Expecting 'type' to be present"
    name = call.type.lower()
    if name in ("subscribe", "update", "message") and getattr(call, name) is None:
        return f"Expecting '{name}' to be present"
    if call.type is CallType.UPDATE and call.update is not None:
        return _status_problem(call, call.update.status)
    if call.type is CallType.SUBSCRIBE and call.subscribe is not None:
        for update in call.subscribe.unacknowledged_updates:
            if problem := _status_problem(call, update.status):
                return problem
    return None


def _status_problem(call: Call, status: TaskStatus) -> str | None:
    executor_id, framework_id = call.executor_id.value, call.framework_id.value
    if status.uuid is None:
        return "Expecting 'uuid' to be present"
    if len(status.uuid) != UUID_BYTES:
        return "Not a valid UUID"
    if status.executor_id is not None and status.executor_id.value != executor_id:
        return (
            f"ExecutorID in Call: {executor_id} does not match ExecutorID in TaskStatus:"
            f" {status.executor_id.value}"
        )
    if status.source is not Source.EXECUTOR:
        return (
            f"Received Call from executor {executor_id} of framework {framework_id} with invalid"
            " source, expecting 'SOURCE_EXECUTOR'"
        )
    if status.state is TaskState.STAGING:
        return (
            f"Received TASK_STAGING from executor {executor_id} of framework {framework_id} which"
            " is not allowed"
        )
    return None
