"""Rows of what the load balancer serves: where from outside, to which servers."""

from collections.abc import Sequence

from msgspec import Struct

from web.present import states
from web.present.states import Look
from web.shapes.lb import Service, Services


class ServerRow(Struct, frozen=True):
    name: str
    address: str
    look: Look
    sessions: int | None
    task_id: str


class ServiceRow(Struct, frozen=True):
    app_id: str
    port: int
    mode: str
    vhosts: Sequence[str]
    path: str
    links: Sequence[tuple[str, str]]
    look: Look
    up: int
    servers: Sequence[ServerRow]


def service_rows(services: Services, host: str) -> list[ServiceRow]:
    """`host` is the name under which a browser reaches the load balancer."""
    rows = [_row(service, services, host) for service in services.services]
    return sorted(rows, key=lambda row: (row.app_id, row.port))


def _row(service: Service, services: Services, host: str) -> ServiceRow:
    servers = [
        ServerRow(
            name=server.name,
            address=f"{server.host}:{server.port}",
            look=states.server_look(server.state),
            sessions=server.sessions,
            task_id=server.task_id or "",
        )
        for server in service.servers
    ]
    up = sum(server.look == states.UP for server in servers)
    return ServiceRow(
        app_id=service.app_id,
        port=service.service_port,
        mode=service.mode,
        vhosts=service.vhosts,
        path=service.path or "",
        links=_links(service, services.http_port, host),
        look=_look(up, len(servers)),
        up=up,
        servers=servers,
    )


def _look(up: int, servers: int) -> Look:
    if up == 0:
        return Look("No server", "cross", "bad") if servers == 0 else states.DOWN
    return states.UP if up == servers else Look("Partly up", "half", "warn")


def _links(service: Service, http_port: int | None, host: str) -> list[tuple[str, str]]:
    """Addresses a browser can open. A TCP service has none."""
    if service.mode != "http":
        return []
    path = service.path or ""
    links = []
    if service.service_port:
        address = f"{host}:{service.service_port}"
        links.append((address, f"http://{address}/"))
    for vhost in service.vhosts:
        port = "" if http_port in (None, 80) else f":{http_port}"
        links.append((f"{vhost}{port}{path}", f"http://{vhost}{port}{path or '/'}"))
    return links


def matching(rows: Sequence[ServiceRow], search: str) -> list[ServiceRow]:
    needles = search.lower().split()
    return [
        row
        for row in rows
        if all(
            needle in f"{row.app_id} {row.port} {' '.join(row.vhosts)} {row.path}".lower()
            for needle in needles
        )
    ]
