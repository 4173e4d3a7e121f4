"""Remembers what was declined, so that nobody is asked the same again at once.

A filter belongs to one framework under one role on one agent and hides every bundle that is within
the refused one; a bigger bundle passes. It ends by time, by revival, or with its agent or
framework. When it ends its agent is worth another look by that framework, and the caller is told.
Source: Mesos, mesos.proto (Filters) and hierarchical.cpp (RefusedOfferFilter).
"""

from collections.abc import Sequence
from heapq import heappop, heappush

from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import Resources

Who = tuple[FrameworkId, str]  # a framework under a role
_Refusal = tuple[int, Resources]  # until when


class Filters:
    """Invariants: every filter in `_refused` has an entry in the heap that ends it; `_agents` has
    the same filters the other way round."""

    def __init__(self) -> None:
        self._refused: dict[AgentId, dict[Who, list[_Refusal]]] = {}
        self._agents: dict[FrameworkId, dict[str, dict[AgentId, None]]] = {}
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
        self._agents.setdefault(framework_id, {}).setdefault(role, {})[agent_id] = None
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

    def left_ms(
        self,
        framework_id: FrameworkId,
        role: str,
        agent_id: AgentId,
        offered: Resources,
        now_ms: int,
    ) -> int:
        """For how long this stays hidden; nought when it is not."""
        refusals = self._refused.get(agent_id, {}).get((framework_id, role), ())
        ends = [ends_ms for ends_ms, refused in refusals if refused.contains(offered)]
        return max(0, max(ends, default=now_ms) - now_ms)

    def expire(self, now_ms: int) -> list[tuple[AgentId, Who]]:
        """Drop what has ended; return where something did and for whom, each once."""
        ended: dict[tuple[AgentId, Who], None] = {}
        while self._ends and self._ends[0][0] <= now_ms:
            _, agent_id, framework_id, role = heappop(self._ends)
            if self._drop_ended(agent_id, (framework_id, role), now_ms):
                ended[agent_id, (framework_id, role)] = None
        return list(ended)

    def next_end_ms(self) -> int | None:
        """When the next filter ends (or ended in name only)."""
        return self._ends[0][0] if self._ends else None

    def forget_framework(
        self, framework_id: FrameworkId, roles: Sequence[str] | None = None
    ) -> None:
        """Its refusals count no longer, under these roles or under any."""
        by_role = self._agents.get(framework_id, {})
        for role in list(by_role) if roles is None else roles:
            for agent_id in list(by_role.get(role, ())):
                self._forget(agent_id, (framework_id, role))

    def forget_agent(self, agent_id: AgentId) -> None:
        """The agent is gone or has changed."""
        for who in list(self._refused.get(agent_id, ())):
            self._forget(agent_id, who)

    def count(self) -> int:
        """How many filters there are."""
        return sum(len(r) for by_who in self._refused.values() for r in by_who.values())

    def _drop_ended(self, agent_id: AgentId, who: Who, now_ms: int) -> bool:
        by_who = self._refused.get(agent_id)
        if by_who is None or who not in by_who:
            return False
        left = [refusal for refusal in by_who[who] if refusal[0] > now_ms]
        dropped = len(left) < len(by_who[who])
        if left:
            by_who[who] = left
        else:
            self._forget(agent_id, who)
        return dropped

    def _forget(self, agent_id: AgentId, who: Who) -> None:
        by_who = self._refused[agent_id]
        del by_who[who]
        if not by_who:
            del self._refused[agent_id]
        by_role = self._agents[who[0]]
        del by_role[who[1]][agent_id]
        if not by_role[who[1]]:
            del by_role[who[1]]
            if not by_role:
                del self._agents[who[0]]
