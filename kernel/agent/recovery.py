"""Rebuilds the agent from what was persisted, and says what became of its tasks meanwhile.

Within one boot every live task is handed to the executor, which asks the runner. After a reboot
no process lives: each live task has ended unseen. DIFFERS:
Mesos checkpoints only the frameworks that ask for it; here all are.
Source: Mesos, docs/agent-recovery.md.
"""

from collections.abc import Mapping

from kernel.agent import executors, registration, updates
from kernel.agent.executors import CompletedExecutor, Executor, ExecutorRecord
from kernel.agent.registration import Registration
from kernel.agent.talk import RecoverTask
from kernel.agent.tasks import (
    COMPLETED,
    FRAMEWORKS,
    TASKS,
    CompletedRecord,
    TaskRecord,
    Tasks,
)
from kernel.agent.updates import Forgotten, UpdateRecord, UpdateStreams
from kernel.messages.codec import decode
from kernel.messages.v1 import FrameworkInfo, Id, TaskStatus
from kernel.model.task import Source, TaskState

Records = Mapping[str, Mapping[str, bytes]]


def restore(records: Records) -> tuple[Registration, Tasks, UpdateStreams]:
    """Raises `Malformed` when a record can't be read: better no agent than one that forgets."""
    standing = records.get(registration.COLLECTION, {}).get(registration.KEY)
    tasks, streams = Tasks(), UpdateStreams()
    for framework_id, value in records.get(FRAMEWORKS, {}).items():
        tasks.frameworks[framework_id] = decode(FrameworkInfo, value)
    for container_id, value in records.get(TASKS, {}).items():
        tasks.live[container_id] = decode(TaskRecord, value)
    for container_id, value in records.get(COMPLETED, {}).items():
        tasks.completed[container_id] = decode(CompletedRecord, value)
    for _, value in records.get(updates.COLLECTION, {}).items():
        streams.restore(decode(UpdateRecord, value))
    for container_id, value in records.get(updates.FORGOTTEN, {}).items():
        streams.restore_forgotten(container_id, decode(Forgotten, value))
    for container_id, value in records.get(executors.EXECUTORS, {}).items():
        tasks.executors.live[container_id] = Executor(decode(ExecutorRecord, value))
    for container_id, value in records.get(executors.COMPLETED, {}).items():
        tasks.executors.completed[container_id] = decode(CompletedExecutor, value)
    return registration.restore(standing), tasks, streams


def unfinished(tasks: Tasks, streams: UpdateStreams) -> list[TaskRecord]:
    """The tasks whose end is not on record."""
    return [
        record
        for record in tasks.live.values()
        if not updates.state_of(streams.streams.get(record.container_id)).is_terminal
    ]


def recover(record: TaskRecord, tasks: Tasks, streams: UpdateStreams, wall_ms: int) -> RecoverTask:
    stream = streams.streams.get(record.container_id)
    latest = stream.latest if stream is not None else None
    return RecoverTask(
        record.container_id,
        tasks.frameworks[record.framework_id],
        record.task,
        updates.state_of(stream),
        latest.healthy if latest is not None else None,
        record.killing,
        max(0, wall_ms - record.launched_wall_ms),
        latest.check_status if latest is not None else None,
    )


def lost_in_reboot(record: TaskRecord, wall_ms: int) -> TaskStatus:
    return TaskStatus(
        task_id=record.task.task_id,
        state=TaskState.FAILED,
        message="The machine was restarted while the task ran; its exit status is unknown",
        source=Source.AGENT,
        reason="REASON_EXECUTOR_TERMINATED",
        agent_id=Id(record.agent_id),
        executor_id=Id(record.executor_id),
        timestamp=wall_ms / 1000,
    )
