"""What the machine of the load balancer is told, and what it asks for."""

from collections.abc import Mapping

from msgspec import Struct

from kernel.machine import DeadlineReached
from lb.diff import Change, Key
from lb.marathon import App, Unreadable
from lb.model import Model
from lb.stats import Running


class StreamOpened(Struct, frozen=True, tag=True):
    """Marathon's events are being followed from here on."""


class StreamClosed(Struct, frozen=True, tag=True):
    reason: str


class AppsChanged(Struct, frozen=True, tag=True):
    """An event of Marathon that may concern routing."""


class TaskKillAnnounced(Struct, frozen=True, tag=True):
    """Marathon will kill this task once it is acknowledged to be out."""

    task_id: str


class AppsFetched(Struct, frozen=True, tag=True):
    """`addresses` has an entry for each host name that could be resolved."""

    fetch: int
    apps: tuple[App, ...]
    unreadable: tuple[Unreadable, ...]
    addresses: Mapping[str, str]


class FetchFailed(Struct, frozen=True, tag=True):
    fetch: int
    reason: str


class ConfigApplied(Struct, frozen=True, tag=True):
    """HAProxy runs this; `model` is None for a configuration that was found on disk."""

    running: Running
    model: Model | None
    milliseconds: int
    was_reload: bool = True


class ConfigRefused(Struct, frozen=True, tag=True):
    """The former configuration goes on; `refused` tells whose fault it is, if that was found."""

    fingerprint: str
    reason: str
    refused: Mapping[str, str] = {}


class HaproxyFound(Struct, frozen=True, tag=True):
    """One was running already when we came."""

    running: Running


class HaproxyAbsent(Struct, frozen=True, tag=True):
    """None was running when we came."""


class HaproxyStopped(Struct, frozen=True, tag=True):
    """It ended, whatever was under way; an operation under way still gets its own answer."""

    reason: str


class StartFailed(Struct, frozen=True, tag=True):
    reason: str
    is_missing: bool = False  # there is no program to start


class ServersChanged(Struct, frozen=True, tag=True):
    done: tuple[Change, ...]
    problems: tuple[str, ...] = ()


class ServersRead(Struct, frozen=True, tag=True):
    running: Running


class SessionsRead(Struct, frozen=True, tag=True):
    counts: Mapping[Key, int]
    leaving_workers: int


class HaproxyUnreachable(Struct, frozen=True, tag=True):
    """It lives, but what we asked it was not answered."""

    reason: str


class AcknowledgeFailed(Struct, frozen=True, tag=True):
    task_ids: tuple[str, ...]
    reason: str


Event = (
    StreamOpened
    | StreamClosed
    | AppsChanged
    | TaskKillAnnounced
    | AppsFetched
    | FetchFailed
    | ConfigApplied
    | ConfigRefused
    | HaproxyFound
    | HaproxyAbsent
    | HaproxyStopped
    | StartFailed
    | ServersChanged
    | ServersRead
    | SessionsRead
    | HaproxyUnreachable
    | AcknowledgeFailed
    | DeadlineReached
)


class FetchApps(Struct, frozen=True, tag=True):
    fetch: int


class ApplyConfig(Struct, frozen=True, tag=True):
    """Check it, put it in place, start HAProxy or reload it, and see that it serves it."""

    model: Model


class StartLastGood(Struct, frozen=True, tag=True):
    """Start HAProxy with the file on disk, or an empty configuration where there is none."""


class ChangeServers(Struct, frozen=True, tag=True):
    changes: tuple[Change, ...]


class ReadServers(Struct, frozen=True, tag=True):
    pass


class ReadSessions(Struct, frozen=True, tag=True):
    keys: tuple[Key, ...]


class SaveConfig(Struct, frozen=True, tag=True):
    """Write the file that the next start begins with; what runs has it already."""

    model: Model


class Acknowledge(Struct, frozen=True, tag=True):
    task_ids: tuple[str, ...]


Effect = (
    FetchApps
    | ApplyConfig
    | StartLastGood
    | ChangeServers
    | ReadServers
    | ReadSessions
    | SaveConfig
    | Acknowledge
)
