"""Reads and writes the HTTP APIs of the other parts, with short timeouts and a short memory.

A part that does not answer raises `PartDown`, which a page shows as a banner while the rest of it
works. What a part answers, also a refusal, is a `Reply`; its meaning is left to `web.parts`.
The memory holds a GET for some hundred milliseconds, so that many open pages cost one read; every
write through this client empties it, so that a person always sees their own change, and so does
`web.live` when it hears of one, so that a page that was told never reads what was before.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import urllib3
from msgspec import Struct

from web.alternatives import Alternatives

T = TypeVar("T")

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 8.0
# A write of Marathon may wait for a commit of its store, on a busy disk.
WRITE_TIMEOUT_S = 20.0
REMEMBERED_MAX = 200
# A standby of the master sends everybody to the leader.
REDIRECTS = urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=2)


class PartDown(Exception):
    """The part gave no answer, or one that is not its API's. Says which and where."""

    def __init__(self, part: str, url: str, cause: str) -> None:
        super().__init__(f"{part} does not answer at {url} ({cause})")
        self.part, self.url, self.cause = part, url, cause


class NotUnderstood(PartDown):
    """The part is up and refused the question: the page was asked for what can't be."""


class Reply(Struct, frozen=True):
    status: int
    body: bytes
    content_type: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as plain JSON values; None when it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None


class Part:
    """One part of the cluster, by its name on the screen and the base URLs of its processes."""

    def __init__(self, name: str, urls: str, pool: urllib3.PoolManager | None = None) -> None:
        self.name = name
        self._alternatives = Alternatives(urls)
        self._pool = pool or urllib3.PoolManager(num_pools=64, maxsize=8, retries=False)
        self._remembered: dict[str, tuple[float, Reply]] = {}
        self._generation = 0
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}

    @property
    def url(self) -> str:
        """Of the process that is asked now."""
        return self._alternatives.url

    def at(self, url: str, name: str) -> "Part":
        """Another server that shares this one's connections (an agent)."""
        return Part(name, url, self._pool)

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, *, max_age_s: float = 0.0
    ) -> Reply:
        target = path + ("?" + urlencode(query, doseq=True) if query else "")
        if max_age_s <= 0:
            return self._ask("GET", target)
        with self._lock:
            one_at_a_time = self._reading.setdefault(target, threading.Lock())
        with one_at_a_time:
            kept = self._remembered.get(target)
            if kept and time.monotonic() - kept[0] < max_age_s:
                return kept[1]
            generation, asked_at = self._generation, time.monotonic()
            reply = self._ask("GET", target)
            with self._lock:
                if len(self._remembered) >= REMEMBERED_MAX:
                    self._forget()
                # An answer that was asked for before something changed is not worth keeping.
                if generation == self._generation:
                    self._remembered[target] = (asked_at, reply)
            return reply

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        *,
        is_write: bool = True,
    ) -> Reply:
        target = path + ("?" + urlencode(query, doseq=True) if query else "")
        content = b"" if body is None else msgspec.json.encode(body)
        try:
            return self._ask(method, target, content)
        finally:
            if is_write:
                self.forget()

    def read(self, reply: Reply, shape: type[T]) -> T:
        """The reply in one of `web.shapes`; an answer of another form counts as no answer."""
        if 400 <= reply.status < 500:
            raise NotUnderstood(self.name, self.url, f"it answered {reply.status}")
        if not reply.is_success:
            raise PartDown(self.name, self.url, f"it answered {reply.status}")
        try:
            return msgspec.json.decode(reply.body, type=shape, strict=False)
        except msgspec.DecodeError as error:
            raise PartDown(
                self.name, self.url, f"its answer was not understood: {error}"
            ) from error

    def forget(self) -> None:
        """What is read from now on is no older than now."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._generation += 1
        self._remembered.clear()
        self._reading.clear()

    def _ask(self, method: str, target: str, content: bytes | None = None) -> Reply:
        down: PartDown | None = None
        for _ in range(len(self._alternatives)):
            url = self.url
            try:
                return self._ask_at(url, method, target, content)
            except urllib3.exceptions.HTTPError as wrapped:
                error = _reason(wrapped)
                self._alternatives.give_up(url)
                down = PartDown(self.name, url, _cause(error))
                down.__cause__ = error
                # What may have been carried out is not asked of another.
                if method != "GET" and not _is_unsent(error):
                    break
        assert down is not None
        raise down

    def _ask_at(self, url: str, method: str, target: str, content: bytes | None) -> Reply:
        headers = {"Accept": "application/json", "User-Agent": "tepui-web"}
        if content:
            headers["Content-Type"] = "application/json"
        read_timeout_s = READ_TIMEOUT_S if method == "GET" else WRITE_TIMEOUT_S
        response = self._pool.request(
            method,
            url + target,
            body=content,
            headers=headers,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s),
            redirect=method == "GET",
            retries=REDIRECTS if method == "GET" else False,
        )
        return Reply(response.status, response.data, response.headers.get("Content-Type", ""))


def _reason(error: urllib3.exceptions.HTTPError) -> Exception:
    """What went wrong, out of the wrapping that retries put around it."""
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        return error.reason
    return error


def _is_unsent(error: Exception) -> bool:
    return isinstance(
        error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError
    )


def path_of(*segments: str) -> str:
    """A URL path from segments that may hold anything; app ids keep their slashes."""
    return "/" + "/".join(quote(segment.strip("/"), safe="/") for segment in segments if segment)


def name_of(segment: str) -> str:
    """One URL segment from a name that may hold a slash (job names, run ids)."""
    return quote(segment, safe="")


def _cause(error: Exception) -> str:
    match error:
        case urllib3.exceptions.NewConnectionError():  # also a ConnectTimeoutError, to urllib3
            return "connection refused"
        case urllib3.exceptions.ConnectTimeoutError():
            return "no connection within a second"
        case urllib3.exceptions.ReadTimeoutError():
            return "connected, but no answer in time"
        case urllib3.exceptions.ProtocolError():
            return "the connection broke"
        case _:
            return type(error).__name__
