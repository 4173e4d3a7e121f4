"""Reads what a status update means for a run: how far it is, or how it ended.

Only the words of Mesos's executors are known here; what follows from an outcome (a retry, a mail,
the children) is `ending`'s. Source: Mesos, src/launcher/executor.cpp and src/common/status_utils.
"""

import re

from msgspec import Struct

from chronos_app.core.run import RunState
from kernel.messages.v1 import TaskStatus
from kernel.model.task import TaskState

_EXITED = re.compile(r"exited with status (\d+)")
_SIGNALED = re.compile(r"terminated with signal (.+?)(?: \(core dumped\))?$")
MESSAGE_LENGTH_MAX = 2_000

_STATES = {
    TaskState.STARTING: RunState.STARTING,
    TaskState.RUNNING: RunState.RUNNING,
    TaskState.KILLING: RunState.RUNNING,
    TaskState.UNREACHABLE: RunState.UNREACHABLE,
    TaskState.FINISHED: RunState.SUCCEEDED,
    TaskState.FAILED: RunState.FAILED,
    TaskState.ERROR: RunState.FAILED,
    TaskState.KILLED: RunState.KILLED,
    TaskState.LOST: RunState.LOST,
    TaskState.DROPPED: RunState.LOST,
    TaskState.GONE: RunState.LOST,
    TaskState.GONE_BY_OPERATOR: RunState.LOST,
    TaskState.UNKNOWN: RunState.LOST,
}
# An answer that says, of a run of which nothing was heard since its ACCEPT, that it never began.
_NEVER_BEGAN = (TaskState.DROPPED, TaskState.GONE, TaskState.UNKNOWN)


class Outcome(Struct, frozen=True):
    """`state` is None when the update says nothing new (STAGING)."""

    state: RunState | None
    exit_status: int | None = None
    signal: str = ""
    message: str = ""


def read_status(status: TaskStatus) -> Outcome:
    """The exit status is in the message, which is all that a command's end leaves."""
    state = _STATES.get(status.state)
    message = (status.message or "").strip()[:MESSAGE_LENGTH_MAX]
    if state is None or not state.is_over:
        return Outcome(state, message=message)
    exited, signaled = _EXITED.search(message), _SIGNALED.search(message)
    exit_status = int(exited[1]) if exited else None
    if exit_status is None and state is RunState.SUCCEEDED:
        exit_status = 0
    return Outcome(state, exit_status, signaled[1] if signaled else "", message or _reason(status))


def _reason(status: TaskStatus) -> str:
    return (status.reason or "").removeprefix("REASON_").replace("_", " ").lower()


def never_began(status: TaskStatus, launched_state: RunState) -> bool:
    """Is it safe to launch the same run again? (Its ACCEPT was lost, or was refused.)"""
    return launched_state is RunState.LAUNCHING and status.state in _NEVER_BEGAN
