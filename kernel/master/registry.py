"""Decides what of the master's state must survive it: which agents are admitted, which are lost.

One record per agent. Frameworks and tasks are not here: they are learned again from those that
come back. Writing is the driver's (`Persist`). Source: Mesos, src/master/registry.proto.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from kernel.machine import Delete, Persist, Put
from kernel.messages.v1 import AgentInfo
from kernel.model.ids import AgentId

COLLECTION = "agents"


class AgentRecord(Struct, frozen=True):
    """`unreachable_ms` is the wall time since when the agent is not to be reached."""

    info: AgentInfo
    unreachable_ms: int | None = None


def read(records: Mapping[str, Mapping[str, bytes]]) -> dict[AgentId, AgentRecord]:
    """The agents that an earlier master admitted."""
    found = records.get(COLLECTION, {})
    return {
        AgentId(key): msgspec.json.decode(value, type=AgentRecord) for key, value in found.items()
    }


def admit(agent_id: AgentId, info: AgentInfo) -> Persist:
    """The agent is one of ours, and reachable."""
    return _put(agent_id, AgentRecord(info))


def mark_unreachable(agent_id: AgentId, info: AgentInfo, wall_ms: int) -> Persist:
    return _put(agent_id, AgentRecord(info, wall_ms))


def remove(agent_id: AgentId) -> Persist:
    """The agent ended for good."""
    return Persist((Delete(COLLECTION, agent_id),))


def _put(agent_id: AgentId, record: AgentRecord) -> Persist:
    return Persist((Put(COLLECTION, agent_id, msgspec.json.encode(record)),))
