"""Decides the model from Marathon's apps: which app listens where, which task takes requests.

An app keeps its frontend while it has no usable task, so that its clients get a 503 and not a
refused connection (DIFFERS: marathon-lb removes the frontend). A task is usable when it runs and,
if its app has health checks, Marathon has seen it alive; this is the only judge of health, HAProxy
itself only tries to connect (DIFFERS: marathon-lb makes HAProxy repeat the HTTP checks, so that a
new check path takes the old version out). Leaves to the shell: resolving host names, trying ports.
Source: marathon-lb, marathon_lb.py (names, states, groups).
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from msgspec import Struct, structs

from lb.labels import read_labels
from lb.marathon import App, HealthCheck, Task, Unreadable
from lb.model import AppWarning, Backend, Mode, Model, Server, Settings, VhostRule

# LOST and UNREACHABLE: the agent is cut off from the master, not necessarily from us (marathon-lb).
ROUTED_STATES = ("TASK_RUNNING", "TASK_UNREACHABLE", "TASK_LOST")
KILLING_STATE = "TASK_KILLING"

_APP_ID = re.compile(r"/?[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
APP_ID_LENGTH_MAX = 400
_HTTP_CHECKS = ("HTTP", "MESOS_HTTP")
_NETWORK_CHECKS = ("HTTP", "HTTPS", "TCP", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP")


class Options(Struct, frozen=True):
    """What of the load balancer's own configuration decides the model."""

    groups: tuple[str, ...] = ("*",)
    bind: str = "127.0.0.1"
    reserved_ports: Mapping[int, str] = {}  # port -> whose it is, for a sentence


class Circumstances(Struct, frozen=True):
    """What is known from elsewhere: the network, HAProxy, the tasks that are about to be killed."""

    addresses: Mapping[str, str] = {}  # host name -> IP address
    killing: Mapping[str, int] = {}  # task ids, whose value does not matter here
    refused: Mapping[str, str] = {}  # backend name -> why HAProxy cannot have it
    incumbents: Mapping[int, str] = {}  # service port -> the app that has it now


def collect(
    apps: Sequence[App],
    unreadable: Sequence[Unreadable],
    options: Options,
    circumstances: Circumstances,
) -> Model:
    """The whole model, sorted, with a warning for each thing that an app does not get."""
    collection = _Collection(options, circumstances)
    for each in unreadable:
        collection.warn(each.app_id, f"cannot be read: {each.reason}")
    for app in sorted(apps, key=lambda app: app.id):
        collection.add(app)
    return collection.model()


def backend_name(app_id: str, service_port: int) -> str:
    """As marathon-lb names it; zdd.py and dashboards find their backends by this name."""
    return f"{app_id.strip('/').replace('/', '_')}_{service_port}"


def server_name(host: str, address: str, port: int) -> str:
    """As marathon-lb names it."""
    whole = f"{address}_{port}" if host == address else f"{host}_{address}_{port}"
    return re.sub(r"[^A-Za-z0-9-]", "_", whole)


def is_usable(task: Task, has_checks: bool) -> bool:
    """May this task take requests? Source: Marathon, docs/health-checks.md."""
    if task.state is not None and task.state not in ROUTED_STATES:
        return False
    return task.is_alive if has_checks else True


class _Collection:
    """Gathers one model; the claims on ports and hosts are settled at the end."""

    def __init__(self, options: Options, circumstances: Circumstances) -> None:
        self._options = options
        self._circumstances = circumstances
        self._warnings: list[AppWarning] = []
        self._claims: dict[int, list[Backend]] = {}  # by service port

    def warn(self, app_id: str, message: str, label: str = "") -> None:
        self._warnings.append(AppWarning(app_id=app_id, message=message, label=label))

    def add(self, app: App) -> None:
        """Take an app in: one backend per service port that is ours to serve."""
        if len(app.id) > APP_ID_LENGTH_MAX or not _APP_ID.fullmatch(app.id):
            shown = "".join(letter if letter.isprintable() else "?" for letter in app.id[:80])
            self.warn(shown, "has an id that cannot be a name in HAProxy; it is not served")
            return
        ports = app.service_ports
        reading = read_labels(app.id, app.labels or {}, len(ports))
        mine = [settings is not None and self._is_ours(settings) for settings in reading.settings]
        if any(mine) or any(settings is None for settings in reading.settings) or not ports:
            self._warnings.extend(reading.warnings)
        for index, (port, settings) in enumerate(zip(ports, reading.settings, strict=True)):
            if settings is not None and mine[index]:
                self._add_port(app, index, settings.port or port, settings)

    def model(self) -> Model:
        backends = [self._winner(port, claims) for port, claims in self._claims.items()]
        kept = tuple(
            sorted(
                (backend for backend in backends if backend is not None),
                key=lambda backend: (backend.app_id, backend.service_port),
            )
        )
        rules = self._rules(kept)
        return Model(backends=kept, rules=rules, warnings=tuple(sorted(self._warnings)))

    def _is_ours(self, settings: Settings) -> bool:
        if not settings.enabled:
            return False
        groups = self._options.groups
        return "*" in groups or any(group in groups for group in settings.groups)

    def _add_port(self, app: App, index: int, port: int | None, settings: Settings) -> None:
        if port is None or not 0 < port < 65_536:
            self.warn(app.id, f"has no service port at index {index} yet; it is not served")
            return
        name = backend_name(app.id, port)
        reason = self._circumstances.refused.get(name)
        if reason is not None:
            self.warn(app.id, reason)
            return
        backend = Backend(
            name=name,
            app_id=app.id,
            port_index=index,
            service_port=port,
            mode=settings.mode or _mode_of(app, index, settings),
            bind_addr=self._bind_of(app, index, settings),
            settings=settings,
            servers=self._servers(app, index, settings),
        )
        self._claims.setdefault(port, []).append(self._checked(backend))

    def _checked(self, backend: Backend) -> Backend:
        """Warn of settings that cannot work together, and leave out the weaker one."""
        settings = backend.settings
        if settings.path_prefixes and not settings.vhosts:
            self.warn(
                backend.app_id,
                "has a path but no host; the path is not used",
                f"HAPROXY_{backend.port_index}_PATH",
            )
        if settings.auth is not None and backend.mode is Mode.TCP:
            self.warn(
                backend.app_id,
                "asks for a password in mode tcp, where there is none; it is served in mode http",
                f"HAPROXY_{backend.port_index}_AUTH",
            )
            return structs.replace(backend, mode=Mode.HTTP)
        if settings.vhosts and backend.mode is Mode.TCP:
            self.warn(
                backend.app_id,
                "has a host but mode tcp, which knows no hosts; the host is not used",
                f"HAPROXY_{backend.port_index}_VHOST",
            )
        return backend

    def _bind_of(self, app: App, index: int, settings: Settings) -> str:
        wanted, bind = settings.bind_addr, self._options.bind
        if wanted is None or wanted == bind:
            return bind
        if ip_address(bind).is_loopback and not ip_address(wanted).is_loopback:
            self.warn(
                app.id,
                f"asks for {wanted}, but this load balancer listens on {bind} only (flag --bind)",
                f"HAPROXY_{index}_BIND_ADDR",
            )
            return bind
        return wanted

    def _servers(self, app: App, index: int, settings: Settings) -> tuple[Server, ...]:
        servers: dict[str, Server] = {}
        killing = self._circumstances.killing
        unresolved: dict[str, None] = {}
        for task in sorted(app.tasks or (), key=lambda task: task.id):
            if task.id in killing or not is_usable(task, bool(app.health_checks)):
                continue
            place = self._place(app, task, index)
            if place is None:
                unresolved[(task.host or "")[:80]] = None
                continue
            host, address, port = place
            name = server_name(host, address, port)
            known = servers.get(name)
            servers[name] = Server(
                name=name,
                address=address,
                port=port,
                check_port=self._check_port(app, task, index, settings),
                task_ids=(*(known.task_ids if known else ()), task.id),
            )
        for host in unresolved:
            self.warn(
                app.id, f"has tasks whose address or port {index} on host {host!a} is unknown"
            )
        return tuple(servers[name] for name in sorted(servers))

    def _place(self, app: App, task: Task, index: int) -> tuple[str, str, int] | None:
        """Host, address and port of a task for one port index; None if it cannot be reached."""
        port = _port_of(app, task, index)
        if port is None or not 0 < port < 65_536:
            return None
        if app.is_container_mode:
            host = next((ip.ip_address for ip in task.ip_addresses or () if ip.ip_address), "")
        else:
            host = task.host or ""
        address = self._circumstances.addresses.get(host) or (host if _is_address(host) else None)
        return (host, address, port) if address else None

    def _check_port(self, app: App, task: Task, index: int, settings: Settings) -> int | None:
        """Where HAProxy may try to connect: only ports that the app's own checks reach too."""
        other = settings.health_check_port_index
        if other is not None and other < len(app.service_ports):
            index = other
        if _check_of(app, index) is None:
            return None
        return _port_of(app, task, index)

    def _winner(self, port: int, claims: list[Backend]) -> Backend | None:
        owner = self._options.reserved_ports.get(port)
        incumbent = self._circumstances.incumbents.get(port)
        if owner is None:
            ours = [claim for claim in claims if claim.app_id == incumbent]
            first = (ours or claims)[0]
            owner = f"the port of app {first.app_id}"
        else:
            first = None
        for claim in claims:
            if claim is not first:
                self.warn(claim.app_id, f"cannot have service port {port}: it is {owner}")
        return first

    def _rules(self, backends: Sequence[Backend]) -> tuple[VhostRule, ...]:
        rules = [rule for backend in backends for rule in _rules_of(backend)]
        rules.sort(key=lambda rule: -rule.weight)  # stable: then by app and port
        first: dict[tuple[str, tuple[str, ...]], VhostRule] = {}
        for rule in rules:
            holder = first.setdefault((rule.host, rule.path_prefixes), rule)
            if holder is not rule:
                self.warn(
                    rule.app_id,
                    f"shares host {rule.host} with app {holder.app_id}, which gets its requests",
                )
        return tuple(first.values())


def _rules_of(backend: Backend) -> list[VhostRule]:
    settings = backend.settings
    if backend.mode is Mode.TCP:
        return []
    weight = settings.rule_weight
    if settings.path_prefixes and not weight:
        weight = 1  # marathon-lb: a rule with a path comes before those without
    return [
        VhostRule(
            host=host,
            backend=backend.name,
            app_id=backend.app_id,
            weight=weight or 0,
            path_prefixes=settings.path_prefixes,
            path_ignores_case=settings.path_ignores_case,
        )
        for host in settings.vhosts
    ]


def _mode_of(app: App, index: int, settings: Settings) -> Mode:
    check = _check_of(app, index)
    if settings.vhosts or (check is not None and check.protocol in _HTTP_CHECKS):
        return Mode.HTTP
    return Mode.TCP


def _check_of(app: App, index: int) -> HealthCheck | None:
    """The health check that tells about this port, if one does."""
    for check in app.health_checks or ():
        if check.protocol is None or check.protocol in _NETWORK_CHECKS:
            here = check.port_index if check.port_index is not None else 0
            if check.port is None and here == index:
                # Marathon: no protocol means HTTP.
                return check if check.protocol else HealthCheck(protocol="HTTP", port_index=here)
    return None


def _port_of(app: App, task: Task, index: int) -> int | None:
    if app.is_container_mode:
        mapping = app.mappings[index] if index < len(app.mappings) else None
        return mapping.container_port if mapping else None
    ports = task.ports or ()
    return ports[index] if index < len(ports) else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
