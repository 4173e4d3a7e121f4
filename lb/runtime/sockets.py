"""Asks HAProxy on its unix sockets: the worker's to see and change, the master's for `show proc`.

A socket's path may have 107 bytes only, and HAProxy lengthens it while it binds. So HAProxy runs
inside the work directory and knows its sockets by their bare names, and we reach a directory with a
long path through its descriptor. Source: HAProxy 2.6, management guide, §9; unix(7).
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

STATS_SOCKET = "haproxy.sock"
MASTER_SOCKET = "master.sock"
METRICS_SOCKET = "metrics.sock"
ANSWER_TIMEOUT_S = 5.0
PATH_BYTES_MAX = 100
MASTER_RETRY_S = 0.01
BATCH = 100  # commands per connection
TROUBLE = (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError)


class Sockets:
    """The sockets of the HAProxy in one directory."""

    def __init__(self, directory: Path, is_alive: Callable[[], bool] = lambda: True) -> None:
        self._directory = directory
        self._is_alive = is_alive
        self._descriptor: int | None = None

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    async def ask(self, commands: Sequence[str]) -> list[str]:
        """One answer per command, of the worker that serves now. Raises what is in `TROUBLE`."""
        answers: list[str] = []
        for start in range(0, len(commands), BATCH):
            batch = commands[start : start + BATCH]
            for command in batch:
                assert "\n" not in command and ";" not in command, "one command is one line"
            text = await self.exchange(STATS_SOCKET, "\n".join(("prompt", *batch)) + "\n")
            parts = text.split("\n> ")
            if len(parts) != len(batch) + 2:
                raise OSError(f"HAProxy gave {len(parts) - 2} answers to {len(batch)} commands")
            answers += [part.strip("\n") for part in parts[1:-1]]
        return answers

    async def ask_master(self, command: str, patience_s: float = ANSWER_TIMEOUT_S) -> str:
        """The master's answer. While it reloads, it does not listen for some milliseconds."""
        deadline = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                return await self.exchange(MASTER_SOCKET, command + "\n")
            except (ConnectionError, FileNotFoundError):
                if not self._is_alive() or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(MASTER_RETRY_S)

    async def exchange(self, name: str, text: str) -> str:
        """Send a text, end it, and read until the other side ends too."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(self._path(name))
            try:
                writer.write(text.encode())
                writer.write_eof()
                return (await reader.read()).decode(errors="replace")
            finally:
                writer.close()

    def _path(self, name: str) -> str:
        path = str(self._directory / name)
        if len(os.fsencode(path)) <= PATH_BYTES_MAX:
            return path
        if self._descriptor is None:
            self._descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._descriptor}/{name}"
