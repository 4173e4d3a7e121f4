"""Says where a task is: its state and since when, its agent, what it waits for.

A task that no framework has launched is no task for the kernel: then its framework is to be asked.
"""

from typing import Any

from kernel.machine import Now
from kernel.master import phrases
from kernel.master.cluster import Cluster, Framework, TaskRecord
from kernel.master.operators import Outcome
from kernel.master.standing import drain_of
from kernel.model.ids import TaskId
from kernel.model.task import TaskState

Answer = dict[str, Any]

_STATES = {
    TaskState.STAGING: "was sent to {host}, which has not said yet that it starts; it is to have",
    TaskState.STARTING: "is starting on {host}, with",
    TaskState.RUNNING: "is running on {host}, with",
    TaskState.KILLING: "is being killed on {host}; it has",
}


def on_task(
    cluster: Cluster, task_id: TaskId, framework_id: str | None, now: Now
) -> Answer | Outcome:
    """The newest task of this id; of any framework when none is named."""
    found = _find(cluster, task_id, framework_id)
    if found is None:
        of = f" of framework '{framework_id}'" if framework_id is not None else ""
        message = (
            f"No task of id '{task_id}'{of} is known: it has never been launched, or was forgotten"
        )
        return Outcome(404, message)
    framework, record = found
    sentences = [_state(cluster, framework, record, now)]
    sentences += _last_word(record, now)
    sentences += _waits(cluster, framework, record, now)
    facts = {
        "task_id": task_id,
        "framework_id": framework.framework_id,
        "agent_id": record.agent_id,
        "role": record.role,
        "state": record.state.value,
        "kill_pending": record.kill is not None,
        "update_unacknowledged": record.pending is not None,
    }
    return {"sentences": sentences, "facts": facts}


def _find(
    cluster: Cluster, task_id: TaskId, framework_id: str | None
) -> tuple[Framework, TaskRecord] | None:
    everyone = [*cluster.frameworks.values(), *cluster.completed.values()]
    chosen = [f for f in everyone if framework_id in (None, f.framework_id)]
    for framework in chosen:
        record = framework.tasks.get(task_id) or framework.unreachable.get(task_id)
        if record is not None:
            return framework, record
    for framework in chosen:
        for record in reversed(framework.completed):
            if record.key[1] == task_id:
                return framework, record
    return None


def _host(cluster: Cluster, record: TaskRecord) -> str:
    agent = cluster.agents.get(record.agent_id)
    away = cluster.unreachable.get(record.agent_id) or cluster.recovered.get(record.agent_id)
    info = agent.info if agent is not None else away.info if away is not None else None
    return info.hostname if info is not None else str(record.agent_id)


def _state(cluster: Cluster, framework: Framework, record: TaskRecord, now: Now) -> str:
    task_id = record.key[1]
    name = f"Task '{task_id}' of framework '{framework.info.name}'"
    host = _host(cluster, record)
    if record.state.is_terminal:
        last = record.statuses[-1] if record.statuses else None
        why = f": {last.message.rstrip('.')}" if last is not None and last.message else ""
        return f"{name} has ended on {host} as {record.state.value.removeprefix('TASK_')}{why}."
    if record.unreachable_ms is not None:
        since = phrases.span(now.wall_ms - record.unreachable_ms)
        return f"{name} can't be reached: its agent {host} has been silent for {since}."
    words = _STATES.get(
        record.state, f"is {record.state.value.removeprefix('TASK_')} on {{host}}, with"
    )
    has = phrases.amounts(record.resources.quantities())
    return f"{name} {words.format(host=host)} {has}."


def _last_word(record: TaskRecord, now: Now) -> list[str]:
    last = record.statuses[-1] if record.statuses else None
    if last is None or last.timestamp is None:
        return []
    ago = phrases.span(max(0, now.wall_ms - round(last.timestamp * 1000)))
    said = last.state.value.removeprefix("TASK_")
    health = {True: ", healthy", False: ", not healthy", None: ""}[last.healthy]
    return [f"The last word of it, {said}{health}, came {ago} ago."]


def _waits(cluster: Cluster, framework: Framework, record: TaskRecord, now: Now) -> list[str]:
    sentences: list[str] = []
    agent = cluster.agents.get(record.agent_id)
    if record.kill is not None and not record.state.is_terminal:
        sentences.append("A kill waits for its agent to come back.")
    if record.pending is not None:
        sentences.append(
            "Its framework has not acknowledged that yet, so nothing newer is passed on."
            if framework.is_connected
            else "Its framework is not connected and has not acknowledged that."
        )
    if agent is not None and not record.state.is_terminal:
        if not agent.is_connected:
            sentences.append("The agent is not connected at the moment.")
        elif drain_of(cluster, agent) is not None:
            sentences.append("The agent is being drained.")
    return sentences
