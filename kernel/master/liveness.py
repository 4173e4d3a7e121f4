"""Decides when an agent is to be pinged and when it counts as unreachable.

An agent that says nothing for as many ping intervals as may be missed is given up; whatever it
says counts as an answer. A broken stream alone changes nothing here. Sending is the master's.
Source: Mesos, docs/agent-recovery.md; --agent_ping_timeout, --max_agent_ping_timeouts.
"""

from msgspec import Struct

from kernel.master.deadlines import Deadlines, Kind
from kernel.model.ids import AgentId

PING_INTERVAL_MS = 15_000  # Mesos: --agent_ping_timeout
PING_MISSES_MAX = 5  # Mesos: --max_agent_ping_timeouts


class PingDue(Struct, frozen=True):
    """Send a ping, if there is a stream to send it on."""


class AgentGivenUp(Struct, frozen=True):
    """Too many went unanswered."""


class Liveness:
    """Invariant: every watched agent has one deadline and a number of unanswered pings."""

    def __init__(self, deadlines: Deadlines, interval_ms: int, misses_max: int) -> None:
        self._deadlines = deadlines
        self._interval_ms = interval_ms
        self._misses_max = misses_max
        self._misses: dict[AgentId, int] = {}

    @property
    def timeout_s(self) -> float:
        """How long an agent that hears nothing should believe that its master is there."""
        return self._interval_ms * self._misses_max / 1000

    def watch(self, agent_id: AgentId, now_ms: int) -> None:
        """Ping it, at once and from now on; a second time begins anew."""
        self._misses[agent_id] = 0
        self._deadlines.set(Kind.PING, agent_id, now_ms)

    def heard_from(self, agent_id: AgentId) -> None:
        if agent_id in self._misses:
            self._misses[agent_id] = 0

    def forget(self, agent_id: AgentId) -> None:
        self._misses.pop(agent_id, None)
        self._deadlines.cancel(Kind.PING, agent_id)

    def due(self, agent_id: AgentId, now_ms: int) -> PingDue | AgentGivenUp:
        """The agent's deadline has come."""
        if self._misses[agent_id] >= self._misses_max:
            self.forget(agent_id)
            return AgentGivenUp()
        self._misses[agent_id] += 1
        self._deadlines.set(Kind.PING, agent_id, now_ms + self._interval_ms)
        return PingDue()
