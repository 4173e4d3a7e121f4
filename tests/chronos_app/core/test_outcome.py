"""What status updates mean."""

import pytest

from chronos_app.core.outcome import never_began, read_status
from chronos_app.core.run import RunState
from kernel.messages.v1 import Id, TaskStatus
from kernel.model.task import TaskState


def status(state: TaskState, message: str = "", reason: str | None = None) -> TaskStatus:
    return TaskStatus(task_id=Id("t"), state=state, message=message, reason=reason)


@pytest.mark.parametrize(
    ("message", "exit_status", "signal"),
    [
        ("Command exited with status 3", 3, ""),
        ("Command exited with status 127: no such file", 127, ""),
        ("Command terminated with signal Killed", None, "Killed"),
        ("Command terminated with signal Aborted (core dumped)", None, "Aborted"),
        ("Memory limit exceeded", None, ""),
    ],
)
def test_the_exit_status_is_read_from_the_message(
    message: str, exit_status: int | None, signal: str
) -> None:
    """Source: Mesos, src/common/status_utils.hpp (WSTRINGIFY)."""
    outcome = read_status(status(TaskState.FAILED, message))

    assert (outcome.exit_status, outcome.signal) == (exit_status, signal)


def test_a_finished_task_exited_with_zero_and_a_silent_one_says_its_reason() -> None:
    assert read_status(status(TaskState.FINISHED)).exit_status == 0
    lost = status(TaskState.LOST, reason="REASON_AGENT_REMOVED")
    assert read_status(lost).message == "agent removed"


@pytest.mark.parametrize("state", list(TaskState))
def test_every_state_means_something_or_nothing_new(state: TaskState) -> None:
    outcome = read_status(status(state))

    assert (outcome.state is None) == (state is TaskState.STAGING)
    if state.is_terminal:
        assert outcome.state is not None and outcome.state.is_over


def test_only_a_run_that_was_never_heard_of_may_be_launched_again() -> None:
    assert never_began(status(TaskState.GONE), RunState.LAUNCHING)
    assert not never_began(status(TaskState.GONE), RunState.RUNNING)
    assert not never_began(status(TaskState.FAILED), RunState.LAUNCHING)
