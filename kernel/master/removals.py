"""Decides when agents that are silent are given up, and how many of them at a time.

An agent that missed its pings, or that did not come back to a new master in time, is marked
unreachable; at once, or one by one if a rate is set, so that a broken network does not end a whole
cluster's tasks. Who speaks meanwhile is spared. If too many are missing after a failover, it is the
master that ends. What becomes of an agent that is given up is `departures`'. Source: Mesos,
--agent_removal_rate_limit, --recovery_agent_removal_limit, --agent_reregister_timeout.
"""

from collections.abc import Mapping

from kernel.machine import Now
from kernel.master.cluster import Cluster
from kernel.master.deadlines import Kind
from kernel.master.departures import Departures
from kernel.master.events import Effect, EndMaster
from kernel.master.liveness import AgentGivenUp
from kernel.master.registry import AgentRecord
from kernel.messages import agent as agent_messages
from kernel.model.ids import AgentId

ALL = ""  # whom deadlines concern that are nobody's alone


class Removals:
    """Works on the books of one `Cluster`. `_waiting` are to be given up when their turn comes."""

    def __init__(self, cluster: Cluster, departures: Departures) -> None:
        self._cluster = cluster
        self._departures = departures
        self._waiting: dict[AgentId, None] = {}
        self._next_ms = 0
        self._known_count = 0

    def recover(self, records: Mapping[AgentId, AgentRecord], now: Now) -> None:
        """Begin with what an earlier master knew: those that were reachable may come back."""
        for agent_id, record in records.items():
            known = self._cluster.recovered if _was_there(record) else self._cluster.unreachable
            known[agent_id] = record
        self._known_count = len(self._cluster.recovered)
        if self._known_count:
            wait_ms = self._cluster.settings.agent_reregister_timeout_ms
            self._cluster.deadlines.set(Kind.RECOVER, ALL, now.mono_ms + wait_ms)

    def on_recovery_over(self, now: Now) -> list[Effect]:
        """Those that have not come back by now are given up, or too many are missing for that.

        DIFFERS: Mesos's master aborts and stays away; ours ends its run and begins anew, so agents
        have as long again to come back, and nobody's tasks are given up meanwhile.
        """
        missing = list(self._cluster.recovered)
        limit = self._cluster.settings.recovery_removal_limit
        if len(missing) * 10_000 > limit * self._known_count:
            return [EndMaster(_too_many(missing, self._known_count, limit))]
        self._waiting |= dict.fromkeys(missing)
        return self.on_turn(now)

    # --- agents that are registered --------------------------------------------------------

    def on_ping_due(self, agent_id: AgentId, now: Now) -> list[Effect]:
        match self._cluster.liveness.due(agent_id, now.mono_ms):
            case AgentGivenUp():
                self._waiting[agent_id] = None
                effects = self.on_turn(now)
                if agent_id in self._waiting:  # it is asked on, and may still answer
                    interval_ms = self._cluster.settings.ping_interval_ms
                    self._cluster.liveness.watch(agent_id, now.mono_ms + interval_ms)
                return effects
            case _:
                return self._cluster.tell_agent(agent_id, agent_messages.Ping())

    def heard_from(self, agent_id: AgentId) -> None:
        """It lives."""
        self._cluster.liveness.heard_from(agent_id)
        self._waiting.pop(agent_id, None)

    # --- turns -----------------------------------------------------------------------------

    def on_turn(self, now: Now) -> list[Effect]:
        """Give up whose turn it is."""
        rate = self._cluster.settings.removal_rate
        effects: list[Effect] = []
        while self._waiting and now.mono_ms >= self._next_ms:
            agent_id = next(iter(self._waiting))
            del self._waiting[agent_id]
            given_up = self._give_up(agent_id, now)
            effects += given_up
            if given_up and rate is not None:
                self._next_ms = now.mono_ms + rate.gap_ms
        if self._waiting:
            self._cluster.deadlines.set(Kind.REMOVAL, ALL, self._next_ms)
        return effects

    def _give_up(self, agent_id: AgentId, now: Now) -> list[Effect]:
        agent = self._cluster.agents.get(agent_id)
        if agent is not None:
            return self._departures.mark_unreachable(agent, now)
        if agent_id in self._cluster.recovered:
            return self._departures.give_up_recovered(agent_id, now)
        return []  # it went by another way


def _was_there(record: AgentRecord) -> bool:
    return record.unreachable_ms is None


def _too_many(missing: list[AgentId], known_count: int, limit: int) -> str:
    named = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    return (
        f"{len(missing)} of {known_count} known agents did not come back to this master, more than"
        f" --recovery-agent-removal-limit {limit / 100:g}% allows to give up: {named}."
        " Bring them back, or raise the limit"
    )
