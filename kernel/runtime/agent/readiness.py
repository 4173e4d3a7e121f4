"""What the runner sleeps on: descriptors that become ready, and the one line to its agent.

Written by hand because asyncio would cost the runner several MiB. What is said is the runner's
matter. Imported by the runner: few imports.
"""

import json
import select
import socket
from collections import deque


class Readiness:
    """Descriptors and who is called when one can be read (or has hung up)."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, object] = {}

    def watch(self, fd: int, callback: object) -> None:
        self._callbacks[fd] = callback
        self._poll.register(fd, select.POLLIN)

    def unwatch(self, fd: int) -> None:
        if self._callbacks.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def want_to_write(self, fd: int, wanted: bool) -> None:
        self._poll.modify(fd, select.POLLIN | (select.POLLOUT if wanted else 0))

    def turn(self, timeout_ms: int | None) -> bool:
        """Wait, call those that are ready; False if none became so in time."""
        ready = self._poll.poll(timeout_ms)
        called = [(fd, events, self._callbacks.get(fd)) for fd, events in ready]
        for fd, events, callback in called:
            # A descriptor that was closed meanwhile may have been given out again.
            if callback is not None and self._callbacks.get(fd) is callback:
                callback(events)  # type: ignore[operator]
        return bool(ready)


class AgentLine:
    """The connection to the agent, one JSON object per line each way; a new one replaces it.

    `orders` are those that came and are not carried out yet.
    """

    def __init__(self, readiness: Readiness, listener: socket.socket, greet: object) -> None:
        self.orders: deque = deque()  # type: ignore[type-arg]
        self._readiness = readiness
        self._listener = listener
        self._greet = greet
        self._agent: socket.socket | None = None
        self._inbox = b""
        self._outbox = b""
        readiness.watch(listener.fileno(), self._accept)

    @property
    def connected(self) -> bool:
        return self._agent is not None

    def tell(self, news: dict) -> None:  # type: ignore[type-arg]
        """Queue one line; `flush` sends. Dropped without an agent: it asks when it comes."""
        if self._agent is not None:
            self._outbox += json.dumps(news, separators=(",", ":")).encode() + b"\n"

    def flush(self) -> None:
        if self._agent is None or not self._outbox:
            return
        try:
            while self._outbox:
                self._outbox = self._outbox[self._agent.send(self._outbox) :]
        except BlockingIOError:
            pass
        except OSError:
            self._drop()
            return
        self._readiness.want_to_write(self._agent.fileno(), bool(self._outbox))

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        self._drop()
        connection.setblocking(False)
        self._agent = connection
        self._readiness.watch(connection.fileno(), self._talk)
        self._greet()  # type: ignore[operator]
        self.flush()

    def _drop(self) -> None:
        if self._agent is not None:
            self._readiness.unwatch(self._agent.fileno())
            self._agent.close()
        self._agent = None
        self._inbox = self._outbox = b""

    def _talk(self, events: int) -> None:
        if events & select.POLLOUT:
            self.flush()
        if self._agent is None or not events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return
        try:
            chunk = self._agent.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._drop()
            return
        *lines, self._inbox = (self._inbox + chunk).split(b"\n")
        self.orders.extend(json.loads(line) for line in lines)
