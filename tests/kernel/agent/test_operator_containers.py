"""What operators' containers are called, what can't be launched, and what ends with what.

Source: mesos.md §2.9; Mesos, src/slave/http.cpp, src/slave/validation.cpp.
"""

from typing import Any

import pytest

from kernel.agent.operator_containers import (
    DEPTH_MAX,
    ENDED_MAX,
    Ended,
    OperatorContainers,
    launch_problem,
    name_of,
    path_of,
    path_problem,
)
from kernel.messages.agent_operator import ContainerId
from kernel.messages.v1 import CommandInfo, Uri
from kernel.model.task import TaskState

RUN = CommandInfo(value="true")
EXITED = Ended(0, TaskState.FINISHED)


def test_a_path_begins_with_the_outermost_and_is_named_as_mesos_does() -> None:
    path = path_of(ContainerId("c", ContainerId("b", ContainerId("a"))))
    assert path == ("a", "b", "c")
    assert name_of(path) == "a.b.c"


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a\\b", "\x00", "x" * 300])
def test_a_value_that_can_be_no_directory_is_no_id(value: str) -> None:
    assert path_problem(("root", value)) is not None
    assert path_problem((value,)) is not None


def test_depth_is_bounded() -> None:
    assert path_problem(("x",) * DEPTH_MAX) is None
    assert path_problem(("x",) * (DEPTH_MAX + 1)) is not None


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"path": ("alone",), "inside": True}, "parent"),
        ({"command": None}, "command"),
        ({"command": CommandInfo()}, "command"),
        ({"command": CommandInfo(shell=False)}, "arguments"),
        ({"command": CommandInfo(value="id", user="root")}, "user"),
        ({"command": CommandInfo(value="id", uris=[Uri(value="/x")]), "inside": True}, "uris"),
        ({"with_resources": True}, "resources"),
        ({"container": {"type": "DOCKER"}}, "not supported"),
        ({"container": {"type": "MESOS", "tty_info": {}}}, "not supported"),
    ],
)
def test_what_can_not_be_launched_is_said(more: dict[str, Any], word: str) -> None:
    usual: dict[str, Any] = {"path": ("a", "b"), "command": RUN, "container": None}
    asked = {**usual, "inside": False, "with_resources": False, **more}
    problem = launch_problem(
        asked.pop("path"), asked.pop("command"), asked.pop("container"), **asked
    )
    assert problem is not None and word in problem


def test_a_standalone_container_may_have_a_user_and_resources() -> None:
    command = CommandInfo(value="id", user="nobody")
    assert launch_problem(("a",), command, None, inside=False, with_resources=True) is None
    nested = launch_problem(("a", "b"), RUN, {"type": "MESOS"}, inside=True, with_resources=False)
    assert nested is None


def test_below_is_all_that_is_inside_and_nothing_beside() -> None:
    book = OperatorContainers()
    for path in (("a",), ("a", "b"), ("a", "b", "c"), ("ab",), ("b", "a")):
        book.add(path, name_of(path), is_session=False)
    assert [each.path for each in book.below(("a",))] == [("a", "b"), ("a", "b", "c")]
    assert book.below(("a", "b", "c")) == []


def test_of_those_that_ended_only_so_many_are_kept_the_oldest_goes_first() -> None:
    book = OperatorContainers()
    live = book.add(("live",), "live", is_session=False)
    for number in range(ENDED_MAX + 1):
        book.add((str(number),), str(number), is_session=False).ended = EXITED
    (oldest,) = book.surplus()
    assert oldest.path == ("0",)
    book.forget(oldest)
    assert book.surplus() == [] and book.find(("0",)) is None and book.on_run("0") is None
    assert book.on_run("live") is live
