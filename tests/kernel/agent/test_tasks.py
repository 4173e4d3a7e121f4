"""What an agent refuses, with a sentence."""

import pytest

from kernel.agent.tasks import container_id, refusal
from kernel.messages.v1 import (
    CommandInfo,
    Environment,
    FrameworkInfo,
    Id,
    TaskInfo,
    Variable,
)
from tests.kernel.agent.world import FRAMEWORK, command


def test_a_plain_command_is_taken() -> None:
    assert refusal(FRAMEWORK, command("t")) is None
    assert refusal(FRAMEWORK, command("t", container={"type": "MESOS"})) is None


@pytest.mark.parametrize(
    ("task", "word"),
    [
        (command("../../etc"), "can't name a directory"),
        (command(".."), "can't name a directory"),
        (command("t", command=None), "no command"),
        (command("t", command=CommandInfo(shell=False)), "neither a value nor arguments"),
        (command("t", container={"type": "MESOS", "mesos": {"image": {}, "x": 1}}), None),
        (command("t", container={"type": "MESOS", "mesos": {"image": {"a": 1}}}), "images"),
        (command("t", container={"type": "MESOS", "volumes": [{}]}), "Volumes"),
        (command("t", command=CommandInfo(value="a\0b")), "NUL"),
        (
            command(
                "t",
                command=CommandInfo(
                    value="x",
                    environment=Environment(variables=[Variable(name="S", type="SECRET")]),
                ),
            ),
            "secret",
        ),
    ],
)
def test_what_cannot_run_is_refused_by_name(task: TaskInfo, word: str | None) -> None:
    said = refusal(FRAMEWORK, task)

    assert (said is None) if word is None else (said is not None and word in said)


def test_a_frameworks_id_is_checked_too() -> None:
    evil = FrameworkInfo(user="root", name="f", id=Id("a/../../b"))

    assert "framework" in (refusal(evil, command("t")) or "")


def test_a_container_id_looks_like_mesoss_and_depends_on_agent_and_number() -> None:
    first = container_id("S0", 0)

    assert [len(part) for part in first.split("-")] == [8, 4, 4, 4, 12]
    assert len({first, container_id("S0", 1), container_id("S1", 0)}) == 3
