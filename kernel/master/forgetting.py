"""Decides which agents that were lost long ago need not be remembered any more.

Those that are unreachable or gone are dropped from the registry when they are too old or too many;
whoever asks for their tasks then is told that they are unknown. Source: Mesos,
--registry_gc_interval, --registry_max_agent_age, --registry_max_agent_count.
"""

from collections.abc import Mapping

from kernel.machine import Now
from kernel.master import registry, registry_drains, registry_gone
from kernel.master.cluster import Cluster
from kernel.master.deadlines import Kind
from kernel.master.events import Effect
from kernel.model.ids import AgentId


class Forgetting:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def plan(self, now: Now) -> None:
        at_ms = now.mono_ms + self._cluster.settings.registry_gc_interval_ms
        self._cluster.deadlines.set(Kind.FORGET, "", at_ms)

    def on_due(self, now: Now) -> list[Effect]:
        self.plan(now)
        return [*self._forget_unreachable(now), *self._forget_gone(now)]

    def _forget_unreachable(self, now: Now) -> list[Effect]:
        cluster = self._cluster
        since = {a: r.unreachable_ms or 0 for a, r in cluster.unreachable.items()}
        effects: list[Effect] = []
        for agent_id in self._too_old(since, now):
            del cluster.unreachable[agent_id]
            effects.append(registry.remove(agent_id))
            if cluster.deactivations.pop(agent_id, None) is not None:
                effects.append(registry_drains.reactivate(agent_id))
        return effects

    def _forget_gone(self, now: Now) -> list[Effect]:
        gone = self._cluster.gone
        old = self._too_old({agent_id: record.gone_ms for agent_id, record in gone.items()}, now)
        for agent_id in old:
            del gone[agent_id]
        return [registry_gone.forget(old)] if old else []

    def _too_old(self, since: Mapping[AgentId, int], now: Now) -> list[AgentId]:
        settings = self._cluster.settings
        oldest_first = sorted(since, key=lambda agent_id: since[agent_id])
        surplus = max(0, len(since) - settings.registry_max_agent_count)
        born_ms = now.wall_ms - settings.registry_max_agent_age_ms
        return [a for n, a in enumerate(oldest_first) if n < surplus or since[a] < born_ms]
