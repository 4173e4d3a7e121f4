"""The agent's end of the talk with its runner: starts one if there is none, attaches again if not.

The socket lies in the agent's own directory and is reached through a descriptor of that directory,
because a unix socket's path may have no more than 108 bytes and work directories may be longer.
What the runner's news mean is decided by `kernel.executor`.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kernel

SOCKET_NAME = "runner.sock"
_LINE_BYTES_MAX = 1 << 24
_TOOLS_WANTED = ("sh", "mv", "env", "setsid", "setpriv")
_RETRY_S = 0.05  # between two tries to attach


def tools() -> dict[str, str]:
    """Absolute paths of the programs that the recorder needs; absent ones are left out."""
    found = {
        name: shutil.which(name, path=os.defpath + ":/usr/sbin:/sbin") for name in _TOOLS_WANTED
    }
    return {name: path for name, path in found.items() if path}


class RunnerLink:
    """Orders go out, news come in. `on_attached` is called for each (new) runner, before news."""

    def __init__(
        self,
        directory: Path,
        groups_name: str,
        *,
        on_attached: Callable[[dict[str, Any]], None],
        on_news: Callable[[dict[str, Any]], None],
    ) -> None:
        self._directory = directory
        self._groups_name = groups_name
        self._on_attached = on_attached
        self._on_news = on_news
        self._writer: asyncio.StreamWriter | None = None
        self._closing = False
        self.process: subprocess.Popen[bytes] | None = None  # kept only to be reaped
        self.gone = asyncio.Event()  # the runner said that it ends for good
        self.pid = 0

    async def run(self) -> None:
        """Attach, listen, attach again when the runner is gone; until cancelled or shut down."""
        while not self._closing:
            try:
                reader = await self._attach()
                await self._listen(reader)
            except (OSError, asyncio.LimitOverrunError, ValueError):
                await asyncio.sleep(_RETRY_S)
            finally:
                self._detach()

    def send(self, order: dict[str, Any]) -> None:
        """Dropped while no runner is attached: at each attach all runs are gone through again."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(order, separators=(",", ":")).encode() + b"\n")

    async def shut_down(self, patience_s: float) -> None:
        """End the runner with all its tasks; it removes its control groups."""
        self._closing = True
        self.send({"do": "shutdown"})
        try:
            await asyncio.wait_for(self.gone.wait(), patience_s)
            if self.process is not None:
                await asyncio.to_thread(self.process.wait, patience_s)
        except (TimeoutError, subprocess.TimeoutExpired):
            return

    async def _attach(self) -> asyncio.StreamReader:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            path = _short_path(handle, self._directory)
            try:
                return await self._connect(path)
            except (ConnectionRefusedError, FileNotFoundError):
                if self.process is not None:
                    self.process.poll()
                self.process = _start(self._directory, path, self._groups_name)
                return await self._connect(path)
        finally:
            os.close(handle)

    async def _connect(self, path: str) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_unix_connection(path, limit=_LINE_BYTES_MAX)
        return reader

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            news = json.loads(line)
            if news["is"] == "runner":
                self.pid = news["pid"]
                self._on_attached(news)
            elif news["is"] == "gone":
                self._closing = True
                self.gone.set()
            else:
                self._on_news(news)
        if self._closing:
            self.gone.set()

    def _detach(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None


def _short_path(handle: int, directory: Path) -> str:
    if os.path.isdir(f"/proc/self/fd/{handle}"):
        return f"/proc/self/fd/{handle}/{SOCKET_NAME}"
    return str(directory / SOCKET_NAME)  # no /proc: a long work directory is refused by the system


def _start(directory: Path, path: str, groups_name: str) -> "subprocess.Popen[bytes]":
    """The agent listens first and hands the socket over, so that attaching never has to wait."""
    socket_file = directory / SOCKET_NAME
    socket_file.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        socket_file.chmod(0o600)
        listener.listen(8)
        with open(directory / "runner.log", "ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-P", "-s", "-S", "-m", "kernel.runtime.agent.runner"),
                    *(str(listener.fileno()), groups_name, json.dumps(tools())),
                ],
                cwd="/",
                env={"PATH": os.defpath, "PYTHONPATH": str(Path(kernel.__file__).parents[1])},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
