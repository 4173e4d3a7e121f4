"""Answers what is true of tasks, from what the master knows and from what it cannot know.

Silence is an answer: while an agent that an earlier master admitted is still expected back, nobody
can say. All answers are the master's own: no uuid. Source: Mesos, docs/reconciliation.md;
recordings of a real master.
"""

from msgspec.structs import replace

from kernel.machine import Now
from kernel.master.cluster import Cluster, Framework, TaskRecord, master_status
from kernel.master.events import Effect
from kernel.messages import scheduler
from kernel.messages.v1 import Id, TaskStatus, TimeInfo
from kernel.model.ids import AgentId, TaskId
from kernel.model.task import TaskState

REASON = "REASON_RECONCILIATION"
NS_PER_MS = 1_000_000


def on_reconcile(
    cluster: Cluster, framework: Framework, call: scheduler.Reconcile, now: Now
) -> list[Effect]:
    """No task named: all of the framework's; else each that is named."""
    if not call.tasks:
        return implicit(cluster, framework, now)
    return [
        effect
        for task in call.tasks
        for effect in explicit(cluster, framework, task.task_id, task.agent_id, now)
    ]


def implicit(cluster: Cluster, framework: Framework, now: Now) -> list[Effect]:
    """Every task that lives, or whose end is not acknowledged."""
    effects: list[Effect] = []
    for record in framework.tasks.values():
        effects += cluster.update(framework, _latest(framework, record, now))
    return effects


def explicit(
    cluster: Cluster, framework: Framework, task_id: Id, agent_id: Id | None, now: Now
) -> list[Effect]:
    """One task; nothing while its agent may still come back from before a failover."""
    record = framework.tasks.get(TaskId(task_id.value))
    if record is not None:
        return cluster.update(framework, _latest(framework, record, now))
    lost = framework.unreachable.get(TaskId(task_id.value))
    where = agent_id.value if agent_id is not None else lost.task.agent_id.value if lost else None
    if where is None:
        if cluster.recovered:
            return []
        return cluster.update(framework, _unknown(framework, task_id, None, now))
    status = _by_agent(cluster, framework, task_id, AgentId(where), now)
    return cluster.update(framework, status) if status is not None else []


def _by_agent(
    cluster: Cluster, framework: Framework, task_id: Id, agent_id: AgentId, now: Now
) -> TaskStatus | None:
    if agent_id in cluster.recovered:
        return None
    if agent_id in cluster.agents:
        message = "Reconciliation: Task is unknown to the agent"
        return master_status(
            framework, task_id.value, TaskState.GONE, REASON, message, now, agent_id=agent_id
        )
    if agent_id in cluster.gone:
        message = "Reconciliation: Task is gone"
        state = TaskState.GONE_BY_OPERATOR
        return master_status(
            framework, task_id.value, state, REASON, message, now, agent_id=agent_id
        )
    if agent_id in cluster.unreachable:
        message = "Reconciliation: Task is unreachable"
        status = master_status(
            framework, task_id.value, TaskState.UNREACHABLE, REASON, message, now, agent_id=agent_id
        )
        since_ms = cluster.unreachable[agent_id].unreachable_ms or now.wall_ms
        return replace(status, unreachable_time=TimeInfo(since_ms * NS_PER_MS))
    return _unknown(framework, task_id, agent_id, now)


def _unknown(framework: Framework, task_id: Id, agent_id: AgentId | None, now: Now) -> TaskStatus:
    message = "Reconciliation: Task is unknown"
    return master_status(
        framework, task_id.value, TaskState.UNKNOWN, REASON, message, now, agent_id=agent_id
    )


def _latest(framework: Framework, record: TaskRecord, now: Now) -> TaskStatus:
    """The state last forwarded: a scheduler must not learn of an end before its update."""
    last = record.statuses[-1] if record.statuses else None
    status = master_status(
        framework,
        record.task.task_id.value,
        last.state if last is not None else record.state,
        REASON,
        "Reconciliation: Latest task state",
        now,
        agent_id=record.agent_id,
    )
    if last is None:
        return status
    return replace(
        status,
        healthy=last.healthy,
        check_status=last.check_status,
        container_status=last.container_status,
        executor_id=record.task.executor_id,
    )
