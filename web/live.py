"""Tells open pages that something changed: `GET /live`, one event stream per page.

Watches the parts only while a page is open: Marathon by its own event stream, the others by asking
for what they answer every second or two and comparing it with the last answer. Sends no data but
the names of topics, at most four times a second; the page then asks for itself again, so that
there is one way only in which a page is made. Leaves reading for pages to `web.client`.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import msgspec

from kernel.runtime.http import Request, Response, Route, Streaming
from kernel.runtime.stream import EventStream
from web.alternatives import Alternatives
from web.config import Config
from web.rendering import TOPICS

BATCH_S = 0.25
HEARTBEAT_S = 15.0
RETRY_S = 1.0
# How long the watching goes on after the last page was closed: reloads are common.
LINGER_S = 5.0
TIMEOUT = aiohttp.ClientTimeout(total=8)
STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=2, sock_read=90)
# Numbers in the master's state that change without anything having happened.
_RESTLESS = re.compile(rb'"(?:offered_resources|offers|uptime|elected_time)":')


_DOWN = b"down"


class Live:
    """Belongs to the loop. `streams` holds who listens to which topics."""

    def __init__(self, config: Config, forget: Callable[[], None]) -> None:
        """`forget` empties the memory of the client that pages read through."""
        self._config = config
        self._forget = forget
        self._streams: dict[EventStream, frozenset[str]] = {}
        self._dirty: set[str] = set()
        self._watchers: list[asyncio.Task[None]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._stopping: asyncio.TimerHandle | None = None
        self._session: aiohttp.ClientSession | None = None

    def routes(self) -> Sequence[Route]:
        return [Route("GET", "/live", self.listen)]

    async def listen(self, request: Request) -> Response | Streaming:
        topics = frozenset(request.first("topics").split(",")) & frozenset(TOPICS)
        if not topics:
            body = f'{{"message":"topics is a list of: {", ".join(TOPICS)}"}}'.encode()
            return Response(400, body)
        stream = EventStream(lambda: self._left(stream), behind_bytes_max=64 * 1024)
        self._streams[stream] = topics
        stream.send(b"retry: 1000\n: watching\n\n")
        self._watch()
        return Streaming(
            stream,
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )

    def _left(self, stream: EventStream) -> None:
        self._streams.pop(stream, None)
        if not self._streams and self._stopping is None:
            loop = asyncio.get_running_loop()
            self._stopping = loop.call_later(LINGER_S, self._pause)

    def _pause(self) -> None:
        self._stopping = None
        if not self._streams:
            for watcher in self._watchers:
                watcher.cancel()
            self._watchers = []

    async def stop(self) -> None:
        for task in [*self._watchers, *([self._flushing] if self._flushing else [])]:
            task.cancel()
        if self._session:
            await self._session.close()

    # ── what is watched ──────────────────────────────────────────────────

    def _watch(self) -> None:
        if self._stopping:
            self._stopping.cancel()
            self._stopping = None
        if self._watchers:
            return
        config = self._config
        self._session = self._session or aiohttp.ClientSession(timeout=TIMEOUT)
        watched: list[Awaitable[None]] = [
            self._follow_marathon(Alternatives(config.marathon)),
            self._compare(config.master, "/state", 1.5, ["agents"]),
            self._compare(config.chronos, "/v1/scheduler/tepui/jobs", 1.0, ["jobs"]),
            self._compare(config.lb, "/v1/services", 1.5, ["services"]),
            # The queue has no events: counts and reasons of what waits are asked for.
            self._compare(config.marathon, "/v2/queue", 2.0, ["apps"]),
            self._beat(),
        ]
        self._watchers = [asyncio.ensure_future(each) for each in watched]

    async def _follow_marathon(self, marathons: Alternatives) -> None:
        """Every event touches apps and most touch deployments; which one, the page finds out."""
        assert self._session
        headers = {"Accept": "text/event-stream"}
        was_up = True
        while True:
            url = marathons.url
            try:
                async with self._session.get(
                    url + "/v2/events?plan-format=light", headers=headers, timeout=STREAM_TIMEOUT
                ) as answer:
                    answer.raise_for_status()
                    self._changed(["apps", "deployments"])
                    was_up = True
                    async for line in answer.content:
                        if line.startswith(b"event:") and b"event_stream" not in line:
                            self._changed(["apps", "deployments"])
            except (aiohttp.ClientError, TimeoutError, ValueError):
                pass
            marathons.give_up(url)
            if was_up:
                self._changed(["apps", "deployments"])
            was_up = False
            await asyncio.sleep(RETRY_S)

    async def _compare(self, urls: str, path: str, every_s: float, topics: Sequence[str]) -> None:
        alternatives = Alternatives(urls)
        last: bytes | None = None
        while True:
            url = alternatives.url
            seen = await self._digest(url + path)
            if seen == _DOWN:
                alternatives.give_up(url)
            # The first answer counts too: something may have happened since the page was made.
            if seen != last:
                self._changed(topics)
            last = seen
            await asyncio.sleep(every_s)

    async def _digest(self, url: str) -> bytes:
        """Of the answer; of the status or the lack of one, so that a part's fall is a change."""
        assert self._session
        try:
            async with self._session.get(url) as answer:
                body = await answer.read()
                if answer.status != 200:
                    return b"%d" % answer.status
        except (aiohttp.ClientError, TimeoutError):
            return _DOWN
        if _RESTLESS.search(body):
            body = await asyncio.to_thread(_calm, body)
        return hashlib.blake2b(body, digest_size=16).digest()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for stream in list(self._streams):
                stream.send(b": still here\n\n")

    # ── what is told ─────────────────────────────────────────────────────

    def _changed(self, topics: Sequence[str]) -> None:
        self._dirty.update(topics)
        if self._flushing is None:
            self._flushing = asyncio.ensure_future(self._flush())

    async def _flush(self) -> None:
        await asyncio.sleep(BATCH_S)
        dirty, self._dirty = self._dirty, set()
        self._flushing = None
        self._forget()
        for stream, topics in list(self._streams.items()):
            told = sorted(topics & dirty)
            if told:
                data = msgspec.json.encode({"topics": told})
                with contextlib.suppress(RuntimeError):
                    stream.send(b"event: changed\ndata: " + data + b"\n\n")


def _calm(body: bytes) -> bytes:
    """The state without what comes and goes with every offer."""
    try:
        state = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    if not isinstance(state, dict):
        return body
    for key in ("slaves", "frameworks"):
        for entry in state.get(key) or []:
            if isinstance(entry, dict):
                for restless in ("offered_resources", "offered_resources_full", "offers"):
                    entry.pop(restless, None)
    return msgspec.json.encode(state)
