"""Sessions: commands in a task's container whose output goes to who asked, and who die with him.

Their outputs are named pipes in the record directory, whose reading end is here. A reader that is
slow is waited for, and the command with him. Source: mesos.md §2.9 (ProcessIO); Mesos,
src/slave/containerizer/mesos/io/switchboard.cpp.
"""

import asyncio
import contextlib
import os
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from kernel.messages.codec import recordio
from kernel.runtime.stream import EventStream

PIPES = {"0": "stdin", "1": "stdout", "2": "stderr"}
_CHUNK_BYTES = 1 << 16
_BEHIND_BYTES_MAX = 1 << 20
_PATIENCE_S = 0.02  # until a slow reader is looked at again

Write = Callable[[dict[str, Any]], bytes]


class Session:
    """`readers` have the streams that get the output, and how each wants it written."""

    def __init__(self, record: str) -> None:
        self._loop = asyncio.get_running_loop()
        self.streams = {number: f"{record}/{name}" for number, name in PIPES.items()}
        self.readers: list[tuple[EventStream, Write]] = []
        self._outputs: dict[str, int] = {}
        self._input = -1
        self._unfed = b""
        os.makedirs(record, 0o700, exist_ok=True)
        for number, path in self.streams.items():
            os.mkfifo(path)
            os.chmod(path, 0o666)  # for /dev/stdout; the directory keeps strangers out
            if number == "0":
                self._input = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            else:
                handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                self._outputs[PIPES[number].upper()] = handle

    def attach(self, stream: EventStream, write: Write) -> None:
        """A first record says that it goes on: without one an answer's head may not leave."""
        stream.send(recordio(write({"type": "CONTROL", "control": {"type": "HEARTBEAT"}})))
        self.readers.append((stream, write))

    def begin(self) -> None:
        for kind in self._outputs:
            self._watch(kind)

    def feed(self, data: bytes) -> None:
        """All the input there is; then its end."""
        self._unfed += data
        self._write()

    def over(self) -> None:
        """The command has ended: what it said last, then the end."""
        for kind in list(self._outputs):
            while self._read(kind):
                pass
            self._close_output(kind)
        self._close_input()
        for stream, _ in self.readers:
            stream.close()

    def _watch(self, kind: str) -> None:
        if kind not in self._outputs:
            return
        if any(stream.behind_bytes > _BEHIND_BYTES_MAX for stream, _ in self.readers):
            self._loop.call_later(_PATIENCE_S, self._watch, kind)
            return
        self._loop.add_reader(self._outputs[kind], self._readable, kind)

    def _readable(self, kind: str) -> None:
        self._loop.remove_reader(self._outputs[kind])
        if self._read(kind) is None:
            self._close_output(kind)
        else:
            self._watch(kind)

    def _read(self, kind: str) -> bool | None:
        """Whether something came; None at its end."""
        try:
            data = os.read(self._outputs[kind], _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            return None
        record = {"type": "DATA", "data": {"type": kind, "data": b64encode(data).decode()}}
        for stream, write in self.readers:
            stream.send(recordio(write(record)))
        return True

    def _close_output(self, kind: str) -> None:
        handle = self._outputs.pop(kind)
        self._loop.remove_reader(handle)
        os.close(handle)

    def _write(self) -> None:
        if self._input < 0:
            return
        self._loop.remove_writer(self._input)
        with contextlib.suppress(BlockingIOError):
            self._unfed = self._unfed[os.write(self._input, self._unfed) :] if self._unfed else b""
        if self._unfed:
            self._loop.add_writer(self._input, self._write)
        else:
            self._close_input()

    def _close_input(self) -> None:
        if self._input >= 0:
            self._loop.remove_writer(self._input)
            os.close(self._input)
        self._input = -1


class Sessions:
    """By run."""

    def __init__(self) -> None:
        self.open: dict[str, Session] = {}

    def over(self, run: str) -> None:
        session = self.open.pop(run, None)
        if session is not None:
            session.over()
