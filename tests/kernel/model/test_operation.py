"""The states of an operation and which of them are the last."""

from kernel.model.operation import OperationState


def test_the_terminal_states_are_mesoss() -> None:
    """Source: mesos.md §2.6."""
    assert [state.value[10:] for state in OperationState if state.is_terminal] == [
        "FINISHED",
        "FAILED",
        "ERROR",
        "DROPPED",
        "GONE_BY_OPERATOR",
    ]
