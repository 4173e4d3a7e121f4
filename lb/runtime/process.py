"""Starts HAProxy in a session of its own, finds it again after a crash of ours, and ends it.

It is known by pid, start time and boot, and signalled through a pidfd, so that a recycled pid is
never hit. Leaves configuration to `lb.runtime.haproxy`. Source: pidfd_open(2).
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from lb.runtime.ports import session_of

CONFIG = "haproxy.cfg"
LOG = "haproxy.log"
PID_FILE = "haproxy.pid"
MASTER = "unix@master.sock,mode,600"
LOG_BYTES_MAX = 4 * 1024 * 1024
STOP_SOFT_S, STOP_TERM_S = 0.3, 0.2  # gunicorn gives a stop one second
_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/opt/homebrew/bin"


class Process:
    """One HAProxy master, ours or found. `on_exit` is called on the loop when it ends."""

    def __init__(self, directory: Path, program: str, on_exit: Callable[[str], None]) -> None:
        self._directory = directory
        self._program = program
        self._on_exit = on_exit
        self._child: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self.pid: int | None = None

    @property
    def is_alive(self) -> bool:
        return self.pid is not None

    def find(self) -> bool:
        """Take over the HAProxy that a former process of ours started, if it still runs."""
        pid, identity = _recorded(self._directory)
        if pid and _identity(pid) != identity:
            self._end_workers_of(pid)
            return False
        return bool(pid) and self._watch(pid, identity)

    def start(self) -> None:
        """Start it with the file in place; what it says goes to its log."""
        program = find_program(self._program)
        assert program is not None and not self.is_alive
        self.shorten_log()
        with open(self._directory / LOG, "ab") as log:
            self._child = subprocess.Popen(
                [program, "-W", "-S", MASTER, "-f", str(self._directory / CONFIG)],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pid = self._child.pid
        identity = _identity(pid) or ""
        record = json.dumps({"pid": pid, "identity": identity})
        temporary = self._directory / f"{PID_FILE}.new"
        temporary.write_text(record)
        os.replace(temporary, self._directory / PID_FILE)
        self._watch(pid, identity)

    def reload(self) -> None:
        self._signal(signal.SIGUSR2)

    async def stop(self) -> None:
        """Let requests end, then do not; leaves no process."""
        pid = self.pid
        if pid is not None:
            self._on_exit = lambda reason: None
            self._signal(signal.SIGUSR1)
            if not await self._gone_within(STOP_SOFT_S):
                self._signal(signal.SIGTERM)
                if not await self._gone_within(STOP_TERM_S):
                    self._signal(signal.SIGKILL)
                    await self._gone_within(STOP_TERM_S)
            self._end_workers_of(pid)
        for name in (PID_FILE, "haproxy.sock", "master.sock", "metrics.sock"):
            (self._directory / name).unlink(missing_ok=True)

    def log_since(self, offset: int) -> str:
        try:
            with open(self._directory / LOG, "rb") as log:
                log.seek(offset)
                return log.read(64 * 1024).decode(errors="replace")
        except OSError:
            return ""

    def log_size(self) -> int:
        try:
            return (self._directory / LOG).stat().st_size
        except OSError:
            return 0

    def shorten_log(self) -> None:
        if self.log_size() > LOG_BYTES_MAX:
            os.truncate(self._directory / LOG, 0)

    def _watch(self, pid: int, identity: str) -> bool:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._reap()
            return False
        if _identity(pid) != identity:
            os.close(pidfd)
            self._reap()
            return False
        self.pid, self._pidfd = pid, pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._exited)
        return True

    def _exited(self) -> None:
        if self._pidfd is None:
            return
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        pid, self._pidfd, self.pid = self.pid, None, None
        status = self._reap()
        if pid is not None:
            self._end_workers_of(pid)
        how = f" with status {status}" if status is not None else ""
        self._on_exit(f"HAProxy (pid {pid}) ended{how}")

    def _reap(self) -> int | None:
        if self._child is None:
            return None
        try:
            status = self._child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return None
        self._child = None
        return status

    async def _gone_within(self, seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while self.is_alive and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        return not self.is_alive

    def _signal(self, number: int) -> None:
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def _end_workers_of(self, master: int) -> None:
        """Workers whose master is gone end by themselves, but keep its ports until they do."""
        for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
            if name.isdigit() and session_of(int(name)) == master and _is_haproxy(int(name)):
                try:
                    pidfd = os.pidfd_open(int(name))
                except OSError:
                    continue
                if session_of(int(name)) == master:
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)


def find_program(program: str) -> str | None:
    """Its path, also where a service's PATH lacks the directories of an administrator."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_PLACES}")


def is_left_from_before(directory: Path) -> bool:
    """Whether a HAProxy that we started here, perhaps before a crash, still runs."""
    pid, identity = _recorded(directory)
    return pid != 0 and _identity(pid) == identity


def _recorded(directory: Path) -> tuple[int, str]:
    try:
        known = json.loads((directory / PID_FILE).read_text())
        return int(known["pid"]), str(known["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _identity(pid: int) -> str | None:
    """What distinguishes this process from any other that ever has its pid."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{rest[18]}@{boot}"


def _is_haproxy(pid: int) -> bool:
    try:
        return "haproxy" in Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return False
