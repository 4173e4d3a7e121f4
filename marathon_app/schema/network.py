"""Networks and ports of an app: how it is reached, by which host, container and service ports.

Source: Marathon, docs/docs/networking.md and docs/docs/ports.md.
"""

from enum import StrEnum

from msgspec import Struct

from marathon_app.schema.field import always, always_dict


class NetworkMode(StrEnum):
    HOST = "host"
    BRIDGE = "container/bridge"
    CONTAINER = "container"


class Network(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    mode: NetworkMode = always(NetworkMode.CONTAINER)
    name: str | None = None
    labels: dict[str, str] = {}


class PortDefinition(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A port in host mode. `port` is the service port, and with requirePorts the host port too."""

    port: int = always(0)
    protocol: str = always("tcp")
    name: str | None = None
    labels: dict[str, str] = {}


class PortMapping(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A port in a container network. No host port: reachable by the container's address only."""

    container_port: int = always(0)
    host_port: int | None = None
    service_port: int = always(0)
    protocol: str = always("tcp")
    name: str | None = None
    labels: dict[str, str] = always_dict()
    network_names: tuple[str, ...] = ()


HOST_NETWORK = Network(mode=NetworkMode.HOST)
