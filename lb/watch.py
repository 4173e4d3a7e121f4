"""Decides what is done next: look at Marathon, tell HAProxy something, let Marathon kill a task.

Only dispatches: when to fetch is `fetching`, the model `wish`, the way out of a server `drain`,
what to tell HAProxy `operations`; the doing is `lb.runtime`. Source: marathon-lb (what not to do: a
reload per event).
"""

from collections.abc import Callable, Mapping
from typing import Any

from kernel.machine import DeadlineReached, Now
from lb import events as e
from lb.collect import Options
from lb.drain import Drain
from lb.fetching import Fetching
from lb.operations import Operations
from lb.render import Settings
from lb.wish import Wish

ACKNOWLEDGE_RETRY_MS = 300


class Watch:
    """Marathon's side, and the parts put together.

    Invariants: at most one operation and one fetch are under way; a task that was taken out is in
    no server of the wish; nothing is acknowledged while an operation is under way.
    """

    def __init__(self, options: Options, settings: Settings) -> None:
        self.fetching = Fetching()
        self.wish = Wish(options, settings)
        self.drain = Drain()
        self.haproxy = Operations(self.wish, self.drain)
        self._acknowledge_at_ms: int | None = None

    def step(self, event: e.Event, now: Now) -> list[e.Effect]:
        effects: list[e.Effect] = []
        _HANDLERS[type(event)](self, event, now)
        number = self.fetching.begin_if_due(now.mono_ms)
        if number is not None:
            effects.append(e.FetchApps(number))
        self.wish.update(self.drain.tasks, self.haproxy.applied)
        return effects + self._acknowledgements(now) + self.haproxy.next(now)

    def next_deadline_ms(self) -> int | None:
        times = (
            self.fetching.next_deadline_ms(),
            self.wish.refused_again_ms,
            self._acknowledge_at_ms,
            self.drain.next_list_ms(),
            self.haproxy.next_deadline_ms(),
        )
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def check_invariants(self) -> None:
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
        if self.wish.places(event.task_id):
            self.drain.announce(event.task_id, self.fetching.number, now.mono_ms)
        else:
            self._take_out(event.task_id, now)
        self.fetching.news(now.mono_ms)

    def _on_apps_fetched(self, event: e.AppsFetched, now: Now) -> None:
        self.fetching.fetched(now.mono_ms, now.wall_ms)
        self.wish.fetched(event.apps, event.unreadable, event.addresses)
        killing = self.wish.killing()
        self.drain.listed(event.fetch)
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

    def _on_deadline_reached(self, _event: DeadlineReached, now: Now) -> None:
        self.wish.try_again_if_due(now.mono_ms)
        for task_id in self.drain.overdue(now.mono_ms):
            self._take_out(task_id, now)
        if self._acknowledge_at_ms is not None and now.mono_ms >= self._acknowledge_at_ms:
            self._acknowledge_at_ms = None

    def _acknowledgements(self, now: Now) -> list[e.Effect]:
        """Nothing is acknowledged while HAProxy is being changed: it might just get the task."""
        if self.haproxy.doing or not self.haproxy.is_known or self._acknowledge_at_ms is not None:
            return []
        settled = self.drain.settled(self.haproxy.running, now.mono_ms)
        return [e.Acknowledge(settled)] if settled else []


def _of_haproxy(
    handler: Callable[[Operations, Any, Now], None],
) -> Callable[[Watch, Any, Now], None]:
    return lambda watch, event, now: handler(watch.haproxy, event, now)


_HANDLERS: Mapping[type[Any], Callable[[Watch, Any, Now], None]] = {
    e.StreamOpened: Watch._on_stream_opened,
    e.StreamClosed: Watch._on_stream_closed,
    e.AppsChanged: Watch._on_apps_changed,
    e.TaskKillAnnounced: Watch._on_task_kill_announced,
    e.AppsFetched: Watch._on_apps_fetched,
    e.FetchFailed: Watch._on_fetch_failed,
    e.AcknowledgeFailed: Watch._on_acknowledge_failed,
    e.HaproxyFound: _of_haproxy(Operations.on_haproxy),
    e.HaproxyAbsent: _of_haproxy(Operations.on_haproxy),
    e.HaproxyStopped: _of_haproxy(Operations.on_haproxy),
    e.StartFailed: _of_haproxy(Operations.on_haproxy),
    e.ConfigApplied: _of_haproxy(Operations.on_config_applied),
    e.ConfigRefused: _of_haproxy(Operations.on_config_refused),
    e.ServersChanged: _of_haproxy(Operations.on_servers_changed),
    e.ServersRead: _of_haproxy(Operations.on_servers_read),
    e.SessionsRead: _of_haproxy(Operations.on_sessions_read),
    e.HaproxyUnreachable: _of_haproxy(Operations.on_haproxy_unreachable),
    DeadlineReached: Watch._on_deadline_reached,
}
