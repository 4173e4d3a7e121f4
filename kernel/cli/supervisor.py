"""Keeps the processes of `tepui up` alive: starts them, waits until each answers, starts again any
that dies, and ends them in an order that leaves nothing behind. What they are is the layout's, when
to restart is `restarts`'.

One thread, one loop: it wakes for a signal, for a child's end, and while something is starting.
"""

import contextlib
import http.client
import os
import select
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from kernel.cli import processes, state
from kernel.cli.layout import Child
from kernel.cli.restarts import Restarts

STARTING_TICK_S = 0.05
START_AGAIN_MS = 1000  # what could not even be started, or written down
STARTING_DEATHS_MAX = 6  # some four seconds of trying; after that waiting longer helps nobody
# The whole stop takes at most ten seconds; each phase ends this long after its beginning, in
# seconds.
APPLICATIONS_BY_S, AGENTS_BY_S, REST_BY_S = 2.5, 8.0, 9.2


class NotReady(Exception):
    """Something did not come up; the message is for a person."""


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Supervisor:
    """The living children by name, those waiting for their restart, and whether we are to stop."""

    def __init__(
        self, directory: Path, children: Sequence[Child], report: Callable[[str], None]
    ) -> None:
        self._directory = directory
        self._children = {child.name: child for child in children}
        self._report = report
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts = {name: Restarts() for name in self._children}
        self._due_ms: dict[str, int] = {}  # name -> when to start it again
        self._signals = 0
        self._is_unwritten = False  # children.json is not true any more, and could not be replaced
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    @property
    def pids(self) -> dict[str, int]:
        return {name: self._running[name].pid for name in self._children if name in self._running}

    @property
    def is_stopping(self) -> bool:
        return self._signals > 0

    def listen(self) -> None:
        """From here on a signal no longer ends this process but asks it to stop its children."""
        processes.become_subreaper()
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop_asked)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _on_stop_asked(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    # Starting

    def start(self, timeout_s: float) -> None:
        """Starts all and waits until every one is ready; raises `NotReady` with the reason if one
        is not.
        """
        for child in self._children.values():
            if child.ready_file is not None:
                Path(child.ready_file).unlink(missing_ok=True)
            self._start(child.name)
        waiting = dict(self._children)
        deadline_ms = now_ms() + int(timeout_s * 1000)
        while waiting and not self.is_stopping:
            self._look_after(during_start=True)
            for name, child in list(waiting.items()):
                if name in self._running and is_ready(child):
                    del waiting[name]
                    self._report(f"  {name} is ready")
            if now_ms() > deadline_ms and waiting:
                raise NotReady(self._why_not_ready(waiting, timeout_s))
            self._sleep(STARTING_TICK_S if waiting else 0)

    def _why_not_ready(self, waiting: Sequence[str] | dict[str, Child], timeout_s: float) -> str:
        name = next(iter(waiting))
        log = self._log(name)
        words = f"{' and '.join(waiting)} did not come up within {timeout_s:g} s."
        return f"{words} The end of {log}:\n{processes.tail(log)}"

    def _log(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.log"

    def _start(self, name: str) -> None:
        """What can't be started now (a full disk, no process to be had) is tried again later."""
        self._restarts[name].started(now_ms())
        try:
            self._running[name] = processes.start(self._children[name], self._log(name))
        except OSError as error:
            pause_ms = self._restarts[name].died(now_ms()) or START_AGAIN_MS
            self._report(
                f"  {name} can't be started ({error}); tried again in {pause_ms / 1000:g} s"
            )
            self._due_ms[name] = now_ms() + pause_ms
        self._write_down()

    def _write_down(self) -> None:
        """The file is for others; we know our children without it, and a full disk may pass."""
        try:
            state.write_children(self._directory, self.pids)
            self._is_unwritten = False
        except OSError:
            self._is_unwritten = True

    # Watching

    def watch(self) -> None:
        """Returns when a signal asked for the end."""
        while not self.is_stopping:
            self._look_after()
            if self._is_unwritten:
                self._write_down()
            due_ms = min(self._due_ms.values(), default=None)
            if self._is_unwritten:
                due_ms = min(due_ms or sys.maxsize, now_ms() + START_AGAIN_MS)
            self._sleep(None if due_ms is None else max(0, due_ms - now_ms()) / 1000)

    def _look_after(self, *, during_start: bool = False) -> None:
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[name]
                self._after_death(name, code, during_start)
        for name, due_ms in list(self._due_ms.items()):
            if due_ms <= now_ms() and not self.is_stopping:
                del self._due_ms[name]
                self._start(name)
        processes.reap_orphans({process.pid for process in self._running.values()})

    def _after_death(self, name: str, code: int, during_start: bool) -> None:
        if self.is_stopping:
            return
        if (
            during_start and code == 2
        ):  # it was asked for something wrong; again would be wrong again
            raise NotReady(f"{name} refused to start: {processes.tail(self._log(name), 3)}")
        pause_ms = self._restarts[name].died(now_ms())
        if during_start and self._restarts[name].young_deaths >= STARTING_DEATHS_MAX:
            log = self._log(name)
            raise NotReady(f"{name} keeps ending. The end of {log}:\n{processes.tail(log)}")
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        when = "at once" if pause_ms == 0 else f"in {pause_ms / 1000:g} s"
        self._report(f"  {name} ended {how}; started again {when} (log: {self._log(name)})")
        self._due_ms[name] = now_ms() + pause_ms

    def _sleep(self, timeout_s: float | None) -> None:
        """Until a signal (a child's end is one) or the time has passed."""
        ready, _, _ = select.select([self._wake_read], [], [], timeout_s)
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)

    # Stopping

    def stop(self) -> None:
        """Ends everything within ten seconds: those who would start tasks, then the tasks, then the
        rest.
        """
        began_ms = now_ms()
        self._signals = max(self._signals, 1)
        self._due_ms.clear()
        agents = [name for name in self._children if name.startswith("agent-")]
        rest = ["lb", "master"]
        first = [name for name in self._children if name not in (*agents, *rest)]
        self._end(first, began_ms + int(APPLICATIONS_BY_S * 1000))
        self._end_agents(agents, began_ms + int(AGENTS_BY_S * 1000))
        self._end(rest, began_ms + int(REST_BY_S * 1000))
        self._sweep()
        state.forget_up(self._directory)

    def _end(self, names: Sequence[str], by_ms: int) -> None:
        for name in names:
            if name in self._running:
                processes.kill(self._running[name].pid, signal.SIGTERM)
        self._await_end(names, by_ms)

    def _end_agents(self, names: Sequence[str], by_ms: int) -> None:
        """Asks each agent to end its tasks and then itself. SIGTERM would end the agent alone, so
        it is only for one that does not answer."""
        deaf = [name for name in names if not self._ask_to_shut_down(name)]
        self._await_end([name for name in names if name not in deaf], by_ms)
        self._end(deaf, by_ms)

    def _ask_to_shut_down(self, name: str) -> bool:
        child = self._children[name]
        if name not in self._running or child.health is None:
            return False
        return asked_to_shut_down(child.health.removesuffix("/health") + "/tepui/v1/shutdown")

    def _await_end(self, names: Sequence[str], by_ms: int) -> None:
        left = [name for name in names if name in self._running]
        while left and now_ms() < by_ms and self._signals < 3:  # a third Ctrl-C means: now
            self._look_after()
            left = [name for name in names if name in self._running]
            if left:
                self._sleep(max(0.001, min(0.25, (by_ms - now_ms()) / 1000)))
        for name in left:
            process = self._running.pop(name)
            self._report(f"  {name} did not end in time and was killed")
            processes.kill(process.pid, signal.SIGKILL)
            process.wait()

    def _sweep(self) -> None:
        """Whatever still lives below us was left behind by one of ours: end it."""
        for _ in range(3):
            left = processes.descendants(os.getpid())
            for pid in left:
                processes.kill(pid, signal.SIGKILL)
            if not left:
                return
            self._sleep(0.05)
            processes.reap_orphans(set())


def is_ready(child: Child) -> bool:
    if child.ready_file is not None:
        return Path(child.ready_file).exists()
    assert child.health is not None
    return answers(child.health)


def answers(url: str, timeout_s: float = 1) -> bool:
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=timeout_s)
    try:
        connection.request("GET", where.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def asked_to_shut_down(url: str, timeout_s: float = 1.5) -> bool:
    """Whether the agent has taken the request; it answers at once and ends by and by."""
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=timeout_s)
    try:
        connection.request("POST", where.path, body=b"{}")
        return connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
