"""The executors on this agent that are more than one command: who they are, what waits for them.

An executor is on record before its process is started. What happens to it is decided by
`custom_executors` and `groups`; its tasks are in `tasks`. Source: Mesos, src/slave/slave.hpp
(Executor), src/slave/slave.cpp.
"""

from enum import Enum

from msgspec import Struct, field
from msgspec.structs import replace

from kernel.agent.sandbox import Place
from kernel.machine import Delete, Operation, Put
from kernel.messages.codec import encode
from kernel.messages.v1 import ExecutorInfo
from kernel.model.task import TaskState

EXECUTORS, COMPLETED = "executor", "completed_executor"
COMPLETED_MAX = 1_000  # Mesos keeps 150 per framework, of 50 frameworks


class ExecutorRecord(Struct, frozen=True):
    """What survives. `subscribed` says whether it ever came; without that no task was sent to it.
    `ending` that it was told to end, or is to be killed."""

    container_id: str
    agent_id: str
    framework_id: str
    info: ExecutorInfo
    launched_wall_ms: int
    subscribed: bool = False
    ending: bool = False

    @property
    def executor_id(self) -> str:
        return self.info.executor_id.value

    @property
    def is_default(self) -> bool:
        """Mesos's own pod executor: its tasks are ours to run, and it has no process here."""
        return self.info.type == "DEFAULT"

    @property
    def place(self) -> Place:
        return Place(self.agent_id, self.framework_id, self.executor_id, self.container_id)


class CompletedExecutor(Struct, frozen=True):
    """An executor that is gone; its sandbox is kept for a while."""

    record: ExecutorRecord
    completed_wall_ms: int


class Stage(Enum):
    AWAITED = "awaited"  # its process is being started, or it has not subscribed yet
    RETURNING = "returning"  # it was there before the agent's restart
    RUNNING = "running"
    ENDING = "ending"


class Fate(Struct, frozen=True):
    """What is said of the tasks that an executor's end takes along."""

    state: TaskState = TaskState.FAILED
    reason: str = "REASON_EXECUTOR_TERMINATED"
    message: str = "Executor terminated"


class Executor(Struct):
    """`due_ms` is until when it must have done what its stage wants of it; `waiting` are the tasks
    that it has not been sent yet, by container: those together are a group."""

    record: ExecutorRecord
    stage: Stage = Stage.AWAITED
    stream_id: str | None = None
    pid: int | None = None
    due_ms: int | None = None
    heartbeat_due_ms: int | None = None
    waiting: list[tuple[str, ...]] = field(default_factory=list)
    fate: Fate = Fate()

    def waits(self, container_id: str) -> bool:
        return any(container_id in each for each in self.waiting)

    def next_deadline_ms(self) -> int | None:
        due = (self.due_ms, self.heartbeat_due_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)


class Executors:
    """By container."""

    def __init__(self) -> None:
        self.live: dict[str, Executor] = {}
        self.completed: dict[str, CompletedExecutor] = {}

    def find(self, framework_id: str, executor_id: str) -> Executor | None:
        for executor in self.live.values():
            record = executor.record
            if (record.framework_id, record.executor_id) == (framework_id, executor_id):
                return executor
        return None

    def on_stream(self, stream_id: str) -> Executor | None:
        return next((each for each in self.live.values() if each.stream_id == stream_id), None)

    def of_framework(self, framework_id: str) -> list[Executor]:
        return [each for each in self.live.values() if each.record.framework_id == framework_id]

    def add(self, record: ExecutorRecord) -> tuple[Executor, list[Operation]]:
        executor = self.live[record.container_id] = Executor(record)
        return executor, [Put(EXECUTORS, record.container_id, encode(record))]

    def note(
        self, executor: Executor, *, subscribed: bool = False, ending: bool = False
    ) -> list[Operation]:
        """What is not so yet, is so from now on."""
        old = executor.record
        new = replace(old, subscribed=old.subscribed or subscribed, ending=old.ending or ending)
        if new == old:
            return []
        executor.record = new
        return [Put(EXECUTORS, new.container_id, encode(new))]

    def complete(self, executor: Executor, wall_ms: int) -> list[Operation]:
        record = executor.record
        del self.live[record.container_id]
        done = self.completed[record.container_id] = CompletedExecutor(record, wall_ms)
        return [
            Delete(EXECUTORS, record.container_id),
            Put(COMPLETED, record.container_id, encode(done)),
        ]

    def expired(self, wall_ms: int, gc_delay_ms: int) -> list[CompletedExecutor]:
        """Those whose sandbox is old, and the oldest beyond what is kept."""
        oldest_first = sorted(self.completed.values(), key=lambda done: done.completed_wall_ms)
        surplus = max(0, len(oldest_first) - COMPLETED_MAX)
        return [
            done
            for index, done in enumerate(oldest_first)
            if index < surplus or done.completed_wall_ms + gc_delay_ms <= wall_ms
        ]

    def forget(self, done: CompletedExecutor) -> list[Operation]:
        del self.completed[done.record.container_id]
        return [Delete(COMPLETED, done.record.container_id)]
