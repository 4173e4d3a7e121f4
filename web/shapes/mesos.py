"""Reads of the master's and an agent's `/state`. Source: mesos.md §2.9, v0 JSON."""

from typing import Any

from msgspec import Struct


class Amounts(Struct, frozen=True):
    """Resources as the v0 JSON flattens them."""

    cpus: float = 0.0
    mem: float = 0.0
    disk: float = 0.0
    gpus: float = 0.0
    ports: str = ""


class DrainInfo(Struct, frozen=True):
    state: str = ""


class Slave(Struct, frozen=True):
    id: str = ""
    hostname: str = ""
    port: int = 5051
    pid: str = ""
    attributes: dict[str, Any] = {}
    registered_time: float = 0.0
    reregistered_time: float = 0.0
    resources: Amounts = Amounts()
    used_resources: Amounts = Amounts()
    offered_resources: Amounts = Amounts()
    reserved_resources: dict[str, Amounts] = {}
    active: bool = True
    deactivated: bool = False
    drain_info: DrainInfo | None = None
    version: str = ""


class ContainerStatus(Struct, frozen=True):
    container_id: dict[str, Any] = {}


class Status(Struct, frozen=True):
    state: str = ""
    timestamp: float = 0.0
    healthy: bool | None = None


class Task(Struct, frozen=True):
    id: str = ""
    name: str = ""
    framework_id: str = ""
    executor_id: str = ""
    slave_id: str = ""
    state: str = "TASK_STAGING"
    resources: Amounts = Amounts()
    role: str = "*"
    statuses: list[Status] = []


class Framework(Struct, frozen=True):
    id: str = ""
    name: str = ""
    user: str = ""
    hostname: str = ""
    webui_url: str = ""
    active: bool = True
    connected: bool = True
    role: str | None = None
    roles: list[str] = []
    registered_time: float = 0.0
    used_resources: Amounts = Amounts()
    offered_resources: Amounts = Amounts()
    tasks: list[Task] = []
    unreachable_tasks: list[Task] = []
    completed_tasks: list[Task] = []


class State(Struct, frozen=True):
    version: str = ""
    cluster: str | None = None
    id: str = ""
    hostname: str = ""
    leader: str | None = None
    start_time: float = 0.0
    elected_time: float = 0.0
    activated_slaves: float = 0.0
    deactivated_slaves: float = 0.0
    unreachable_slaves: float = 0.0
    slaves: list[Slave] = []
    frameworks: list[Framework] = []
    completed_frameworks: list[Framework] = []


class Quota(Struct, frozen=True):
    """By name of the resource; what is not named is neither guaranteed nor limited."""

    guarantee: dict[str, float] = {}
    limit: dict[str, float] = {}


class Role(Struct, frozen=True):
    name: str = "*"
    weight: float = 1.0
    quota: Quota = Quota()
    resources: dict[str, Any] = {}
    reserved: dict[str, Any] = {}
    frameworks: list[str] = []


class Roles(Struct, frozen=True):
    roles: list[Role] = []


class Nanoseconds(Struct, frozen=True):
    nanoseconds: int = 0


class Unavailability(Struct, frozen=True):
    start: Nanoseconds = Nanoseconds()


class Machine(Struct, frozen=True):
    hostname: str = ""
    ip: str = ""


class Window(Struct, frozen=True):
    machine_ids: list[Machine] = []
    unavailability: Unavailability = Unavailability()


class Schedule(Struct, frozen=True):
    """`/maintenance/schedule`."""

    windows: list[Window] = []


class MaintenanceStatus(Struct, frozen=True):
    """`/maintenance/status`."""

    down_machines: list[Machine] = []


class Executor(Struct, frozen=True):
    id: str = ""
    container: str = ""
    directory: str = ""
    tasks: list[Task] = []
    queued_tasks: list[Task] = []
    completed_tasks: list[Task] = []


class AgentFramework(Struct, frozen=True):
    id: str = ""
    executors: list[Executor] = []
    completed_executors: list[Executor] = []


class AgentFlags(Struct, frozen=True):
    """`isolation_notes` is Tepui's own: sentences about limits that are not enforced there."""

    isolation_notes: str = ""


class AgentState(Struct, frozen=True):
    id: str = ""
    flags: AgentFlags = AgentFlags()
    frameworks: list[AgentFramework] = []
    completed_frameworks: list[AgentFramework] = []


class FilePart(Struct, frozen=True):
    data: str = ""
    offset: int = 0
