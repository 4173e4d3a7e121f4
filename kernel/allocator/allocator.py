"""Decides which framework is offered what: who wants offers, where to look, when to look again.

What is offered counts as held until it comes back. What is counted is `ledger`'s, where a pass
looks `candidates`'s, the pass itself `cycle`'s. The offers, and when a pass runs, are the master's.
Source: Mesos, allocator/mesos/hierarchical.cpp; DRF paper §4.1.
"""

from collections.abc import Collection, Sequence

from kernel.allocator.candidates import Candidates
from kernel.allocator.chance import Chance
from kernel.allocator.clients import MINIMA_DEFAULT, Client, MinimaMilli
from kernel.allocator.consumption import weigh
from kernel.allocator.cycle import Allocation, Cycle, Ground
from kernel.allocator.filters import Filters, Who
from kernel.allocator.ledger import Ledger
from kernel.allocator.quota import Quota
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import Resources

ALLOCATION_INTERVAL_MS = 1_000  # Mesos: --allocation_interval, the least life of a refusal


class Allocator:
    """Invariants: those of its ledger; who wants offers is ranked."""

    def __init__(
        self,
        chance: Chance,
        *,
        interval_ms: int = ALLOCATION_INTERVAL_MS,
        minima: MinimaMilli = MINIMA_DEFAULT,
        excluded: Collection[str] = (),
    ) -> None:
        self._chance = chance
        self._interval_ms = interval_ms
        self.minima = minima
        self.clients: dict[FrameworkId, Client] = {}
        self._candidates = Candidates(interval_ms)
        self._ledger = Ledger(excluded=excluded)
        self.books = self._ledger.books
        self.ranking = self._ledger.ranking
        self.quota = self._ledger.quota
        self.consumption = self._ledger.consumption
        self.filters = Filters()
        self.ground = Ground(self._ledger, self.filters, self.clients, minima)
        self.is_paused = False

    # --- agents ----------------------------------------------------------------------------

    def add_agent(self, agent_id: AgentId, total: Resources) -> None:
        """The agent's resources join the pool, all free; it becomes a candidate."""
        self._ledger.add_agent(agent_id, total)
        self._candidates.add(agent_id)
        self._candidates.loosen()

    def remove_agent(self, agent_id: AgentId) -> None:
        """Its resources leave the pool; everything held there must have come back before."""
        self._ledger.remove_agent(agent_id)
        self._candidates.drop(agent_id)
        self.filters.forget_agent(agent_id)

    def set_agent_active(self, agent_id: AgentId, is_active: bool) -> None:
        """An inactive agent stays in the pool and is not offered."""
        self.books.set_active(agent_id, is_active)
        if is_active:
            self._candidates.add(agent_id)
            self._candidates.loosen()

    def resize_agent(self, agent_id: AgentId, total: Resources) -> None:
        """The agent came back with other resources; what is held there stays held."""
        self._ledger.resize_agent(agent_id, total)
        self.filters.forget_agent(agent_id)
        self._candidates.add(agent_id)
        self._candidates.loosen()

    def convert(
        self,
        agent_id: AgentId,
        before: Resources,
        after: Resources,
        holder: Who | None = None,
    ) -> None:
        """An operation made `after` of `before`; both are held by the holder, or free."""
        self._ledger.convert(agent_id, before, after, holder)
        self._candidates.loosen()
        if holder is None:
            self._candidates.add(agent_id)

    # --- frameworks ------------------------------------------------------------------------

    def set_client(self, client: Client, suppressed: Sequence[str] = ()) -> None:
        """Make the framework known, or known anew, and wanting offers for all else.

        What it refused under a role that it keeps stays refused.
        """
        self.drop_client(client.framework_id, kept=client.roles)
        self.clients[client.framework_id] = client
        for role in client.roles:
            self.ranking.subscribe(client.framework_id, role)
            if role not in suppressed:
                self._want(client.framework_id, role)

    def drop_client(self, framework_id: FrameworkId, *, kept: Sequence[str] = ()) -> None:
        """Offer it nothing from now on; what it holds stays in the books.

        Its refusals go, but those under the roles that are `kept`.
        """
        client = self.clients.pop(framework_id, None)
        if client is None:
            return
        for role in client.roles:
            self.ranking.unsubscribe(framework_id, role)
        gone = [role for role in client.roles if role not in kept]
        self.filters.forget_framework(framework_id, gone)

    def suppress(self, framework_id: FrameworkId, roles: Sequence[str] = ()) -> None:
        """No more offers under these roles, or under any."""
        for role in _chosen(self.clients[framework_id], roles):
            self.ranking.set_wanting(framework_id, role, False)

    def revive(self, framework_id: FrameworkId, roles: Sequence[str] = ()) -> None:
        """Offers again under these roles, or under all; refusals are forgotten."""
        chosen = _chosen(self.clients[framework_id], roles)
        self.filters.forget_framework(framework_id, chosen)
        for role in chosen:
            self._want(framework_id, role)

    def _want(self, framework_id: FrameworkId, role: str) -> None:
        self.ranking.set_wanting(framework_id, role, True)
        self._candidates.add_anywhere((framework_id, role))

    # --- roles -----------------------------------------------------------------------------

    def set_quota(self, role: str, quota: Quota) -> None:
        """Its floor and ceiling from now on; an empty one is none."""
        self.quota.set(role, quota)
        self._candidates.add_all(self.books)

    # --- what is held ----------------------------------------------------------------------

    def hold(
        self, framework_id: FrameworkId, role: str, agent_id: AgentId, resources: Resources
    ) -> None:
        """Note what a framework has there already, as an agent that came back reports it.

        More than is free may be reported, when the agent came back smaller: then it counts as
        larger by that, so that the books stay true until the tasks end.
        """
        self._ledger.stretch(agent_id, resources)
        self._ledger.take((framework_id, role), agent_id, resources, weigh(resources))

    def give_back(
        self, framework_id: FrameworkId, role: str, agent_id: AgentId, resources: Resources
    ) -> None:
        """A task ended, an offer was declined or rescinded: it is free again."""
        if resources.is_empty:
            return
        self._ledger.give((framework_id, role), agent_id, resources)
        self._candidates.add(agent_id)
        self._candidates.loosen()

    def refuse(
        self,
        framework_id: FrameworkId,
        role: str,
        agent_id: AgentId,
        resources: Resources,
        *,
        refuse_ms: int,
        now_ms: int,
    ) -> None:
        """Remember a refusal. It lives to the next tick at least, and ends on a tick.

        DIFFERS: Mesos keeps no filter at all for 0 s and looks at freed resources on its tick only.
        We look at once, so the refusing framework alone waits for the tick; others do not.
        """
        if resources.is_empty or framework_id not in self.clients:
            return
        wanted_ms = now_ms + (max(refuse_ms, self._interval_ms) if refuse_ms > 0 else 1)
        ends_ms = -(-wanted_ms // self._interval_ms) * self._interval_ms
        self.filters.add(framework_id, role, agent_id, resources, ends_ms)

    # --- the pass --------------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """Whether a pass could find something."""
        is_wanted = self.ranking.has_wanting and not self.is_paused
        return is_wanted and not self._candidates.is_empty(self.books)

    def next_end_ms(self) -> int | None:
        """When agents become candidates by time alone."""
        ends = (self.filters.next_end_ms(), self._candidates.next_tick_ms())
        return min((end_ms for end_ms in ends if end_ms is not None), default=None)

    def expire(self, now_ms: int) -> None:
        """Let refusals end whose time has come; their agents are worth a look for who refused."""
        for agent_id, who in self.filters.expire(now_ms):
            if agent_id in self.books:
                self._candidates.add_for(agent_id, who)
        self._candidates.tick(now_ms)

    def allocate(self, now_ms: int) -> list[Allocation]:
        """One pass. What it returns counts as held from here on."""
        self.expire(now_ms)
        cycle = Cycle(self.ground, now_ms)
        candidates = self._candidates.take(self.books)
        self._chance.shuffle(candidates)
        if self.quota.has_guarantees:
            cycle.first_stage(candidates)
            self._chance.shuffle(candidates)
        cycle.second_stage(candidates)
        if cycle.withheld:
            self._candidates.withhold(cycle.withheld, now_ms)
        return cycle.given()

    def check_invariants(self) -> None:
        """Assert that no agent gives more than it has and that the rankings agree."""
        self._ledger.check_invariants()
        self._candidates.check_invariants(self.books)


def _chosen(client: Client, roles: Sequence[str]) -> list[str]:
    """Those of the roles that are its own; none named means all."""
    return [role for role in (roles or client.roles) if role in client.roles]
