"""The one shape of every HTTP server: native coroutines and Flask pages behind one ASGI app.

Native routes come first (streams, machine-to-machine calls); everything else is Flask's, run in a
small thread pool. Leaves listening and processes to `kernel.runtime.serve`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from a2wsgi import WSGIMiddleware
from msgspec import Struct

from kernel.messages.codec import encode
from kernel.messages.pieces import Pieces
from kernel.runtime.stream import EventStream
from kernel.runtime.visitors import Visitors

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 32 * 1024 * 1024
BODY_TIMEOUT_S = 30.0  # who sends half a request and then nothing is not waited for any longer

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Request(Struct, frozen=True):
    """Header names are in lower case. `principal` is who asks, where that was asked."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    client: str = ""
    query_string: str = ""
    principal: str | None = None

    @property
    def target(self) -> str:
        """Path and query, as they were written but for the path's normal form."""
        path = quote(self.path, safe="/:@!$&'()*+,;=~-._")
        return f"{path}?{self.query_string}" if self.query_string else path

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


class Response(Struct, frozen=True):
    """A body of many pieces is sent piece by piece."""

    status: int = 200
    body: bytes | Pieces = b""
    content_type: str | None = "application/json"
    headers: Mapping[str, str] = {}


class Streaming(Struct, frozen=True):
    """An answer that goes on until `stream` is closed or the client goes away."""

    stream: EventStream
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    status: int = 200


class _ClientGone(Exception):
    """The connection ended within the body: there is nobody to answer, and nothing to do."""


Handler = Callable[[Request], Awaitable[Response | Streaming]]


class Route(Struct, frozen=True):
    """`method` may be "*"; a `path` that ends in "*" matches every path that begins so."""

    method: str
    path: str
    handler: Handler

    def matches(self, method: str, path: str) -> bool:
        if self.method not in ("*", method):
            return False
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path


async def _nothing() -> None:
    return None


class Application:
    """The ASGI app of one process; `start` and `stop` frame its life on the loop."""

    def __init__(
        self,
        *,
        routes: Sequence[Route] = (),
        pages: "Flask | None" = None,
        start: Callable[[], Awaitable[None]] = _nothing,
        stop: Callable[[], Awaitable[None]] = _nothing,
        on_usr1: Callable[[], None] | None = None,
        page_threads: int = 8,
    ) -> None:
        self._page_threads = page_threads
        self.install(routes, pages)
        self.gate: Handler | None = None  # while set, it is asked first: a standby's answers
        self._start = start
        self._stop = stop
        self._streams: dict[int, EventStream] = {}
        self.on_usr1 = on_usr1
        self.visitors: Visitors | None = None  # who may come; set by who listens

    def install(self, routes: Sequence[Route], pages: "Flask | None" = None) -> None:
        """What is served from now on."""
        self._routes = routes
        wsgi: Any = pages
        self._pages: Any = WSGIMiddleware(wsgi, workers=self._page_threads) if pages else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except Exception as error:
            log.error("%s", error, exc_info=log.isEnabledFor(logging.DEBUG))
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    def close_streams(self) -> None:
        """End every long answer, so that a stop need not wait for its readers."""
        for stream in list(self._streams.values()):
            stream.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        answer: Response | Streaming
        # The whole body first, on the loop: no page's thread waits for a slow client.
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _body(receive)
        except _ClientGone:
            # Who only ended its side hears why; nobody else reads it.
            refusal = "the connection ended before the body was complete; nothing was done"
            with suppress(OSError):
                await _send_response(_refused(400, refusal, {"Connection": "close"}), method, send)
            return
        except TimeoutError:
            refusal = f"the body did not arrive within {BODY_TIMEOUT_S:g} s"
            await _send_response(_refused(408, refusal, {"Connection": "close"}), method, send)
            return
        gate = self.gate
        route = next((each for each in self._routes if each.matches(method, path)), None)
        foreign = self.visitors and self.visitors.refusal(method, _headers(scope))
        if foreign:
            answer = _refused(403, foreign)
        elif body is None:
            answer = _refused(413, "the body is larger than 32 MiB")
        elif gate is not None:
            answer = await self._handled(gate, _request(scope, body))
        elif route is not None:
            answer = await self._handled(route.handler, _request(scope, body))
        elif self._pages is not None:
            await self._pages(_measured(scope, body), _replayed(body, receive), send)
            return
        else:
            answer = self._no_route(method, path)
        if isinstance(answer, Response):
            await _send_response(answer, method, send)
        else:
            await self._send_stream(answer, receive, send)

    def _no_route(self, method: str, path: str) -> Response:
        allowed = sorted({each.method for each in self._routes if each.matches(each.method, path)})
        if allowed:
            return Response(405, headers={"Allow": ", ".join(allowed)}, content_type=None)
        return Response(404, b'{"message":"there is nothing at this path"}')

    async def _handled(self, handler: Handler, request: Request) -> Response | Streaming:
        try:
            return await handler(request)
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return Response(500, b'{"message":"internal error; the log says more"}')

    async def _send_stream(self, answer: Streaming, receive: Receive, send: Send) -> None:
        stream = answer.stream
        self._streams[id(stream)] = stream
        gone = asyncio.ensure_future(_until_gone(receive, stream))
        try:
            await send(_start_message(answer.status, answer.content_type, answer.headers, None))
            async for chunk in stream.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            log.debug("a reader went away")
        finally:
            gone.cancel()
            self._streams.pop(id(stream), None)
            stream.close()


async def _until_gone(receive: Receive, stream: EventStream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.close()


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large (the rest is read and forgotten).

    Raises `_ClientGone`: half a request must not be carried out.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size <= BODY_BYTES_MAX:
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts) if size <= BODY_BYTES_MAX else None


def _measured(scope: Scope, body: bytes) -> Scope:
    """The scope with the body's length, which a body that came in chunks lacks; WSGI needs it."""
    lengths = (b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in lengths]
    return {**scope, "headers": [*headers, (b"content-length", b"%d" % len(body))]}


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before the body was read."""
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> dict[str, Any]:
        return unread.pop() if unread else await receive()

    return again


def _refused(status: int, sentence: str, headers: Mapping[str, str] = {}) -> Response:
    return Response(status, encode({"message": sentence}), headers=headers)


def _request(scope: Scope, body: bytes) -> Request:
    text = scope["query_string"].decode("latin-1")
    query = parse_qs(text, keep_blank_values=True)
    client, _ = scope.get("client") or ("", 0)
    return Request(scope["method"], scope["path"], query, _headers(scope), body, str(client), text)


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


def _start_message(
    status: int, content_type: str | None, headers: Mapping[str, str], length: int | None
) -> dict[str, Any]:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if content_type is not None:
        raw.append((b"content-type", content_type.encode()))
    if length is not None:
        raw.append((b"content-length", b"%d" % length))
    return {"type": "http.response.start", "status": status, "headers": raw}


async def _send_response(answer: Response, method: str, send: Send) -> None:
    content_type = answer.content_type if answer.body else None
    # 204 and 304 have no length; everything else says it, so that connections stay open.
    length = None if answer.status in (204, 304) else len(answer.body)
    await send(_start_message(answer.status, content_type, answer.headers, length))
    body = b"" if method == "HEAD" else answer.body
    if isinstance(body, Pieces):
        for chunk in body.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)  # a fast reader must not hold up everyone else
        body = b""
    await send({"type": "http.response.body", "body": body, "more_body": False})
