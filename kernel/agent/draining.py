"""A drain as the agent sees it: what it kills, what it refuses, and that a restart forgets neither.

Whether the agent is empty and what then happens to it is the master's to say. Source: Mesos,
docs/draining.md, src/slave/slave.cpp (drain); mesos.md §1.3, §6 D9.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from kernel.agent.recovery import Records
from kernel.agent.registration import COLLECTION
from kernel.agent.tasks import TaskRecord
from kernel.machine import Delete, Operation, Put
from kernel.messages.agent import DrainAgent, KillTask
from kernel.messages.codec import decode, encode
from kernel.messages.v1 import DurationInfo, Id, KillPolicy, TaskStatus
from kernel.model.task import TaskState

KEY = "drain"
REASON = "REASON_AGENT_DRAINING"
GRACE_DEFAULT_MS = 3_000  # the executor's, where a task names none
_NS_PER_MS = 1_000_000


class DrainRecord(Struct, frozen=True):
    """What must survive: without it a restarted agent would start tasks that are to go."""

    max_grace_ms: int | None = None
    mark_gone: bool = False


class Draining:
    """`record` is there from DrainAgent to ReactivateAgent."""

    def __init__(self, records: Records) -> None:
        known = records.get(COLLECTION, {}).get(KEY)
        self.record = decode(DrainRecord, known) if known is not None else None

    def begin(self, event: DrainAgent) -> list[Operation]:
        """Told again at each SUBSCRIBE, perhaps with another grace."""
        record = DrainRecord(event.max_grace_ms, event.mark_gone)
        if record == self.record:
            return []
        self.record = record
        return [Put(COLLECTION, KEY, encode(record))]

    def end(self) -> list[Operation]:
        """Reactivated, or this agent's life under this id is over."""
        if self.record is None:
            return []
        self.record = None
        return [Delete(COLLECTION, KEY)]

    def kills(self, live: Iterable[TaskRecord]) -> list[KillTask]:
        """Each live task by its own kill policy, but no longer than the drain grants."""
        return [self._kill(record) for record in live] if self.record is not None else []

    def _kill(self, record: TaskRecord) -> KillTask:
        grace_ms = _own_grace_ms(record)
        if self.record is not None and self.record.max_grace_ms is not None:
            grace_ms = min(grace_ms, max(0, self.record.max_grace_ms))
        return KillTask(
            framework_id=Id(record.framework_id),
            task_id=record.task.task_id,
            kill_policy=KillPolicy(grace_period=DurationInfo(grace_ms * _NS_PER_MS)),
        )

    def reasoned(self, status: TaskStatus) -> TaskStatus:
        """A kill while the agent drains is told as the drain's."""
        if self.record is None or status.state not in (TaskState.KILLING, TaskState.KILLED):
            return status
        return replace(status, reason=REASON)


def _own_grace_ms(record: TaskRecord) -> int:
    policy = record.task.kill_policy
    grace = policy.grace_period if policy is not None else None
    return GRACE_DEFAULT_MS if grace is None else grace.nanoseconds // _NS_PER_MS
