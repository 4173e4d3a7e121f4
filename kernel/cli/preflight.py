"""What `tepui up` makes sure of before it starts anything: the directory is free, the ports are
free, what the machine has. Each refusal is one sentence that names the flag.
"""

import errno
import os
import shlex
import shutil
import socket
import sys
import time
from pathlib import Path

import click

from kernel.cli import state
from kernel.cli.layout import Options, flagged_ports

EXIT_CONFLICT = 5


def usable_cpus() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def parse_range(text: str, flag: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if dash and first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= 65535:
        return int(first), int(last)
    raise click.UsageError(f"{flag} is {text!r}, but must be a range like 10000-10999.")


def find_haproxy(given: str | None) -> str | None:
    """The program that was named, or the first on the PATH and where distributions put it."""
    if given is not None:
        if shutil.which(given) is None:
            raise click.UsageError(f"--haproxy names {given}, which is no program.")
        return given
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
    return shutil.which("haproxy", path=path)


def claim(lock: state.Lock, directory: Path) -> None:
    if lock.take():
        return
    running = state.read_up(directory)
    who = f" (pid {running.pid}, dashboard {running.addresses.web})" if running else ""
    words = f"A cluster already runs in {short(directory)}{who}; {ending(directory)} ends it."
    click.echo(f"Error: {words}", err=True)
    sys.exit(EXIT_CONFLICT)


def refuse_taken_ports(options: Options, directory: Path) -> None:
    """Before anything is started. What a killed supervisor left is given a moment to be gone."""
    patience_s = 5.0 if state.read_up(directory) is not None else 0.0
    deadline = time.monotonic() + patience_s
    for flag, port in flagged_ports(options):
        if flag == "--lb-http-port" and (directory / "lb").exists():
            continue  # our own proxy may have outlived its process: the load balancer knows it
        while (why := why_taken(options.ip, port)) is not None:
            if time.monotonic() >= deadline:
                raise click.UsageError(
                    f"Port {port} {why}: choose another with {flag}, or move all with --ports-from."
                )
            time.sleep(0.05)


def why_taken(ip: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is taken by another program"
            return f"cannot be used ({error.strerror})"
    return None


def ending(directory: Path) -> str:
    """The command that ends the cluster in a directory, as one types it here."""
    given = short(directory)
    return "`tepui down`" if given == "./.tepui" else f"`tepui down --dir {shlex.quote(given)}`"


def short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else f"./{relative}"
