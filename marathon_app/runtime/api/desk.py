"""What every handler gets: a way to ask the machine, to look at it, and to publish.

Handlers run in threads; the desk is where they hand things over to the loop and wait.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar

from kernel.machine import Answer
from kernel.runtime.clock import Clock
from kernel.runtime.driver import Driver
from kernel.store.interface import StoreError, StoreFull
from marathon_app.core.effects import ChangeAccepted, ChangePlanned, ChangeRefused, Effect
from marathon_app.core.events import Change, Event, RootUpdateRequested
from marathon_app.core.supervisor import Supervisor
from marathon_app.runtime.api.refusal import Refused, of_change
from marathon_app.runtime.config import Config
from marathon_app.runtime.watched import Watched
from marathon_app.schema import timestamp

T = TypeVar("T")
RENDERINGS_KEPT_MAX = 32
Publish = Callable[[str, Mapping[str, Any], str], None]


class Desk:
    """One per process, shared by all threads."""

    def __init__(
        self,
        driver: Driver[Event, Effect],
        watched: Watched,
        config: Config,
        clock: Clock,
        publish: Publish,
    ) -> None:
        self.config = config
        self.clock = clock
        self._driver = driver
        self._watched = watched
        self._publish = publish
        self._rendered: dict[str, tuple[int, bytes]] = {}
        self._rendered_lock = Lock()

    def read(self, query: Callable[[Supervisor], T]) -> T:
        """A consistent look."""
        return self._driver.read_from_thread(lambda watched: query(watched.supervisor))

    def ask(self, make: Callable[[Supervisor, int], Event]) -> Answer:
        """`make` runs on the loop, right before the event: what it saw there is still so."""
        try:
            return self._driver.ask_from_thread(
                lambda request_id: make(self._watched.supervisor, request_id)
            )
        except StoreFull as error:
            raise Refused(507, str(error)) from None
        except TimeoutError:
            raise Refused(503, "no answer within 30 s; look before you try again") from None
        except (RuntimeError, StoreError) as error:
            text = f"nobody knows whether this was stored ({error}); look before you try again"
            raise Refused(503, text) from None

    def change(
        self, make: Callable[[Supervisor], Change], *, force: bool, dry_run: bool = False
    ) -> ChangeAccepted | ChangePlanned:
        """Ask for a change of the root group; a refusal is raised."""
        answer = self.ask(
            lambda supervisor, request_id: RootUpdateRequested(
                request_id, make(supervisor), force, dry_run
            )
        )
        if isinstance(answer, ChangeRefused):
            raise of_change(answer)
        assert isinstance(answer, ChangeAccepted | ChangePlanned), answer
        return answer

    def accepted(self, make: Callable[[Supervisor], Change], *, force: bool) -> ChangeAccepted:
        answer = self.change(make, force=force)
        assert isinstance(answer, ChangeAccepted), answer
        return answer

    def post(self, event: Event) -> None:
        """Tell the machine something that needs no answer."""
        self._driver.post_from_thread(event)

    def publish(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Put an event on the stream that only the API knows of."""
        self._publish(event_type, data, timestamp.format_ms(self.clock.now().wall_ms))

    def rendered(self, name: str, render: Callable[[], bytes]) -> bytes:
        """What `render` gives, or gave since which the machine took no step."""
        if "taskStats" in name:
            return render()  # lifetimes grow without a step
        steps = self._watched.steps  # before looking: a step in between makes it stale, not wrong
        with self._rendered_lock:
            found = self._rendered.get(name)
        if found is not None and found[0] == steps:
            return found[1]
        made = render()
        with self._rendered_lock:
            self._rendered.pop(name, None)
            while len(self._rendered) >= RENDERINGS_KEPT_MAX:
                del self._rendered[next(iter(self._rendered))]
            self._rendered[name] = (steps, made)
        return made
