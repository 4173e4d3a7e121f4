"""What every view gets: a way to ask the machine and a way to look at it.

Views run in threads; the desk is where they hand things over to the loop and wait. A long listing
is read in slices, so that the loop is never held up for long, and kept while nothing changes.
"""

from collections.abc import Callable, Coroutine, Iterator
from threading import Lock
from typing import Any, TypeVar

import msgspec

from chronos_app.core.cron import Cron
from chronos_app.core.events import Denied, Done, Effect, Event
from chronos_app.runtime.config import Config
from chronos_app.schema.refusal import Refused
from kernel.runtime.clock import Clock
from kernel.runtime.driver import Driver
from kernel.store.interface import StoreFull

T = TypeVar("T")
SLICE_COUNT = 50  # jobs shown per turn of the loop: a few milliseconds
SLICE_COUNT_CHEAP = 2_000
RENDERINGS_KEPT_MAX = 16


class Desk:
    """One per process, shared by all threads."""

    def __init__(
        self,
        driver: Driver[Event, Effect],
        config: Config,
        clock: Clock,
        on_loop: Callable[[Coroutine[Any, Any, Any]], Any],
    ) -> None:
        self.config = config
        self.clock = clock
        self._driver = driver
        self._on_loop = on_loop
        self._rendered: dict[str, tuple[int, bytes]] = {}
        self._lock = Lock()

    def read(self, query: Callable[[Cron], T]) -> T:
        """A consistent look."""
        return self._driver.read_from_thread(query)

    def read_job(self, name: str, query: Callable[[Cron], T]) -> T:
        """A look at one job; raises `Refused` when there is none of this name."""

        def look(cron: Cron) -> T | None:
            return query(cron) if name in cron.ledger.jobs else None

        found = self.read(look)
        if found is None:
            raise Refused("", f"Job '{name}' not found")
        return found

    def each(
        self, show: Callable[[Cron, str], T], names: list[str] | None = None, *, cheap: bool = False
    ) -> Iterator[T]:
        """Show every job, a slice at a time; one that is deleted meanwhile is left out."""
        names = self.read(lambda cron: list(cron.ledger.jobs)) if names is None else names
        count = SLICE_COUNT_CHEAP if cheap else SLICE_COUNT

        for start in range(0, len(names), count):
            part = names[start : start + count]

            def look(cron: Cron, part: list[str] = part) -> list[T]:
                return [show(cron, name) for name in part if name in cron.ledger.jobs]

            yield from self.read(look)

    def ask(self, make: Callable[[int], Event]) -> Done:
        """Ask for a change; a refusal is raised."""
        try:
            answer = self._driver.ask_from_thread(make)
        except StoreFull as error:
            raise Refused("", str(error), 507) from None
        except TimeoutError:
            raise Refused("", "no answer within 30 s; look before you try again", 503) from None
        if isinstance(answer, Denied):
            refusal = answer.refusal
            raise Refused(refusal.field, refusal.message, refusal.status)
        assert isinstance(answer, Done), answer
        return answer

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop and wait for it."""
        found: T = self._on_loop(coroutine)
        return found

    def rendered(self, name: str, show: Callable[[], Any]) -> bytes:
        """`show()` as JSON, or what it was since the machine took its last step."""
        steps = self.read(lambda cron: cron.steps_count)
        with self._lock:
            found = self._rendered.get(name)
        if found is not None and found[0] == steps:
            return found[1]
        body = msgspec.json.encode(show())
        with self._lock:
            self._rendered.pop(name, None)
            while len(self._rendered) >= RENDERINGS_KEPT_MAX:
                del self._rendered[next(iter(self._rendered))]
            self._rendered[name] = (steps, body)
        return body
