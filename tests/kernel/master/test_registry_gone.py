"""What is kept of agents that are gone."""

from kernel.machine import Delete, Put
from kernel.master import registry_gone
from kernel.master.registry_gone import GoneRecord
from kernel.model.ids import AgentId

S1 = AgentId("S1")


def test_an_agent_that_is_gone_is_none_of_ours_in_the_same_write() -> None:
    put, delete = registry_gone.mark_gone(S1, GoneRecord(5, "host"), ["agents"]).operations

    assert isinstance(put, Put)
    assert delete == Delete("agents", S1)
    records = {put.collection: {put.key: put.value}}
    assert registry_gone.read(records) == {S1: GoneRecord(5, "host")}


def test_what_is_too_old_is_forgotten() -> None:
    assert registry_gone.forget([S1]).operations == (Delete("gone", S1),)
