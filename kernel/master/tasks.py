"""Follows tasks: what their agents report, what their schedulers acknowledge, kill or ask.

An update travels agent -> framework and its acknowledgement back; the master adds nothing and
keeps the last unacknowledged one, to say it again when the scheduler comes back. Launching is
`accept`'s, answering about unknown tasks is `reconcile`'s. Source: Mesos, docs/reconciliation.md,
docs/high-availability-framework-guide.md.
"""

from msgspec.structs import replace

from kernel.machine import Now
from kernel.master.cluster import Agent, Cluster, Framework, PendingKill, TaskRecord
from kernel.master.counts import count_state
from kernel.master.events import Effect
from kernel.master.reconcile import explicit
from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.operator import EventType
from kernel.messages.v1 import Id, TaskStatus
from kernel.model.ids import AgentId, FrameworkId, TaskId


class Tasks:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    # --- from agents -----------------------------------------------------------------------

    def on_update(self, agent: Agent, update: agent_messages.Update, now: Now) -> list[Effect]:
        """An agent's news of a task."""
        cluster = self._cluster
        framework_id = FrameworkId(update.framework_id.value)
        framework = cluster.framework(framework_id)
        if framework is None:
            cluster.count("invalid_status_updates")
            return []
        task_id = TaskId(update.status.task_id.value)
        record = agent.tasks.get((framework_id, task_id))
        cluster.count("valid_status_updates")
        if record is not None:
            self._note(record, update)
        elif update.status.state.is_terminal:
            self._bury_unreachable(agent, framework, update)
        if framework_id in cluster.completed:
            return self._acknowledge_alone(agent, framework, update.status, record)
        return cluster.update(framework, self._in_its_words(framework, update.status))

    def _note(self, record: TaskRecord, update: agent_messages.Update) -> None:
        status = update.status
        is_told_again = bool(record.statuses) and record.statuses[-1].uuid == status.uuid
        if status.uuid is None or not is_told_again:
            self._cluster.watchers.note(EventType.TASK_UPDATED, record, status)
        latest = update.latest_state or status.state
        if not record.state.is_terminal:  # an end is final, whatever comes late
            self._cluster.note_state(record, latest)
            if status.state.is_terminal:
                count_state(self._cluster, status)
        record.changed()
        record.pending = status if status.uuid is not None else record.pending
        if record.statuses and record.statuses[-1].state == status.state:
            record.statuses[-1] = status
        else:
            record.statuses.append(status)

    def _bury_unreachable(
        self, agent: Agent, framework: Framework, update: agent_messages.Update
    ) -> None:
        """The agent came back without a task that was unreachable with it."""
        task_id = TaskId(update.status.task_id.value)
        lost = framework.unreachable.get(task_id)
        if lost is not None and lost.agent_id == agent.agent_id:
            del framework.unreachable[task_id]
            self._note(lost, update)
            self._cluster.remember(framework, lost)

    def _in_its_words(self, framework: Framework, status: TaskStatus) -> TaskStatus:
        said = framework.says(status.state)
        return status if said is status.state else replace(status, state=said)

    def _acknowledge_alone(
        self, agent: Agent, framework: Framework, status: TaskStatus, record: TaskRecord | None
    ) -> list[Effect]:
        """The framework is gone for good: nobody else will acknowledge."""
        if record is not None and record.state.is_terminal:
            self._cluster.remove_task(record)
        if status.uuid is None:
            return []
        event = agent_messages.AcknowledgeUpdate(
            framework_id=Id(framework.framework_id), task_id=status.task_id, uuid=status.uuid
        )
        return self._cluster.tell_agent(agent.agent_id, event)

    def on_executor_ended(self, agent: Agent, ended: agent_messages.ExecutorEnded) -> list[Effect]:
        framework = self._cluster.framework(FrameworkId(ended.framework_id.value))
        for key in list(agent.executors):
            if (key[0], key[1]) == (ended.framework_id.value, ended.executor_id.value):
                self._cluster.remove_executor(agent, key)
        if framework is None:
            return []
        failure = scheduler.Failure(
            agent_id=Id(agent.agent_id), executor_id=ended.executor_id, status=ended.status or 0
        )
        event = scheduler.Event(type=scheduler.EventType.FAILURE, failure=failure)
        return self._cluster.tell(framework, event)

    def on_executor_message(
        self, agent: Agent, message: agent_messages.ExecutorMessage
    ) -> list[Effect]:
        framework = self._cluster.frameworks.get(FrameworkId(message.framework_id.value))
        if framework is None:
            return []
        said = scheduler.Message(
            agent_id=Id(agent.agent_id), executor_id=message.executor_id, data=message.data
        )
        event = scheduler.Event(type=scheduler.EventType.MESSAGE, message=said)
        return self._cluster.tell(framework, event)

    # --- from schedulers -------------------------------------------------------------------

    def say_again(self, framework: Framework) -> list[Effect]:
        """What the scheduler has not acknowledged, when it is back."""
        effects: list[Effect] = []
        for record in framework.tasks.values():
            if record.pending is not None:
                status = self._in_its_words(framework, record.pending)
                effects += self._cluster.update(framework, status)
        return effects

    def on_acknowledge(
        self, framework: Framework, acknowledge: scheduler.Acknowledge
    ) -> list[Effect]:
        """Passed on whether the task is known or not: the agent knows what it waits for."""
        task_id = TaskId(acknowledge.task_id.value)
        agent_id = AgentId(acknowledge.agent_id.value)
        record = framework.tasks.get(task_id)
        pending = record.pending if record is not None else None
        event = agent_messages.AcknowledgeUpdate(
            framework_id=Id(framework.framework_id),
            task_id=acknowledge.task_id,
            uuid=acknowledge.uuid,
        )
        effects = self._cluster.tell_agent(agent_id, event)
        if not effects:
            return []  # the agent is away; it will send the update again, and so will we
        if record is not None and pending is not None and pending.uuid == acknowledge.uuid:
            record.pending = None
            if pending.state.is_terminal:
                self._cluster.remove_task(record)
        return effects

    def on_kill(self, framework: Framework, kill: scheduler.Kill, now: Now) -> list[Effect]:
        """To the agent at once, or when it is back; an unknown task is answered as it is."""
        task_id = TaskId(kill.task_id.value)
        lost = framework.unreachable.get(task_id)
        if lost is not None:
            # DIFFERS: Mesos forgets a kill of an unreachable task; we kill it when it returns.
            lost.kill = PendingKill(kill.kill_policy)
        record = framework.tasks.get(task_id)
        if record is None:
            return explicit(self._cluster, framework, kill.task_id, kill.agent_id, now)
        if kill.agent_id is not None and kill.agent_id.value != record.agent_id:
            return []
        record.kill = PendingKill(kill.kill_policy)
        return self.pass_kill(record)

    def pass_kill(self, record: TaskRecord) -> list[Effect]:
        """Send a kill that waits, if its agent is there."""
        if record.kill is None or record.state.is_terminal:
            return []
        framework_id, task_id = record.key
        event = agent_messages.KillTask(
            framework_id=Id(framework_id),
            task_id=Id(task_id),
            kill_policy=record.kill.policy,
        )
        return self._cluster.tell_agent(record.agent_id, event)

    def on_shutdown(self, framework: Framework, shutdown: scheduler.Shutdown) -> list[Effect]:
        event = agent_messages.ShutdownExecutor(
            framework_id=Id(framework.framework_id), executor_id=shutdown.executor_id
        )
        return self._cluster.tell_agent(AgentId(shutdown.agent_id.value), event)

    def on_message(self, framework: Framework, message: scheduler.Message) -> list[Effect]:
        event = agent_messages.MessageExecutor(
            framework_id=Id(framework.framework_id),
            executor_id=message.executor_id,
            data=message.data,
        )
        return self._cluster.tell_agent(AgentId(message.agent_id.value), event)
