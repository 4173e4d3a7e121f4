"""A small web app that upgrades without a failed request.

Listens on $PORT0, answers `/` with its version and `/health` with 200; on SIGTERM it finishes what
is under way, then ends. Plain Python, no packages. The apps beside it have it in their environment.
"""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

version, broken = sys.argv[1], "--broken" in sys.argv  # a broken one is never healthy
stopping, idle, busy = threading.Event(), threading.Condition(), [0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open between requests
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        with idle:
            busy[0] += 1
        is_check = self.path == "/health"
        body = ("well" if is_check else version).encode() + b"\n"
        self.send_response(503 if is_check and broken else 200)
        self.send_header("Content-Length", str(len(body)))
        if stopping.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        with idle:
            busy[0] -= 1
            idle.notify_all()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        if self.path != "/health":  # checks are many and say nothing
            super().log_request(str(code), str(size))


ThreadingHTTPServer.request_queue_size = 128
server = ThreadingHTTPServer(("", int(os.environ["PORT0"])), Handler)
signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
print(f"{version} listens on port {os.environ['PORT0']}", flush=True)
stopping.wait()
print("asked to end: finishing what is under way", flush=True)
server.shutdown()
with idle:
    idle.wait_for(lambda: busy[0] == 0, timeout=5)
