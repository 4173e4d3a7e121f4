"""What is read of Marathon's answers: a tolerant view of apps, tasks and events.

Unknown keys are ignored and a null counts as absent, so that any Marathon from 0.8 to 1.11 will
do. One app that cannot be read harms only itself. Source: Marathon REST API, /v2/apps, /v2/events.
"""

from typing import Any

import msgspec
from msgspec import Struct, field


class PortDefinition(Struct, frozen=True):
    port: int | None = None


class PortMapping(Struct, frozen=True, rename="camel"):
    service_port: int | None = None
    container_port: int | None = None


class Docker(Struct, frozen=True, rename="camel"):
    network: str | None = None
    port_mappings: tuple[PortMapping, ...] | None = None


class Container(Struct, frozen=True, rename="camel"):
    port_mappings: tuple[PortMapping, ...] | None = None
    docker: Docker | None = None


class Network(Struct, frozen=True):
    mode: str | None = None


class HealthCheck(Struct, frozen=True, rename="camel"):
    protocol: str | None = None
    port_index: int | None = None
    port: int | None = None


class HealthResult(Struct, frozen=True):
    alive: bool | None = None


class IpAddress(Struct, frozen=True, rename="camel"):
    ip_address: str | None = None


class Task(Struct, frozen=True, rename="camel"):
    id: str
    host: str | None = None
    ports: tuple[int, ...] | None = None
    state: str | None = None
    ip_addresses: tuple[IpAddress, ...] | None = None
    health_check_results: tuple[HealthResult | None, ...] | None = None

    @property
    def is_alive(self) -> bool:
        return any(
            result is not None and result.alive for result in self.health_check_results or ()
        )


class App(Struct, frozen=True, rename="camel"):
    id: str
    labels: dict[str, Any] | None = None
    ports: tuple[int, ...] | None = None
    port_definitions: tuple[PortDefinition, ...] | None = None
    container: Container | None = None
    networks: tuple[Network, ...] | None = None
    health_checks: tuple[HealthCheck, ...] | None = None
    tasks: tuple[Task, ...] | None = None

    @property
    def is_container_mode(self) -> bool:
        """True when every task has an address of its own (Marathon: network mode "container")."""
        if self.networks:
            return self.networks[0].mode == "container"
        docker = self.container.docker if self.container else None
        return bool(docker and docker.network == "USER")

    @property
    def mappings(self) -> tuple[PortMapping, ...]:
        if self.container is None:
            return ()
        docker = self.container.docker
        return self.container.port_mappings or (docker.port_mappings if docker else None) or ()

    @property
    def service_ports(self) -> tuple[int | None, ...]:
        """The service port by port index; None where Marathon has not given one (yet)."""
        if self.mappings:
            return tuple(mapping.service_port or None for mapping in self.mappings)
        if self.port_definitions is not None:
            return tuple(definition.port or None for definition in self.port_definitions)
        return tuple(port or None for port in self.ports or ())


class Unreadable(Struct, frozen=True):
    """An element of the list that is no app; `app_id` is "" when not even that can be read."""

    app_id: str
    reason: str


class _Listing(Struct, frozen=True):
    apps: list[msgspec.Raw] = field(default_factory=list)


class _Named(Struct, frozen=True):
    id: str = ""


_LISTING = msgspec.json.Decoder(_Listing)
_APP = msgspec.json.Decoder(App)
_NAMED = msgspec.json.Decoder(_Named)


class Event(Struct, frozen=True, rename="camel"):
    """One event of /v2/events, as far as it concerns routing."""

    event_type: str = ""
    task_id: str | None = None
    task_status: str | None = None


_EVENT = msgspec.json.Decoder(Event)


def decode_apps(body: bytes) -> tuple[tuple[App, ...], tuple[Unreadable, ...]]:
    """Read GET /v2/apps?embed=apps.tasks. Raises msgspec.DecodeError if it is no such thing."""
    apps: list[App] = []
    unreadable: list[Unreadable] = []
    for raw in _LISTING.decode(body).apps:
        try:
            apps.append(_APP.decode(raw))
        except (msgspec.DecodeError, RecursionError) as problem:
            unreadable.append(Unreadable(app_id=_id_of(raw), reason=str(problem)))
    return tuple(apps), tuple(unreadable)


def decode_event(data: str) -> Event | None:
    """Read the data of one event; None if it cannot be read, which then counts as a change."""
    try:
        return _EVENT.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None


def _id_of(raw: msgspec.Raw) -> str:
    try:
        return _NAMED.decode(raw).id
    except (msgspec.DecodeError, RecursionError):
        return ""
