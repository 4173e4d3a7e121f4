"""Keeps the model that HAProxy should have: from Marathon's apps, without the tasks that are about
to be killed, without the backends that were refused.

A backend that was refused stays out until its app's settings change or a minute has passed.
"""

from collections.abc import Mapping

from msgspec import structs

from lb.collect import KILLING_STATE, Circumstances, Options, collect
from lb.diff import Key
from lb.marathon import App, Unreadable
from lb.model import Backend, Model
from lb.render import Settings, fingerprint

REFUSED_AGAIN_MS = 60_000


class Wish:
    """`model` is None until Marathon was reached; `mark` is its fingerprint."""

    def __init__(self, options: Options, settings: Settings) -> None:
        self._options = options
        self._settings = settings
        self._apps: tuple[App, ...] = ()
        self._unreadable: tuple[Unreadable, ...] = ()
        self._addresses: Mapping[str, str] | None = None
        self._refused: dict[str, tuple[Backend, str]] = {}
        self._refused_mark = ""
        self._places: dict[str, tuple[Key, ...]] = {}
        self.refused_again_ms: int | None = None
        self.is_stale = False
        self.model: Model | None = None
        self.mark = ""

    def fetched(
        self,
        apps: tuple[App, ...],
        unreadable: tuple[Unreadable, ...],
        addresses: Mapping[str, str],
    ) -> None:
        self._apps, self._unreadable, self._addresses = apps, unreadable, addresses
        self.is_stale = True

    def killing(self) -> dict[str, None]:
        """The tasks that Marathon's list says are about to be killed."""
        return {
            task.id: None
            for app in self._apps
            for task in app.tasks or ()
            if task.state == KILLING_STATE
        }

    def places(self, task_id: str) -> tuple[Key, ...]:
        """The servers that a task was last seen in."""
        return self._places.get(task_id, ())

    def refuse(self, mark: str, refused: Mapping[str, str], now_ms: int) -> None:
        """HAProxy does not take it: because of these backends, or for a reason not found."""
        self.refused_again_ms = now_ms + REFUSED_AGAIN_MS
        if not refused:
            self._refused_mark = mark
        for backend in self.model.backends if self.model is not None else ():
            if backend.name in refused:
                self._refused[backend.name] = (_bare(backend), refused[backend.name])
        self.is_stale = True

    def try_again_if_due(self, now_ms: int) -> None:
        if self.refused_again_ms is not None and now_ms >= self.refused_again_ms:
            self.refused_again_ms = None
            self._refused.clear()
            self._refused_mark = ""
            self.is_stale = True

    @property
    def is_refused(self) -> bool:
        return self.mark == self._refused_mark

    def update(self, killing: Mapping[str, object], applied: Model | None) -> None:
        """Make the model anew if something changed."""
        if not self.is_stale or self._addresses is None:
            return
        self.is_stale = False
        circumstances = Circumstances(
            addresses=self._addresses,
            killing=dict.fromkeys(killing, 0),
            incumbents={
                backend.service_port: backend.app_id
                for backend in (applied.backends if applied is not None else ())
            },
        )
        model = collect(self._apps, self._unreadable, self._options, circumstances)
        if self._refused:
            # An app that was refused is tried again as soon as its settings are different.
            same = {
                backend.name: self._refused[backend.name][1]
                for backend in model.backends
                if self._refused.get(backend.name, (None, ""))[0] == _bare(backend)
            }
            self._refused = {name: self._refused[name] for name in same}
            circumstances = structs.replace(circumstances, refused=same)
            model = collect(self._apps, self._unreadable, self._options, circumstances)
        self.model, self.mark = model, fingerprint(model, self._settings)
        self._remember_places(model)

    def _remember_places(self, model: Model) -> None:
        listed = {task.id: None for app in self._apps for task in app.tasks or ()}
        places = {task_id: keys for task_id, keys in self._places.items() if task_id in listed}
        fresh: dict[str, tuple[Key, ...]] = {}
        for backend in model.backends:
            for server in backend.servers:
                for task_id in server.task_ids:
                    fresh[task_id] = (*fresh.get(task_id, ()), (backend.name, server.name))
        self._places = places | fresh


def _bare(backend: Backend) -> Backend:
    return structs.replace(backend, servers=())
