"""The file of hosts whose agents may be offered, one name a line, read again every five seconds.

A file that can't be read any more leaves things as they are, and one that is empty offers nobody's,
as in Mesos. Source: Mesos, src/watcher/whitelist_watcher.cpp; mesos.md §1.1.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

INTERVAL_S = 5.0  # Mesos: WHITELIST_WATCH_INTERVAL

log = logging.getLogger(__name__)

Hosts = tuple[str, ...]


def read_hosts(path: str) -> Hosts:
    """Raises `ValueError`."""
    try:
        text = Path(path.removeprefix("file://")).read_text()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} can't be read: it is no text") from None
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


async def keep_reading(
    path: str, tell: Callable[[Hosts], None], *, interval_s: float = INTERVAL_S
) -> None:
    """`tell` what the file has, at once and whenever that is something else."""
    last: Hosts | None = None
    last_problem = ""
    while True:
        hosts, problem = last, ""
        try:
            hosts = await asyncio.to_thread(read_hosts, path)
        except ValueError as error:
            problem = str(error)
        if problem and problem != last_problem:
            log.error("the hosts to offer stay as they are: %s", problem)
        last_problem = problem
        if hosts is not None and hosts != last:
            last = hosts
            tell(hosts)
        await asyncio.sleep(interval_s)
