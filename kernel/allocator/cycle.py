"""One pass over agents: guarantees first, then what is left by fair shares.

On each agent the poorest role's poorest framework that may have it gets all that it may have, then
the next sees the remainder. What binds is quota's (limits, and what must stay spare for guarantees
of others), what a framework can't use or doesn't want `clients`' and `filters`'. A role that can
get nothing more in this pass, because quota says so, is set aside: what is consumed only grows
while a pass lasts. Which agents are looked at, and when, is `allocator`'s. Source: Mesos,
hierarchical.cpp (__allocate); mesos.md §3.2.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kernel.allocator.books import AgentBooks
from kernel.allocator.clients import Client, MinimaMilli, agent_gate, is_enough
from kernel.allocator.consumption import Weight, counts, weigh
from kernel.allocator.filters import Filters, Who
from kernel.allocator.ledger import Ledger
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.kinds import Kind
from kernel.model.resources import Resources
from kernel.model.roles import is_within

#: An agent to look at, and for whom; None is for everyone.
Candidate = tuple[AgentId, Sequence[Who] | None]


class Allocation(Struct, frozen=True):
    """Give this of one agent to one framework under one role."""

    framework_id: FrameworkId
    role: str
    agent_id: AgentId
    resources: Resources


class Ground(Struct, frozen=True):
    """What a pass stands on: all that the allocator keeps."""

    ledger: Ledger
    filters: Filters
    clients: Mapping[FrameworkId, Client]
    minima: MinimaMilli


class Cycle:
    """Lives for one pass. `withheld` are agents of which quota kept something back."""

    def __init__(self, ground: Ground, now_ms: int) -> None:
        self._ground = ground
        self._ledger = ledger = ground.ledger
        self._books, self._ranking, self._quota = ledger.books, ledger.ranking, ledger.quota
        self._now_ms = now_ms
        self._given: dict[tuple[FrameworkId, str, AgentId], Resources] = {}
        self._shared: dict[AgentId, dict[Kind, None]] = {}  # once per pass
        self._aside: dict[str, None] = {}
        self._is_first = False
        self.withheld: dict[AgentId, None] = {}

    def first_stage(self, candidates: Sequence[Candidate]) -> None:
        """To roles whose guarantees are not met."""
        owed = dict.fromkeys(role for role in self._ranking.roles() if self._is_owed(role))
        if not owed:
            return
        self._is_first = True
        others = [role for role in self._ranking.roles() if role not in owed]
        for role in others:
            self._set_aside(role)
        for agent_id, whos in candidates:
            self._look(agent_id, whos)
        self._take_up()
        self._is_first = False
        self.withheld.clear()

    def second_stage(self, candidates: Sequence[Candidate]) -> None:
        """To everyone."""
        for agent_id, whos in candidates:
            self._look(agent_id, whos)
        self._take_up()

    def given(self) -> list[Allocation]:
        """All of both stages, together where they are one offer."""
        return [Allocation(*where, resources) for where, resources in self._given.items()]

    # --- roles set aside -------------------------------------------------------------------

    def _is_owed(self, role: str) -> bool:
        return self._quota.is_owed(role)

    def _set_aside(self, role: str) -> None:
        self._aside[role] = None
        self._ranking.set_aside(role)

    def _take_up(self) -> None:
        for role in self._aside:
            self._ranking.take_up(role)
        self._aside.clear()

    # --- one agent -------------------------------------------------------------------------

    def _look(self, agent_id: AgentId, whos: Sequence[Who] | None) -> None:
        books = self._books[agent_id]
        if not books.is_worth_a_look:
            return
        if whos is not None:
            self._look_for(agent_id, books, whos)
            return
        if books.is_plain and self._quota.is_empty:
            self._give_whole(agent_id, books)
            return
        tried: dict[Who, None] = {}
        done: dict[str, None] = {}
        while self._grant_one(agent_id, books, tried, done) and books.is_worth_a_look:
            pass  # the ranking has changed
        if not books.is_plain and not self._is_first:
            for role in list(self._aside):
                self._grant_reserved(agent_id, books, role, tried)

    def _give_whole(self, agent_id: AgentId, books: AgentBooks) -> None:
        """The usual case, made short: nothing is sorted out and nothing binds, so that the first
        who may have anything has all of it."""
        usable = books.free
        weight = books.weigh_free()
        for role in self._ranking.roles():
            for framework_id in self._ranking.frameworks(role):
                if self._grant((framework_id, role), agent_id, books, usable, weight):
                    return

    def _grant_one(
        self,
        agent_id: AgentId,
        books: AgentBooks,
        tried: dict[Who, None],
        done: dict[str, None],
    ) -> bool:
        """Give to the first in order that may have something; False when nobody may."""
        spent: list[str] = []
        granted = False
        for role in self._ranking.roles():
            if role in done:
                continue
            granted = self._grant_in(role, agent_id, books, tried, spent)
            if granted:
                break
            done[role] = None
        for role in spent:
            self._set_aside(role)
        return granted

    def _grant_in(
        self,
        role: str,
        agent_id: AgentId,
        books: AgentBooks,
        tried: dict[Who, None],
        spent: list[str],
    ) -> bool:
        if self._is_first and not self._is_owed(role):
            spent.append(role)
            return False
        usable, was_cut = self.usable(role, agent_id, books)
        if not usable.is_empty:
            weight = weigh(usable)
            for framework_id in self._ranking.frameworks(role):
                who = (framework_id, role)
                if who in tried:
                    continue
                tried[who] = None
                if self._grant(who, agent_id, books, usable, weight):
                    return True
        if was_cut and self._is_spent(role):
            spent.append(role)
        return False

    def _look_for(self, agent_id: AgentId, books: AgentBooks, whos: Sequence[Who]) -> None:
        """As `_look`, where only some can have become interested."""
        for who in self._ranking.in_order(whos):
            role = who[1]
            if self._is_first and not self._is_owed(role):
                continue
            usable, _ = self.usable(role, agent_id, books)
            if not usable.is_empty:
                self._grant(who, agent_id, books, usable, weigh(usable))
                if not books.is_worth_a_look:
                    return

    def _grant_reserved(
        self, agent_id: AgentId, books: AgentBooks, role: str, tried: dict[Who, None]
    ) -> None:
        """What quota does not bind goes to a role that it has set aside."""
        if not any(
            kind.is_revocable or (kind.reservations and is_within(role, kind.role))
            for kind in books.free.kinds()
        ):
            return
        usable, _ = self.usable(role, agent_id, books)
        for framework_id in list(self._ranking.frameworks(role)):
            if (framework_id, role) in tried or usable.is_empty:
                continue
            if self._grant((framework_id, role), agent_id, books, usable, weigh(usable)):
                usable, _ = self.usable(role, agent_id, books)

    def _grant(
        self,
        who: Who,
        agent_id: AgentId,
        books: AgentBooks,
        usable: Resources,
        weight: Weight,
    ) -> bool:
        """Give it, if every gate is open."""
        ground = self._ground
        framework_id, role = who
        client = ground.clients[framework_id]
        if not books.is_plain:
            fit = client.part_of(usable)
            if fit is not usable:
                usable, weight = fit, weigh(fit)
        if not is_enough(weight.whole, client.minima.get(role, ground.minima)):
            return False
        if agent_gate(client, role, agent_id, books) is not None:
            return False
        if ground.filters.hide(framework_id, role, agent_id, usable, self._now_ms):
            return False
        where = (framework_id, role, agent_id)
        before = self._given.get(where)
        self._given[where] = usable if before is None else before + usable
        self._ledger.take(who, agent_id, usable, weight)
        if not books.is_plain:
            shared = [kind for kind in usable.kinds() if kind.is_shared]
            self._shared.setdefault(agent_id, {}).update(dict.fromkeys(shared))
        return True

    # --- what may be given -----------------------------------------------------------------

    def usable(self, role: str, agent_id: AgentId, books: AgentBooks) -> tuple[Resources, bool]:
        """What of the free a framework of this role may have, and whether quota took from it."""
        usable = books.free
        if not books.is_plain:
            usable = usable.usable_by(role)
            shared = self._shared.get(agent_id)
            if shared:
                usable = usable.where(lambda kind: kind not in shared)
        if self._quota.is_empty:
            return usable, False
        return self._bounded(role, agent_id, usable)

    def _bounded(self, role: str, agent_id: AgentId, usable: Resources) -> tuple[Resources, bool]:
        """Chop what quota counts to what it allows; what can't be chopped goes whole or not."""
        rooms: dict[str, int | None] = {}
        kept = dict(usable.scalars)
        was_cut = False
        for (kind, name), amount in usable.scalars.items():
            if not counts(kind):
                continue
            if name not in rooms:
                rooms[name] = self._room(role, name)
            room = rooms[name]
            if room is None:
                continue
            allowed = min(amount, room)
            if kind.is_indivisible and allowed < amount:
                allowed = 0
            rooms[name] = room - allowed
            if allowed < amount:
                was_cut = True
                kept[kind, name] = allowed
        if not was_cut:
            return usable, False
        self.withheld[agent_id] = None
        scalars = {key: amount for key, amount in kept.items() if amount}
        return Resources(scalars, usable.ranges, usable.sets), True

    def _room(self, role: str, name: str) -> int | None:
        room = self._quota.room(role, name, self._books.spare.get(name, 0))
        if self._is_first and self._quota.guarantees(role, name):
            owed = self._quota.owed(role, name)
            return owed if room is None else min(room, owed)
        return room

    def _is_spent(self, role: str) -> bool:
        """Whether no framework of the role could use what quota still allows, on any agent."""
        ground = self._ground
        rooms = {name: self._room(role, name) for name in self._books.spare}
        amounts = {
            name: self._books.spare[name] if room is None else room for name, room in rooms.items()
        }
        return not any(
            is_enough(amounts, ground.clients[framework_id].minima.get(role, ground.minima))
            for framework_id in self._ranking.frameworks(role)
        )
