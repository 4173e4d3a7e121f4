"""A wire between two processes that a test can slow down, hold one way or both ways, or cut.

A held wire keeps what is sent until it is healed, as TCP does across a broken network; a cut one
resets its connections and takes no new ones. Source: the project's reliability notes §0.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import free_port

UP, DOWN = "up", "down"  # to the target, and back from it
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Link:
    """Listens on a port of its own and forwards to `target` on 127.0.0.1."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._held: tuple[str, ...] = ()
        self._delay_s = 0.0
        self._is_cut = False
        self._loses_reply = threading.Event()
        self._changed = threading.Condition()
        self._open: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        threading.Thread(target=self._accept, name=f"link {target}", daemon=True).start()

    def hold(self, *ways: str) -> None:
        """Nothing goes `UP` or `DOWN` any more, until `heal`; without words, neither."""
        self._change(held=ways or (UP, DOWN))

    def slow(self, delay_s: float) -> None:
        """Every piece arrives that much later, both ways."""
        self._delay_s = delay_s

    def cut(self) -> None:
        with self._changed:
            self._is_cut = True
        self._reset_all()

    def heal(self) -> None:
        self._delay_s = 0.0
        self._is_cut = False
        self._loses_reply.clear()
        self._change(held=())

    def lose_next_reply(self) -> None:
        """The next words of the target are thrown away, and their connection is reset."""
        self._loses_reply.set()

    def close(self) -> None:
        self._listener.close()
        self.cut()
        self._change(held=())

    def _change(self, held: tuple[str, ...]) -> None:
        with self._changed:
            self._held = held
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._wait_for(UP)
        try:
            if self._is_cut:
                raise OSError
            far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        with self._changed:
            self._open.append((near, far))
        threading.Thread(target=self._pump, args=(near, far, UP), daemon=True).start()
        self._pump(far, near, DOWN)

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        try:
            while piece := source.recv(65536):
                if way == DOWN and self._loses_reply.is_set():
                    self._loses_reply.clear()
                    raise OSError("lost, as asked")
                time.sleep(self._delay_s)
                self._wait_for(way)
                sink.sendall(piece)
            self._wait_for(way)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(source)
            _reset(sink)

    def _wait_for(self, way: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: way not in self._held)

    def _reset_all(self) -> None:
        with self._changed:
            pairs, self._open = self._open, []
        for pair in pairs:
            for each in pair:
                _reset(each)


def _reset(connection: socket.socket) -> None:
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended already
    connection.close()


class Links:
    """Several that share their fate: to each server of an ensemble."""

    def __init__(self, targets: list[int]) -> None:
        self.each = [Link(target) for target in targets]

    @property
    def hosts(self) -> str:
        return ",".join(f"127.0.0.1:{link.port}" for link in self.each)

    def hold(self, *ways: str) -> None:
        for link in self.each:
            link.hold(*ways)

    def cut(self) -> None:
        for link in self.each:
            link.cut()

    def slow(self, delay_s: float) -> None:
        for link in self.each:
            link.slow(delay_s)

    def lose_next_reply(self) -> None:
        for link in self.each:
            link.lose_next_reply()

    def heal(self) -> None:
        for link in self.each:
            link.heal()

    def close(self) -> None:
        for link in self.each:
            link.close()


@contextmanager
def links_to(*targets: int) -> Iterator[Links]:
    links = Links(list(targets))
    try:
        yield links
    finally:
        links.close()
