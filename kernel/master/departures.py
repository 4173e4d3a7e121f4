"""Decides what becomes of an agent that goes, and of what ran on it.

It may fall silent (unreachable: it may come back with its tasks), lose its connection only, end by
itself, be taken down with its machine, or be marked gone, for good. What must be durable is written
before anybody is told; then come the tasks' updates, the rescinded offers and the failure, in this
order. Source: Mesos, docs/high-availability-framework-guide.md, docs/agent-recovery.md; recordings
scheduler-agent-*, operator-mark-agent-gone, operator-maintenance of a real master.
"""

from msgspec.structs import replace

from kernel.machine import Now
from kernel.master import registry, registry_drains, registry_gone
from kernel.master.cluster import (
    Agent,
    Cluster,
    Framework,
    TaskRecord,
    master_status,
)
from kernel.master.counts import count_state
from kernel.master.events import CloseAgentStream, Effect
from kernel.master.offers import Offers
from kernel.master.operations import give_up
from kernel.master.reconcile import NS_PER_MS
from kernel.master.registry_gone import GoneRecord
from kernel.master.standing import refresh
from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.operator import EventType
from kernel.messages.v1 import Id, TimeInfo
from kernel.model.ids import AgentId
from kernel.model.operation import OperationState
from kernel.model.task import TaskState

AGENT_REMOVED = "REASON_AGENT_REMOVED"
AGENT_REMOVED_BY_OPERATOR = "REASON_AGENT_REMOVED_BY_OPERATOR"
AGENT_DISCONNECTED = "REASON_AGENT_DISCONNECTED"


class Departures:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers) -> None:
        self._cluster = cluster
        self._offers = offers

    # --- it may come back ------------------------------------------------------------------

    def on_stream_closed(self, stream_id: str, now: Now) -> list[Effect]:
        """Disconnected: nothing more is offered of it. Its tasks are left in peace, but those of
        frameworks that want no checkpoints are lost, as in Mesos."""
        agent_id = self._cluster.agent_of_stream.pop(stream_id, None)
        if agent_id is None:
            return []
        agent = self._cluster.agents[agent_id]
        agent.stream_id = None
        message = f"Agent {agent.info.hostname} disconnected"
        effects: list[Effect] = []
        for record in list(agent.tasks.values()):
            framework = self._cluster.frameworks.get(record.key[0])
            keeps = framework is None or framework.info.checkpoint or record.state.is_terminal
            if not keeps:
                effects += self._end(record, TaskState.LOST, AGENT_DISCONNECTED, message, now)
        effects += self._offers.rescind_all(agent)
        refresh(self._cluster, agent)
        return effects

    def give_up_recovered(self, agent_id: AgentId, now: Now) -> list[Effect]:
        """An agent of an earlier master did not come back to us in time."""
        record = self._cluster.recovered.pop(agent_id)
        self._cluster.count("recovered_agents_unreachable")
        self._cluster.unreachable[agent_id] = replace(record, unreachable_ms=now.wall_ms)
        effects: list[Effect] = [registry.mark_unreachable(agent_id, record.info, now.wall_ms)]
        return effects + self._tell_failure(agent_id)

    def mark_unreachable(self, agent: Agent, now: Now) -> list[Effect]:
        cluster = self._cluster
        record = registry.AgentRecord(agent.info, now.wall_ms)
        effects: list[Effect] = [registry.mark_unreachable(agent.agent_id, agent.info, now.wall_ms)]
        for task in list(agent.tasks.values()):
            framework = cluster.frameworks.get(task.key[0])
            effects += self._lose_sight(framework, task, now)
        effects += self._remove(agent, OperationState.UNREACHABLE, "unreachable")
        cluster.unreachable[agent.agent_id] = record
        cluster.count("agents_unreachable")
        return effects + self._tell_failure(agent.agent_id)

    def _lose_sight(
        self, framework: Framework | None, record: TaskRecord, now: Now
    ) -> list[Effect]:
        if framework is None or record.state.is_terminal:
            self._cluster.remove_task(record)
            return []
        task_id = record.key[1]
        self._cluster.release(record)
        del framework.tasks[task_id]
        del self._cluster.agents[record.agent_id].tasks[record.key]
        record.state = framework.says(TaskState.UNREACHABLE)
        record.changed()
        record.unreachable_ms = now.wall_ms
        framework.unreachable[task_id] = record
        while len(framework.unreachable) > self._cluster.settings.unreachable_tasks_max:
            del framework.unreachable[next(iter(framework.unreachable))]
        status = master_status(
            framework,
            task_id,
            TaskState.UNREACHABLE,
            AGENT_REMOVED,
            "health check timed out",
            now,
            agent_id=record.agent_id,
        )
        count_state(self._cluster, status)
        since = TimeInfo(now.wall_ms * NS_PER_MS)
        status = replace(status, unreachable_time=since)
        record.statuses.append(status)
        self._cluster.watchers.note(EventType.TASK_UPDATED, record, status)
        return self._cluster.update(framework, status)

    # --- it will not -----------------------------------------------------------------------

    def on_unregister(self, agent: Agent, now: Now) -> list[Effect]:
        """The agent ends for good; nothing of it lives on."""
        message = f"Agent {agent.info.hostname} ended: its tasks are gone"
        effects = self._forget(agent.agent_id)
        effects += self._end_all(agent, TaskState.GONE, AGENT_REMOVED, message, now)
        return effects + self._remove(agent) + self._tell_failure(agent.agent_id)

    def take_down(self, agent: Agent, now: Now) -> list[Effect]:
        """Its machine is down: it must end. That its machine is so has been written down. Mesos
        calls the tasks LOST, whatever their frameworks understand."""
        message = f"Agent {agent.info.hostname} removed: Operator initiated 'Machine DOWN'"
        refused = agent_messages.ShutdownAgent(message="Operator initiated 'Machine DOWN'")
        effects = self._forget(agent.agent_id)
        effects += self._cluster.tell_agent(agent.agent_id, refused)
        effects += self._end_all(agent, TaskState.LOST, AGENT_REMOVED, message, now)
        return effects + self._remove(agent) + self._tell_failure(agent.agent_id)

    def mark_gone(self, agent_id: AgentId, now: Now) -> list[Effect]:
        """An agent that is known in whichever way is gone, and all that ran on it."""
        cluster = self._cluster
        agent = cluster.agents.get(agent_id)
        known = cluster.recovered.pop(agent_id, None) or cluster.unreachable.pop(agent_id, None)
        info = agent.info if agent is not None else known.info if known is not None else None
        gone = GoneRecord(now.wall_ms, info.hostname if info is not None else "")
        others = (registry.COLLECTION, registry_drains.COLLECTION)
        effects: list[Effect] = [registry_gone.mark_gone(agent_id, gone, others)]
        cluster.gone[agent_id] = gone
        cluster.deactivations.pop(agent_id, None)
        cluster.count("agents_gone")
        if agent is None:
            return effects + self._bury(agent_id, now) + self._tell_failure(agent_id)
        message = f"An operator marked agent {agent_id} gone"
        refused = agent_messages.ShutdownAgent(message=message)
        effects += cluster.tell_agent(agent_id, refused)
        why = "Agent has been marked gone"
        state = TaskState.GONE_BY_OPERATOR
        effects += self._end_all(agent, state, AGENT_REMOVED_BY_OPERATOR, why, now)
        return (
            effects
            + self._remove(agent, OperationState.GONE_BY_OPERATOR, "marked gone")
            + self._tell_failure(agent_id)
        )

    def _bury(self, agent_id: AgentId, now: Now) -> list[Effect]:
        """Its tasks were unreachable, and now it is sure that they will not come back."""
        effects: list[Effect] = []
        for framework in self._cluster.frameworks.values():
            lost = [r for r in framework.unreachable.values() if r.agent_id == agent_id]
            for record in lost:
                del framework.unreachable[record.key[1]]
                record.state = framework.says(TaskState.GONE_BY_OPERATOR)
                self._cluster.remember(framework, record)
                status = master_status(
                    framework,
                    record.key[1],
                    TaskState.GONE_BY_OPERATOR,
                    AGENT_REMOVED_BY_OPERATOR,
                    "Agent has been marked gone",
                    now,
                    agent_id=agent_id,
                )
                record.statuses.append(status)
                record.changed()
                self._cluster.watchers.note(EventType.TASK_UPDATED, record, status)
                if framework.can("PARTITION_AWARE"):  # others were told LOST already
                    effects += self._cluster.update(framework, status)
        return effects

    def _forget(self, agent_id: AgentId) -> list[Effect]:
        effects: list[Effect] = [registry.remove(agent_id)]
        if self._cluster.deactivations.pop(agent_id, None) is not None:
            effects.append(registry_drains.reactivate(agent_id))
        return effects

    # --- parts -----------------------------------------------------------------------------

    def _end_all(
        self, agent: Agent, state: TaskState, reason: str, message: str, now: Now
    ) -> list[Effect]:
        effects: list[Effect] = []
        for record in list(agent.tasks.values()):
            effects += self._end(record, state, reason, message, now)
        return effects

    def _end(
        self, record: TaskRecord, state: TaskState, reason: str, message: str, now: Now
    ) -> list[Effect]:
        """The task is at its end by our word alone, and in the history."""
        effects: list[Effect] = []
        framework_id, task_id = record.key
        framework = self._cluster.frameworks.get(framework_id)
        if framework is not None and not record.state.is_terminal:
            status = master_status(
                framework, task_id, state, reason, message, now, agent_id=record.agent_id
            )
            self._cluster.note_state(record, status.state)
            count_state(self._cluster, status)
            record.statuses.append(status)
            self._cluster.watchers.note(EventType.TASK_UPDATED, record, status)
            effects += self._cluster.update(framework, status)
        self._cluster.remove_task(record)
        return effects

    def _remove(
        self, agent: Agent, state: OperationState = OperationState.UNKNOWN, word: str = "no more"
    ) -> list[Effect]:
        """Out of all books, once nothing is held there."""
        cluster = self._cluster
        effects = self._offers.forget(agent)
        effects += give_up(cluster, agent, state, f"The agent is {word}")
        for key in list(agent.executors):
            cluster.remove_executor(agent, key)
        if agent.stream_id is not None:
            del cluster.agent_of_stream[agent.stream_id]
            effects.append(CloseAgentStream(agent.stream_id))
        cluster.liveness.forget(agent.agent_id)
        cluster.allocator.remove_agent(agent.agent_id)
        del cluster.agents[agent.agent_id]
        cluster.watchers.note(EventType.AGENT_REMOVED, agent)
        return effects

    def _tell_failure(self, agent_id: AgentId) -> list[Effect]:
        return self._cluster.tell_failure(scheduler.Failure(agent_id=Id(agent_id)))
