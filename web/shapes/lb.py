"""Reads of the load balancer's admin page `/v1/services`."""

from msgspec import Struct


class Server(Struct, frozen=True, rename="camel"):
    name: str = ""
    host: str = ""
    port: int = 0
    state: str = ""
    task_id: str | None = None
    sessions: int | None = None
    requests: int | None = None


class Service(Struct, frozen=True, rename="camel"):
    app_id: str = ""
    port_index: int = 0
    service_port: int = 0
    bind: str = ""
    mode: str = "http"
    group: str | None = None
    vhosts: list[str] = []
    path: str | None = None
    frontend: str = ""
    backend: str = ""
    servers: list[Server] = []


class Services(Struct, frozen=True, rename="camel"):
    services: list[Service] = []
    http_port: int | None = None
    problem: str | None = None
