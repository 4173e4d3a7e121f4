"""Gives a service port to every port that asks for one (0), and keeps it for the app's life.

No two apps are given the same one here, but apps that name a port themselves may share it.
Source: Marathon, docs/ports.md (--local_port_min, --local_port_max).
"""

from collections.abc import Callable

from msgspec import structs

from marathon_app.schema.app import App


def assign(
    app: App, old: App | None, is_used: Callable[[int], bool], first: int, last: int
) -> App | None:
    """`app` with every service port named, or None when the range has no free one left."""
    wanted = app.service_ports
    if 0 not in wanted:
        return app
    kept = _kept(old, wanted, first, last)
    taken = {port: None for port in wanted if port} | dict.fromkeys(kept.values())
    chosen: list[int] = []
    candidate = first
    for index, port in enumerate(wanted):
        if port:
            chosen.append(port)
        elif index in kept:
            chosen.append(kept[index])
        else:
            while candidate <= last and (candidate in taken or is_used(candidate)):
                candidate += 1
            if candidate > last:
                return None
            taken[candidate] = None
            chosen.append(candidate)
    return _with_service_ports(app, chosen)


def _kept(old: App | None, wanted: tuple[int, ...], first: int, last: int) -> dict[int, int]:
    """By index: what the app had there, if it was from the range and is not now named elsewhere."""
    kept: dict[int, int] = {}
    had = old.service_ports if old is not None else ()
    for index, port in enumerate(wanted[: len(had)]):
        if port == 0 and first <= had[index] <= last and had[index] not in wanted:
            kept[index] = had[index]
    return kept


def _with_service_ports(app: App, ports: list[int]) -> App:
    if app.is_host_mode:
        definitions = tuple(
            structs.replace(definition, port=port)
            for definition, port in zip(app.port_definitions or (), ports, strict=True)
        )
        return structs.replace(app, port_definitions=definitions)
    assert app.container is not None, f"{app.id} has port mappings without a container"
    mappings = tuple(
        structs.replace(mapping, service_port=port)
        for mapping, port in zip(app.port_mappings, ports, strict=True)
    )
    return structs.replace(app, container=structs.replace(app.container, port_mappings=mappings))
