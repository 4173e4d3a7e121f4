"""One long answer: bytes go in without waiting, and out as fast as the reader takes them.

A reader that falls too far behind is dropped, not waited for: it will reconnect and reconcile.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

BEHIND_BYTES_MAX = 32 * 1024 * 1024


class EventStream:
    """Belongs to the loop. `on_close` is called once, however the stream ends."""

    def __init__(
        self,
        on_close: Callable[[], None] | None = None,
        *,
        behind_bytes_max: int = BEHIND_BYTES_MAX,
    ) -> None:
        self._opening: Iterable[bytes] = ()
        self._chunks: list[bytes] = []
        self._behind_bytes = 0
        self._behind_bytes_max = behind_bytes_max
        self._ready = asyncio.Event()
        self._on_close = on_close
        self.closed = False
        self.was_dropped = False  # for being too slow

    def begin(self, chunks: Iterable[bytes]) -> None:
        """What leaves first, however large: nothing of it counts as behind."""
        self._opening = chunks
        self._ready.set()

    def send(self, data: bytes) -> None:
        """Queue `data`; drops the reader when it is too far behind."""
        if self.closed:
            return
        self._chunks.append(data)
        self._behind_bytes += len(data)
        self._ready.set()
        if self._behind_bytes > self._behind_bytes_max:
            self._chunks.clear()
            self.was_dropped = True
            self.close()

    @property
    def behind_bytes(self) -> int:
        """What waits for the reader; one who fills a stream from a file heeds it."""
        return self._behind_bytes

    def close(self) -> None:
        """What was sent before still leaves."""
        if self.closed:
            return
        self.closed = True
        self._ready.set()
        if self._on_close is not None:
            self._on_close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """All that is queued, joined, each time there is something; ends when closed."""
        for chunk in self._opening:
            yield chunk
            await asyncio.sleep(0)  # a fast reader must not hold up everyone else
        self._opening = ()
        while True:
            await self._ready.wait()
            self._ready.clear()
            if self._chunks:
                data = b"".join(self._chunks)
                self._chunks.clear()
                yield data
                self._behind_bytes -= len(data)
            if self.closed and not self._chunks:
                return
