"""The conversation of operators and their tools with an agent: Mesos's v1 agent API, its calls.

As `kernel.messages.operator`, whose messages it shares where the two APIs do. Source: Mesos,
include/mesos/v1/agent/agent.proto.
"""

from enum import StrEnum
from typing import Any

from kernel.messages.operator import payload_problem
from kernel.messages.operator_calls import GetMetrics, ListFiles, ReadFile, SetLoggingLevel
from kernel.messages.v1 import CommandInfo, Id, Resource, ScalarValue, Wire


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


class ContainerId(Wire, frozen=True):
    """A container's name within its parent."""

    value: str
    parent: "ContainerId | None" = None


class GetContainers(Wire, frozen=True):
    """Containers that belong to no framework, and those inside others, are shown on request."""

    show_nested: bool = False
    show_standalone: bool = False


class LaunchContainer(Wire, frozen=True):
    """A container beside all frameworks, or, with a parent, inside another."""

    container_id: ContainerId
    command: CommandInfo | None = None
    resources: list[Resource] = []
    container: dict[str, Any] | None = None
    limits: dict[str, ScalarValue] | None = None


class OfContainer(Wire, frozen=True):
    """Payload of the calls that only name a container."""

    container_id: ContainerId


class KillContainer(Wire, frozen=True):
    container_id: ContainerId
    signal: int | None = None  # unset: SIGKILL


class LaunchNestedContainer(Wire, frozen=True):
    container_id: ContainerId
    command: CommandInfo | None = None
    container: dict[str, Any] | None = None


class AttachContainerInput(Wire, frozen=True):
    type: str | None = None
    container_id: ContainerId | None = None
    process_io: dict[str, Any] | None = None


class ProviderConfig(Wire, frozen=True):
    """Payload of ADD_ and UPDATE_RESOURCE_PROVIDER_CONFIG."""

    info: dict[str, Any]


class RemoveProviderConfig(Wire, frozen=True):
    type: str
    name: str


class MarkProviderGone(Wire, frozen=True):
    resource_provider_id: Id


class PruneImages(Wire, frozen=True):
    excluded_images: list[dict[str, Any]] = []


class AgentCall(Wire, frozen=True):
    """To an agent."""

    type: AgentCallType | None = None
    get_metrics: GetMetrics | None = None
    set_logging_level: SetLoggingLevel | None = None
    list_files: ListFiles | None = None
    read_file: ReadFile | None = None
    get_containers: GetContainers | None = None
    launch_container: LaunchContainer | None = None
    wait_container: OfContainer | None = None
    kill_container: KillContainer | None = None
    remove_container: OfContainer | None = None
    launch_nested_container: LaunchNestedContainer | None = None
    wait_nested_container: OfContainer | None = None
    kill_nested_container: KillContainer | None = None
    remove_nested_container: OfContainer | None = None
    launch_nested_container_session: LaunchNestedContainer | None = None
    attach_container_input: AttachContainerInput | None = None
    attach_container_output: OfContainer | None = None
    add_resource_provider_config: ProviderConfig | None = None
    update_resource_provider_config: ProviderConfig | None = None
    remove_resource_provider_config: RemoveProviderConfig | None = None
    mark_resource_provider_gone: MarkProviderGone | None = None
    prune_images: PruneImages | None = None


#: Calls that also mean something without their sub-message.
_OPTIONAL = ("GET_CONTAINERS", "PRUNE_IMAGES")


def agent_call_problem(call: AgentCall) -> str | None:
    """Why the call is no call at all (400), or None."""
    if call.type is not None and call.type.value in _OPTIONAL:
        return None
    return payload_problem(call)
