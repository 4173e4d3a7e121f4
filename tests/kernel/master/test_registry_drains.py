"""What is kept of agents that are out of service."""

import pytest

from kernel.machine import Delete, Put
from kernel.master import registry_drains
from kernel.master.registry_drains import Deactivation, Drain, DrainState
from kernel.model.ids import AgentId

S1 = AgentId("S1")


@pytest.mark.parametrize(
    "deactivation",
    [
        Deactivation(),
        Deactivation(Drain(7)),
        Deactivation(Drain(7, DrainState.DRAINED, max_grace_ms=2_000, mark_gone=True)),
    ],
)
def test_what_is_written_is_read_back(deactivation: Deactivation) -> None:
    [put] = registry_drains.deactivate(S1, deactivation).operations

    assert isinstance(put, Put)
    assert registry_drains.read({put.collection: {put.key: put.value}}) == {S1: deactivation}


def test_an_agent_in_service_has_no_record() -> None:
    assert registry_drains.reactivate(S1).operations == (Delete("drains", S1),)
    assert registry_drains.read({}) == {}
