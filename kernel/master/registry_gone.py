"""Decides how it is written down that an operator declared an agent gone: for good.

Such an agent never comes back, whatever it says; so this must survive the master. Writing is the
driver's (`Persist`). Source: Mesos, src/master/registry.proto (GoneSlaves).
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from kernel.machine import Delete, Persist, Put
from kernel.model.ids import AgentId

COLLECTION = "gone"


class GoneRecord(Struct, frozen=True):
    """`gone_ms` is the wall time since when the agent is gone."""

    gone_ms: int
    hostname: str = ""


def read(records: Mapping[str, Mapping[str, bytes]]) -> dict[AgentId, GoneRecord]:
    """The agents that were marked gone under an earlier master."""
    found = records.get(COLLECTION, {})
    return {
        AgentId(key): msgspec.json.decode(value, type=GoneRecord) for key, value in found.items()
    }


def mark_gone(agent_id: AgentId, record: GoneRecord, others: Sequence[str]) -> Persist:
    """Gone, and no longer one of ours: out of these other collections in the same write."""
    deleted = (Delete(collection, agent_id) for collection in others)
    return Persist((Put(COLLECTION, agent_id, msgspec.json.encode(record)), *deleted))


def forget(agent_ids: Sequence[AgentId]) -> Persist:
    """Too old or too many to be remembered."""
    return Persist(tuple(Delete(COLLECTION, agent_id) for agent_id in agent_ids))
