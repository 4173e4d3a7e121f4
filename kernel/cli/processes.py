"""Starts, signals and finds processes of the supervisor; which ones and when is the supervisor's.

Children get a process group of their own, so that Ctrl-C at the terminal reaches the supervisor
alone, which ends them in order. On Linux the supervisor is also their subreaper: whatever a killed
child leaves behind (a proxy, a task runner) becomes its child, and can be found and ended at the
very end.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

from kernel.cli.layout import Child

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def become_subreaper() -> None:
    """Only Linux has this; elsewhere orphans are left to their own devices."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(child: Child, log: Path) -> subprocess.Popen[bytes]:
    Path(child.directory).mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TEPUI_SUPERVISED": str(os.getpid()), "PYTHONUNBUFFERED": "1"}
    environment |= dict(child.secrets)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *child.arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            process_group=0,
        )


def reap_orphans(known: set[int]) -> None:
    """Collects ended processes that were adopted, and leaves those that `Popen` waits for alone."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in known:
            return  # a known one first in the queue: its turn comes when Popen has polled it
        try:
            os.waitpid(ended.si_pid, os.WNOHANG)
        except ChildProcessError:
            return


def descendants(pid: int) -> list[int]:
    """All that live below a process, deepest first. Empty where there is no /proc."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        below.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found = [pid]
    for each in found:
        found.extend(below.get(each, []))
    return found[:0:-1]


def kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it was faster
        os.kill(pid, number)


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, for the sentence that says why something did not come up."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
