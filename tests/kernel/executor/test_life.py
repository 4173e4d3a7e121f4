"""How an end is worded. Source: recordings, scheduler-task-failed."""

import pytest

from kernel.executor.life import describe
from kernel.executor.talk import ProcessEnded


@pytest.mark.parametrize(
    ("status", "wait_status", "words"),
    [
        (0, None, "Command exited with status 0"),
        (3, 3 << 8, "Command exited with status 3"),
        (137, None, "Command terminated with signal Killed"),
        (143, 15, "Command terminated with signal Terminated"),
        (143, 143 << 8, "Command exited with status 143"),
        (139, 11 | 0x80, "Command terminated with signal Segmentation fault"),
        (255, None, "Command exited with status 255"),
        (None, None, "The exit status is unknown: nobody saw the command end"),
    ],
)
def test_an_end_is_worded_as_mesos_does(
    status: int | None, wait_status: int | None, words: str
) -> None:
    assert describe(ProcessEnded("r", status, wait_status)) == words
