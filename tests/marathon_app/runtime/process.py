"""Marathon's whole process in a thread: real machine, real API, a small true master, no sockets in.

Requests go through the ASGI application, as gunicorn would hand them over.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from kernel.runtime.clock import Clock
from kernel.store.interface import Store
from kernel.store.memory import MemoryStore
from marathon_app.runtime.application import MarathonApplication
from marathon_app.runtime.config import Config
from marathon_app.runtime.server import Marathon
from tests.marathon_app.runtime.master_stand_in import MasterStandIn
from tests.processes import wait_until

T = TypeVar("T")
TIMEOUT_S = 20.0


class Got(Struct):
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class MarathonProcess:
    """A context manager; `stop` and `start` again is a restart with the same store."""

    def __init__(self, store: Store | None = None, **config: Any) -> None:
        self.store = store or MemoryStore()
        self.master = MasterStandIn()
        self._config = config
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._asgi: Any = None
        self._marathon: Marathon | None = None

    def __enter__(self) -> "MarathonProcess":
        self._thread.start()
        self.on_loop(self.master.start())
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.on_loop(self.master.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    def start(self) -> None:
        config = Config(master=self.master.url, **self._config)
        term = self.store.lead("marathon")
        self._marathon = Marathon(config, Clock(), self.store, term, self.store.load())
        self._asgi = MarathonApplication(routes=self._marathon.routes, pages=self._marathon.pages)
        self.on_loop(self._marathon.start())
        self.until(lambda: self.get("/health").json()["master"])

    def stop(self) -> None:
        assert self._marathon is not None
        self._asgi.close_streams()
        self.on_loop(self._marathon.stop())

    def on_loop(self, running: Coroutine[Any, Any, T]) -> T:
        found: Future[T] = asyncio.run_coroutine_threadsafe(running, self._loop)
        return found.result(TIMEOUT_S)

    def call(self, function: Callable[[], None]) -> None:
        """Run something of the master's on its loop."""
        self._loop.call_soon_threadsafe(function)

    def until(self, holds: Callable[[], object], what: str = "") -> None:
        wait_until(holds, TIMEOUT_S, what)

    def get(self, path: str, **query: Any) -> Got:
        return self.request("GET", path, query=query)

    def post(self, path: str, body: object = None, **query: Any) -> Got:
        return self.request("POST", path, body, query=query)

    def put(self, path: str, body: object = None, **query: Any) -> Got:
        return self.request("PUT", path, body, query=query)

    def patch(self, path: str, body: object = None, **query: Any) -> Got:
        return self.request("PATCH", path, body, query=query)

    def delete(self, path: str, **query: Any) -> Got:
        return self.request("DELETE", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Got:
        data = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
        asked = {"content-type": "application/json", **(headers or {})} if data else headers or {}
        return self.on_loop(self._exchange(method, path, query or {}, dict(asked), data))

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, Any], headers: dict[str, str], data: bytes
    ) -> Got:
        scope = _scope(method, path, query, {**headers, "content-length": str(len(data))})
        sent: list[dict[str, Any]] = []
        pending = [{"type": "http.request", "body": data, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if pending:
                return pending.pop()
            await asyncio.Event().wait()
            raise AssertionError("nothing sets it")

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._asgi(scope, receive, send)
        found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Got(sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))

    def follow(self, **query: Any) -> "Followed":
        """An event stream, read from now on."""
        return Followed(self, query)

    async def open_stream(
        self,
        query: Mapping[str, Any],
        headers: dict[str, str],
        take: Callable[[bytes], None],
        left: Callable[[Callable[[], object]], None],
    ) -> None:
        """`take` gets what comes; `left` is given what to call when the reader goes away."""
        scope = _scope("GET", "/v2/events", query, {"accept": "text/event-stream", **headers})

        gone = asyncio.Event()
        pending = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if pending:
                return pending.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            take(message.get("body", b""))

        left(lambda: self._loop.call_soon_threadsafe(gone.set))
        await self._asgi(scope, receive, send)

    def begin(self, running: Coroutine[Any, Any, None]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(running, self._loop)


class Followed:
    """What one reader of the event stream has read."""

    def __init__(
        self, process: MarathonProcess, query: Mapping[str, Any], last_event_id: str | None = None
    ) -> None:
        self.bytes = b""
        self._process = process
        headers = {} if last_event_id is None else {"last-event-id": last_event_id}
        self._running = process.begin(process.open_stream(query, headers, self._take, self._keep))
        process.until(lambda: b"event_stream_attached" in self.bytes)

    def _keep(self, leave: Callable[[], object]) -> None:
        self._leave = leave

    def _take(self, data: bytes) -> None:
        self.bytes += data

    def close(self) -> None:
        """The reader goes away."""
        self._leave()
        self._running.result(TIMEOUT_S)

    def frames(self) -> list[dict[str, Any]]:
        """Each whole frame's fields, with `data` decoded."""
        found = []
        for text in self.bytes.decode().split("\n\n")[:-1]:
            lines = [line.partition(": ") for line in text.split("\n") if line]
            fields: dict[str, Any] = {name: value for name, _, value in lines}
            if "data" in fields:
                fields["data"] = msgspec.json.decode(fields["data"])
                found.append(fields)
        return found

    def types(self) -> list[str]:
        return [frame["event"] for frame in self.frames()]

    def until(self, event_type: str, count: int = 1) -> dict[str, Any]:
        """The data of the last event of this type, once there are `count`."""
        wanted = f"{count} {event_type} in {self.types}"
        self._process.until(lambda: self.types().count(event_type) >= count, wanted)
        data: dict[str, Any] = [f for f in self.frames() if f["event"] == event_type][-1]["data"]
        return data


def _scope(
    method: str, path: str, query: Mapping[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    path, _, given = path.partition("?")
    text = "&".join(part for part in (given, urlencode(query, doseq=True)) if part)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": text.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 12345),
        "server": ("127.0.0.1", 8080),
    }
