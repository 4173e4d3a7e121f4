"""What survives the master, written and read back."""

from kernel.machine import Delete, Put
from kernel.master import registry
from kernel.messages.v1 import AgentInfo
from kernel.model.ids import AgentId

S1 = AgentId("S1")
INFO = AgentInfo(hostname="host")


def test_what_is_written_is_read_back() -> None:
    records: dict[str, dict[str, bytes]] = {registry.COLLECTION: {}}
    for persist in (
        registry.admit(S1, INFO),
        registry.mark_unreachable(AgentId("S2"), INFO, 5),
    ):
        for operation in persist.operations:
            assert isinstance(operation, Put)
            records[operation.collection][operation.key] = operation.value

    assert registry.read(records) == {
        S1: registry.AgentRecord(INFO),
        AgentId("S2"): registry.AgentRecord(INFO, 5),
    }


def test_an_agent_that_ended_is_deleted() -> None:
    assert registry.remove(S1).operations == (Delete(registry.COLLECTION, S1),)


def test_an_empty_store_has_no_agents() -> None:
    assert registry.read({}) == {}
