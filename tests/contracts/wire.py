"""HTTP, JSON and RecordIO as any client would speak them. Knows nothing of Tepui, on purpose.

Source: mesos.md §2.2; Mesos, docs/recordio.md.
"""

import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

Json = dict[str, Any]
T = TypeVar("T")

JSON = "application/json"
TIMEOUT_S = 20.0


class Address(NamedTuple):
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """HOST:PORT, with or without http:// before it."""
        host, _, port = text.removeprefix("http://").rstrip("/").rpartition(":")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    address: Address,
    method: str,
    path: str,
    body: bytes | Json | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One exchange over a connection of its own. A JSON body brings its Content-Type."""
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    named = {"Content-Type": JSON} if isinstance(body, dict) else {}
    connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, raw, {**named, **(headers or {})})
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, names, answer.read())
    finally:
        connection.close()


def get(address: Address, path: str) -> Any:
    """What a v0 endpoint shows."""
    answer = request(address, "GET", path)
    assert answer.status == 200, f"{path}: {answer.status} {answer.text}"
    return answer.json()


def operate(address: Address, type_: str, **payload: Any) -> Answer:
    """One operator call, to a master or an agent."""
    body: Json = {"type": type_}
    if payload:
        body[type_.lower()] = payload
    return request(address, "POST", "/api/v1", body, {"Accept": JSON})


def shown(address: Address, type_: str, **payload: Any) -> Any:
    """What an operator call that reads answers with."""
    answer = operate(address, type_, **payload)
    assert answer.status == 200, f"{type_}: {answer.status} {answer.text}"
    return answer.json().get(type_.lower(), {})


def records(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """RecordIO: `<length>\\n<bytes>`, whatever the borders of the chunks."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        while b"\n" in buffer:
            digits, _, rest = buffer.partition(b"\n")
            if len(rest) < int(digits):
                break
            yield rest[: int(digits)]
            buffer = rest[int(digits) :]


class Stream:
    """A long answer. Its events wait here, in order, until somebody takes them."""

    def __init__(
        self, address: Address, path: str, body: Json, headers: Mapping[str, str] | None = None
    ) -> None:
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=90)
        named = {"Content-Type": JSON, "Accept": JSON, **(headers or {})}
        self._connection.request("POST", path, json.dumps(body).encode(), named)
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = {name.lower(): value for name, value in self._answer.getheaders()}
        self.refusal = self._answer.read().decode() if self.status != 200 else ""
        self.all: list[Json] = []  # each event that was ever looked at
        self._untaken: list[Json] = []
        self._arriving: queue.Queue[Json | None] = queue.Queue()
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        def chunks() -> Iterator[bytes]:
            while chunk := self._answer.read1(65536):
                yield chunk

        try:
            for record in records(chunks()):
                self._arriving.put(json.loads(record))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # closed by us or cut off by them: an end either way
        self._arriving.put(None)

    def _look(self, timeout_s: float) -> bool:
        """Take in one more event; false when none came, or none will."""
        if self._has_ended:
            return False
        try:
            event = self._arriving.get(timeout=max(0.001, timeout_s))
        except queue.Empty:
            return False
        if event is None:
            self._has_ended = True
            return False
        self.all.append(event)
        self._untaken.append(event)
        return True

    def until(
        self, found: Callable[[], T | None], timeout_s: float = TIMEOUT_S, what: str = ""
    ) -> T:
        """Look at events until `found()` finds something in what is known by then."""
        end = time.monotonic() + timeout_s
        while True:
            thing = found()
            if thing is not None:
                return thing
            if not self._look(end - time.monotonic()):
                told = ", ".join(event["type"] for event in self.all)
                why = "the stream ended" if self._has_ended else f"not within {timeout_s} s"
                raise AssertionError(f"{why}: {what or found}; told so far: {told}")

    def next(self, timeout_s: float = TIMEOUT_S) -> Json:
        """The first event that nobody has taken."""
        self.until(lambda: self._untaken or None, timeout_s, "an event")
        return self._untaken.pop(0)

    def take(
        self,
        type_: str,
        fits: Callable[[Json], bool] = lambda _: True,
        timeout_s: float = TIMEOUT_S,
    ) -> Json:
        """The first untaken event of a type that fits; the others stay where they are."""

        def find() -> Json | None:
            return next((e for e in self._untaken if e["type"] == type_ and fits(e)), None)

        event = self.until(find, timeout_s, type_)
        self._untaken.remove(event)
        return event

    def quiet(
        self, type_: str, for_s: float, fits: Callable[[Json], bool] = lambda _: True
    ) -> bool:
        """Whether no such event is there, nor comes for so long."""
        end = time.monotonic() + for_s
        while True:
            if any(event["type"] == type_ and fits(event) for event in self._untaken):
                return False
            left = end - time.monotonic()
            if left <= 0 or not self._look(left):
                return not any(e["type"] == type_ and fits(e) for e in self._untaken)

    def ends(self, timeout_s: float = TIMEOUT_S) -> bool:
        """Whether the server closes it in time; events before that stay untaken."""
        end = time.monotonic() + timeout_s
        while self._look(end - time.monotonic()):
            pass
        return self._has_ended

    def close(self) -> None:
        """Hang up, as a client that died does."""
        try:
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # they were first
        self._reader.join(5)
        self._connection.close()


def wait_until(holds: Callable[[], object], timeout_s: float = TIMEOUT_S, what: str = "") -> None:
    """For what no stream tells: ask until it is so."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what or holds}"
        time.sleep(0.05)
