"""Keeps who watches the master over the operator API, and what they are to be told.

While nobody watches, nothing is noted. What a piece of news looks like is `operator_views`'s; when
it leaves is the machine's. Source: Mesos, src/master/master.cpp (Subscribers).
"""

from collections.abc import Callable

from msgspec import Struct, field

from kernel.messages.operator import EventType
from kernel.messages.v1 import TaskStatus

Sees = Callable[[object], bool]  # whether it may be told of this

SUBSCRIBERS_MAX = 1_000  # Mesos: --max_operator_event_stream_subscribers


class News(Struct, frozen=True):
    """Something changed: `subject` is the record in the books, `status` what was said of it."""

    type: EventType
    subject: object
    status: TaskStatus | None = None


class Watchers(Struct, eq=False):
    """Streams in the order they came. Invariant: no news without a stream."""

    subscribers_max: int = SUBSCRIBERS_MAX
    streams: dict[str, Sees | None] = field(default_factory=dict)  # and what each may see
    news: list[News] = field(default_factory=list)

    def note(self, type_: EventType, subject: object, status: TaskStatus | None = None) -> None:
        """Told at the end of this step."""
        if self.streams:
            self.news.append(News(type_, subject, status))

    def add(self, stream_id: str, sees: Sees | None = None) -> list[str]:
        """A new watcher; returns the oldest ones that have to go for it."""
        self.streams[stream_id] = sees
        gone = list(self.streams)[: max(0, len(self.streams) - self.subscribers_max)]
        for old in gone:
            self.remove(old)
        return gone

    def remove(self, stream_id: str) -> None:
        """Removing who is not there is no error."""
        self.streams.pop(stream_id, None)
        if not self.streams:
            self.news.clear()

    def take(self) -> list[News]:
        taken, self.news = self.news, []
        return taken
