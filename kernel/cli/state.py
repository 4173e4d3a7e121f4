"""Keeps what `tepui up` knows about a running cluster in its directory, for the commands that come
later.

`run/up.json` says who supervises and where everything is; `run/children.json` has the process ids.
Both are replaced whole, so a reader never sees half a file. `run/up.lock` is held as long as the
supervisor lives. A process is known by its id together with its start time, so that a reused id is
never mistaken for it.
"""

import fcntl
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from kernel.cli.layout import Addresses, Child


class Up(Struct, frozen=True):
    """Who supervises this directory, and what was started."""

    pid: int
    born: str  # see `born`
    addresses: Addresses
    may_leave: tuple[
        Child, ...
    ] = ()  # those whose tasks or proxy outlive them: how to bring them back
    without: tuple[str, ...] = ()  # the parts that were left out
    ready: bool = False
    started_at: str = ""


def run_directory(directory: Path) -> Path:
    return directory / "run"


def write_up(directory: Path, up: Up) -> None:
    _replace(run_directory(directory) / "up.json", msgspec.json.encode(up))


def read_up(directory: Path) -> Up | None:
    try:
        return msgspec.json.decode((run_directory(directory) / "up.json").read_bytes(), type=Up)
    except (OSError, msgspec.DecodeError):
        return None


def forget_up(directory: Path) -> None:
    for name in ("up.json", "children.json"):
        (run_directory(directory) / name).unlink(missing_ok=True)


def write_children(directory: Path, pids: dict[str, int]) -> None:
    _replace(run_directory(directory) / "children.json", msgspec.json.encode(pids))


def read_children(directory: Path) -> dict[str, int]:
    try:
        raw = (run_directory(directory) / "children.json").read_bytes()
        return msgspec.json.decode(raw, type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}


def is_running(up: Up) -> bool:
    return born(up.pid) == up.born != ""


def born(pid: int) -> str:
    """When the process started, in the kernel's own words; empty when there is none (or it is a
    zombie).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _born_elsewhere(pid)
    fields = stat.rpartition(")")[2].split()
    return (
        "" if fields[0] in ("Z", "X") else fields[19]
    )  # field 22 of proc(5), counted after the name


def _born_elsewhere(pid: int) -> str:
    """Without /proc (macOS) all that can be asked is whether there is such a process."""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "alive"


class Lock:
    """The supervisor's claim on a directory; the system gives it up when the process ends, however
    it ends.
    """

    def __init__(self, directory: Path) -> None:
        self._path = run_directory(directory) / "up.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
