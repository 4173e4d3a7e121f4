"""All that is counted, in step: what agents have, what roles and frameworks hold and consume.

Each change of one is a change of the others, and is made here. Whether it may be made is not asked
here. Source: Mesos, hierarchical.cpp (trackAllocatedResources, trackReservations).
"""

from collections.abc import Collection

from kernel.allocator.books import Books
from kernel.allocator.consumption import Consumption, Weight, weigh
from kernel.allocator.filters import Who
from kernel.allocator.quota import QuotaTree
from kernel.allocator.ranking import Ranking
from kernel.model.ids import AgentId
from kernel.model.resources import Resources


class Ledger:
    """Invariants: free + held = total on every agent; the ranking knows the sum of the held, and
    quota what of it counts."""

    def __init__(self, *, excluded: Collection[str] = ()) -> None:
        self.books = Books()
        self.ranking = Ranking(excluded=excluded)
        self.consumption = Consumption(self.ranking)
        self.quota = QuotaTree(self.consumption.by)

    def add_agent(self, agent_id: AgentId, total: Resources) -> None:
        self.books.add(agent_id, total)
        self._count_total(total, +1)

    def remove_agent(self, agent_id: AgentId) -> None:
        self._count_total(self.books.remove(agent_id), -1)

    def resize_agent(self, agent_id: AgentId, total: Resources) -> None:
        self._count_total(self.books[agent_id].total, -1)
        self.books.resize(agent_id, total)
        self._count_total(self.books[agent_id].total, +1)

    def convert(
        self, agent_id: AgentId, before: Resources, after: Resources, holder: Who | None
    ) -> None:
        """An operation made `after` of `before`; both are held by the holder, or free."""
        if holder is not None:
            self._count_held(holder, weigh(before), -1)
        self._count_total(before, -1)
        self.books.convert(agent_id, before, after, is_held=holder is not None)
        self._count_total(after, +1)
        if holder is not None:
            self._count_held(holder, weigh(after), +1)

    def stretch(self, agent_id: AgentId, wanted: Resources) -> None:
        """Count the agent as larger by what of these is not free."""
        lacking = self.books.stretch(agent_id, wanted)
        if not lacking.is_empty:
            self._count_total(lacking, +1)

    def take(self, who: Who, agent_id: AgentId, resources: Resources, weight: Weight) -> None:
        self.books.take(agent_id, resources, weight.counted)
        self._count_held(who, weight, +1)

    def give(self, who: Who, agent_id: AgentId, resources: Resources) -> None:
        weight = weigh(resources)
        self.books.give(agent_id, resources, weight.counted)
        self._count_held(who, weight, -1)

    def _count_held(self, who: Who, weight: Weight, sign: int) -> None:
        framework_id, role = who
        change = self.ranking.allocated if sign > 0 else self.ranking.unallocated
        change(framework_id, role, weight.whole)
        self.consumption.allocate(role, weight, sign)
        if not self.quota.is_empty:
            self.quota.consume(role, weight.counted, sign)

    def _count_total(self, total: Resources, sign: int) -> None:
        self.ranking.pool.change(total.quantities(), sign)
        for role, amounts in self.consumption.reserve(total, sign).items():
            self.quota.consume(role, amounts, sign)

    def check_invariants(self) -> None:
        """Assert that no agent gives more than it has and that all counts agree."""
        self.books.check_invariants()
        self.ranking.check_invariants()
        self.quota.check_invariants()
