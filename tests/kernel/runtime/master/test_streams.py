"""A reader that does not keep up is dropped, not waited for, and counted."""

import asyncio

from kernel.runtime.master.streams import Streams
from kernel.runtime.stream import BEHIND_BYTES_MAX


def test_a_slow_reader_is_dropped_and_counted() -> None:
    """Source: mesos.md §5.14: slow readers of streams blew the master's memory."""
    closed: list[str] = []
    streams = Streams()
    slow, _ = streams.open(closed.append)
    other, streaming = streams.open(closed.append)
    large = "x" * (BEHIND_BYTES_MAX // 2)

    for _ in range(2):
        streams.send(slow, large)
    streams.send(other, "news")

    assert (closed, streams.dropped_count, streams.count()) == ([slow], 1, 1)
    streaming.stream.close()
    assert streams.dropped_count == 1, "who leaves was not dropped"


def test_what_opens_a_stream_is_not_behind_and_comes_first() -> None:
    """The state of a large cluster is larger than what a reader may be behind."""

    async def read() -> list[bytes]:
        streams = Streams()
        stream_id, streaming = streams.open(lambda _: None)
        streaming.stream.begin(b"a" * 2**20 for _ in range(BEHIND_BYTES_MAX // 2**20 + 1))
        streams.send(stream_id, 1)
        assert not streaming.stream.closed
        streams.close(stream_id)
        return [chunk async for chunk in streaming.stream.chunks()]

    chunks = asyncio.run(read())
    assert chunks[-1] == b"1\n1"
    assert sum(map(len, chunks[:-1])) > BEHIND_BYTES_MAX
