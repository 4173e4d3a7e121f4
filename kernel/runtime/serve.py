"""Listens and runs one `Application`: gunicorn, its asgi worker, one worker process, one loop.

The arbiter holds the listening socket and restarts a worker that died; `build` runs in the worker,
after the fork, so no lock and no thread crosses it. The worker dies with its arbiter, and, when
TEPUI_SUPERVISED names its process, the arbiter with its supervisor: a kill -9 leaves nothing
behind.
Source: gunicorn, settings reference.
"""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.workers import gasgi

from kernel.runtime.connection import Connection
from kernel.runtime.http import Application
from kernel.runtime.visitors import visitors

EXIT_USAGE = 2
REQUESTS_TIMEOUT_S = 0.5  # for requests under way at a stop; streams are closed at once
GRACEFUL_TIMEOUT_S = 3  # then the arbiter kills the worker; the application's own stop is in it
KEEPALIVE_S = 75
WORKER_SILENT_S = 120  # a loop that is stuck for so long is ended and started anew
_PR_SET_PDEATHSIG = 1


gasgi.ASGIProtocol = Connection  # gunicorn has no setting for it


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """gunicorn's asgi worker; ends its streams when told to stop, and passes SIGUSR1 on."""

    alive: bool
    serving: "asyncio.Task[None] | None" = None

    async def _serve(self) -> None:
        self.serving = asyncio.current_task()
        await super()._serve()

    def handle_exit_signal(self) -> None:
        self._begin_stop()

    def handle_quit_signal(self) -> None:
        # gunicorn's quick stop skips the application's own stop, which we want on Ctrl-C too.
        self._begin_stop()

    def _begin_stop(self) -> None:
        was_alive = bool(self.alive)
        self.alive = False
        self._close_streams()
        if was_alive and self.servers and self.serving is not None:
            # gunicorn itself looks at `alive` once a second, and its arbiter would not wait for
            # the application's own stop. Its main loop takes a cancellation for the end.
            self.serving.cancel()

    async def _shutdown(self) -> None:
        """As gunicorn's, but idle kept connections hold nothing up, and `stop` is never skipped."""
        for server in self.servers:
            server.close()
        deadline = self.loop.time() + REQUESTS_TIMEOUT_S
        while self.nr_conns > 0 and self.loop.time() < deadline:
            await asyncio.sleep(0.02)
        if self.lifespan is not None:
            await self.lifespan.shutdown()

    def handle_usr1_signal(self) -> None:
        application = getattr(self, "asgi", None)
        if isinstance(application, Application) and application.on_usr1 is not None:
            application.on_usr1()

    def _close_streams(self) -> None:
        application = getattr(self, "asgi", None)
        if isinstance(application, Application):
            application.close_streams()


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, build: Callable[[], Application], options: dict[str, Any]) -> None:
        self._build = build
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        return self._build()


def serve(
    build: Callable[[], Application], *, ip: str, port: int, name: str, host_names: str = ""
) -> NoReturn:
    """Run until SIGTERM or SIGINT. A port that is taken ends the process with one sentence.

    `host_names`, with commas: under which others know this server, beside TEPUI_ALLOWED_HOSTS.
    """
    set_up_logging(name)
    die_with_supervisor()
    listening = _listen(ip, port, name)
    options = {
        "bind": f"fd://{listening.fileno()}",
        "workers": 1,
        "worker_class": Worker,
        "graceful_timeout": GRACEFUL_TIMEOUT_S,
        "timeout": WORKER_SILENT_S,
        "keepalive": KEEPALIVE_S,
        "loglevel": "warning",
        "post_fork": lambda _arbiter, _worker: die_with_parent(signal.SIGKILL),
        "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
        "control_socket_disable": True,
        "asgi_lifespan": "on",
        "asgi_loop": "asyncio",
        "asgi_disconnect_grace_period": 0,
        "proc_name": f"tepui {name}",
    }
    names = ",".join((host_names, socket.gethostname(), os.environ.get("TEPUI_ALLOWED_HOSTS", "")))

    def guarded() -> Application:
        application = build()
        application.visitors = visitors(ip, names)
        return application

    _Server(guarded, options).run()
    sys.exit(0)


def stop_serving() -> None:
    """From inside a worker: end the whole server, gracefully."""
    os.kill(os.getppid(), signal.SIGTERM)


def set_up_logging(name: str) -> None:
    """One line per record on stderr; TEPUI_LOG sets the level (warning, info, debug)."""
    level = os.environ.get("TEPUI_LOG", "info").upper()
    logging.basicConfig(
        level=level if level in logging.getLevelNamesMapping() else "INFO",
        format=f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s",
    )


def die_with_supervisor() -> None:
    """If TEPUI_SUPERVISED says that there is one, also when it has ended before we came so far."""
    supervisor = os.environ.get("TEPUI_SUPERVISED", "")
    if not supervisor:
        return
    die_with_parent(signal.SIGTERM)
    if supervisor.isdecimal() and int(supervisor) > 1 and os.getppid() != int(supervisor):
        os.kill(os.getpid(), signal.SIGTERM)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send us `signal_number` when our parent ends, however it ends."""
    if sys.platform != "linux":
        return  # elsewhere the worker notices within a second, the supervisor on its next start
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def _listen(ip: str, port: int, name: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ip, port))
        listening.listen(2048)
    except OSError as error:
        print(
            f"tepui {name}: {ip}:{port} can't be listened on ({error.strerror});"
            " choose another port with --port, or stop what holds it",
            file=sys.stderr,
        )
        sys.exit(EXIT_USAGE)
    listening.set_inheritable(True)
    return listening
