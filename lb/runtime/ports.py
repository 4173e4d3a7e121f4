"""Finds out whether HAProxy could listen on a port, and who has it if not.

Tried by binding it: HAProxy itself would silently share a port with a listener that allows sharing
(SO_REUSEPORT). Leaves what to do about it to `watch`.
"""

import errno
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from lb.model import Backend

_LISTEN = "0A"  # /proc/net/tcp, column st


def is_free(address: str, port: int) -> str | None:
    """None, or why one cannot listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((address, port))
            trying.listen(1)
        except OSError as problem:
            return problem.strerror if problem.errno != errno.EADDRINUSE else "in use"
    return None


def refused(backends: Sequence[Backend], our_session: int | None) -> dict[str, str]:
    """Backends whose port cannot be had, with a sentence that names who has it.

    `our_session`: the session of our HAProxy, whose ports are ours already.
    """
    problems: dict[str, str] = {}
    owners: Mapping[int, tuple[int, str]] | None = None
    for backend in backends:
        why = is_free(backend.bind_addr, backend.service_port)
        if why is None:
            continue
        where = f"{backend.bind_addr}:{backend.service_port}"
        if why != "in use":
            problems[backend.name] = f"cannot have {where}: {why.lower()}"
            continue
        if owners is None:
            owners = listeners()
        pid, command = owners.get(backend.service_port, (0, ""))
        if pid and session_of(pid) == our_session:
            continue
        who = f"{command} (pid {pid})" if pid else "another process"
        problems[backend.name] = (
            f"cannot have service port {backend.service_port}: {who} listens on it already"
        )
    return problems


def listeners() -> dict[int, tuple[int, str]]:
    """Who listens on which TCP port, as far as /proc shows it: port -> pid, command."""
    ports: dict[str, int] = {}  # inode -> port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTEN:
                ports[columns[9]] = int(columns[1].rpartition(":")[2], 16)
    found: dict[int, tuple[int, str]] = {}
    for pid in _pids():
        for inode in _socket_inodes(pid):
            if inode in ports:
                found.setdefault(ports[inode], (pid, _command(pid)))
    return found


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _pids() -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    except OSError:
        return []


def _socket_inodes(pid: int) -> list[str]:
    directory = f"/proc/{pid}/fd"
    inodes = []
    try:
        for name in os.listdir(directory):
            target = os.readlink(f"{directory}/{name}")
            if target.startswith("socket:["):
                inodes.append(target[8:-1])
    except OSError:
        pass  # it ended, or is somebody else's
    return inodes


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process"
