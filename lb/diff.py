"""Decides what must be told to a running HAProxy so that its servers become those of a model.

Only servers are compared; everything else is in the fingerprint and takes a reload. Works from what
HAProxy says that it has, never from what it was told, so that a lost command is simply found again.
"""

from collections.abc import Mapping

from msgspec import Struct

from lb.model import Backend, Mode, Model, Server
from lb.render import add_command
from lb.stats import Running, ServerState

Key = tuple[str, str]  # backend, server


class AddServer(Struct, frozen=True, tag=True):
    """`is_sticky`: its cookie must be computed too, HAProxy does not do so by itself."""

    backend: str
    server: Server
    is_sticky: bool = False

    @property
    def key(self) -> Key:
        return self.backend, self.server.name


class SetState(Struct, frozen=True, tag=True):
    backend: str
    name: str
    state: ServerState

    @property
    def key(self) -> Key:
        return self.backend, self.name


class RemoveServer(Struct, frozen=True, tag=True):
    backend: str
    name: str

    @property
    def key(self) -> Key:
        return self.backend, self.name


Change = AddServer | SetState | RemoveServer


def is_sticky(backend: Backend) -> bool:
    return backend.settings.sticky and backend.mode is Mode.HTTP


def arrivals(running: Running, model: Model) -> tuple[Change, ...]:
    """Servers to add, and servers that are there and must take requests (again)."""
    changes: list[Change] = []
    for backend in model.backends:
        if backend.name not in running.backends:
            continue  # it comes with the reload that is due
        states = running.servers.get(backend.name, {})
        for server in backend.servers:
            state = states.get(server.name)
            if state is None:
                changes.append(AddServer(backend.name, server, is_sticky(backend)))
            elif state is not ServerState.READY:
                changes.append(SetState(backend.name, server.name, ServerState.READY))
    return tuple(changes)


def departures(running: Running, model: Model) -> tuple[Key, ...]:
    """Servers that HAProxy has and the model has not."""
    wanted = {b.name: {server.name: None for server in b.servers} for b in model.backends}
    return tuple(
        (backend, name)
        for backend in sorted(running.servers)
        for name in sorted(running.servers[backend])
        if name not in wanted.get(backend, {})
    )


def after(running: Running, change: Change) -> Running:
    """What HAProxy has once the change is made."""
    servers: dict[str, Mapping[str, ServerState]] = dict(running.servers)
    backend, name = change.key
    states = dict(servers.get(backend, {}))
    match change:
        case AddServer():
            states[name] = ServerState.READY
        case SetState():
            states[name] = change.state
        case RemoveServer():
            states.pop(name, None)
    servers[backend] = states
    return Running(running.fingerprint, running.backends, servers, running.leaving_workers)


def commands(change: Change) -> tuple[str, ...]:
    """The runtime commands that make a change. Source: management guide, §9.3."""
    match change:
        case AddServer(backend, server):
            path = f"{backend}/{server.name}"
            lines = [add_command(backend, server)]
            if change.is_sticky:
                # Setting the key again is what computes the cookie of a server that was added.
                lines.append(f"set dynamic-cookie-key backend {backend} {backend}")
            if server.check_port is not None:
                lines.append(f"enable health {path}")
            return (*lines, f"set server {path} state ready")
        case SetState(backend, name, state):
            path = f"{backend}/{name}"
            if state is ServerState.READY:
                # Whatever was found dead at this address before: Marathon says it lives.
                return (f"set server {path} state ready", f"set server {path} health up")
            return (f"set server {path} state {state.value}",)
        case RemoveServer(backend, name):
            return (f"del server {backend}/{name}",)
