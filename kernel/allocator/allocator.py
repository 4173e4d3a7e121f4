"""Decides which framework is offered what: one pass over the agents that changed.

A pass takes the agents in an order by chance and gives all that is free on one, at once, to the
poorest role's poorest framework that wants it; what is offered counts as held until it comes back.
The ranking is the sorters', the memory of refusals is `filters`'. The offers themselves, and when
a pass runs, are the master's. Quota would come in `_grants_on`, as a bound on what a role may get;
it is deliberately missing. Source: Mesos, allocator/mesos/hierarchical.cpp; DRF paper §4.1.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from kernel.allocator.chance import Chance
from kernel.allocator.drf import DrfSorter, Pool
from kernel.allocator.filters import Filters
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import Resources, ranges_minus

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


class _AgentBooks(Struct):
    total: Resources
    free: Resources
    is_active: bool = True
    has_gpus: bool = False


class Allocator:
    """Invariants: free + held = total on every agent; the sorters know the sum of the held."""

    def __init__(self, chance: Chance, *, interval_ms: int = ALLOCATION_INTERVAL_MS) -> None:
        self._chance = chance
        self._interval_ms = interval_ms
        self._agents: dict[AgentId, _AgentBooks] = {}
        self._clients: dict[FrameworkId, Client] = {}
        self._wanting: dict[tuple[FrameworkId, str], None] = {}  # active and not suppressed
        self._pool = Pool()
        self._roles = DrfSorter(self._pool)
        self._frameworks: dict[str, DrfSorter] = {}  # by role
        self._candidates: dict[AgentId, None] = {}
        self.filters = Filters()

    # --- agents ----------------------------------------------------------------------------

    def add_agent(self, agent_id: AgentId, total: Resources) -> None:
        """The agent's resources join the pool, all free; it becomes a candidate."""
        assert agent_id not in self._agents, f"agent {agent_id} is known already"
        has_gpus = total.scalar("gpus") > 0
        self._agents[agent_id] = _AgentBooks(total, total, has_gpus=has_gpus)
        self._pool.change(total.quantities(), +1)
        self._candidates[agent_id] = None

    def remove_agent(self, agent_id: AgentId) -> None:
        """Its resources leave the pool; everything held there must have come back before."""
        books = self._agents.pop(agent_id)
        assert books.free == books.total, f"agent {agent_id} leaves while something is held"
        self._pool.change(books.total.quantities(), -1)
        self._candidates.pop(agent_id, None)
        self.filters.forget_agent(agent_id)

    def set_agent_active(self, agent_id: AgentId, is_active: bool) -> None:
        """An inactive agent (disconnected, cordoned) stays in the pool and is not offered."""
        self._agents[agent_id].is_active = is_active
        if is_active:
            self._candidates[agent_id] = None

    def resize_agent(self, agent_id: AgentId, total: Resources) -> None:
        """The agent came back with other resources; what is held there stays held."""
        books = self._agents[agent_id]
        held = books.total - books.free
        self._pool.change(books.total.quantities(), -1)
        books.total = total + _missing(held, total)
        books.free = books.total - held
        books.has_gpus = total.scalar("gpus") > 0
        self._pool.change(books.total.quantities(), +1)
        self.filters.forget_agent(agent_id)
        self._candidates[agent_id] = None

    def has_agent(self, agent_id: AgentId) -> bool:
        return agent_id in self._agents

    def total_on(self, agent_id: AgentId) -> Resources:
        return self._agents[agent_id].total

    def free_on(self, agent_id: AgentId) -> Resources:
        return self._agents[agent_id].free

    # --- frameworks ------------------------------------------------------------------------

    def set_client(self, client: Client, suppressed: Sequence[str] = ()) -> None:
        """Make the framework known, or known anew, and wanting offers for all else."""
        self.drop_client(client.framework_id)
        self._clients[client.framework_id] = client
        for role in client.roles:
            self._know(client.framework_id, role)
            if role not in suppressed:
                self._want(client.framework_id, role)
        self.look_everywhere()

    def drop_client(self, framework_id: FrameworkId) -> None:
        """Offer it nothing from now on; what it holds stays in the books, its refusals go."""
        client = self._clients.pop(framework_id, None)
        if client is None:
            return
        for role in client.roles:
            self._unwant(framework_id, role)
            self._forget_if_idle(framework_id, role)
        self.filters.forget_framework(framework_id)

    def suppress(self, framework_id: FrameworkId, roles: Sequence[str] = ()) -> None:
        """No more offers under these roles, or under any."""
        client = self._clients[framework_id]
        for role in roles or client.roles:
            if role in client.roles:
                self._unwant(framework_id, role)

    def revive(self, framework_id: FrameworkId, roles: Sequence[str] = ()) -> None:
        """Offers again under these roles, or under all; refusals are forgotten."""
        client = self._clients[framework_id]
        chosen = [role for role in (roles or client.roles) if role in client.roles]
        for role in chosen:
            self._want(framework_id, role)
        self.filters.forget_framework(framework_id, chosen)
        self.look_everywhere()

    def wants(self, framework_id: FrameworkId, role: str) -> bool:
        return (framework_id, role) in self._wanting

    def set_weight(self, role: str, weight_milli: int) -> None:
        """Takes effect from the next pass on; nothing is taken back."""
        self._roles.set_weight(role, weight_milli)

    # --- what is held ----------------------------------------------------------------------

    def hold(
        self, framework_id: FrameworkId, role: str, agent_id: AgentId, resources: Resources
    ) -> None:
        """Note what a framework has there already, as an agent that came back reports it.

        More than is free may be reported, when the agent came back smaller: then the total counts
        as grown by that, so that the books stay true until the tasks end.
        """
        books = self._agents[agent_id]
        if not books.free.contains(resources):
            missing = _missing(resources, books.free)
            books.total, books.free = books.total + missing, books.free + missing
            self._pool.change(missing.quantities(), +1)
        self._grant(Allocation(framework_id, role, agent_id, resources))

    def give_back(
        self, framework_id: FrameworkId, role: str, agent_id: AgentId, resources: Resources
    ) -> None:
        """A task ended, an offer was declined or rescinded: it is free again."""
        if resources.is_empty:
            return
        books = self._agents[agent_id]
        books.free = books.free + resources
        assert books.total.contains(books.free), f"more is free on {agent_id} than there is"
        self._candidates[agent_id] = None
        quantities = resources.quantities()
        if quantities:  # mere ranges and sets are in no sorter's books
            self._roles.unallocated(role, quantities)
            self._frameworks[role].unallocated(framework_id, quantities)
            self._forget_if_idle(framework_id, role)

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
        return bool(self._candidates and self._wanting)

    def look_everywhere(self) -> None:
        """Make every agent a candidate for the next pass."""
        self._candidates = dict.fromkeys(self._agents)

    def expire(self, now_ms: int) -> None:
        """Let refusals end whose time has come; their agents become candidates."""
        for agent_id in self.filters.expire(now_ms):
            if agent_id in self._agents:
                self._candidates[agent_id] = None

    def allocate(self, now_ms: int) -> list[Allocation]:
        """One pass. What it returns counts as held from here on."""
        self.expire(now_ms)
        agents = [a for a in self._candidates if self._is_worth_a_look(self._agents[a])]
        self._candidates = {}
        self._chance.shuffle(agents)
        given: list[Allocation] = []
        for agent_id in agents:
            for allocation in self._grants_on(agent_id, now_ms):
                self._grant(allocation)
                given.append(allocation)
        return given

    def _is_worth_a_look(self, books: _AgentBooks) -> bool:
        return books.is_active and not books.free.is_empty

    def _grants_on(self, agent_id: AgentId, now_ms: int) -> list[Allocation]:
        books = self._agents[agent_id]
        left = books.free
        grants: list[Allocation] = []
        for role in self._roles.sort():
            usable = left.usable_by(role)
            if usable.is_empty:
                continue
            for client_id in self._frameworks[role].sort():
                framework_id = FrameworkId(client_id)
                if self._may_have(framework_id, role, agent_id, books, usable, now_ms):
                    grants.append(Allocation(framework_id, role, agent_id, usable))
                    left = left - usable
                    break
            if left.is_empty:
                break
        return grants

    def _may_have(
        self,
        framework_id: FrameworkId,
        role: str,
        agent_id: AgentId,
        books: _AgentBooks,
        usable: Resources,
        now_ms: int,
    ) -> bool:
        """The gates, cheapest first."""
        client = self._clients[framework_id]
        if books.has_gpus and not client.takes_gpus:
            return False
        if not _is_enough(usable, client.minima.get(role, MINIMA_DEFAULT)):
            return False
        if client.takes is not None and not client.takes(role, agent_id):
            return False
        return not self.filters.hide(framework_id, role, agent_id, usable, now_ms)

    # --- the books -------------------------------------------------------------------------

    def _grant(self, allocation: Allocation) -> None:
        framework_id, role = allocation.framework_id, allocation.role
        books = self._agents[allocation.agent_id]
        books.free = books.free - allocation.resources
        quantities = allocation.resources.quantities()
        if quantities:
            self._know(framework_id, role)
            self._roles.allocated(role, quantities)
            self._frameworks[role].allocated(framework_id, quantities)

    def _know(self, framework_id: FrameworkId, role: str) -> None:
        if role not in self._frameworks:
            self._roles.add(role)
            self._frameworks[role] = DrfSorter(self._pool)
        if framework_id not in self._frameworks[role]:
            self._frameworks[role].add(framework_id)

    def _forget_if_idle(self, framework_id: FrameworkId, role: str) -> None:
        """Drop a framework, then a role, that neither is subscribed nor holds anything."""
        sorter = self._frameworks[role]
        client = self._clients.get(framework_id)
        is_subscribed = client is not None and role in client.roles
        if is_subscribed or sorter.held_by(framework_id):
            return
        sorter.remove(framework_id)
        if sorter.is_empty:
            del self._frameworks[role]
            self._roles.remove(role)

    def _want(self, framework_id: FrameworkId, role: str) -> None:
        self._wanting[framework_id, role] = None
        self._frameworks[role].activate(framework_id)
        self._roles.activate(role)

    def _unwant(self, framework_id: FrameworkId, role: str) -> None:
        if self._wanting.pop((framework_id, role), 0) == 0:
            return
        self._frameworks[role].deactivate(framework_id)
        if not self._frameworks[role].has_active:
            self._roles.deactivate(role)

    def check_invariants(self) -> None:
        """Assert that no agent gives more than it has and that the sorters agree."""
        for agent_id, books in self._agents.items():
            assert books.total.contains(books.free), f"more is free on {agent_id} than there is"
        self._roles.check_invariants()
        for role, sorter in self._frameworks.items():
            sorter.check_invariants()
            assert self._roles.is_active(role) == sorter.has_active, role
        assert all(agent_id in self._agents for agent_id in self._candidates)


def _is_enough(resources: Resources, minima: MinimaMilli) -> bool:
    """Whether one of the minima is reached by all its names; no minima, no bar."""
    if not minima:
        return True
    return any(
        all(resources.scalar(name) >= amount for name, amount in minimum.items())
        for minimum in minima
    )


def _missing(wanted: Resources, there: Resources) -> Resources:
    """What of `wanted` is not `there`."""
    return Resources(
        {
            key: amount - there.scalars.get(key, 0)
            for key, amount in wanted.scalars.items()
            if amount > there.scalars.get(key, 0)
        },
        {
            key: missing
            for key, spans in wanted.ranges.items()
            if (missing := ranges_minus(spans, there.ranges.get(key, ())))
        },
        {
            key: others
            for key, items in wanted.sets.items()
            if (others := tuple(i for i in items if i not in there.sets.get(key, ())))
        },
    )
