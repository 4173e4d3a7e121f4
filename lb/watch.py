"""Decides what is done next: look at Marathon, tell HAProxy something, let Marathon kill a task.

One operation on HAProxy at a time; after each, the next is chosen from what HAProxy then has and
what it should have, so that nothing depends on a command having worked. Servers change at once and
without a reload; the rest takes a reload, for which there is a budget. Only dispatches: when to
fetch is `fetching`, the model `wish`, the way out of a server `drain`, how often `patience`; the
doing is `lb.runtime`. Source: marathon-lb (what not to do: a reload per event).
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, structs

from kernel.machine import DeadlineReached, Now
from lb import events as e
from lb.collect import Options
from lb.diff import after, arrivals, departures, is_sticky
from lb.drain import Drain
from lb.fetching import Fetching
from lb.model import Model
from lb.patience import ReloadBudget, Starts
from lb.render import Settings
from lb.stats import Running
from lb.wish import Wish

REREAD_MS = 60_000
TROUBLE_PAUSE_MS = 300
SAVE_AFTER_MS = 300
ACKNOWLEDGE_RETRY_MS = 300


class Report(Struct):
    """What people and programs may want to know; nothing is decided by it."""

    haproxy: str = "starting"  # starting, running, down, missing
    starts_count: int = 0
    reloads_count: int = 0
    reloads_refused_count: int = 0
    last_reload: tuple[int, int] | None = None  # wall clock, how long it took
    last_error: tuple[int, str] | None = None  # wall clock, sentence


class Watch:
    """`running` is what HAProxy has (None: there is none), `applied` the model it was made from.

    Invariants: at most one operation and one fetch are under way; a task that is about to be killed
    is in no server of the wish; nothing is acknowledged while an operation is under way.
    """

    def __init__(self, options: Options, settings: Settings) -> None:
        self.fetching = Fetching()
        self.wish = Wish(options, settings)
        self.drain = Drain()
        self.report = Report()
        self.running: Running | None = None
        self.applied: Model | None = None
        self._budget = ReloadBudget()
        self._starts = Starts()
        self._doing = ""
        self._pause_until_ms = 0
        self._reread_at_ms = 0
        self._save_at_ms: int | None = None
        self._acknowledge_at_ms: int | None = None

    def step(self, event: e.Event, now: Now) -> list[e.Effect]:
        effects: list[e.Effect] = []
        _HANDLERS[type(event)](self, event, now)
        number = self.fetching.begin_if_due(now.mono_ms)
        if number is not None:
            effects.append(e.FetchApps(number))
        self.wish.update(self.drain.tasks, self.applied)
        if self._is_structure_right():
            self.applied = self.wish.model
        if self._save_at_ms is not None and now.mono_ms >= self._save_at_ms:
            self._save_at_ms = None
            if self._is_structure_right() and self.wish.model is not None:
                effects.append(e.SaveConfig(self.wish.model))
        return effects + self._next(now)

    def next_deadline_ms(self) -> int | None:
        times = [self.fetching.next_deadline_ms(), self.wish.refused_again_ms]
        times += [self._save_at_ms, self._acknowledge_at_ms]
        if not self._doing and self.running is None:
            times += [self._starts.at_ms, self.drain.next_deadline_ms()]
        elif not self._doing:
            due = [self.drain.next_deadline_ms(), self.drain.next_poll_ms(), self._reread_at_ms]
            if self._is_reload_due():
                due.append(self._budget.next_ms())
            times += [max(at_ms, self._pause_until_ms) for at_ms in due if at_ms is not None]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def check_invariants(self) -> None:
        assert self._budget.tokens >= 0
        for backend in self.wish.model.backends if self.wish.model is not None else ():
            for server in backend.servers:
                assert not any(task_id in self.drain.tasks for task_id in server.task_ids)

    # Marathon's news

    def _on_stream_opened(self, _event: e.StreamOpened, now: Now) -> None:
        self.drain.acknowledge_again()
        self.fetching.opened(now.mono_ms)

    def _on_stream_closed(self, event: e.StreamClosed, now: Now) -> None:
        self.fetching.closed(event.reason, now.mono_ms)

    def _on_apps_changed(self, _event: e.AppsChanged, now: Now) -> None:
        self.fetching.news(now.mono_ms)

    def _on_task_kill_announced(self, event: e.TaskKillAnnounced, now: Now) -> None:
        self._take_out(event.task_id, now)
        self.fetching.news(now.mono_ms)

    def _on_apps_fetched(self, event: e.AppsFetched, now: Now) -> None:
        self.fetching.fetched(now.mono_ms, now.wall_ms)
        self.wish.fetched(event.apps, event.unreadable, event.addresses)
        killing = self.wish.killing()
        self.drain.forget(killing, event.fetch)
        for task_id in killing:
            self._take_out(task_id, now)

    def _on_fetch_failed(self, event: e.FetchFailed, now: Now) -> None:
        self.fetching.failed(event.reason, now.mono_ms)

    def _on_acknowledge_failed(self, event: e.AcknowledgeFailed, now: Now) -> None:
        if self.drain.not_acknowledged(event.task_ids, now.mono_ms):
            self._acknowledge_at_ms = now.mono_ms + ACKNOWLEDGE_RETRY_MS

    def _take_out(self, task_id: str, now: Now) -> None:
        places = self.wish.places(task_id)
        if self.drain.take_out(task_id, places, self.fetching.number, now.mono_ms):
            self.wish.is_stale = True

    # HAProxy's

    def _on_haproxy(self, event: Any, now: Now) -> None:
        """Whether there is one: found, absent, stopped, not to be started."""
        match event:
            case e.HaproxyFound(running):
                self.report.haproxy, self.running = "running", running
                self._starts.started(now.mono_ms)
            case e.HaproxyAbsent():
                self._starts.absent(now.mono_ms)
            case e.HaproxyStopped(reason):
                # An operation that is under way still gets an answer of its own.
                self._starts.stopped(now.mono_ms)
                self.running = None
                self.drain.stopped()
                self.report.haproxy = "down"
                self._report_error(reason, now)
            case e.StartFailed(reason, is_missing):
                self._doing = ""
                self._starts.failed(now.mono_ms)
                self.report.haproxy = "missing" if is_missing else "down"
                self._report_error(reason, now)

    def _on_config_applied(self, event: e.ConfigApplied, now: Now) -> None:
        self._doing = ""
        self.drain.reloaded(self.running, event.running.leaving_workers)
        self.running = event.running
        self._reread_at_ms = now.mono_ms + REREAD_MS
        if event.model is not None:
            self.applied = event.model
        report = self.report
        report.haproxy = "running"
        if event.was_reload:
            report.reloads_count += 1
            report.last_reload = (now.wall_ms, event.milliseconds)
        else:
            report.starts_count += 1
            self._starts.started(now.mono_ms)

    def _on_config_refused(self, event: e.ConfigRefused, now: Now) -> None:
        self._doing = ""
        self.report.reloads_refused_count += 1
        self._report_error(event.reason, now)
        self.wish.refuse(event.fingerprint, event.refused, now.mono_ms)
        if self.running is None:
            self._starts.failed(now.mono_ms)

    def _on_servers_changed(self, event: e.ServersChanged, now: Now) -> None:
        self._doing = ""
        if self.running is not None:
            for change in event.done:
                self.running = after(self.running, change)
            if event.done and self._save_at_ms is None:
                self._save_at_ms = now.mono_ms + SAVE_AFTER_MS
        if event.problems:
            self._trouble("; ".join(event.problems[:3]), now)

    def _on_servers_read(self, event: e.ServersRead, _now: Now) -> None:
        self._doing = ""
        if self.running is not None:
            self.running = event.running

    def _on_sessions_read(self, event: e.SessionsRead, now: Now) -> None:
        self._doing = ""
        if self.running is not None:
            self.running = structs.replace(self.running, leaving_workers=event.leaving_workers)
        self.drain.sessions_read(event.counts, event.leaving_workers, now.mono_ms)

    def _on_haproxy_unreachable(self, event: e.HaproxyUnreachable, now: Now) -> None:
        self._doing = ""
        if self.running is None:
            self._starts.failed(now.mono_ms)
        self._trouble(event.reason, now)

    def _trouble(self, reason: str, now: Now) -> None:
        """After a pause, first of all look what HAProxy really has."""
        self._report_error(reason, now)
        self._reread_at_ms = self._pause_until_ms = now.mono_ms + TROUBLE_PAUSE_MS

    def _report_error(self, sentence: str, now: Now) -> None:
        self.report.last_error = (now.wall_ms, sentence)

    def _on_deadline_reached(self, _event: DeadlineReached, now: Now) -> None:
        self.wish.try_again_if_due(now.mono_ms)
        if self._acknowledge_at_ms is not None and now.mono_ms >= self._acknowledge_at_ms:
            self._acknowledge_at_ms = None

    # What next

    def _next(self, now: Now) -> list[e.Effect]:
        """The acknowledgements that are due, and one operation on HAProxy."""
        if self._doing:
            return []
        effects: list[e.Effect] = []
        # Before the first look, nobody knows whether a HAProxy of before serves the task.
        is_known = self.running is not None or self._starts.at_ms is not None
        if is_known and self._acknowledge_at_ms is None:
            settled = self.drain.settled(self.running, now.mono_ms)
            if settled:
                effects.append(e.Acknowledge(settled))
        operation = self._start(now) if self.running is None else self._operation(now)
        if operation is not None:
            self._doing = type(operation).__name__
            effects.append(operation)
        return effects

    def _start(self, now: Now) -> e.Effect | None:
        if not self._starts.is_due(now.mono_ms):
            return None
        model = self.wish.model
        return e.StartLastGood() if model is None or self.wish.is_refused else e.ApplyConfig(model)

    def _operation(self, now: Now) -> e.Effect | None:
        if now.mono_ms < self._pause_until_ms:
            return None
        if now.mono_ms >= self._reread_at_ms:
            self._reread_at_ms = now.mono_ms + REREAD_MS
            return e.ReadServers()
        model = self.wish.model
        if model is not None:
            change = self._change_servers(model, now)
            if change is not None:
                return change
            if self._is_reload_due() and now.mono_ms >= self._budget.next_ms():
                self._budget.take(now.mono_ms)
                return e.ApplyConfig(model)
        poll_ms = self.drain.next_poll_ms()
        if poll_ms is not None and now.mono_ms >= poll_ms:
            return e.ReadSessions(self.drain.poll_keys())
        return None

    def _change_servers(self, model: Model, now: Now) -> e.ChangeServers | None:
        assert self.running is not None
        sticky = {backend.name: None for backend in model.backends if is_sticky(backend)}
        leaving = departures(self.running, model)
        changes = (
            *arrivals(self.running, model),
            *self.drain.changes(self.running, leaving, sticky, now.mono_ms),
        )
        return e.ChangeServers(changes) if changes else None

    def _is_structure_right(self) -> bool:
        return self.running is not None and self.running.fingerprint == self.wish.mark

    def _is_reload_due(self) -> bool:
        is_wished = self.wish.model is not None and not self.wish.is_refused
        return is_wished and not self._is_structure_right()


_HANDLERS: Mapping[type[Any], Callable[[Watch, Any, Now], None]] = {
    e.StreamOpened: Watch._on_stream_opened,
    e.StreamClosed: Watch._on_stream_closed,
    e.AppsChanged: Watch._on_apps_changed,
    e.TaskKillAnnounced: Watch._on_task_kill_announced,
    e.AppsFetched: Watch._on_apps_fetched,
    e.FetchFailed: Watch._on_fetch_failed,
    e.AcknowledgeFailed: Watch._on_acknowledge_failed,
    e.HaproxyFound: Watch._on_haproxy,
    e.HaproxyAbsent: Watch._on_haproxy,
    e.HaproxyStopped: Watch._on_haproxy,
    e.StartFailed: Watch._on_haproxy,
    e.ConfigApplied: Watch._on_config_applied,
    e.ConfigRefused: Watch._on_config_refused,
    e.ServersChanged: Watch._on_servers_changed,
    e.ServersRead: Watch._on_servers_read,
    e.SessionsRead: Watch._on_sessions_read,
    e.HaproxyUnreachable: Watch._on_haproxy_unreachable,
    DeadlineReached: Watch._on_deadline_reached,
}
