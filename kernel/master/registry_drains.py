"""Decides how it is written down that an operator took an agent out of service.

Out of service means deactivated: nothing is offered of it. It may be so because it is drained, and
then how is kept too, so that a drain goes on under the next master. Writing is the driver's
(`Persist`). Source: Mesos, src/master/registry.proto (Slave.deactivated, Slave.drain_info).
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct

from kernel.machine import Delete, Persist, Put
from kernel.model.ids import AgentId

COLLECTION = "drains"


class DrainState(StrEnum):
    """Mesos's words."""

    DRAINING = "DRAINING"  # tasks or operations are left
    DRAINED = "DRAINED"


class Drain(Struct, frozen=True):
    """`started_ms` is wall time. No `max_grace_ms`: each task's own kill policy counts."""

    started_ms: int
    state: DrainState = DrainState.DRAINING
    max_grace_ms: int | None = None
    mark_gone: bool = False


class Deactivation(Struct, frozen=True):
    """Why the agent is deactivated: to be drained, or only so that nothing is offered of it."""

    drain: Drain | None = None


def read(records: Mapping[str, Mapping[str, bytes]]) -> dict[AgentId, Deactivation]:
    """The agents that are out of service."""
    found = records.get(COLLECTION, {})
    return {
        AgentId(key): msgspec.json.decode(value, type=Deactivation) for key, value in found.items()
    }


def deactivate(agent_id: AgentId, deactivation: Deactivation) -> Persist:
    """Take it out of service, or note how far its drain is."""
    return Persist((Put(COLLECTION, agent_id, msgspec.json.encode(deactivation)),))


def reactivate(agent_id: AgentId) -> Persist:
    """It is in service again, or is no more."""
    return Persist((Delete(COLLECTION, agent_id),))
