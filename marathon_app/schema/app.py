"""An app: the specification of a long-running service.

A struct that `request.read_app` made is complete: id absolute, networks and ports filled in,
deprecated inputs converted. Exact integers for the core are properties; the wire keeps the client's
numbers. Source: Marathon, docs/docs/rest-api, "App".
"""

from enum import StrEnum
from fractions import Fraction
from typing import Literal

from msgspec import Struct

from marathon_app.schema import quantity
from marathon_app.schema.constraint import Constraint, parse
from marathon_app.schema.container import Container
from marathon_app.schema.field import always, always_dict
from marathon_app.schema.health import Check, HealthCheck, ReadinessCheck
from marathon_app.schema.network import (
    HOST_NETWORK,
    Network,
    NetworkMode,
    PortDefinition,
    PortMapping,
)
from marathon_app.schema.quantity import Number

SINGLE_INSTANCE_LABEL = "MARATHON_SINGLE_INSTANCE_APP"
DEFAULT_ROLE = "marathon"


class KillSelection(StrEnum):
    YOUNGEST_FIRST = "YOUNGEST_FIRST"
    OLDEST_FIRST = "OLDEST_FIRST"


class TaskLostBehavior(StrEnum):
    WAIT_FOREVER = "WAIT_FOREVER"
    RELAUNCH_AFTER_TIMEOUT = "RELAUNCH_AFTER_TIMEOUT"


class UpgradeStrategy(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Shares of the target count: how far below, and how far above, an upgrade may go."""

    minimum_health_capacity: Number = always(1)
    maximum_over_capacity: Number = always(1)

    @property
    def minimum_health(self) -> Fraction:
        return quantity.fraction(self.minimum_health_capacity)

    @property
    def maximum_over(self) -> Fraction:
        return quantity.fraction(self.maximum_over_capacity)


class UnreachableStrategy(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    inactive_after_seconds: int = always(0)
    expunge_after_seconds: int = always(0)


class Fetch(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    uri: str
    extract: bool = always(True)
    executable: bool = always(False)
    cache: bool = always(False)
    dest_path: str | None = None


class SecretSource(Struct, frozen=True, kw_only=True):
    source: str


class SecretReference(Struct, frozen=True, kw_only=True):
    secret: str


class ExecutorResources(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    cpus: Number = always(0.1)
    mem: Number = always(32)
    disk: Number = always(10)


class ResourceLimits(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    cpus: Number | Literal["unlimited"] | None = None
    mem: Number | Literal["unlimited"] | None = None


class Residency(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    task_lost_behavior: TaskLostBehavior = always(TaskLostBehavior.WAIT_FOREVER)
    relaunch_escalation_timeout_seconds: int = always(3600)


class VersionInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    last_scaling_at: str
    last_config_change_at: str


class App(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`version` is "" until the core has accepted the app and given it one."""

    id: str
    cmd: str | None = None
    args: tuple[str, ...] = ()
    user: str | None = None
    env: dict[str, str | SecretReference] = {}
    secrets: dict[str, SecretSource] = {}
    labels: dict[str, str] = always_dict()
    executor: str = always("")
    executor_resources: ExecutorResources | None = None
    cpus: Number = always(1)
    mem: Number = always(128)
    disk: Number = always(0)
    gpus: int = always(0)
    resource_limits: ResourceLimits | None = None
    instances: int = always(1)
    accepted_resource_roles: tuple[str, ...] = ()
    role: str = always(DEFAULT_ROLE)
    constraints: tuple[tuple[str, ...], ...] = ()
    dependencies: tuple[str, ...] = ()
    container: Container | None = None
    networks: tuple[Network, ...] = always((HOST_NETWORK,))
    port_definitions: tuple[PortDefinition, ...] | None = None
    require_ports: bool = always(False)
    fetch: tuple[Fetch, ...] = ()
    health_checks: tuple[HealthCheck, ...] = ()
    check: Check | None = None
    readiness_checks: tuple[ReadinessCheck, ...] = ()
    upgrade_strategy: UpgradeStrategy = always(UpgradeStrategy())
    backoff_seconds: Number = always(1)
    backoff_factor: Number = always(1.15)
    max_launch_delay_seconds: Number = always(300)
    unreachable_strategy: UnreachableStrategy | Literal["disabled"] = always(UnreachableStrategy())
    kill_selection: KillSelection = always(KillSelection.YOUNGEST_FIRST)
    task_kill_grace_period_seconds: Number | None = None
    residency: Residency | None = None
    tty: bool | None = None
    version: str = always("")
    version_info: VersionInfo | None = None

    @property
    def cpus_milli(self) -> int:
        return quantity.milli(self.cpus)

    @property
    def mem_milli(self) -> int:
        """Thousandths of a MiB, as the kernel's scalars are."""
        return quantity.milli(self.mem)

    @property
    def disk_milli(self) -> int:
        return quantity.milli(self.disk)

    @property
    def backoff_ms(self) -> int:
        return quantity.milli(self.backoff_seconds)

    @property
    def backoff_growth(self) -> Fraction:
        return quantity.fraction(self.backoff_factor)

    @property
    def max_launch_delay_ms(self) -> int:
        return quantity.milli(self.max_launch_delay_seconds)

    @property
    def kill_grace_period_ms(self) -> int | None:
        seconds = self.task_kill_grace_period_seconds
        return None if seconds is None else quantity.milli(seconds)

    @property
    def placement(self) -> tuple[Constraint, ...]:
        return tuple(parse(parts) for parts in self.constraints)

    @property
    def is_host_mode(self) -> bool:
        return self.networks[0].mode is NetworkMode.HOST

    @property
    def port_mappings(self) -> tuple[PortMapping, ...]:
        """Of the container; empty in host mode."""
        found = self.container.port_mappings if self.container else None
        return found or ()

    @property
    def service_ports(self) -> tuple[int, ...]:
        """In declaration order; 0 where the core has not yet assigned one."""
        if self.is_host_mode:
            return tuple(definition.port for definition in self.port_definitions or ())
        return tuple(mapping.service_port for mapping in self.port_mappings)

    @property
    def port_names(self) -> tuple[str | None, ...]:
        """In declaration order."""
        if self.is_host_mode:
            return tuple(definition.name for definition in self.port_definitions or ())
        return tuple(mapping.name for mapping in self.port_mappings)

    @property
    def is_single_instance(self) -> bool:
        return SINGLE_INSTANCE_LABEL in self.labels

    @property
    def is_resident(self) -> bool:
        volumes = self.container.volumes if self.container else ()
        return any(volume.persistent is not None for volume in volumes)
