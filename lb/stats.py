"""Reads what HAProxy answers on its sockets. Source: HAProxy 2.6, management guide, §9.

Leaves asking to `lb.runtime.sockets`.
"""

import csv
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

# Bits of srv_admin_state (management guide, "show servers state").
_MAINTENANCE_BITS = 0x01 | 0x02 | 0x04 | 0x20 | 0x40
_DRAIN_BITS = 0x08 | 0x10
_STATE_COLUMNS_MIN = 19


class ServerState(StrEnum):
    """What we told a server to be; the words of `set server … state`."""

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"


class Running(Struct, frozen=True):
    """What the present worker says of itself: `servers` are states by backend and name."""

    fingerprint: str = ""
    backends: tuple[str, ...] = ()
    servers: Mapping[str, Mapping[str, ServerState]] = {}
    leaving_workers: int = 0


class Processes(Struct, frozen=True):
    """`show proc` of the master."""

    master: int = 0
    workers: tuple[int, ...] = ()
    leaving: tuple[int, ...] = ()
    failed_reloads: int = 0


def parse_servers(text: str) -> dict[str, dict[str, ServerState]]:
    """Of `show servers state`: state by backend and server."""
    servers: dict[str, dict[str, ServerState]] = {}
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < _STATE_COLUMNS_MIN or line.startswith("#"):
            continue
        admin = int(columns[6])
        state = ServerState.READY
        if admin & _MAINTENANCE_BITS:
            state = ServerState.MAINT
        elif admin & _DRAIN_BITS:
            state = ServerState.DRAIN
        servers.setdefault(columns[1], {})[columns[3]] = state
    return servers


def parse_backend_ids(text: str) -> dict[str, int]:
    """Of `show servers state`: HAProxy's numbers of the backends that have servers."""
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {row[1]: int(row[0]) for row in rows if len(row) >= _STATE_COLUMNS_MIN}


def parse_backends(text: str) -> tuple[str, ...]:
    """Of `show backend`: the names."""
    return tuple(line.strip() for line in text.splitlines() if line.strip() and line[0] != "#")


def parse_info(text: str) -> dict[str, str]:
    """Of `show info`: names and values."""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def fingerprint_of(info: Mapping[str, str]) -> str:
    """The mark that `render` put into the configuration which this worker runs."""
    return info.get("description", "").removeprefix("tepui-")


def parse_stat(text: str) -> list[dict[str, str]]:
    """Of `show stat`: one row per frontend, backend and server."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].startswith("# "):
        return []
    return list(csv.DictReader([lines[0][2:], *lines[1:]]))


def sessions_of(rows: list[dict[str, str]]) -> dict[tuple[str, str], int]:
    """Requests under way or queued, by backend and server."""
    return {
        (row["pxname"], row["svname"]): int(row["scur"] or 0) + int(row["qcur"] or 0)
        for row in rows
    }


def parse_processes(text: str) -> Processes:
    """Of `show proc` on the master's socket."""
    master, failed = 0, 0
    found: dict[str, list[int]] = {"# workers": [], "# old workers": []}
    section = ""
    for line in text.splitlines():
        columns = line.split()
        if line.startswith("# "):
            section = line.strip()
        elif len(columns) > 2 and columns[0].isdigit():
            if columns[1] == "master":
                master = int(columns[0])
                after = line.partition("[failed:")[2].partition("]")[0].strip()
                failed = int(after) if after.isdigit() else 0
            elif section in found:
                found[section].append(int(columns[0]))
    workers, leaving = found["# workers"], found["# old workers"]
    return Processes(master, tuple(workers), tuple(leaving), failed)
