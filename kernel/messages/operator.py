"""The conversation of operators and their tools with master and agent: Mesos's v1 operator API.

A call is an envelope: its `type` names the sub-message that counts, in lower case. The answers are
made by `kernel.master.operator_views` and `kernel.runtime.agent.operator_views`. Source: Mesos,
include/mesos/v1/master/master.proto, include/mesos/v1/agent/agent.proto.
"""

from enum import StrEnum
from typing import Any

from kernel.messages.v1 import (
    DurationInfo,
    FrameworkInfo,
    Id,
    Task,
    TaskStatus,
    Wire,
)
from kernel.model.task import TaskState


class CallType(StrEnum):
    """All that Mesos's master knows, so that what is not done here is told from nonsense."""

    UNKNOWN = "UNKNOWN"
    GET_HEALTH = "GET_HEALTH"
    GET_FLAGS = "GET_FLAGS"
    GET_VERSION = "GET_VERSION"
    GET_METRICS = "GET_METRICS"
    GET_LOGGING_LEVEL = "GET_LOGGING_LEVEL"
    SET_LOGGING_LEVEL = "SET_LOGGING_LEVEL"
    LIST_FILES = "LIST_FILES"
    READ_FILE = "READ_FILE"
    GET_STATE = "GET_STATE"
    GET_AGENTS = "GET_AGENTS"
    GET_FRAMEWORKS = "GET_FRAMEWORKS"
    GET_EXECUTORS = "GET_EXECUTORS"
    GET_OPERATIONS = "GET_OPERATIONS"
    GET_TASKS = "GET_TASKS"
    GET_ROLES = "GET_ROLES"
    GET_WEIGHTS = "GET_WEIGHTS"
    UPDATE_WEIGHTS = "UPDATE_WEIGHTS"
    GET_MASTER = "GET_MASTER"
    SUBSCRIBE = "SUBSCRIBE"
    RESERVE_RESOURCES = "RESERVE_RESOURCES"
    UNRESERVE_RESOURCES = "UNRESERVE_RESOURCES"
    CREATE_VOLUMES = "CREATE_VOLUMES"
    DESTROY_VOLUMES = "DESTROY_VOLUMES"
    GROW_VOLUME = "GROW_VOLUME"
    SHRINK_VOLUME = "SHRINK_VOLUME"
    GET_MAINTENANCE_STATUS = "GET_MAINTENANCE_STATUS"
    GET_MAINTENANCE_SCHEDULE = "GET_MAINTENANCE_SCHEDULE"
    UPDATE_MAINTENANCE_SCHEDULE = "UPDATE_MAINTENANCE_SCHEDULE"
    START_MAINTENANCE = "START_MAINTENANCE"
    STOP_MAINTENANCE = "STOP_MAINTENANCE"
    DRAIN_AGENT = "DRAIN_AGENT"
    DEACTIVATE_AGENT = "DEACTIVATE_AGENT"
    REACTIVATE_AGENT = "REACTIVATE_AGENT"
    GET_QUOTA = "GET_QUOTA"
    UPDATE_QUOTA = "UPDATE_QUOTA"
    SET_QUOTA = "SET_QUOTA"
    REMOVE_QUOTA = "REMOVE_QUOTA"
    TEARDOWN = "TEARDOWN"
    MARK_AGENT_GONE = "MARK_AGENT_GONE"


class AgentCallType(StrEnum):
    """All that Mesos's agent knows."""

    UNKNOWN = "UNKNOWN"
    GET_HEALTH = "GET_HEALTH"
    GET_FLAGS = "GET_FLAGS"
    GET_VERSION = "GET_VERSION"
    GET_METRICS = "GET_METRICS"
    GET_LOGGING_LEVEL = "GET_LOGGING_LEVEL"
    SET_LOGGING_LEVEL = "SET_LOGGING_LEVEL"
    LIST_FILES = "LIST_FILES"
    READ_FILE = "READ_FILE"
    GET_STATE = "GET_STATE"
    GET_CONTAINERS = "GET_CONTAINERS"
    GET_FRAMEWORKS = "GET_FRAMEWORKS"
    GET_EXECUTORS = "GET_EXECUTORS"
    GET_OPERATIONS = "GET_OPERATIONS"
    GET_TASKS = "GET_TASKS"
    GET_AGENT = "GET_AGENT"
    GET_RESOURCE_PROVIDERS = "GET_RESOURCE_PROVIDERS"
    LAUNCH_CONTAINER = "LAUNCH_CONTAINER"
    WAIT_CONTAINER = "WAIT_CONTAINER"
    KILL_CONTAINER = "KILL_CONTAINER"
    REMOVE_CONTAINER = "REMOVE_CONTAINER"
    LAUNCH_NESTED_CONTAINER = "LAUNCH_NESTED_CONTAINER"
    WAIT_NESTED_CONTAINER = "WAIT_NESTED_CONTAINER"
    KILL_NESTED_CONTAINER = "KILL_NESTED_CONTAINER"
    REMOVE_NESTED_CONTAINER = "REMOVE_NESTED_CONTAINER"
    LAUNCH_NESTED_CONTAINER_SESSION = "LAUNCH_NESTED_CONTAINER_SESSION"
    ATTACH_CONTAINER_INPUT = "ATTACH_CONTAINER_INPUT"
    ATTACH_CONTAINER_OUTPUT = "ATTACH_CONTAINER_OUTPUT"
    ADD_RESOURCE_PROVIDER_CONFIG = "ADD_RESOURCE_PROVIDER_CONFIG"
    UPDATE_RESOURCE_PROVIDER_CONFIG = "UPDATE_RESOURCE_PROVIDER_CONFIG"
    REMOVE_RESOURCE_PROVIDER_CONFIG = "REMOVE_RESOURCE_PROVIDER_CONFIG"
    MARK_RESOURCE_PROVIDER_GONE = "MARK_RESOURCE_PROVIDER_GONE"
    PRUNE_IMAGES = "PRUNE_IMAGES"


class GetMetrics(Wire, frozen=True):
    """`timeout` is for metrics that are slow to come; ours never are."""

    timeout: DurationInfo | None = None


class ListFiles(Wire, frozen=True):
    path: str


class ReadFile(Wire, frozen=True):
    path: str
    offset: int
    length: int | None = None


class Teardown(Wire, frozen=True):
    framework_id: Id


class Call(Wire, frozen=True):
    """To the master."""

    type: CallType | None = None
    get_metrics: GetMetrics | None = None
    list_files: ListFiles | None = None
    read_file: ReadFile | None = None
    teardown: Teardown | None = None


class AgentCall(Wire, frozen=True):
    """To an agent."""

    type: AgentCallType | None = None
    get_metrics: GetMetrics | None = None
    list_files: ListFiles | None = None
    read_file: ReadFile | None = None


#: Calls that mean nothing without their sub-message, of those that are carried out here.
_WITH_PAYLOAD = ("GET_METRICS", "LIST_FILES", "READ_FILE", "TEARDOWN")


def call_problem(call: Call | AgentCall) -> str | None:
    """Why the call is no call at all (400), or None."""
    if call.type is None:
        return "Expecting 'type' to be present"
    name = call.type.lower()
    if call.type.value in _WITH_PAYLOAD and getattr(call, name) is None:
        return f"Expecting '{name}' to be present"
    read = call.read_file
    if read is not None and (read.offset < 0 or (read.length or 0) < 0):
        return "Expecting 'offset' and 'length' of 'read_file' not to be negative"
    return None


class EventType(StrEnum):
    SUBSCRIBED = "SUBSCRIBED"
    HEARTBEAT = "HEARTBEAT"
    TASK_ADDED = "TASK_ADDED"
    TASK_UPDATED = "TASK_UPDATED"
    AGENT_ADDED = "AGENT_ADDED"
    AGENT_REMOVED = "AGENT_REMOVED"
    FRAMEWORK_ADDED = "FRAMEWORK_ADDED"
    FRAMEWORK_UPDATED = "FRAMEWORK_UPDATED"
    FRAMEWORK_REMOVED = "FRAMEWORK_REMOVED"


class Subscribed(Wire, frozen=True):
    get_state: dict[str, Any]
    heartbeat_interval_seconds: float


class TaskAdded(Wire, frozen=True):
    task: Task


class TaskUpdated(Wire, frozen=True):
    framework_id: Id
    status: TaskStatus
    state: TaskState


class AgentAdded(Wire, frozen=True):
    agent: dict[str, Any]


class AgentRemoved(Wire, frozen=True):
    agent_id: Id


class FrameworkNews(Wire, frozen=True):
    """Payload of FRAMEWORK_ADDED and FRAMEWORK_UPDATED."""

    framework: dict[str, Any]


class FrameworkRemoved(Wire, frozen=True):
    framework_info: FrameworkInfo


class Event(Wire, frozen=True):
    """What happens, as an operator's SUBSCRIBE is told."""

    type: EventType
    subscribed: Subscribed | None = None
    task_added: TaskAdded | None = None
    task_updated: TaskUpdated | None = None
    agent_added: AgentAdded | None = None
    agent_removed: AgentRemoved | None = None
    framework_added: FrameworkNews | None = None
    framework_updated: FrameworkNews | None = None
    framework_removed: FrameworkRemoved | None = None


HEARTBEAT = Event(type=EventType.HEARTBEAT)
