"""The tasks on this agent: which may run, what is kept of them, when their sandboxes go.

A task is on record before its launch leaves the machine, so that it is never started twice nor
forgotten. Its states are in its update stream, not here. Source: Mesos, src/slave/slave.cpp.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kernel.agent.executors import Executors
from kernel.agent.sandbox import Place
from kernel.machine import Delete, Operation, Put
from kernel.messages.codec import encode
from kernel.messages.v1 import (
    CommandInfo,
    ExecutorInfo,
    FrameworkInfo,
    KillPolicy,
    TaskInfo,
    TaskStatus,
)
from kernel.model.ids import id_problem

TASKS, FRAMEWORKS, COMPLETED = "task", "framework", "completed"
COMPLETED_MAX = 1_000  # Mesos keeps 150 per framework, of 50 frameworks


class TaskRecord(Struct, frozen=True):
    """A task that was launched here and whose last word was not yet heard.

    `executor` is the container of the executor that has it, None for a command: that is its own.
    In a `group` (named by its first task's container) on a default executor a task has a container
    of its own; on a custom executor `container_id` only names the stream of its updates.
    """

    container_id: str
    agent_id: str
    framework_id: str
    task: TaskInfo
    launched_wall_ms: int
    killing: bool = False
    executor: str | None = None
    group: str | None = None
    is_nested: bool = False
    kill_policy: KillPolicy | None = None  # of the kill that was asked for

    @property
    def executor_id(self) -> str:
        info = self.task.executor
        return info.executor_id.value if info is not None else self.task.task_id.value

    @property
    def has_process(self) -> bool:
        """Whether the container is a process that the agent itself starts and ends."""
        return self.executor is None or self.is_nested

    @property
    def place(self) -> Place:
        container = self.executor or self.container_id
        nested = self.container_id if self.is_nested else ""
        return Place(self.agent_id, self.framework_id, self.executor_id, container, nested)


class CompletedRecord(Struct, frozen=True):
    """A task whose last word was heard; its sandbox is kept for a while."""

    record: TaskRecord
    statuses: list[TaskStatus]
    completed_wall_ms: int


class Tasks:
    """By container. `frameworks` holds the info of each framework that has a task here;
    `terminating` those that were torn down: their updates go nowhere."""

    def __init__(self) -> None:
        self.live: dict[str, TaskRecord] = {}
        self.completed: dict[str, CompletedRecord] = {}
        self.frameworks: dict[str, FrameworkInfo] = {}
        self.terminating: dict[str, None] = {}
        self.executors = Executors()

    def find(self, framework_id: str, task_id: str) -> TaskRecord | None:
        """The newest of that id: the end of an older one may not be heard yet."""
        for record in reversed(self.live.values()):
            if record.framework_id == framework_id and record.task.task_id.value == task_id:
                return record
        return None

    def was_completed(self, framework_id: str, task_id: str) -> bool:
        return any(
            each.record.framework_id == framework_id and each.record.task.task_id.value == task_id
            for each in self.completed.values()
        )

    def add(self, record: TaskRecord, framework: FrameworkInfo) -> list[Operation]:
        self.live[record.container_id] = record
        operations: list[Operation] = [Put(TASKS, record.container_id, encode(record))]
        return operations + self.know(framework)

    def know(self, framework: FrameworkInfo) -> list[Operation]:
        framework_id = framework.id.value if framework.id is not None else ""
        if self.frameworks.get(framework_id) == framework:
            return []
        self.frameworks[framework_id] = framework
        return [Put(FRAMEWORKS, framework_id, encode(framework))]

    def on_executor(self, container_id: str) -> list[TaskRecord]:
        """The tasks that an executor has, or will have."""
        return [record for record in self.live.values() if record.executor == container_id]

    def mark_killing(self, record: TaskRecord, policy: KillPolicy | None = None) -> list[Operation]:
        marked = replace(record, killing=True, kill_policy=policy or record.kill_policy)
        if marked == record:
            return []
        self.live[record.container_id] = marked
        return [Put(TASKS, record.container_id, encode(marked))]

    def complete(
        self, container_id: str, statuses: list[TaskStatus], wall_ms: int
    ) -> list[Operation]:
        record = self.live.pop(container_id, None)
        if record is None:
            return []
        done = self.completed[container_id] = CompletedRecord(record, statuses, wall_ms)
        return [
            Delete(TASKS, container_id),
            Put(COMPLETED, container_id, encode(done)),
            *self.forget_frameworks(),
        ]

    def expired(self, wall_ms: int, gc_delay_ms: int) -> list[CompletedRecord]:
        """Those whose sandbox is old, and the oldest beyond what is kept."""
        oldest_first = sorted(self.completed.values(), key=lambda done: done.completed_wall_ms)
        surplus = max(0, len(oldest_first) - COMPLETED_MAX)
        return [
            done
            for index, done in enumerate(oldest_first)
            if index < surplus or done.completed_wall_ms + gc_delay_ms <= wall_ms
        ]

    def forget(self, done: CompletedRecord) -> list[Operation]:
        del self.completed[done.record.container_id]
        return [Delete(COMPLETED, done.record.container_id), *self.forget_frameworks()]

    def forget_frameworks(self) -> list[Operation]:
        used = {record.framework_id: None for record in self.live.values()}
        used |= {done.record.framework_id: None for done in self.completed.values()}
        used |= {each.record.framework_id: None for each in self.executors.live.values()}
        used |= {done.record.framework_id: None for done in self.executors.completed.values()}
        operations: list[Operation] = []
        for framework_id in [each for each in self.frameworks if each not in used]:
            del self.frameworks[framework_id]
            self.terminating.pop(framework_id, None)
            operations.append(Delete(FRAMEWORKS, framework_id))
        return operations


def container_id(agent_id: str, number: int) -> str:
    """In the form of a UUID, as Mesos's are; unique because launches are counted."""
    text = blake2b(f"{agent_id}/{number}".encode(), digest_size=16).hexdigest()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def refusal(framework: FrameworkInfo, task: TaskInfo) -> str | None:
    """Why this agent can't run a task in a container of its own, as a sentence, or None."""
    problem = _id_refusal(framework, task)
    if problem is not None:
        return problem
    if task.command is None or (task.command.value is None and task.command.shell):
        return "The task has no command"
    if task.command.value is None and not task.command.arguments:
        # DIFFERS: Mesos starts it in vain.
        return "The task's command has neither a value nor arguments"
    return _unsupported(task.command, task.container or {})


def executor_refusal(
    framework: FrameworkInfo, executor: ExecutorInfo, tasks: Sequence[TaskInfo]
) -> str | None:
    """Why this agent can't run a custom executor with these tasks, as a sentence, or None."""
    for task in tasks:
        problem = _id_refusal(framework, task)
        if problem is not None:
            return problem
    problem = id_problem(executor.executor_id.value)
    if problem is not None:
        return f"The executor's id can't name a directory: {problem}"
    command = executor.command
    if command is None or (command.value is None and (command.shell or not command.arguments)):
        return "The executor has no command"
    return _unsupported(command, executor.container or {})


def _id_refusal(framework: FrameworkInfo, task: TaskInfo) -> str | None:
    framework_id = framework.id.value if framework.id is not None else ""
    for name, text in (("framework", framework_id), ("task", task.task_id.value)):
        problem = id_problem(text)
        if problem is not None:
            return f"The {name}'s id can't name a directory: {problem}"
    return None


def _unsupported(command: CommandInfo, container: dict[str, Any]) -> str | None:
    if container.get("type") == "DOCKER" or "docker" in container:
        return "Docker containers are not supported by this agent yet; run it without a container"
    if (container.get("mesos") or {}).get("image"):
        return "Container images are not supported by this agent yet; run it without an image"
    if container.get("volumes"):
        return "Volumes are not supported by this agent yet; use paths of the host in the command"
    environment = command.environment
    for variable in environment.variables if environment is not None else []:
        if variable.secret is not None or variable.type == "SECRET":
            return f"The variable {variable.name} is a secret; secrets are not supported yet"
        if "\0" in variable.name + (variable.value or "") or "=" in variable.name:
            return f"The variable {variable.name!r} holds a NUL or an equals sign in its name"
    for word in (command.value or "", *command.arguments):
        if "\0" in word:
            return "The command holds a NUL character"
    return None
