"""The nouns of the load balancer, in HAProxy's own words: frontend, backend, server.

A `Model` is everything that a configuration says. `collect` makes it, `render` writes it,
`diff` compares it with what runs. Source: marathon-lb (names of backends and servers).
"""

from enum import StrEnum

from msgspec import Struct


class Mode(StrEnum):
    """How bytes are read: as HTTP requests, or as a stream."""

    HTTP = "http"
    TCP = "tcp"


class Auth(Struct, frozen=True):
    """HTTP basic authentication in front of a backend; `crypted` is a crypt(3) hash."""

    realm: str
    user: str
    crypted: str


class Settings(Struct, frozen=True):
    """What the labels of one service port say, typed and harmless. `None` means: not said."""

    groups: tuple[str, ...] = ()
    enabled: bool = True
    vhosts: tuple[str, ...] = ()
    path_prefixes: tuple[str, ...] = ()
    path_ignores_case: bool = False
    rule_weight: int | None = None  # order of the rules, larger first; never a share of traffic
    mode: Mode | None = None
    balance: str = "roundrobin"
    sticky: bool = False
    port: int | None = None
    bind_addr: str | None = None
    bind_options: tuple[str, ...] = ()
    ssl_cert: str | None = None
    redirect_to_https: bool = False
    use_hsts: bool = False
    auth: Auth | None = None
    allowed_networks: tuple[str, ...] = ()
    redirect_root_to: str | None = None
    proxypass_path: str | None = None
    revproxy_path: str | None = None
    health_check_port_index: int | None = None


class Server(Struct, frozen=True):
    """One address that takes requests. Its name is made of the address, as in marathon-lb."""

    name: str
    address: str
    port: int
    check_port: int | None = None  # where HAProxy tries to connect; None: it does not
    task_ids: tuple[str, ...] = ()


class Backend(Struct, frozen=True):
    """One service port of one app: its frontend listens, its servers are the app's tasks."""

    name: str
    app_id: str
    port_index: int
    service_port: int
    mode: Mode
    bind_addr: str
    settings: Settings
    servers: tuple[Server, ...] = ()


class VhostRule(Struct, frozen=True):
    """On the shared HTTP frontend: requests for this host (and these paths) go to the backend."""

    host: str
    backend: str
    app_id: str
    weight: int = 0
    path_prefixes: tuple[str, ...] = ()
    path_ignores_case: bool = False


class AppWarning(Struct, frozen=True, order=True):
    """Something that an app asked for and does not get, or gets otherwise, in one sentence."""

    app_id: str
    message: str
    label: str = ""


class Model(Struct, frozen=True):
    """A whole configuration. Backends are sorted by app and port; rules by weight, descending."""

    backends: tuple[Backend, ...] = ()
    rules: tuple[VhostRule, ...] = ()
    warnings: tuple[AppWarning, ...] = ()
