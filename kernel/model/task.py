"""The life of a task as states, who reports them and why.

Source: Mesos, include/mesos/v1/mesos.proto (TaskState, TaskStatus.Source, TaskStatus.Reason).
There is no LOST of our own: it is only what a framework that is not partition-aware is told.
"""

from collections.abc import Mapping
from enum import StrEnum


class TaskState(StrEnum):
    """Mesos's states; the value is the wire's word."""

    STAGING = "TASK_STAGING"
    STARTING = "TASK_STARTING"
    RUNNING = "TASK_RUNNING"
    KILLING = "TASK_KILLING"
    UNREACHABLE = "TASK_UNREACHABLE"
    UNKNOWN = "TASK_UNKNOWN"
    FINISHED = "TASK_FINISHED"
    FAILED = "TASK_FAILED"
    KILLED = "TASK_KILLED"
    LOST = "TASK_LOST"
    ERROR = "TASK_ERROR"
    DROPPED = "TASK_DROPPED"
    GONE = "TASK_GONE"
    GONE_BY_OPERATOR = "TASK_GONE_BY_OPERATOR"

    @property
    def is_terminal(self) -> bool:
        """Whether no further state can follow."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        TaskState.FINISHED,
        TaskState.FAILED,
        TaskState.KILLED,
        TaskState.LOST,
        TaskState.ERROR,
        TaskState.DROPPED,
        TaskState.GONE,
        TaskState.GONE_BY_OPERATOR,
    }
)

_ENDS = _TERMINAL | {TaskState.UNREACHABLE}

#: What may follow what, as an agent's updates go; a repeated state is legal (health changes).
TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.STAGING: frozenset({TaskState.STARTING, TaskState.RUNNING, TaskState.KILLING})
    | _ENDS,
    TaskState.STARTING: frozenset({TaskState.STARTING, TaskState.RUNNING, TaskState.KILLING})
    | _ENDS,
    TaskState.RUNNING: frozenset({TaskState.RUNNING, TaskState.KILLING}) | _ENDS,
    TaskState.KILLING: frozenset({TaskState.KILLING}) | _ENDS,
    TaskState.UNREACHABLE: frozenset({TaskState.RUNNING, TaskState.KILLING, TaskState.STARTING})
    | _TERMINAL,
    TaskState.UNKNOWN: frozenset(TaskState),
    **{state: frozenset() for state in TaskState if state in _TERMINAL},
}

#: What a framework without PARTITION_AWARE is told instead. Source: mesos.proto, TASK_LOST.
LEGACY_STATE: Mapping[TaskState, TaskState] = {
    TaskState.UNREACHABLE: TaskState.LOST,
    TaskState.UNKNOWN: TaskState.LOST,
    TaskState.DROPPED: TaskState.LOST,
    TaskState.GONE: TaskState.LOST,
    TaskState.GONE_BY_OPERATOR: TaskState.LOST,
}


class Source(StrEnum):
    """Who made a status update."""

    MASTER = "SOURCE_MASTER"
    AGENT = "SOURCE_AGENT"
    EXECUTOR = "SOURCE_EXECUTOR"
