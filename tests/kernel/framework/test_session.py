"""Who a framework is to the master. Source: Mesos, docs/high-availability-framework-guide.md."""

import pytest

from kernel.framework import calls
from kernel.framework.session import Session, framework_info

INFO = framework_info("batch", user="me", roles=["eng/web"], failover_timeout_s=60)


def test_a_framework_comes_back_under_the_id_that_it_was_given() -> None:
    session = Session(INFO)
    assert session.subscribe_call().framework_id is None

    assert session.subscribed("F1"), "the id is news"
    session.disconnected()
    call = session.subscribe_call()

    assert call.subscribe is not None and call.subscribe.framework_info.id is not None
    assert call.framework_id == call.subscribe.framework_info.id
    assert call.framework_id is not None and call.framework_id.value == "F1"
    assert not session.subscribed("F1"), "no news the second time"


def test_its_tasks_outlive_its_absence_and_their_agents() -> None:
    """Source: mesos.md §2.7 (failover_timeout, checkpoint)."""
    assert (INFO.failover_timeout, INFO.checkpoint) == (60.0, True)
    assert "PARTITION_AWARE" in [capability.type for capability in INFO.capabilities]


@pytest.mark.parametrize(
    "message",
    ["Framework has been removed", "Framework has been torn down", "Framework is completed"],
)
def test_an_id_that_is_used_up_is_given_up(message: str) -> None:
    session = Session(INFO)
    session.subscribed("F1")

    assert session.refused(message)

    assert session.subscribe_call().framework_id is None


def test_any_other_error_keeps_the_id() -> None:
    session = Session(INFO)
    session.subscribed("F1")

    assert not session.refused("Framework failed over")

    assert session.framework_id == "F1"


def test_nothing_is_said_without_a_subscription() -> None:
    session = Session(INFO)
    assert session.addressed(calls.revive()) is None

    session.subscribed("F1")
    addressed = session.addressed(calls.revive())
    session.disconnected()

    assert addressed is not None and addressed.framework_id is not None
    assert addressed.framework_id.value == "F1"
    assert session.addressed(calls.revive()) is None
