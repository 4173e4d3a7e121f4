"""The nouns that Mesos's v1 conversations share, with their wire names and defaults.

Unset fields are left out; a default that Mesos prints even when unset is made by `printed`.
Source: Mesos, include/mesos/v1/mesos.proto; recordings of a real master take precedence.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from kernel.model.task import Source, TaskState

T = TypeVar("T")


def printed(value: T) -> Any:
    """A default that is written out even when nobody set it (Mesos does so for explicit ones)."""
    factory: Callable[[], T] = lambda: value  # noqa: E731 - msgspec compares plain defaults only
    return msgspec.field(default_factory=factory)


class Wire(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Base of every message: immutable, unknown keys ignored, unset keys left out."""


class Id(Struct, frozen=True):
    """Any id: FrameworkID, AgentID, TaskID, OfferID, ExecutorID, ContainerID, OperationID."""

    value: str


class ScalarValue(Struct, frozen=True):
    value: float


class Range(Struct, frozen=True):
    """Both ends included."""

    begin: int
    end: int


class RangesValue(Wire, frozen=True):
    range: list[Range] = []


class SetValue(Wire, frozen=True):
    item: list[str] = []


class TextValue(Struct, frozen=True):
    value: str


class Label(Wire, frozen=True):
    key: str
    value: str | None = None


class Labels(Wire, frozen=True):
    labels: list[Label] = []


class AllocationInfo(Wire, frozen=True):
    role: str | None = None


class ReservationInfo(Wire, frozen=True):
    type: str | None = None
    role: str | None = None
    principal: str | None = None
    labels: Labels | None = None


class Persistence(Wire, frozen=True):
    """Makes a disk resource a persistent volume; ids are unique per role on each agent."""

    id: str
    principal: str | None = None


class Volume(Wire, frozen=True):
    """How something is mounted; the sources but `host_path` are for later isolators to read."""

    mode: str  # RW or RO
    container_path: str
    host_path: str | None = None
    image: dict[str, Any] | None = None
    source: dict[str, Any] | None = None


class DiskPlace(Wire, frozen=True):
    """Where a disk of its own is mounted."""

    root: str | None = None


class DiskSource(Wire, frozen=True):
    type: str  # PATH, MOUNT, BLOCK or RAW
    path: DiskPlace | None = None
    mount: DiskPlace | None = None
    vendor: str | None = None
    id: str | None = None
    metadata: Labels | None = None
    profile: str | None = None


class DiskInfo(Wire, frozen=True):
    persistence: Persistence | None = None
    volume: Volume | None = None
    source: DiskSource | None = None


class Resource(Wire, frozen=True):
    """An amount of one thing; `type` is SCALAR, RANGES or SET."""

    name: str
    type: str
    scalar: ScalarValue | None = None
    ranges: RangesValue | None = None
    set: SetValue | None = None
    role: str | None = None
    reservation: ReservationInfo | None = None
    reservations: list[ReservationInfo] = []
    allocation_info: AllocationInfo | None = None
    disk: DiskInfo | None = None
    revocable: dict[str, Any] | None = None
    shared: dict[str, Any] | None = None
    provider_id: Id | None = None


class Attribute(Wire, frozen=True):
    """A label of an agent; `type` is SCALAR, RANGES, SET or TEXT."""

    name: str
    type: str
    scalar: ScalarValue | None = None
    ranges: RangesValue | None = None
    set: SetValue | None = None
    text: TextValue | None = None


class Capability(Wire, frozen=True):
    type: str | None = None


class FrameworkInfo(Wire, frozen=True):
    user: str
    name: str
    id: Id | None = None
    failover_timeout: float = printed(0.0)  # seconds
    checkpoint: bool = printed(False)
    role: str | None = None  # deprecated; unset means "*" without MULTI_ROLE
    roles: list[str] = []
    hostname: str | None = None
    principal: str | None = None
    webui_url: str | None = None
    capabilities: list[Capability] = []
    labels: Labels | None = None
    offer_filters: dict[str, Any] | None = None


class Address(Wire, frozen=True):
    port: int
    hostname: str | None = None
    ip: str | None = None


class Url(Wire, frozen=True):
    scheme: str
    address: Address
    path: str | None = None
    query: list[Any] = []


class MasterInfo(Wire, frozen=True):
    id: str
    ip: int  # packed IPv4
    port: int = printed(5050)
    pid: str | None = None
    hostname: str | None = None
    version: str | None = None
    address: Address | None = None
    domain: dict[str, Any] | None = None
    capabilities: list[Capability] = []


class AgentInfo(Wire, frozen=True):
    hostname: str
    port: int = printed(5051)
    resources: list[Resource] = []
    attributes: list[Attribute] = []
    id: Id | None = None
    domain: dict[str, Any] | None = None


class TimeInfo(Struct, frozen=True):
    nanoseconds: int


class DurationInfo(Struct, frozen=True):
    nanoseconds: int


class Unavailability(Wire, frozen=True):
    start: TimeInfo
    duration: DurationInfo | None = None


class Filters(Wire, frozen=True):
    refuse_seconds: float = printed(5.0)


class Offer(Wire, frozen=True):
    """Resources of one agent, on hold for one framework under one role."""

    id: Id
    framework_id: Id
    agent_id: Id
    hostname: str
    url: Url | None = None
    domain: dict[str, Any] | None = None
    resources: list[Resource] = []
    attributes: list[Attribute] = []
    executor_ids: list[Id] = []
    unavailability: Unavailability | None = None
    allocation_info: AllocationInfo | None = None


class InverseOffer(Wire, frozen=True):
    """The request to a framework to leave an agent that is to be away."""

    id: Id
    framework_id: Id
    unavailability: Unavailability
    url: Url | None = None
    agent_id: Id | None = None
    resources: list[Resource] = []


class Uri(Wire, frozen=True):
    value: str
    executable: bool | None = None
    extract: bool = printed(True)
    cache: bool | None = None
    output_file: str | None = None


class Variable(Wire, frozen=True):
    name: str
    type: str = printed("VALUE")
    value: str | None = None
    secret: dict[str, Any] | None = None


class Environment(Wire, frozen=True):
    variables: list[Variable] = []


class CommandInfo(Wire, frozen=True):
    uris: list[Uri] = []
    environment: Environment | None = None
    shell: bool = printed(True)
    value: str | None = None
    arguments: list[str] = []
    user: str | None = None


class KillPolicy(Wire, frozen=True):
    grace_period: DurationInfo | None = None


class HttpCheck(Wire, frozen=True):
    port: int
    protocol: str | None = None
    scheme: str | None = None
    path: str | None = None
    statuses: list[int] = []


class TcpCheck(Wire, frozen=True):
    port: int
    protocol: str | None = None


class HealthCheck(Wire, frozen=True):
    """Seconds throughout; `type` is COMMAND, HTTP or TCP."""

    type: str | None = None
    command: CommandInfo | None = None
    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    delay_seconds: float = printed(15.0)
    interval_seconds: float = printed(10.0)
    timeout_seconds: float = printed(20.0)
    consecutive_failures: int = printed(3)
    grace_period_seconds: float = printed(10.0)


class CheckCommand(Wire, frozen=True):
    command: CommandInfo


class CheckHttp(Wire, frozen=True):
    port: int
    path: str | None = None


class CheckTcp(Wire, frozen=True):
    port: int


class CheckInfo(Wire, frozen=True):
    """A question that is asked of a task again and again; no answer kills it. Seconds."""

    type: str | None = None
    command: CheckCommand | None = None
    http: CheckHttp | None = None
    tcp: CheckTcp | None = None
    delay_seconds: float = printed(15.0)
    interval_seconds: float = printed(10.0)
    timeout_seconds: float = printed(20.0)


class CommandResult(Wire, frozen=True):
    exit_code: int | None = None


class HttpResult(Wire, frozen=True):
    status_code: int | None = None


class TcpResult(Wire, frozen=True):
    succeeded: bool | None = None


class CheckStatusInfo(Wire, frozen=True):
    """The last answer; the part of the check's type is there and empty when there is none."""

    type: str | None = None
    command: CommandResult | None = None
    http: HttpResult | None = None
    tcp: TcpResult | None = None


class Port(Wire, frozen=True):
    number: int
    name: str | None = None
    protocol: str | None = None
    visibility: str | None = None
    labels: Labels | None = None


class Ports(Wire, frozen=True):
    ports: list[Port] = []


class DiscoveryInfo(Wire, frozen=True):
    visibility: str
    name: str | None = None
    environment: str | None = None
    location: str | None = None
    version: str | None = None
    ports: Ports | None = None
    labels: Labels | None = None


class ExecutorInfo(Wire, frozen=True):
    executor_id: Id
    type: str | None = None
    framework_id: Id | None = None
    command: CommandInfo | None = None
    container: dict[str, Any] | None = None
    resources: list[Resource] = []
    name: str | None = None
    source: str | None = None
    data: bytes | None = None
    discovery: DiscoveryInfo | None = None
    shutdown_grace_period: DurationInfo | None = None
    labels: Labels | None = None


class TaskInfo(Wire, frozen=True):
    """What a framework asks an agent to run; exactly one of `command` and `executor`."""

    name: str
    task_id: Id
    agent_id: Id
    resources: list[Resource] = []
    executor: ExecutorInfo | None = None
    command: CommandInfo | None = None
    container: dict[str, Any] | None = None
    health_check: HealthCheck | None = None
    check: CheckInfo | None = None
    kill_policy: KillPolicy | None = None
    data: bytes | None = None
    labels: Labels | None = None
    discovery: DiscoveryInfo | None = None
    max_completion_time: DurationInfo | None = None
    limits: dict[str, ScalarValue] | None = None


class ContainerStatus(Wire, frozen=True):
    container_id: dict[str, Any] | None = None
    network_infos: list[dict[str, Any]] = []
    cgroup_info: dict[str, Any] | None = None
    executor_pid: int | None = None


class TaskStatus(Wire, frozen=True):
    """News of a task; `uuid` (16 bytes) is present exactly when an acknowledgement is due."""

    task_id: Id
    state: TaskState
    message: str | None = None
    source: Source | None = None
    reason: str | None = None  # REASON_…
    data: bytes | None = None
    agent_id: Id | None = None
    executor_id: Id | None = None
    timestamp: float | None = None  # seconds since 1970
    uuid: bytes | None = None
    healthy: bool | None = None
    check_status: CheckStatusInfo | None = None
    labels: Labels | None = None
    container_status: ContainerStatus | None = None
    unreachable_time: TimeInfo | None = None
    limitation: dict[str, Any] | None = None


class Task(Wire, frozen=True):
    """A task as the master and the agent remember it and show it."""

    name: str
    task_id: Id
    framework_id: Id
    agent_id: Id
    state: TaskState
    executor_id: Id | None = None
    resources: list[Resource] = []
    statuses: list[TaskStatus] = []
    status_update_state: TaskState | None = None
    status_update_uuid: bytes | None = None
    labels: Labels | None = None
    discovery: DiscoveryInfo | None = None
    container: dict[str, Any] | None = None
    health_check: HealthCheck | None = None
    kill_policy: KillPolicy | None = None
    user: str | None = None
    limits: dict[str, ScalarValue] | None = None
