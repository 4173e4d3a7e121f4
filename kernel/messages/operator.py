"""The conversation of operators and their tools with the master: Mesos's v1 operator API.

A call is an envelope: its `type` names the sub-message that counts, in lower case; they are in
`kernel.messages.operator_calls`. An agent's calls are `kernel.messages.agent_operator`'s, and the
answers are made by `kernel.master.operator_views` and `kernel.runtime.agent.operator_api`. Source:
Mesos, include/mesos/v1/master/master.proto.
"""

from enum import StrEnum
from typing import Any, Protocol

from kernel.messages import operator_calls as calls
from kernel.messages.v1 import (
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
    EXPLAIN = "EXPLAIN"  # ours


class Call(Wire, frozen=True):
    """To the master."""

    type: CallType | None = None
    get_metrics: calls.GetMetrics | None = None
    set_logging_level: calls.SetLoggingLevel | None = None
    list_files: calls.ListFiles | None = None
    read_file: calls.ReadFile | None = None
    update_weights: calls.UpdateWeights | None = None
    reserve_resources: calls.ReserveResources | None = None
    unreserve_resources: calls.UnreserveResources | None = None
    create_volumes: calls.Volumes | None = None
    destroy_volumes: calls.Volumes | None = None
    grow_volume: calls.GrowVolume | None = None
    shrink_volume: calls.ShrinkVolume | None = None
    update_maintenance_schedule: calls.UpdateMaintenanceSchedule | None = None
    start_maintenance: calls.Machines | None = None
    stop_maintenance: calls.Machines | None = None
    drain_agent: calls.DrainAgent | None = None
    deactivate_agent: calls.OfAgent | None = None
    reactivate_agent: calls.OfAgent | None = None
    set_quota: calls.SetQuota | None = None
    remove_quota: calls.RemoveQuota | None = None
    update_quota: calls.UpdateQuota | None = None
    teardown: calls.Teardown | None = None
    mark_agent_gone: calls.OfAgent | None = None
    explain: calls.Explain | None = None


class _AnyCall(Protocol):
    """To a master or an agent."""

    @property
    def type(self) -> StrEnum | None: ...

    @property
    def set_logging_level(self) -> calls.SetLoggingLevel | None: ...

    @property
    def read_file(self) -> calls.ReadFile | None: ...


def call_problem(call: Call) -> str | None:
    """Why the call is no call at all (400), or None."""
    problem = payload_problem(call)
    if problem is not None:
        return problem
    is_resizing = call.type in (CallType.GROW_VOLUME, CallType.SHRINK_VOLUME)
    resizing = call.grow_volume or call.shrink_volume
    if is_resizing and resizing is not None and resizing.agent_id is None:
        return (
            "Expecting 'agent_id' to be present; only agent default resources are supported"
            " right now"
        )
    return None


def payload_problem(call: _AnyCall) -> str | None:
    """What is missing of the type, or of the sub-message that the type names, or wrong in it."""
    if call.type is None:
        return "Expecting 'type' to be present"
    name = call.type.lower()
    if hasattr(call, name) and getattr(call, name) is None:
        return f"Expecting '{name}' to be present"
    logging = call.set_logging_level
    if logging is not None and (logging.level < 0 or logging.duration.nanoseconds < 0):
        return "Expecting 'level' and 'duration' of 'set_logging_level' not to be negative"
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
    get_state: dict[str, Any] | None = None
    heartbeat_interval_seconds: float | None = None


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
