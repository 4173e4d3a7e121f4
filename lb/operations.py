"""Decides which operation on HAProxy comes next, from what it has and what it should have.

One at a time; after each, the next is chosen anew, so that nothing depends on a command having
worked. Servers change at once and without a reload; the rest takes a reload, for which there is a
budget. Leaves the model to `wish`, the way out of a server to `drain`, the doing to `lb.runtime`.
"""

from typing import Any

from msgspec import Struct, structs

from kernel.machine import Now
from lb import events as e
from lb.diff import after, arrivals, departures, is_sticky
from lb.drain import Drain
from lb.model import Model
from lb.patience import ReloadBudget, Starts
from lb.stats import Running
from lb.wish import Wish

REREAD_MS = 60_000
TROUBLE_PAUSE_MS = 300
SAVE_AFTER_MS = 300


class Report(Struct):
    """What people and programs may want to know; nothing is decided by it."""

    haproxy: str = "starting"  # starting, running, down, missing
    starts_count: int = 0
    reloads_count: int = 0
    reloads_refused_count: int = 0
    last_reload: tuple[int, int] | None = None  # wall clock, how long it took
    last_error: tuple[int, str] | None = None  # wall clock, sentence


class Operations:
    """`running` is what HAProxy has (None: there is none), `applied` the model it was made from."""

    def __init__(self, wish: Wish, drain: Drain) -> None:
        self.report = Report()
        self.running: Running | None = None
        self.applied: Model | None = None
        self.doing = ""
        self._wish = wish
        self._drain = drain
        self._budget = ReloadBudget()
        self._starts = Starts()
        self._pause_until_ms = 0
        self._reread_at_ms = 0
        self._save_at_ms: int | None = None

    @property
    def is_known(self) -> bool:
        """Before the first look, nobody knows whether a HAProxy of before serves a task."""
        return self.running is not None or self._starts.at_ms is not None

    def next_deadline_ms(self) -> int | None:
        times = [self._save_at_ms]
        if not self.doing and self.running is None:
            times += [self._starts.at_ms, self._drain.next_deadline_ms()]
        elif not self.doing:
            due = [self._drain.next_deadline_ms(), self._drain.next_poll_ms(), self._reread_at_ms]
            if self._is_reload_due():
                due.append(self._budget.next_ms())
            times += [max(at_ms, self._pause_until_ms) for at_ms in due if at_ms is not None]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def next(self, now: Now) -> list[e.Effect]:
        """What is to be done on HAProxy now: at most one operation, and perhaps a file."""
        if self._is_structure_right():
            self.applied = self._wish.model
        effects: list[e.Effect] = []
        if self._save_at_ms is not None and now.mono_ms >= self._save_at_ms:
            self._save_at_ms = None
            if self._is_structure_right() and self._wish.model is not None:
                effects.append(e.SaveConfig(self._wish.model))
        if not self.doing:
            operation = self._start(now) if self.running is None else self._operation(now)
            if operation is not None:
                self.doing = type(operation).__name__
                effects.append(operation)
        return effects

    def on_haproxy(self, event: Any, now: Now) -> None:
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
                self._drain.stopped()
                self.report.haproxy = "down"
                self._report_error(reason, now)
            case e.StartFailed(reason, is_missing):
                self.doing = ""
                self._starts.failed(now.mono_ms)
                self.report.haproxy = "missing" if is_missing else "down"
                self._report_error(reason, now)

    def on_config_applied(self, event: e.ConfigApplied, now: Now) -> None:
        self.doing = ""
        self._drain.reloaded(self.running, event.running.leaving_workers)
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

    def on_config_refused(self, event: e.ConfigRefused, now: Now) -> None:
        self.doing = ""
        self.report.reloads_refused_count += 1
        self._report_error(event.reason, now)
        self._wish.refuse(event.fingerprint, event.refused, now.mono_ms)
        if self.running is None:
            self._starts.failed(now.mono_ms)

    def on_servers_changed(self, event: e.ServersChanged, now: Now) -> None:
        self.doing = ""
        if self.running is not None:
            for change in event.done:
                self.running = after(self.running, change)
            if event.done and self._save_at_ms is None:
                self._save_at_ms = now.mono_ms + SAVE_AFTER_MS
        if event.problems:
            self._trouble("; ".join(event.problems[:3]), now)

    def on_servers_read(self, event: e.ServersRead, _now: Now) -> None:
        self.doing = ""
        if self.running is not None:
            self.running = event.running

    def on_sessions_read(self, event: e.SessionsRead, now: Now) -> None:
        self.doing = ""
        if self.running is not None:
            self.running = structs.replace(self.running, leaving_workers=event.leaving_workers)
        self._drain.sessions_read(event.counts, event.leaving_workers, now.mono_ms)

    def on_haproxy_unreachable(self, event: e.HaproxyUnreachable, now: Now) -> None:
        self.doing = ""
        if self.running is None:
            self._starts.failed(now.mono_ms)
        self._trouble(event.reason, now)

    def _trouble(self, reason: str, now: Now) -> None:
        """After a pause, first of all look what HAProxy really has."""
        self._report_error(reason, now)
        self._reread_at_ms = self._pause_until_ms = now.mono_ms + TROUBLE_PAUSE_MS

    def _report_error(self, sentence: str, now: Now) -> None:
        self.report.last_error = (now.wall_ms, sentence)

    def _start(self, now: Now) -> e.Effect | None:
        if not self._starts.is_due(now.mono_ms):
            return None
        model = self._wish.model
        return e.StartLastGood() if model is None or self._wish.is_refused else e.ApplyConfig(model)

    def _operation(self, now: Now) -> e.Effect | None:
        if now.mono_ms < self._pause_until_ms:
            return None
        if now.mono_ms >= self._reread_at_ms:
            self._reread_at_ms = now.mono_ms + REREAD_MS
            return e.ReadServers()
        model = self._wish.model
        if model is not None:
            change = self._change_servers(model, now)
            if change is not None:
                return change
            if self._is_reload_due() and now.mono_ms >= self._budget.next_ms():
                self._budget.take(now.mono_ms)
                return e.ApplyConfig(model)
        poll_ms = self._drain.next_poll_ms()
        if poll_ms is not None and now.mono_ms >= poll_ms:
            return e.ReadSessions(self._drain.poll_keys())
        return None

    def _change_servers(self, model: Model, now: Now) -> e.ChangeServers | None:
        assert self.running is not None
        sticky = {backend.name: None for backend in model.backends if is_sticky(backend)}
        leaving = departures(self.running, model)
        changes = (
            *arrivals(self.running, model),
            *self._drain.changes(self.running, leaving, sticky, now.mono_ms),
        )
        return e.ChangeServers(changes) if changes else None

    def _is_structure_right(self) -> bool:
        return self.running is not None and self.running.fingerprint == self._wish.mark

    def _is_reload_due(self) -> bool:
        is_wished = self._wish.model is not None and not self._wish.is_refused
        return is_wished and not self._is_structure_right()
