"""Remembers what was declined, so that nobody is asked the same again at once.

A filter belongs to one framework under one role on one agent and hides every bundle that is within
the refused one; a bigger bundle passes. It ends by time, by revival, or with its agent or
framework. When it ends its agent is worth another look, and the caller is told which.
Source: Mesos, mesos.proto (Filters) and hierarchical.cpp (RefusedOfferFilter).
"""

from heapq import heappop, heappush

from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import Resources

_Who = tuple[FrameworkId, str]


class Filters:
    """Invariant: every filter in `_refused` has an entry in the heap that ends it."""

    def __init__(self) -> None:
        self._refused: dict[AgentId, dict[_Who, list[tuple[int, Resources]]]] = {}
        self._ends: list[tuple[int, AgentId, FrameworkId, str]] = []

    def add(
        self,
        framework_id: FrameworkId,
        role: str,
        agent_id: AgentId,
        refused: Resources,
        ends_ms: int,
    ) -> None:
        """Hide `refused` and all within it until `ends_ms`."""
        by_who = self._refused.setdefault(agent_id, {})
        by_who.setdefault((framework_id, role), []).append((ends_ms, refused))
        heappush(self._ends, (ends_ms, agent_id, framework_id, role))

    def hide(
        self,
        framework_id: FrameworkId,
        role: str,
        agent_id: AgentId,
        offered: Resources,
        now_ms: int,
    ) -> bool:
        """Whether this framework has declined this, or more, and not long ago."""
        by_who = self._refused.get(agent_id)
        if by_who is None:
            return False
        refusals = by_who.get((framework_id, role))
        if refusals is None:
            return False
        return any(ends > now_ms and refused.contains(offered) for ends, refused in refusals)

    def expire(self, now_ms: int) -> list[AgentId]:
        """Drop what has ended; return its agents, each once."""
        agents: dict[AgentId, None] = {}
        while self._ends and self._ends[0][0] <= now_ms:
            _, agent_id, framework_id, role = heappop(self._ends)
            if self._drop_ended(agent_id, (framework_id, role), now_ms):
                agents[agent_id] = None
        return list(agents)

    def next_end_ms(self) -> int | None:
        """When the next filter ends (or ended in name only)."""
        return self._ends[0][0] if self._ends else None

    def forget_framework(self, framework_id: FrameworkId, roles: list[str] | None = None) -> None:
        """Its refusals count no longer, under these roles or under any."""
        for agent_id in list(self._refused):
            by_who = self._refused[agent_id]
            for who in list(by_who):
                if who[0] == framework_id and (roles is None or who[1] in roles):
                    del by_who[who]
            if not by_who:
                del self._refused[agent_id]

    def forget_agent(self, agent_id: AgentId) -> None:
        """The agent is gone or has changed."""
        self._refused.pop(agent_id, None)

    def count(self) -> int:
        """How many filters there are."""
        return sum(len(r) for by_who in self._refused.values() for r in by_who.values())

    def _drop_ended(self, agent_id: AgentId, who: _Who, now_ms: int) -> bool:
        by_who = self._refused.get(agent_id)
        if by_who is None or who not in by_who:
            return False
        left = [refusal for refusal in by_who[who] if refusal[0] > now_ms]
        dropped = len(left) < len(by_who[who])
        if left:
            by_who[who] = left
        else:
            del by_who[who]
            if not by_who:
                del self._refused[agent_id]
        return dropped
