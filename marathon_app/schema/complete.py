"""Completes an app as read: absolute ids, networks, default ports, defaults that depend on others.

Runs before validation, never refuses. `given` names the attributes that the client set, since
some defaults (the upgrade strategy of a single-instance app) yield only to an explicit value.
Source: Marathon, AppNormalization; `docs/docs/ports.md`.
"""

from collections.abc import Collection

from msgspec import structs

from marathon_app.schema import path
from marathon_app.schema.app import SINGLE_INSTANCE_LABEL, App, UpgradeStrategy
from marathon_app.schema.container import Container, ContainerType
from marathon_app.schema.health import WITH_PATH, HealthCheck, HealthCheckProtocol
from marathon_app.schema.network import (
    HOST_NETWORK,
    Network,
    NetworkMode,
    PortDefinition,
    PortMapping,
)

DEFAULT_PORT_NAME = "default"


def complete(app: App, given: Collection[str], base: str = path.ROOT) -> App:
    """The app as `/v2` would show it, seen from group `base`; `version` stays as it is."""
    app_id = path.resolve(app.id, base)
    home = path.parent(app_id)
    app = structs.replace(
        app,
        id=app_id,
        dependencies=tuple(path.resolve(dependency, home) for dependency in app.dependencies),
        networks=app.networks or (HOST_NETWORK,),
    )
    app = structs.replace(app, container=_complete_container(app))
    app = structs.replace(
        app,
        port_definitions=_complete_definitions(app),
        health_checks=tuple(_complete_check(check) for check in app.health_checks),
    )
    return _with_dependent_defaults(app, given)


def _complete_definitions(app: App) -> tuple[PortDefinition, ...] | None:
    definitions = app.port_definitions
    if not app.is_host_mode:
        return definitions
    if definitions is None:
        return (PortDefinition(name=DEFAULT_PORT_NAME),)
    return tuple(
        structs.replace(definition, protocol=_protocols(definition.protocol))
        for definition in definitions
    )


def _complete_container(app: App) -> Container | None:
    container = app.container
    if app.is_host_mode:
        return container
    if container is None:
        container = Container(type=ContainerType.MESOS)
    mappings = container.port_mappings
    if mappings is None:
        mappings = (PortMapping(name=DEFAULT_PORT_NAME),)
    return structs.replace(
        container, port_mappings=tuple(_complete_mapping(m, app.networks) for m in mappings)
    )


def _complete_mapping(mapping: PortMapping, networks: tuple[Network, ...]) -> PortMapping:
    host_port = mapping.host_port
    if host_port is None and networks[0].mode is NetworkMode.BRIDGE:
        host_port = 0
    return structs.replace(mapping, host_port=host_port, protocol=_protocols(mapping.protocol))


def _protocols(text: str) -> str:
    """Marathon writes both as 'udp,tcp', whichever way they came."""
    return "udp,tcp" if text in ("tcp,udp", "udp,tcp") else text


def _complete_check(check: HealthCheck) -> HealthCheck:
    if check.protocol in WITH_PATH and check.path is None:
        check = structs.replace(check, path="/")
    if check.protocol is HealthCheckProtocol.COMMAND:
        return check
    if check.port is None and check.port_index is None:
        return structs.replace(check, port_index=0)
    return check


def _with_dependent_defaults(app: App, given: Collection[str]) -> App:
    """Resident, external-volume and single-instance apps must stop before they start."""
    volumes = app.container.volumes if app.container else ()
    is_bound = any(volume.persistent or volume.external for volume in volumes)
    if "upgrade_strategy" not in given:
        if SINGLE_INSTANCE_LABEL in app.labels:
            strategy = UpgradeStrategy(minimum_health_capacity=0, maximum_over_capacity=0)
            app = structs.replace(app, upgrade_strategy=strategy)
        elif is_bound:
            strategy = UpgradeStrategy(minimum_health_capacity=0.5, maximum_over_capacity=0)
            app = structs.replace(app, upgrade_strategy=strategy)
    if app.is_resident and "unreachable_strategy" not in given:
        app = structs.replace(app, unreachable_strategy="disabled")
    return app
