"""Keeps what each agent has and what of it is free.

Who holds the rest is `ranking`'s to know by quantity and the master's to know by name. What is
shared is always free: any number may have it.
"""

from collections.abc import Iterator

from msgspec import Struct

from kernel.allocator.consumption import Weight, weigh
from kernel.allocator.quota import Amounts
from kernel.model.ids import AgentId
from kernel.model.kinds import UNRESERVED
from kernel.model.resources import NOTHING, Resources, ranges_minus


class AgentBooks(Struct):
    """Of one agent. An inactive one (disconnected, cordoned) is not offered.

    `is_plain` says that all it has is unreserved, without disks of their own, shared or revocable
    things, so that nothing need be sorted out before it is given. `is_remote`: see `Client`.
    """

    total: Resources
    free: Resources
    is_active: bool = True
    is_remote: bool = False
    is_plain: bool = True
    has_gpus: bool = False
    weight: Weight | None = None  # of the total

    def weigh_free(self) -> Weight:
        """Most of the time all is free."""
        return self.weight if self.weight and self.free is self.total else weigh(self.free)

    @property
    def is_worth_a_look(self) -> bool:
        free = self.free
        return self.is_active and free is not NOTHING and not free.is_empty

    def note_total(self, total: Resources) -> None:
        self.total = total
        self.is_plain = all(kind is UNRESERVED for kind in total.kinds())
        self.has_gpus = total.scalar("gpus") > 0
        self.weight = weigh(total)


class Books:
    """Invariants: on every agent, what is free is within what is there; `spare` is the sum of what
    quota counts of the free on active agents."""

    def __init__(self) -> None:
        self._agents: dict[AgentId, AgentBooks] = {}
        self.spare: dict[str, int] = {}

    def __contains__(self, agent_id: AgentId) -> bool:
        return agent_id in self._agents

    def __getitem__(self, agent_id: AgentId) -> AgentBooks:
        return self._agents[agent_id]

    def __iter__(self) -> Iterator[AgentId]:
        return iter(self._agents)

    def __len__(self) -> int:
        return len(self._agents)

    def add(self, agent_id: AgentId, total: Resources) -> None:
        assert agent_id not in self._agents, f"agent {agent_id} is known already"
        books = self._agents[agent_id] = AgentBooks(total, total)
        books.note_total(total)
        self._spare(books, +1)

    def remove(self, agent_id: AgentId) -> Resources:
        """Everything held there must have come back before."""
        books = self._agents.pop(agent_id)
        assert books.free == books.total, f"agent {agent_id} leaves while something is held"
        self._spare(books, -1)
        return books.total

    def set_active(self, agent_id: AgentId, is_active: bool) -> None:
        books = self._agents[agent_id]
        self._spare(books, -1)
        books.is_active = is_active
        self._spare(books, +1)

    def resize(self, agent_id: AgentId, total: Resources) -> None:
        """What is held stays held: the total is as large as that at least."""
        books = self._agents[agent_id]
        self._spare(books, -1)
        held = (books.total - books.free).exclusive()
        books.note_total(total + missing(held, total))
        books.free = books.total - held
        self._spare(books, +1)

    def convert(
        self, agent_id: AgentId, before: Resources, after: Resources, *, is_held: bool
    ) -> None:
        """An operation made `after` of `before`, which was free or held."""
        books = self._agents[agent_id]
        self._spare(books, -1)
        books.note_total(books.total - before + after)
        if is_held:
            books.free = books.free - before.shared() + after.shared()
        else:
            books.free = books.free - before + after
        self._spare(books, +1)

    def take(self, agent_id: AgentId, resources: Resources, counted: Amounts) -> None:
        books = self._agents[agent_id]
        if resources is books.free and books.is_plain:
            books.free = NOTHING
        else:
            books.free = books.free - resources.exclusive()
        if books.is_active:
            spare = self.spare
            for name, amount in counted.items():
                spare[name] -= amount

    def give(self, agent_id: AgentId, resources: Resources, counted: Amounts) -> None:
        books = self._agents[agent_id]
        if books.free is NOTHING and books.is_plain:
            books.free = resources
        else:
            books.free = books.free + resources.exclusive()
        assert books.total.contains(books.free), f"more is free on {agent_id} than there is"
        if books.is_active:
            spare = self.spare
            for name, amount in counted.items():
                spare[name] = spare.get(name, 0) + amount

    def stretch(self, agent_id: AgentId, wanted: Resources) -> Resources:
        """Count the agent as larger by what of `wanted` is not free; return that."""
        books = self._agents[agent_id]
        lacking = missing(wanted, books.free)
        if not lacking.is_empty:
            self._spare(books, -1)
            books.note_total(books.total + lacking)
            books.free = books.free + lacking
            self._spare(books, +1)
        return lacking

    def _spare(self, books: AgentBooks, sign: int) -> None:
        if not books.is_active:
            return
        for name, amount in weigh(books.free).counted.items():
            self.spare[name] = self.spare.get(name, 0) + sign * amount

    def check_invariants(self) -> None:
        """Assert that no agent gives more than it has."""
        spare: dict[str, int] = {}
        for agent_id, books in self._agents.items():
            assert books.total.contains(books.free), f"more is free on {agent_id} than there is"
            if books.is_active:
                for name, amount in weigh(books.free).counted.items():
                    spare[name] = spare.get(name, 0) + amount
        kept = {name: amount for name, amount in self.spare.items() if amount}
        assert kept == {name: amount for name, amount in spare.items() if amount}


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
