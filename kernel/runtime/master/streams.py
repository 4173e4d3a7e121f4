"""The open streams of both conversations, by their Mesos-Stream-Id."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

from kernel.messages.codec import encode, recordio
from kernel.runtime.http import Streaming
from kernel.runtime.stream import EventStream

STREAM_ID_HEADER = "Mesos-Stream-Id"


class Streams:
    """Belongs to the loop."""

    def __init__(self) -> None:
        self._streams: dict[str, tuple[EventStream, Callable[[Any], bytes]]] = {}
        self.dropped_count = 0  # of readers that were too slow

    def open(
        self,
        on_closed: Callable[[str], None],
        *,
        write: Callable[[Any], bytes] = encode,
        content_type: str = "application/json",
    ) -> tuple[str, Streaming]:
        """A new stream under a new id; `on_closed` is told once, however it ends.

        Each message is written by `write`, whose form `content_type` names.
        """
        stream_id = str(uuid4())

        def closed() -> None:
            self._streams.pop(stream_id, None)
            self.dropped_count += stream.was_dropped
            on_closed(stream_id)

        stream = EventStream(closed)
        self._streams[stream_id] = stream, write
        headers: Mapping[str, str] = {STREAM_ID_HEADER: stream_id}
        return stream_id, Streaming(stream, content_type, headers)

    def send(self, stream_id: str, message: object) -> None:
        """One record; to a stream that has ended, nothing."""
        found = self._streams.get(stream_id)
        if found is not None:
            stream, write = found
            stream.send(recordio(write(message)))

    def send_all(self, stream_ids: Iterable[str], message: object) -> None:
        """One record to several, made once in each form that they read."""
        records: dict[Callable[[Any], bytes], bytes] = {}
        for stream_id in stream_ids:
            found = self._streams.get(stream_id)
            if found is not None:
                stream, write = found
                if write not in records:
                    records[write] = recordio(write(message))
                stream.send(records[write])

    def close(self, stream_id: str) -> None:
        """What was sent before still leaves."""
        found = self._streams.get(stream_id)
        if found is not None:
            found[0].close()

    def count(self) -> int:
        return len(self._streams)
