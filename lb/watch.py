"""Decides when Marathon is asked, when HAProxy is told what, and when a task may be killed.

One operation on HAProxy at a time; after each, the next is chosen from what HAProxy then has and
what the model wants, so that nothing depends on a command having worked. Servers change without a
reload and at once; the rest takes a reload, of which there is a budget. Leaves the doing to
`lb.runtime`, the way out of a server to `drain`. Source: docs/decisions, marathon-lb (what not to
do: one reload per event).
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs

from kernel.machine import DeadlineReached, Now
from lb import events as e
from lb.collect import KILLING_STATE, Circumstances, Options, collect
from lb.diff import Key, after, arrivals, departures, is_sticky
from lb.drain import Drain
from lb.marathon import App, Unreadable
from lb.model import AppWarning, Backend, Model
from lb.render import Settings, fingerprint
from lb.stats import Running

FETCH_SPACING_MS = 40  # events that come together need one look at Marathon
RESYNC_MS = 60_000
RESYNC_BLIND_MS = 5_000  # while no events come
FETCH_RETRY_FIRST_MS, FETCH_RETRY_MAX_MS = 200, 5_000
RELOADS_BURST, RELOAD_REFILL_MS = 3, 2_000
SAVE_AFTER_MS = 300
START_RETRY_FIRST_MS, START_RETRY_MAX_MS = 100, 3_000
START_SURVIVED_MS = 5_000  # an HAProxy that lived so long may be started again at once
REFUSED_AGAIN_MS = 60_000
TROUBLE_PAUSE_MS = 300
ACKNOWLEDGE_RETRY_MS = 300


class Watch:
    """State: what Marathon has (`_apps`), what HAProxy has (`running`), what it should (`wanted`).

    Invariants: at most one operation and one fetch are under way; a task that is about to be killed
    is in no server of `wanted`; nothing is acknowledged while an operation is under way.
    """

    def __init__(self, options: Options, settings: Settings) -> None:
        self._options = options
        self._settings = settings
        self._apps: tuple[tuple[App, ...], tuple[Unreadable, ...], Mapping[str, str]] | None = None
        self._is_stale = False  # `wanted` must be made anew
        self._refused: dict[str, tuple[Backend, str]] = {}
        self._refused_fingerprint = ""
        self._wanted_mark = "nothing"
        self._refused_again_ms: int | None = None
        self._drain = Drain()
        self._doing = ""
        self._pause_until_ms = 0
        self._start_at_ms: int | None = None  # None: not yet told whether one is running
        self._start_retry_ms = START_RETRY_FIRST_MS
        self._started_ms = 0
        self._tokens, self._tokens_ms = RELOADS_BURST, 0
        self._save_at_ms: int | None = None
        self._fetch, self._fetching = 0, False
        self._fetch_at_ms: int | None = None
        self._fetch_started_ms = -FETCH_SPACING_MS
        self._fetch_retry_ms = FETCH_RETRY_FIRST_MS
        self._reread_at_ms: int | None = None
        self._places: dict[str, tuple[Key, ...]] = {}  # the servers that a task was last seen in
        self._acknowledge_at_ms: int | None = None
        self.running: Running | None = None
        self.applied: Model | None = None
        self.wanted: Model | None = None
        self.haproxy = "starting"  # starting, running, down, missing
        self.is_following = False
        self.marathon_error: str | None = "not yet reached"
        self.fetched_wall_ms = 0
        self.reloads_count = self.reloads_refused_count = self.starts_count = 0
        self.last_reload: tuple[int, int] | None = None  # wall clock, how long it took
        self.last_error: tuple[int, str] | None = None  # wall clock, sentence

    def step(self, event: e.Event, now: Now) -> list[e.Effect]:
        effects: list[e.Effect] = list(_HANDLERS[type(event)](self, event, now) or ())
        effects += self._fetch_if_due(now)
        effects += self._next(now)
        return effects

    def next_deadline_ms(self) -> int | None:
        times = [self._save_at_ms, self._refused_again_ms, self._acknowledge_at_ms]
        if not self._fetching:
            times.append(self._fetch_at_ms)
        if not self._doing and self.running is None:
            times += [self._start_at_ms, self._drain.next_deadline_ms()]
        elif not self._doing:
            due = [self._drain.next_deadline_ms(), self._drain.next_poll_ms(), self._reread_at_ms]
            if self._is_reload_due():
                due.append(self._reload_at_ms())
            times += [max(at_ms, self._pause_until_ms) for at_ms in due if at_ms is not None]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def check_invariants(self) -> None:
        assert self._tokens >= 0
        if self.wanted is not None and not self._is_stale:
            for backend in self.wanted.backends:
                for server in backend.servers:
                    assert not any(task_id in self._drain.tasks for task_id in server.task_ids)

    def warnings(self) -> tuple[AppWarning, ...]:
        return self.wanted.warnings if self.wanted is not None else ()

    def killing_count(self) -> int:
        return sum(not waiting.is_acknowledged for waiting in self._drain.tasks.values())

    # Marathon

    def _on_stream_opened(self, _event: e.StreamOpened, now: Now) -> None:
        self.is_following = True
        self._drain.acknowledge_again()
        self._fetch_at_ms = now.mono_ms

    def _on_stream_closed(self, event: e.StreamClosed, now: Now) -> None:
        self.is_following = False
        self.marathon_error = event.reason
        self._sooner(now.mono_ms + RESYNC_BLIND_MS)

    def _on_apps_changed(self, _event: e.AppsChanged, now: Now) -> None:
        self._sooner(max(now.mono_ms, self._fetch_started_ms + FETCH_SPACING_MS))

    def _on_task_kill_announced(self, event: e.TaskKillAnnounced, now: Now) -> None:
        self._take_out(event.task_id, now)
        self._sooner(max(now.mono_ms, self._fetch_started_ms + FETCH_SPACING_MS))

    def _on_apps_fetched(self, event: e.AppsFetched, now: Now) -> None:
        self._fetching = False
        self._fetch_retry_ms = FETCH_RETRY_FIRST_MS
        self._sooner(now.mono_ms + (RESYNC_MS if self.is_following else RESYNC_BLIND_MS))
        self.marathon_error, self.fetched_wall_ms = None, now.wall_ms
        self._apps = (event.apps, event.unreadable, event.addresses)
        self._is_stale = True
        killing = {
            task.id: None
            for app in event.apps
            for task in app.tasks or ()
            if task.state == KILLING_STATE
        }
        self._drain.forget(killing, event.fetch)
        for task_id in killing:
            if task_id not in self._drain.tasks:
                self._take_out(task_id, now)

    def _on_fetch_failed(self, event: e.FetchFailed, now: Now) -> None:
        self._fetching = False
        self.marathon_error = event.reason
        self._sooner(now.mono_ms + self._fetch_retry_ms)
        self._fetch_retry_ms = min(2 * self._fetch_retry_ms, FETCH_RETRY_MAX_MS)

    def _on_acknowledge_failed(self, event: e.AcknowledgeFailed, now: Now) -> None:
        for task_id in event.task_ids:
            waiting = self._drain.tasks.get(task_id)
            if waiting is not None and now.mono_ms < waiting.until_ms:
                waiting.is_acknowledged = False
                self._acknowledge_at_ms = now.mono_ms + ACKNOWLEDGE_RETRY_MS

    def _take_out(self, task_id: str, now: Now) -> None:
        keys = self._places.get(task_id, ())
        if self._drain.take_out(task_id, keys, self._fetch, now.mono_ms):
            self._is_stale = True

    def _sooner(self, at_ms: int) -> None:
        self._fetch_at_ms = at_ms if self._fetch_at_ms is None else min(self._fetch_at_ms, at_ms)

    def _fetch_if_due(self, now: Now) -> list[e.Effect]:
        if self._fetching or self._fetch_at_ms is None or now.mono_ms < self._fetch_at_ms:
            return []
        self._fetch += 1
        self._fetching, self._fetch_at_ms = True, None
        self._fetch_started_ms = now.mono_ms
        return [e.FetchApps(self._fetch)]

    # HAProxy

    def _on_haproxy_found(self, event: e.HaproxyFound, now: Now) -> None:
        self.haproxy, self.running = "running", event.running
        self._started_ms = now.mono_ms

    def _on_haproxy_absent(self, _event: e.HaproxyAbsent, now: Now) -> None:
        self._start_at_ms = now.mono_ms

    def _on_haproxy_stopped(self, event: e.HaproxyStopped, now: Now) -> None:
        if now.mono_ms - self._started_ms >= START_SURVIVED_MS:
            self._start_retry_ms = START_RETRY_FIRST_MS
            self._start_at_ms = now.mono_ms
        else:
            self._start_later(now)
        self.haproxy, self.running = "down", None
        self.last_error = (now.wall_ms, event.reason)
        self._drain.stopped()

    def _on_start_failed(self, event: e.StartFailed, now: Now) -> None:
        self._doing = ""
        self.haproxy = "missing" if event.is_missing else "down"
        self.last_error = (now.wall_ms, event.reason)
        self._start_later(now)

    def _start_later(self, now: Now) -> None:
        self._start_at_ms = now.mono_ms + self._start_retry_ms
        self._start_retry_ms = min(2 * self._start_retry_ms, START_RETRY_MAX_MS)

    def _on_config_applied(self, event: e.ConfigApplied, now: Now) -> None:
        self._doing = ""
        self._drain.reloaded(self.running, event.running.leaving_workers)
        self.haproxy, self.running = "running", event.running
        self._refused_fingerprint = ""
        if event.model is not None:
            self.applied = event.model
        if event.was_reload:
            self.reloads_count += 1
            self.last_reload = (now.wall_ms, event.milliseconds)
        else:
            self.starts_count += 1
            self._started_ms = now.mono_ms

    def _on_config_refused(self, event: e.ConfigRefused, now: Now) -> None:
        self._doing = ""
        self.reloads_refused_count += 1
        self.last_error = (now.wall_ms, event.reason)
        self._refused_again_ms = now.mono_ms + REFUSED_AGAIN_MS
        if self.running is None:
            self._start_later(now)
        if not event.refused:
            self._refused_fingerprint = event.fingerprint
        known = {backend.name: backend for backend in self.wanted.backends} if self.wanted else {}
        for name, reason in event.refused.items():
            if name in known:
                self._refused[name] = (_bare(known[name]), reason)
        self._is_stale = True

    def _on_servers_changed(self, event: e.ServersChanged, now: Now) -> None:
        self._doing = ""
        if self.running is not None:
            for change in event.done:
                self.running = after(self.running, change)
            if event.done and self._save_at_ms is None:
                self._save_at_ms = now.mono_ms + SAVE_AFTER_MS
        if event.problems:
            self.last_error = (now.wall_ms, "; ".join(event.problems[:3]))
            self._read_again(now)

    def _on_servers_read(self, event: e.ServersRead, _now: Now) -> None:
        self._doing = ""
        if self.running is not None:
            self.running = event.running

    def _on_sessions_read(self, event: e.SessionsRead, now: Now) -> None:
        self._doing = ""
        if self.running is not None:
            self.running = structs.replace(self.running, leaving_workers=event.leaving_workers)
        if not event.leaving_workers:
            self._drain.old_workers_gone()
        self._drain.sessions_read(event.counts, now.mono_ms)

    def _on_haproxy_unreachable(self, event: e.HaproxyUnreachable, now: Now) -> None:
        self._doing = ""
        self.last_error = (now.wall_ms, event.reason)
        if self.running is None:
            self._start_later(now)
        self._read_again(now)

    def _read_again(self, now: Now) -> None:
        self._reread_at_ms = self._pause_until_ms = now.mono_ms + TROUBLE_PAUSE_MS

    def _on_deadline_reached(self, _event: DeadlineReached, now: Now) -> list[e.Effect]:
        if self._refused_again_ms is not None and now.mono_ms >= self._refused_again_ms:
            self._refused_again_ms = None
            self._refused.clear()
            self._refused_fingerprint = ""
            self._is_stale = True
        if self._acknowledge_at_ms is not None and now.mono_ms >= self._acknowledge_at_ms:
            self._acknowledge_at_ms = None
        if self._save_at_ms is not None and now.mono_ms >= self._save_at_ms:
            self._save_at_ms = None
            if self._is_structure_right() and self.wanted is not None:
                return [e.SaveConfig(self.wanted)]
        return []

    # What next

    def _next(self, now: Now) -> list[e.Effect]:
        """At most one operation on HAProxy, and the acknowledgements that are due."""
        self._collect_if_stale()
        if self._doing:
            return []
        operation = self._operation(now)
        acknowledgements = self._acknowledgements(now) if operation is None else []
        if operation is None:
            return acknowledgements
        self._doing = type(operation).__name__
        return [operation]

    def _operation(self, now: Now) -> e.Effect | None:
        if self.running is None:
            return self._start(now)
        if now.mono_ms < self._pause_until_ms:
            return None
        if self._reread_at_ms is None or now.mono_ms >= self._reread_at_ms:
            self._reread_at_ms = now.mono_ms + RESYNC_MS
            return e.ReadServers()
        if self.wanted is not None and (change := self._change_servers(now)) is not None:
            return change
        if self._is_reload_due() and now.mono_ms >= self._reload_at_ms() and self.wanted:
            self._take_token(now)
            return e.ApplyConfig(self.wanted)
        poll_ms = self._drain.next_poll_ms()
        if poll_ms is not None and now.mono_ms >= poll_ms:
            return e.ReadSessions(self._drain.poll_keys())
        return None

    def _start(self, now: Now) -> e.Effect | None:
        if self._start_at_ms is None or now.mono_ms < self._start_at_ms:
            return None
        if self.wanted is None or self._refused_fingerprint == self._wanted_mark:
            return e.StartLastGood()
        return e.ApplyConfig(self.wanted)

    def _change_servers(self, now: Now) -> e.ChangeServers | None:
        assert self.running is not None and self.wanted is not None
        sticky = {backend.name: None for backend in self.wanted.backends if is_sticky(backend)}
        changes = [
            *arrivals(self.running, self.wanted),
            *self._drain.changes(
                self.running, departures(self.running, self.wanted), sticky, now.mono_ms
            ),
        ]
        return e.ChangeServers(tuple(changes)) if changes else None

    def _acknowledgements(self, now: Now) -> list[e.Effect]:
        if self._acknowledge_at_ms is not None:
            return []
        settled = self._drain.settled(self.running, now.mono_ms)
        return [e.Acknowledge(settled)] if settled else []

    def _collect_if_stale(self) -> None:
        if not self._is_stale or self._apps is None:
            return
        self._is_stale = False
        apps, unreadable, addresses = self._apps
        circumstances = Circumstances(
            addresses=addresses,
            killing=dict.fromkeys(self._drain.tasks, 0),
            incumbents={
                backend.service_port: backend.app_id
                for backend in (self.applied.backends if self.applied else ())
            },
        )
        self.wanted = collect(apps, unreadable, self._options, circumstances)
        if self._refused:
            # An app that was refused is tried again as soon as anything about it is different.
            same = {
                backend.name: self._refused[backend.name][1]
                for backend in self.wanted.backends
                if backend.name in self._refused
                and self._refused[backend.name][0] == _bare(backend)
            }
            self._refused = {name: self._refused[name] for name in same}
            self.wanted = collect(
                apps, unreadable, self._options, structs.replace(circumstances, refused=same)
            )
        self._remember(self.wanted)

    def _remember(self, wanted: Model) -> None:
        """What follows from a new `wanted`."""
        self._wanted_mark = fingerprint(wanted, self._settings)
        listed = {
            task.id: None
            for app in (self._apps[0] if self._apps else ())
            for task in app.tasks or ()
        }
        places = {task_id: keys for task_id, keys in self._places.items() if task_id in listed}
        fresh: dict[str, tuple[Key, ...]] = {}
        for backend in wanted.backends:
            for server in backend.servers:
                for task_id in server.task_ids:
                    fresh[task_id] = (*fresh.get(task_id, ()), (backend.name, server.name))
        self._places = places | fresh
        if self._is_structure_right():
            self.applied = wanted

    def _is_structure_right(self) -> bool:
        return self.running is not None and self.running.fingerprint == self._wanted_mark

    def _is_reload_due(self) -> bool:
        if self.wanted is None or self._is_structure_right():
            return False
        return self._wanted_mark != self._refused_fingerprint

    def _reload_at_ms(self) -> int:
        return 0 if self._tokens else self._tokens_ms + RELOAD_REFILL_MS

    def _take_token(self, now: Now) -> None:
        if self._tokens == RELOADS_BURST:
            self._tokens_ms = now.mono_ms
        refilled = (now.mono_ms - self._tokens_ms) // RELOAD_REFILL_MS
        self._tokens_ms += refilled * RELOAD_REFILL_MS
        self._tokens = min(RELOADS_BURST, self._tokens + refilled)
        assert self._tokens > 0
        self._tokens -= 1


def _bare(backend: Backend) -> Backend:
    return structs.replace(backend, servers=())


_HANDLERS: Mapping[type[Any], Callable[[Watch, Any, Now], list[e.Effect] | None]] = {
    e.StreamOpened: Watch._on_stream_opened,
    e.StreamClosed: Watch._on_stream_closed,
    e.AppsChanged: Watch._on_apps_changed,
    e.TaskKillAnnounced: Watch._on_task_kill_announced,
    e.AppsFetched: Watch._on_apps_fetched,
    e.FetchFailed: Watch._on_fetch_failed,
    e.AcknowledgeFailed: Watch._on_acknowledge_failed,
    e.HaproxyFound: Watch._on_haproxy_found,
    e.HaproxyAbsent: Watch._on_haproxy_absent,
    e.HaproxyStopped: Watch._on_haproxy_stopped,
    e.StartFailed: Watch._on_start_failed,
    e.ConfigApplied: Watch._on_config_applied,
    e.ConfigRefused: Watch._on_config_refused,
    e.ServersChanged: Watch._on_servers_changed,
    e.ServersRead: Watch._on_servers_read,
    e.SessionsRead: Watch._on_sessions_read,
    e.HaproxyUnreachable: Watch._on_haproxy_unreachable,
    DeadlineReached: Watch._on_deadline_reached,
}
