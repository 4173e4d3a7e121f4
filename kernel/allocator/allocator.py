"""Decides which framework is offered what: one pass over the agents that changed.

A pass takes the agents in an order by chance and gives all that is free on one, at once, to the
poorest role's poorest framework that wants it; what is offered counts as held until it comes back.
The order is `ranking`'s, what is free `books`', the memory of refusals `filters`'. The offers
themselves, and when a pass runs, are the master's. Quota would come in `_grants_on`, as a bound on
what a role may get; it is deliberately missing. Source: Mesos,
allocator/mesos/hierarchical.cpp; DRF paper §4.1.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from kernel.allocator.books import AgentBooks, Books
from kernel.allocator.chance import Chance
from kernel.allocator.filters import Filters
from kernel.allocator.ranking import Ranking
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import Resources

CPUS_MIN_MILLI = 10  # Mesos: --min_allocatable_resources cpus:0.01|mem:32, either suffices
MEM_MIN_MILLI = 32_000
ALLOCATION_INTERVAL_MS = 1_000  # Mesos: --allocation_interval, the least life of a refusal

MinimaMilli = Sequence[Mapping[str, int]]
MINIMA_DEFAULT: MinimaMilli = ({"cpus": CPUS_MIN_MILLI}, {"mem": MEM_MIN_MILLI})


class Allocation(Struct, frozen=True):
    """Give this of one agent to one framework under one role."""

    framework_id: FrameworkId
    role: str
    agent_id: AgentId
    resources: Resources


class Client(Struct, frozen=True):
    """What the allocator wants to know of a framework."""

    framework_id: FrameworkId
    roles: tuple[str, ...]
    takes_gpus: bool = False  # Mesos: --filter_gpu_resources keeps others off agents with gpus
    minima: Mapping[str, MinimaMilli] = {}  # by role; FrameworkInfo.offer_filters
    takes: Callable[[str, AgentId], bool] | None = None  # (role, agent): offer constraints


class Allocator:
    """Invariants: free + held = total on every agent; the ranking knows the sum of the held."""

    def __init__(self, chance: Chance, *, interval_ms: int = ALLOCATION_INTERVAL_MS) -> None:
        self._chance = chance
        self._interval_ms = interval_ms
        self._clients: dict[FrameworkId, Client] = {}
        self._candidates: dict[AgentId, None] = {}
        self.books = Books()
        self.ranking = Ranking()
        self.filters = Filters()

    # --- agents ----------------------------------------------------------------------------

    def add_agent(self, agent_id: AgentId, total: Resources) -> None:
        """The agent's resources join the pool, all free; it becomes a candidate."""
        self.books.add(agent_id, total)
        self.ranking.pool.change(total.quantities(), +1)
        self._candidates[agent_id] = None

    def remove_agent(self, agent_id: AgentId) -> None:
        """Its resources leave the pool; everything held there must have come back before."""
        self.ranking.pool.change(self.books.remove(agent_id).quantities(), -1)
        self._candidates.pop(agent_id, None)
        self.filters.forget_agent(agent_id)

    def set_agent_active(self, agent_id: AgentId, is_active: bool) -> None:
        """An inactive agent stays in the pool and is not offered."""
        self.books[agent_id].is_active = is_active
        if is_active:
            self._candidates[agent_id] = None

    def resize_agent(self, agent_id: AgentId, total: Resources) -> None:
        """The agent came back with other resources; what is held there stays held."""
        self.ranking.pool.change(self.books[agent_id].total.quantities(), -1)
        self.books.resize(agent_id, total)
        self.ranking.pool.change(self.books[agent_id].total.quantities(), +1)
        self.filters.forget_agent(agent_id)
        self._candidates[agent_id] = None

    # --- frameworks ------------------------------------------------------------------------

    def set_client(self, client: Client, suppressed: Sequence[str] = ()) -> None:
        """Make the framework known, or known anew, and wanting offers for all else.

        What it refused under a role that it keeps stays refused.
        """
        self.drop_client(client.framework_id, kept=client.roles)
        self._clients[client.framework_id] = client
        for role in client.roles:
            self.ranking.subscribe(client.framework_id, role)
            if role not in suppressed:
                self.ranking.set_wanting(client.framework_id, role, True)
        self.look_everywhere()

    def drop_client(self, framework_id: FrameworkId, *, kept: Sequence[str] = ()) -> None:
        """Offer it nothing from now on; what it holds stays in the books.

        Its refusals go, but those under the roles that are `kept`.
        """
        client = self._clients.pop(framework_id, None)
        if client is None:
            return
        for role in client.roles:
            self.ranking.unsubscribe(framework_id, role)
        gone = [role for role in client.roles if role not in kept]
        self.filters.forget_framework(framework_id, gone)

    def suppress(self, framework_id: FrameworkId, roles: Sequence[str] = ()) -> None:
        """No more offers under these roles, or under any."""
        for role in _chosen(self._clients[framework_id], roles):
            self.ranking.set_wanting(framework_id, role, False)

    def revive(self, framework_id: FrameworkId, roles: Sequence[str] = ()) -> None:
        """Offers again under these roles, or under all; refusals are forgotten."""
        chosen = _chosen(self._clients[framework_id], roles)
        for role in chosen:
            self.ranking.set_wanting(framework_id, role, True)
        self.filters.forget_framework(framework_id, chosen)
        self.look_everywhere()

    # --- what is held ----------------------------------------------------------------------

    def hold(
        self, framework_id: FrameworkId, role: str, agent_id: AgentId, resources: Resources
    ) -> None:
        """Note what a framework has there already, as an agent that came back reports it.

        More than is free may be reported, when the agent came back smaller: then it counts as
        larger by that, so that the books stay true until the tasks end.
        """
        self.ranking.pool.change(self.books.stretch(agent_id, resources).quantities(), +1)
        self._grant(Allocation(framework_id, role, agent_id, resources))

    def give_back(
        self, framework_id: FrameworkId, role: str, agent_id: AgentId, resources: Resources
    ) -> None:
        """A task ended, an offer was declined or rescinded: it is free again."""
        if resources.is_empty:
            return
        self.books.give(agent_id, resources)
        self.ranking.unallocated(framework_id, role, resources.exclusive().quantities())
        self._candidates[agent_id] = None

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
        if resources.is_empty or framework_id not in self._clients:
            return
        wanted_ms = now_ms + (max(refuse_ms, self._interval_ms) if refuse_ms > 0 else 1)
        ends_ms = -(-wanted_ms // self._interval_ms) * self._interval_ms
        self.filters.add(framework_id, role, agent_id, resources, ends_ms)

    # --- the pass --------------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """Whether a pass could find something."""
        return bool(self._candidates) and self.ranking.has_wanting

    def look_everywhere(self) -> None:
        """Make every agent a candidate for the next pass."""
        self._candidates = dict.fromkeys(self.books)

    def expire(self, now_ms: int) -> None:
        """Let refusals end whose time has come; their agents become candidates."""
        for agent_id in self.filters.expire(now_ms):
            if agent_id in self.books:
                self._candidates[agent_id] = None

    def allocate(self, now_ms: int) -> list[Allocation]:
        """One pass. What it returns counts as held from here on."""
        self.expire(now_ms)
        agents = [a for a in self._candidates if self.books[a].is_worth_a_look]
        self._candidates = {}
        self._chance.shuffle(agents)
        given: list[Allocation] = []
        for agent_id in agents:
            for allocation in self._grants_on(agent_id, now_ms):
                self._grant(allocation)
                given.append(allocation)
        return given

    def _grants_on(self, agent_id: AgentId, now_ms: int) -> list[Allocation]:
        books = self.books[agent_id]
        left = books.free
        grants: list[Allocation] = []
        for role in self.ranking.roles():
            usable = left.usable_by(role)
            if usable.is_empty:
                continue
            for framework_id in self.ranking.frameworks(role):
                wish = Allocation(framework_id, role, agent_id, usable)
                if self._may_have(wish, books, now_ms):
                    grants.append(wish)
                    left = left - usable
                    break
            if left.is_empty:
                break
        return grants

    def _may_have(self, wish: Allocation, books: AgentBooks, now_ms: int) -> bool:
        """The gates, cheapest first."""
        client = self._clients[wish.framework_id]
        if books.has_gpus and not client.takes_gpus:
            return False
        if not _is_enough(wish.resources, client.minima.get(wish.role, MINIMA_DEFAULT)):
            return False
        if client.takes is not None and not client.takes(wish.role, wish.agent_id):
            return False
        return not self.filters.hide(
            wish.framework_id, wish.role, wish.agent_id, wish.resources, now_ms
        )

    def _grant(self, given: Allocation) -> None:
        self.books.take(given.agent_id, given.resources)
        own = given.resources.exclusive().quantities()
        self.ranking.allocated(given.framework_id, given.role, own)

    def check_invariants(self) -> None:
        """Assert that no agent gives more than it has and that the rankings agree."""
        self.books.check_invariants()
        self.ranking.check_invariants()
        assert all(agent_id in self.books for agent_id in self._candidates)


def _chosen(client: Client, roles: Sequence[str]) -> list[str]:
    """Those of the roles that are its own; none named means all."""
    return [role for role in (roles or client.roles) if role in client.roles]


def _is_enough(resources: Resources, minima: MinimaMilli) -> bool:
    """Whether one of the minima is reached by all its names; no minima, no bar."""
    if not minima:
        return True
    return any(
        all(resources.scalar(name) >= amount for name, amount in minimum.items())
        for minimum in minima
    )
