"""Checks ports: ranges, names and numbers that may not repeat, and where each form belongs."""

from collections.abc import Iterable, Iterator

from marathon_app.schema.app import App
from marathon_app.schema.network import NetworkMode, PortDefinition, PortMapping
from marathon_app.schema.problem import Problem
from marathon_app.schema.validation.limits import within

PORT_MAX = 65535
PROTOCOLS = ("tcp", "udp", "udp,tcp")
PORTS_COUNT_MAX = 1000


def port_problems(app: App) -> Iterator[Problem]:
    if app.is_host_mode:
        yield from _definition_problems(app.port_definitions or (), app.require_ports)
        if app.port_mappings:
            text = "must be empty with host networking; use 'portDefinitions'"
            yield Problem("/container/portMappings", text)
        return
    if app.port_definitions:
        text = "must be empty unless the network mode is host; use 'container.portMappings'"
        yield Problem("/portDefinitions", text)
    yield from _mapping_problems(app)


def _definition_problems(
    definitions: tuple[PortDefinition, ...], require_ports: bool
) -> Iterator[Problem]:
    if len(definitions) > PORTS_COUNT_MAX:
        yield Problem("/portDefinitions", f"has more than {PORTS_COUNT_MAX} ports")
    yield from _name_problems("/portDefinitions", (d.name for d in definitions))
    fixed = [definition.port for definition in definitions if definition.port != 0]
    if _has_repetition(fixed):
        yield Problem("/portDefinitions", f"Ports must be unique. Repeated: {_repeated(fixed)}")
    for index, definition in enumerate(definitions):
        yield from within(f"/portDefinitions({index})/port", definition.port, 0, PORT_MAX)
        yield from _protocol_problems(f"/portDefinitions({index})", definition.protocol)


def _mapping_problems(app: App) -> Iterator[Problem]:
    prefix = "/container/portMappings"
    mappings = app.port_mappings
    if len(mappings) > PORTS_COUNT_MAX:
        yield Problem(prefix, f"has more than {PORTS_COUNT_MAX} ports")
    yield from _name_problems(prefix, (mapping.name for mapping in mappings))
    fixed = [mapping.service_port for mapping in mappings if mapping.service_port != 0]
    if _has_repetition(fixed):
        yield Problem(prefix, f"Service ports must be unique. Repeated: {_repeated(fixed)}")
    host_ports = [mapping.host_port for mapping in mappings if mapping.host_port]
    if _has_repetition(host_ports):
        yield Problem(prefix, f"Host ports must be unique. Repeated: {_repeated(host_ports)}")
    for index, mapping in enumerate(mappings):
        yield from _one_mapping_problems(f"{prefix}({index})", mapping, app)


def _one_mapping_problems(path: str, mapping: PortMapping, app: App) -> Iterator[Problem]:
    yield from within(f"{path}/containerPort", mapping.container_port, 0, PORT_MAX)
    yield from within(f"{path}/servicePort", mapping.service_port, 0, PORT_MAX)
    if mapping.host_port is not None:
        yield from within(f"{path}/hostPort", mapping.host_port, 0, PORT_MAX)
    elif app.networks[0].mode is NetworkMode.BRIDGE:
        yield Problem(f"{path}/hostPort", "must be given with mode 'container/bridge'")
    yield from _protocol_problems(path, mapping.protocol)
    known = [network.name for network in app.networks]
    for index, name in enumerate(mapping.network_names):
        if name not in known:
            text = f"'{name}' is none of the app's networks"
            yield Problem(f"{path}/networkNames({index})", text)


def _protocol_problems(path: str, protocol: str) -> Iterator[Problem]:
    if protocol not in PROTOCOLS:
        yield Problem(
            f"{path}/protocol", f"must be one of tcp, udp and 'udp,tcp', not '{protocol}'"
        )


def _name_problems(path: str, names: Iterable[str | None]) -> Iterator[Problem]:
    given = [name for name in names if name is not None]
    if _has_repetition(given):
        yield Problem(path, f"Port names must be unique. Repeated: {_repeated(given)}")
    for name in given:
        if not name or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in name):
            yield Problem(
                path, f"a port name holds letters, digits, '-', '_' and '.', not '{name}'"
            )


def _has_repetition(values: list[int] | list[str]) -> bool:
    return len(set(values)) < len(values)


def _repeated(values: list[int] | list[str]) -> str:
    counted = dict.fromkeys(values, 0)
    for value in values:
        counted[value] += 1
    return ", ".join(str(value) for value, count in counted.items() if count > 1)
