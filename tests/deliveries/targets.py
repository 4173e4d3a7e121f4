"""Small true targets for deliveries: a web server and a mail server on free ports."""

import http.server
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Hook:
    """Answers POSTs with the statuses it is given, the last one for ever, and remembers them."""

    def __init__(self, statuses: list[int], delay_s: float = 0, location: str = "") -> None:
        self.received: list[tuple[dict[str, str], Any]] = []
        self._statuses = statuses
        self._delay_s = delay_s
        self._location = location
        self.url = ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.received.append((dict(handler.headers), json.loads(body)))
        time.sleep(self._delay_s)
        status = self._statuses[min(len(self.received), len(self._statuses)) - 1]
        handler.send_response(status)
        if self._location:
            handler.send_header("Location", self._location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def hook(*statuses: int, delay_s: float = 0, location: str = "") -> Iterator[Hook]:
    target = Hook(list(statuses), delay_s, location)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            target.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the test says what matters."""

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        target.url = f"http://127.0.0.1:{port}/hook"
        yield target


@contextmanager
def mailbox() -> Iterator[tuple[str, list[str]]]:
    """An SMTP server that takes every letter: its address, and the letters."""
    letters: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for raw in self.rfile:
                verb = raw.decode().strip().upper()[:4]
                if verb == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    letters.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 fine\r\n")
                if verb == "QUIT":
                    return

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"smtp://127.0.0.1:{port}", letters


@contextmanager
def serving(server: socketserver.ThreadingTCPServer) -> Iterator[int]:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
