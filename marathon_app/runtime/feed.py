"""The event stream `/v2/events`: numbered frames to every reader, and to those that come back.

Frames are kept in a bounded buffer, so that a reader that reconnects with Last-Event-ID misses
nothing that is still in it. A reader that falls behind is dropped, not waited for.
DIFFERS: in Marathon what came while a reader was away is lost.
Source: Marathon, docs/docs/event-bus.md; WHATWG HTML §9.2.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from kernel.messages.codec import encode, sse
from kernel.runtime.stream import EventStream

KEEPALIVE = b"\n"  # a blank line; readers and proxies see that the stream lives (C11)
KEEPALIVE_INTERVAL_S = 8.0  # below the 10 s that readers may count on
KEPT_BYTES_MAX = 8 * 1024 * 1024  # of frames for those who come back; few are above a kilobyte
BEHIND_BYTES_MAX = 2 * KEPT_BYTES_MAX  # a replay must fit, and then some

# Marathon's clients raise on types they do not know; these come only when asked for (C10).
ONLY_ON_REQUEST = frozenset(
    (
        "scheduler_registered_event",
        "scheduler_reregistered_event",
        "scheduler_disconnected_event",
        "pod_created_event",
        "pod_updated_event",
        "pod_deleted_event",
    )
)
FULL_PLAN_KEYS = ("original", "target")


class Frame(Struct, frozen=True):
    """One event, framed twice: with the whole plan and without."""

    number: int
    event_type: str
    full: bytes
    light: bytes


class Reader(Struct, frozen=True):
    stream: EventStream
    event_types: tuple[str, ...]
    is_light: bool

    def wants(self, event_type: str) -> bool:
        if self.event_types:
            return event_type in self.event_types
        return event_type not in ONLY_ON_REQUEST


class Feed:
    """Belongs to the loop. `era` differs between processes, so that their numbers never mix."""

    def __init__(
        self, era: str, kept_count_max: int, *, behind_bytes_max: int = BEHIND_BYTES_MAX
    ) -> None:
        self._era = era
        self._number = 0
        self._kept: deque[Frame] = deque()
        self._kept_bytes = 0
        self._kept_count_max = kept_count_max
        self._readers: dict[int, Reader] = {}
        self._behind_bytes_max = behind_bytes_max

    def publish(self, event_type: str, data: Mapping[str, Any], timestamp: str) -> None:
        self._number += 1
        event_id = f"{self._era}-{self._number}"
        whole = {**data, "eventType": event_type, "timestamp": timestamp}
        full = sse(event_type, encode(whole), event_id)
        light = full
        plan = data.get("plan")
        if isinstance(plan, dict) and any(key in plan for key in FULL_PLAN_KEYS):
            kept = {key: value for key, value in plan.items() if key not in FULL_PLAN_KEYS}
            light = sse(event_type, encode({**whole, "plan": kept}), event_id)
        frame = Frame(self._number, event_type, full, light)
        self._keep(frame)
        for reader in list(self._readers.values()):
            _deliver(frame, reader)

    def _keep(self, frame: Frame) -> None:
        self._kept.append(frame)
        self._kept_bytes += len(frame.full)
        while len(self._kept) > self._kept_count_max or self._kept_bytes > KEPT_BYTES_MAX:
            self._kept_bytes -= len(self._kept.popleft().full)

    def attach(
        self,
        *,
        client: str,
        timestamp: str,
        event_types: tuple[str, ...] = (),
        is_light: bool = False,
        last_event_id: str | None = None,
        on_detached: Callable[[], None] = lambda: None,
    ) -> EventStream:
        """A new reader's stream: the greeting, then what it missed, then what comes."""

        def detached() -> None:
            self._readers.pop(id(stream), None)
            on_detached()

        stream = EventStream(detached, behind_bytes_max=self._behind_bytes_max)
        reader = Reader(stream, event_types, is_light)
        self._readers[id(stream)] = reader
        greeting = {
            "remoteAddress": client,
            "eventType": "event_stream_attached",
            "timestamp": timestamp,
        }
        # Without an id: a reader that is cut off now must not believe it has the replay.
        stream.send(sse("event_stream_attached", encode(greeting)))
        if last_event_id is not None:
            for frame in self._since(last_event_id):
                _deliver(frame, reader)
        return stream

    def keep_alive(self) -> None:
        for reader in list(self._readers.values()):
            reader.stream.send(KEEPALIVE)

    @property
    def readers_count(self) -> int:
        return len(self._readers)

    def _since(self, event_id: str) -> list[Frame]:
        """What is kept and newer. An id of another era is older than all of this one."""
        era, _, digits = event_id.rpartition("-")
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 18 else 0
        last = number if era == self._era else 0
        return [frame for frame in self._kept if frame.number > last]


def _deliver(frame: Frame, reader: Reader) -> None:
    if reader.wants(frame.event_type):
        reader.stream.send(frame.light if reader.is_light else frame.full)
