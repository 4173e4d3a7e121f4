"""The open streams of both conversations, by their Mesos-Stream-Id."""

from collections.abc import Callable, Iterable, Mapping
from uuid import uuid4

from kernel.messages.codec import encode, recordio
from kernel.runtime.http import Streaming
from kernel.runtime.stream import EventStream

STREAM_ID_HEADER = "Mesos-Stream-Id"


class Streams:
    """Belongs to the loop."""

    def __init__(self) -> None:
        self._streams: dict[str, EventStream] = {}

    def open(self, on_closed: Callable[[str], None]) -> tuple[str, Streaming]:
        """A new stream under a new id; `on_closed` is told once, however it ends."""
        stream_id = str(uuid4())

        def closed() -> None:
            self._streams.pop(stream_id, None)
            on_closed(stream_id)

        stream = EventStream(closed)
        self._streams[stream_id] = stream
        headers: Mapping[str, str] = {STREAM_ID_HEADER: stream_id}
        return stream_id, Streaming(stream, headers=headers)

    def send(self, stream_id: str, message: object) -> None:
        """One record; to a stream that has ended, nothing."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.send(recordio(encode(message)))

    def send_all(self, stream_ids: Iterable[str], message: object) -> None:
        """One record to several, made once."""
        record = recordio(encode(message))
        for stream_id in stream_ids:
            stream = self._streams.get(stream_id)
            if stream is not None:
                stream.send(record)

    def close(self, stream_id: str) -> None:
        """What was sent before still leaves."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.close()

    def count(self) -> int:
        return len(self._streams)
