"""The client's side of every conversation: SUBSCRIBE for a stream of records, POST the rest.

Written once for scheduler, executor and agent. Also plain requests, and a reader of server-sent
events. Reconnects by itself, fast at first; leaves the meaning of records to its callbacks.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from kernel.messages.codec import Malformed, RecordDecoder

log = logging.getLogger(__name__)

STREAM_ID_HEADER = "Mesos-Stream-Id"
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 3.0
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0  # until a SUBSCRIBE is answered; then the stream may be silent for longer
PROBE_INTERVAL_S, PROBE_TIMEOUT_S, PROBES_MISSED_MAX = 3.0, 3.0, 2
#: What a connection can fail with; anything else is a mistake of ours.
TROUBLE = (aiohttp.ClientError, asyncio.TimeoutError, OSError)

#: An address, or what finds it anew for each attempt (raising OSError when it can't be found).
Where = str | Callable[[], Awaitable[str]]

ItemT = TypeVar("ItemT")


class Reply(Struct, frozen=True):
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class HttpClient:
    """Plain requests over kept connections. Raises what is in `TROUBLE`."""

    def __init__(self, *, connections_max: int = 100) -> None:
        # No DNS cache or cookies are wanted between processes of one cluster.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections_max),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        json_body: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10,
        follow: bool = True,
    ) -> Reply:
        async with self._session.request(
            method,
            url,
            json=json_body,
            data=body,
            headers=headers,
            allow_redirects=follow,
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S),
        ) as answer:
            return Reply(answer.status, _headers(answer), await answer.read())

    async def get(self, url: str, **options: Any) -> Reply:
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> Reply:
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Any) -> Reply:
        return await self.request("PUT", url, **options)

    async def delete(self, url: str, **options: Any) -> Reply:
        return await self.request("DELETE", url, **options)

    def stream(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        silence_timeout_s: float | None = None,
        follow: bool = False,
    ) -> Any:
        """An async context manager that gives the open answer (`.content.iter_any()`)."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=silence_timeout_s
        )
        return self._session.request(
            method, url, data=body, headers=headers, timeout=timeout, allow_redirects=follow
        )

    async def close(self) -> None:
        await self._session.close()


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _one_by_one(items: Sequence[bytes]) -> list[bytes]:
    return list(items)


class Conversation(Generic[ItemT]):
    """Keeps one subscription alive at whichever of `urls` leads.

    `send` is FIFO and at most once: what is queued when the stream ends is dropped, since the next
    SUBSCRIBE reconciles. `pack` turns queued items into bodies, so that several can share a POST.
    """

    def __init__(
        self,
        client: HttpClient,
        urls: Sequence[Where],
        *,
        subscribe: Callable[[], bytes],
        on_subscribed: Callable[[], None],
        on_record: Callable[[bytes], None],
        on_disconnected: Callable[[str], None],
        pack: Callable[[Sequence[ItemT]], list[bytes]] = _one_by_one,  # type: ignore[assignment]
        on_refused: Callable[[int, str], None] | None = None,
        on_turned_away: Callable[[int, str], None] = lambda status, text: None,
        silence_timeout_s: float = 75.0,
        authorization: str = "",
    ) -> None:
        self._client = client
        self._urls: deque[Where] = deque(urls)
        self._url = ""  # whom we talk to, or tried to last
        self._subscribe = subscribe
        self._on_subscribed = on_subscribed
        self._on_record = on_record
        self._on_disconnected = on_disconnected
        self._on_refused = on_refused
        self._on_turned_away = on_turned_away  # a SUBSCRIBE that will fare no better next time
        self._pack = pack
        self._silence_timeout_s = silence_timeout_s
        self._credentials = {"Authorization": authorization} if authorization else {}
        self._outbox: deque[ItemT] = deque()
        self._outbox_filled = asyncio.Event()
        self._is_posting = False
        self._stream_id: str | None = None
        self._stream: aiohttp.ClientResponse | None = None

    @property
    def connected(self) -> bool:
        return self._stream_id is not None

    def send(self, item: ItemT) -> None:
        """Queue one item; dropped when not connected."""
        if self._stream_id is not None:
            self._outbox.append(item)
            self._outbox_filled.set()

    async def sent(self) -> None:
        """Wait until what was queued has been taken by the peer, or is lost with the stream."""
        while self._stream_id is not None and (self._outbox or self._is_posting):
            await asyncio.sleep(0.001)

    def hang_up(self) -> None:
        """End the present stream; the next attempt follows at once."""
        if self._stream is not None:
            self._stream.close()

    async def run(self) -> None:
        """Until cancelled: subscribe, read, and again."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            was_connected, reason = await self._converse()
            if was_connected:
                backoff_s = BACKOFF_FIRST_S
                self._on_disconnected(reason)
            else:
                log.info("%s: %s; again in %.1f s", self._peer, reason, backoff_s)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 1.5, BACKOFF_MAX_S)
            if not was_connected:
                self._urls.rotate(-1)

    async def _converse(self) -> tuple[bool, str]:
        """One stream, from SUBSCRIBE to its end; whether it was connected, and why it ended."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            **self._credentials,
        }
        connected = False
        try:
            where = self._urls[0]
            self._url = where if isinstance(where, str) else await where()
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                opened = await self._client.stream(
                    "POST",
                    self._url,
                    body=self._subscribe(),
                    headers=headers,
                    silence_timeout_s=self._silence_timeout_s,
                )
            async with opened as answer:
                if answer.status != 200:
                    return False, await self._not_subscribed(answer)
                connected = True
                await self._read(answer)
            return True, "the peer closed the stream"
        except (*TROUBLE, Malformed) as error:
            return connected, str(error) or type(error).__name__
        finally:
            self._stream_id = None
            self._stream = None
            self._is_posting = False
            self._outbox.clear()

    async def _not_subscribed(self, answer: aiohttp.ClientResponse) -> str:
        location = answer.headers.get("Location")
        if answer.status in (302, 307, 308) and location:
            # Mesos's Location is scheme-relative; only its host and port are news.
            leader = urlsplit(location).netloc
            if leader:
                self._follow(leader)
            return f"the leader is {leader}"
        text = (await answer.content.read(2000)).decode(errors="replace").strip()
        if answer.status in (400, 401, 403):
            self._on_turned_away(answer.status, text)
        return f"status {answer.status}: {text}"

    def _follow(self, leader: str) -> None:
        """Go to the leader next, with the credentials that we have."""
        here = urlsplit(self._url)
        credentials, at, _ = here.netloc.rpartition("@")
        url = here._replace(netloc=f"{credentials}{at}{leader}").geturl()
        if url in self._urls:
            self._urls.remove(url)
        self._urls.appendleft(url)
        self._urls.rotate(1)  # the caller's rotate brings it to the front

    @property
    def _peer(self) -> str:
        """Whom we talk to, for logs: without a secret."""
        here = urlsplit(self._url)
        return here._replace(netloc=here.netloc.rpartition("@")[2]).geturl()

    async def _read(self, answer: aiohttp.ClientResponse) -> None:
        self._stream = answer
        self._stream_id = answer.headers.get(STREAM_ID_HEADER, "")
        posting = asyncio.ensure_future(self._post_all(answer))
        probing = asyncio.ensure_future(self._probe(answer))
        decoder = RecordDecoder()
        try:
            self._on_subscribed()
            async for chunk in answer.content.iter_any():
                for record in decoder.feed(chunk):
                    self._on_record(record)
        finally:
            posting.cancel()
            probing.cancel()

    async def _probe(self, answer: aiohttp.ClientResponse) -> None:
        """Leave a peer that hangs, if there is another: its heartbeats would be missed much later,
        and who was elected meanwhile waits for us."""
        if len(self._urls) < 2 and isinstance(self._urls[0], str):
            return
        here = urlsplit(self._url)
        health = here._replace(path="/health", query="").geturl()
        missed = 0
        while missed < PROBES_MISSED_MAX:
            await asyncio.sleep(PROBE_INTERVAL_S)
            try:
                await self._client.get(health, timeout_s=PROBE_TIMEOUT_S, follow=False)
                missed = 0
            except TROUBLE:
                missed += 1
        log.warning("%s does not answer; looking for another leader", self._peer)
        self._urls.rotate(-1)
        answer.close()

    async def _post_all(self, answer: aiohttp.ClientResponse) -> None:
        headers = {
            "Content-Type": "application/json",
            STREAM_ID_HEADER: self._stream_id or "",
            **self._credentials,
        }
        while True:
            await self._outbox_filled.wait()
            self._outbox_filled.clear()
            items = list(self._outbox)
            self._outbox.clear()
            self._is_posting = True
            for body in self._pack(items):
                try:
                    reply = await self._client.post(
                        self._url, body=body, headers=headers, follow=False
                    )
                except TROUBLE as error:
                    log.info("%s: a call was lost (%s)", self._peer, error)
                    answer.close()
                    return
                if reply.status >= 300:
                    self._refused(reply, body, answer)
            self._is_posting = False

    def _refused(self, reply: Reply, body: bytes, answer: aiohttp.ClientResponse) -> None:
        text = reply.body.decode(errors="replace")[:500]
        log.warning("%s: %d %s, for %r", self._peer, reply.status, text, body[:200])
        if self._on_refused is not None:
            self._on_refused(reply.status, text)
        if reply.status in (307, 403, 503):
            answer.close()  # no longer subscribed there: come anew


class SseEvent(Struct, frozen=True):
    event: str
    data: str
    id: str | None = None


async def follow_sse(
    client: HttpClient,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    silence_timeout_s: float = 60,
    on_open: Callable[[], None] = lambda: None,
) -> AsyncIterator[SseEvent]:
    """The events of one stream until it ends; `on_open` is called once it stands. Raises what is in
    `TROUBLE`, or OSError on a status other than 200. Coming back (with Last-Event-ID) is the
    caller's."""
    asked = {"Accept": "text/event-stream", **(headers or {})}
    async with client.stream(
        "GET", url, headers=asked, silence_timeout_s=silence_timeout_s, follow=True
    ) as answer:
        if answer.status != 200:
            raise OSError(f"{url} answered {answer.status}")
        on_open()
        buffer = b""
        async for chunk in answer.content.iter_any():
            buffer = (buffer + chunk).replace(b"\r\n", b"\n")
            *frames, buffer = buffer.split(b"\n\n")
            for frame in frames:
                event = _sse_event(frame.decode(errors="replace"))
                if event is not None:
                    yield event


def _sse_event(frame: str) -> SseEvent | None:
    fields: dict[str, list[str]] = {}
    for line in frame.split("\n"):
        name, _, value = line.partition(":")
        if name:
            fields.setdefault(name, []).append(value.removeprefix(" "))
    if "data" not in fields:
        return None
    ids = fields.get("id")
    return SseEvent(
        fields.get("event", ["message"])[-1], "\n".join(fields["data"]), ids[-1] if ids else None
    )
