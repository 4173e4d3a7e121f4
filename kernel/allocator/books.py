"""Keeps what each agent has and what of it is free.

Who holds the rest is `ranking`'s to know by quantity and the master's to know by name.
"""

from collections.abc import Iterator

from msgspec import Struct

from kernel.model.ids import AgentId
from kernel.model.resources import Resources, ranges_minus


class AgentBooks(Struct):
    """Of one agent. An inactive one (disconnected, cordoned) is not offered."""

    total: Resources
    free: Resources
    is_active: bool = True

    @property
    def has_gpus(self) -> bool:
        return self.total.scalar("gpus") > 0

    @property
    def is_worth_a_look(self) -> bool:
        return self.is_active and not self.free.is_empty


class Books:
    """Invariant: on every agent, what is free is within what is there."""

    def __init__(self) -> None:
        self._agents: dict[AgentId, AgentBooks] = {}

    def __contains__(self, agent_id: AgentId) -> bool:
        return agent_id in self._agents

    def __getitem__(self, agent_id: AgentId) -> AgentBooks:
        return self._agents[agent_id]

    def __iter__(self) -> Iterator[AgentId]:
        return iter(self._agents)

    def add(self, agent_id: AgentId, total: Resources) -> None:
        assert agent_id not in self._agents, f"agent {agent_id} is known already"
        self._agents[agent_id] = AgentBooks(total, total)

    def remove(self, agent_id: AgentId) -> Resources:
        """Everything held there must have come back before."""
        books = self._agents.pop(agent_id)
        assert books.free == books.total, f"agent {agent_id} leaves while something is held"
        return books.total

    def resize(self, agent_id: AgentId, total: Resources) -> None:
        """What is held stays held: the total is as large as that at least."""
        books = self._agents[agent_id]
        held = books.total - books.free
        books.total = total + missing(held, total)
        books.free = books.total - held

    def take(self, agent_id: AgentId, resources: Resources) -> None:
        """What is shared stays free: any number may have it."""
        books = self._agents[agent_id]
        books.free = books.free - resources.exclusive()

    def give(self, agent_id: AgentId, resources: Resources) -> None:
        books = self._agents[agent_id]
        books.free = books.free + resources.exclusive()
        assert books.total.contains(books.free), f"more is free on {agent_id} than there is"

    def stretch(self, agent_id: AgentId, wanted: Resources) -> Resources:
        """Count the agent as larger by what of `wanted` is not free; return that."""
        books = self._agents[agent_id]
        lacking = missing(wanted, books.free)
        books.total, books.free = books.total + lacking, books.free + lacking
        return lacking

    def check_invariants(self) -> None:
        """Assert that no agent gives more than it has."""
        for agent_id, books in self._agents.items():
            assert books.total.contains(books.free), f"more is free on {agent_id} than there is"


def missing(wanted: Resources, there: Resources) -> Resources:
    """What of `wanted` is not `there`."""
    return Resources(
        {
            key: amount - there.scalars.get(key, 0)
            for key, amount in wanted.scalars.items()
            if amount > there.scalars.get(key, 0)
        },
        {
            key: lacking
            for key, spans in wanted.ranges.items()
            if (lacking := ranges_minus(spans, there.ranges.get(key, ())))
        },
        {
            key: others
            for key, items in wanted.sets.items()
            if (others := tuple(i for i in items if i not in there.sets.get(key, ())))
        },
    )
