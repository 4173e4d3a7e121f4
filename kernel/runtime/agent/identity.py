"""Who a process is, beyond its number: pid, start time and boot. Signals go by pidfd.

A bare pid may have passed to a stranger (numbers wrap within seconds on a busy machine), so
nothing here signals one. What a signal means is the caller's matter.
Imported by the runner: keep the imports few. Source: Linux proc(5), pidfd_open(2),
include/uapi/linux/pidfd.h (PIDFD_GET_INFO, which tells the exit even to one who is no parent).
"""

import ctypes
import fcntl
import os
import signal
import sys

_PR_SET_CHILD_SUBREAPER = 36  # include/uapi/linux/prctl.h
_SIGNAL_PROCESS_GROUP = 4  # PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9
_INFO_BYTES, _INFO_EXIT = 64, 8  # PIDFD_INFO_SIZE_VER0, PIDFD_INFO_EXIT, Linux 6.15
_GET_INFO = (3 << 30) | (_INFO_BYTES << 16) | (0xFF << 8) | 11
_EXIT_CODE_AT = 60
_STARTED_AT = 19  # field 22 of proc(5)'s stat, counted from the state, which follows ")"


class Identity:
    """One process. The pidfd is opened once the start time is known to match, then closed late."""

    def __init__(self, pid: int, started: int) -> None:
        self.pid = pid
        self.started = started  # clock ticks since boot; 0 where the system does not say
        self._pidfd = -1
        try:
            self._pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        except OSError:
            return
        if _started(pid) not in (0, started) and started:
            self.close()  # the number has passed on: ours is over

    @classmethod
    def parse(cls, stat: str) -> "Identity":
        """From a line of /proc/<pid>/stat, or a bare pid where there is no /proc."""
        fields = stat.rpartition(")")[2].split()
        started = int(fields[_STARTED_AT]) if len(fields) > _STARTED_AT else 0
        return cls(int(stat.split()[0]), started)

    @classmethod
    def leftovers(cls, task: "Identity | None", sandbox: str) -> "list[Identity]":
        """Without control groups: all in the task's session, or born with its sandbox in the
        environment (a daemon leaves the session, its environment stays)."""
        mark = f"MESOS_SANDBOX={sandbox}\0".encode()
        found: list[Identity] = []
        for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
            if not entry.isdigit():
                continue
            stat = _text(f"/proc/{entry}/stat")
            fields = stat.rpartition(")")[2].split()
            if len(fields) <= _STARTED_AT or fields[0] == "Z":
                continue
            in_session = task is not None and int(fields[3]) == task.pid
            if in_session or (_has_mark(entry, mark) and not _is_recorder(entry)):
                found.append(cls(int(entry), int(fields[_STARTED_AT])))
        return found

    def is_alive(self) -> bool:
        """Whether this very process runs still; a zombie does not."""
        if self._pidfd < 0:
            return False
        fields = _text(f"/proc/{self.pid}/stat").rpartition(")")[2].split()
        same = len(fields) > _STARTED_AT and int(fields[_STARTED_AT]) == self.started
        return same and fields[0] not in "ZX"

    def signal(self, number: int) -> None:
        if self._pidfd >= 0:
            try:
                signal.pidfd_send_signal(self._pidfd, number)
            except OSError:
                return

    def signal_group(self, number: int) -> None:
        """To the process group that this process leads."""
        if self._pidfd < 0:
            return
        try:
            signal.pidfd_send_signal(self._pidfd, number, None, _SIGNAL_PROCESS_GROUP)
        except ProcessLookupError:
            return
        except OSError:  # an older kernel: the group's number is safe while its leader lives
            if self.is_alive():
                os.killpg(self.pid, number)

    def wait_status(self) -> int | None:
        """The raw wait status after the end, where the kernel tells; `$?` can't tell a task that
        exits with 137 from one that was killed."""
        if self._pidfd < 0:
            return None
        info = bytearray(_INFO_BYTES)
        info[0:8] = _INFO_EXIT.to_bytes(8, sys.byteorder)
        try:
            fcntl.ioctl(self._pidfd, _GET_INFO, info)
        except OSError:
            return None
        if not int.from_bytes(info[0:8], sys.byteorder) & _INFO_EXIT:
            return None
        return int.from_bytes(info[_EXIT_CODE_AT:_INFO_BYTES], sys.byteorder)

    def close(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._pidfd = -1


def set_subreaper() -> None:
    """Orphans of our tasks become our children, so that none is left a zombie elsewhere."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):
        return  # not Linux


def _started(pid: int) -> int:
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[_STARTED_AT]) if len(fields) > _STARTED_AT else 0


def _has_mark(entry: str, mark: bytes) -> bool:
    try:
        with open(f"/proc/{entry}/environ", "rb") as file:
            return mark in file.read(1 << 20)
    except OSError:
        return False


def _is_recorder(entry: str) -> bool:
    return "\0tepui-recorder\0" in _text(f"/proc/{entry}/cmdline")


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16).decode(errors="replace")
    except OSError:
        return ""
