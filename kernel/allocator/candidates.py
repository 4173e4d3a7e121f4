"""Which agents are worth a look in the next pass, and for whom.

An agent where something became free is looked at for everyone; one that only somebody new wants,
or wants again, for them alone: for everyone else nothing has changed there. Where quota kept
something back a later tick looks again, once something came back anywhere: as in Mesos, not at
once. The pass is `cycle`'s.
"""

from collections.abc import Iterable

from kernel.allocator.books import Books
from kernel.allocator.cycle import Candidate
from kernel.allocator.filters import Who
from kernel.model.ids import AgentId


class Candidates:
    """Invariant: every agent named here is in the books."""

    def __init__(self, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._everyone: dict[AgentId, None] = {}
        self._some: dict[AgentId, dict[Who, None]] = {}
        self._anywhere: dict[Who, None] = {}
        self._withheld: dict[AgentId, None] = {}
        self._withheld_tick = 0
        self._has_loosened = False  # since something was withheld

    def is_empty(self, books: Books) -> bool:
        return not (self._everyone or self._some or (self._anywhere and len(books)))

    def add(self, agent_id: AgentId) -> None:
        """Something is free there, for everyone."""
        self._everyone[agent_id] = None

    def add_all(self, agent_ids: Iterable[AgentId]) -> None:
        self._everyone = dict.fromkeys(agent_ids)

    def add_for(self, agent_id: AgentId, who: Who) -> None:
        """Somebody may be interested there again."""
        self._some.setdefault(agent_id, {})[who] = None

    def add_anywhere(self, who: Who) -> None:
        """Somebody is interested in every agent."""
        self._anywhere[who] = None

    def drop(self, agent_id: AgentId) -> None:
        """The agent is gone."""
        for kept in (self._everyone, self._some, self._withheld):
            kept.pop(agent_id, None)

    # --- what quota withheld ---------------------------------------------------------------

    def loosen(self) -> None:
        """Something came back or joined: quota may bind less."""
        self._has_loosened = True

    def withhold(self, agent_ids: Iterable[AgentId], now_ms: int) -> None:
        """Of these quota kept something back just now."""
        if not self._withheld:
            self._withheld_tick = now_ms // self._interval_ms
            self._has_loosened = False
        self._withheld.update(dict.fromkeys(agent_ids))

    def tick(self, now_ms: int) -> None:
        """Look again at what was withheld, if this is another tick than then."""
        if self._has_loosened and now_ms // self._interval_ms > self._withheld_tick:
            self._everyone.update(self._withheld)
            self._withheld.clear()

    def next_tick_ms(self) -> int | None:
        if not self._withheld or not self._has_loosened:
            return None
        return (self._withheld_tick + 1) * self._interval_ms

    # --- the pass --------------------------------------------------------------------------

    def take(self, books: Books) -> list[Candidate]:
        """All that have something to give; nobody is a candidate afterwards."""
        found: list[Candidate] = []
        everyone, anywhere = self._everyone, self._anywhere
        for agent_id in books if anywhere else {**everyone, **self._some}:
            if not books[agent_id].is_worth_a_look:
                continue
            if agent_id in everyone:
                found.append((agent_id, None))
            else:
                found.append((agent_id, list({**self._some.get(agent_id, {}), **anywhere})))
        self._everyone, self._some, self._anywhere = {}, {}, {}
        return found

    def check_invariants(self, books: Books) -> None:
        """Assert that no agent is named that is not there."""
        for kept in (self._everyone, self._some, self._withheld):
            assert all(agent_id in books for agent_id in kept)
