"""The life of an operation on resources (RESERVE, CREATE, …) as states.

Source: Mesos, include/mesos/v1/mesos.proto (OperationState).
"""

from enum import StrEnum


class OperationState(StrEnum):
    """Mesos's states; the value is the wire's word."""

    UNSUPPORTED = "OPERATION_UNSUPPORTED"
    PENDING = "OPERATION_PENDING"
    FINISHED = "OPERATION_FINISHED"
    FAILED = "OPERATION_FAILED"
    ERROR = "OPERATION_ERROR"
    DROPPED = "OPERATION_DROPPED"
    UNREACHABLE = "OPERATION_UNREACHABLE"
    GONE_BY_OPERATOR = "OPERATION_GONE_BY_OPERATOR"
    RECOVERING = "OPERATION_RECOVERING"
    UNKNOWN = "OPERATION_UNKNOWN"

    @property
    def is_terminal(self) -> bool:
        """Whether no further state can follow."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        OperationState.FINISHED,
        OperationState.FAILED,
        OperationState.ERROR,
        OperationState.DROPPED,
        OperationState.GONE_BY_OPERATOR,
    }
)
