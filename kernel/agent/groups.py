"""The default executor: groups of tasks, each task in a container of its own, none of it alone.

It is an executor to everybody else and no process here: its tasks are started and followed like
commands. A group starts all or not at all; one that fails or is killed takes its group along; when
no task is left, the executor has ended. Source: Mesos, src/launcher/default_executor.cpp,
docs/nested-container-and-task-group.md; recordings, scheduler-launch-group*.
"""

from collections.abc import Sequence

from kernel.agent.books import Books
from kernel.agent.executors import Executor, ExecutorRecord, Stage
from kernel.agent.talk import Effect, KillContainer, LaunchTask
from kernel.agent.tasks import TaskRecord, refusal
from kernel.machine import Now, Operation, Persist
from kernel.messages.v1 import ExecutorInfo, FrameworkInfo, TaskInfo
from kernel.model.ids import id_problem
from kernel.model.task import TaskState

ENDED_WELL = 0  # what Mesos's default executor ends with, however its tasks ended


class Groups:
    """Works on the agent's books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def run(
        self, framework: FrameworkInfo, info: ExecutorInfo, tasks: Sequence[TaskInfo], now: Now
    ) -> list[Effect]:
        books = self._books
        framework_id = framework.id.value if framework.id is not None else ""
        why = _group_refusal(framework, info, tasks)
        if why is not None:
            return books.refuse_launch(framework_id, info, tasks, why, now)
        operations: list[Operation] = []
        executor = books.executors.find(framework_id, info.executor_id.value)
        if executor is None:
            executor, operations = self._add(framework_id, info, now)
        launches: list[Effect] = []
        group = ""
        for task in tasks:
            container_id, more = books.mint()
            group = group or container_id
            record = TaskRecord(
                container_id,
                books.agent_id,
                framework_id,
                task,
                now.wall_ms,
                executor=executor.record.container_id,
                group=group,
                is_nested=True,
            )
            operations += more + books.tasks.add(record, framework)
            launches.append(LaunchTask(container_id, framework, task))
        return [Persist(tuple(operations)), *launches]

    def _add(
        self, framework_id: str, info: ExecutorInfo, now: Now
    ) -> tuple[Executor, list[Operation]]:
        container_id, operations = self._books.mint()
        agent_id = self._books.agent_id
        record = ExecutorRecord(container_id, agent_id, framework_id, info, now.wall_ms)
        executor, more = self._books.executors.add(record)
        executor.stage = Stage.RUNNING
        return executor, operations + more

    def reported(
        self, record: TaskRecord, state: TaskState, now: Now
    ) -> tuple[list[Operation], list[Effect]]:
        """What follows from news of one task for its group and its executor."""
        if not state.is_terminal or record.executor is None:
            return [], []
        operations: list[Operation] = []
        effects: list[Effect] = []
        left = self._unfinished(record.executor)
        if state is not TaskState.FINISHED:
            for sibling in left:
                if sibling.group == record.group and not sibling.killing:
                    operations += self._books.tasks.mark_killing(sibling)
                    effects.append(KillContainer(sibling.container_id))
        executor = self._books.executors.live.get(record.executor)
        if not left and executor is not None:
            more, calls = self._end(executor, now)
            operations += more
            effects += calls
        return operations, effects

    def shutdown(
        self, executor: Executor, grace_ms_max: int | None = None
    ) -> tuple[list[Operation], list[Effect]]:
        """All its tasks are killed; with the last of them it has ended."""
        executor.stage = Stage.ENDING
        operations = self._books.executors.note(executor, ending=True)
        kills: list[Effect] = []
        for record in self._unfinished(executor.record.container_id):
            operations += self._books.tasks.mark_killing(record)
            kills.append(KillContainer(record.container_id, grace_ms_max))
        return operations, kills

    def recover(self, now: Now) -> list[Operation]:
        """After a restart of the agent; its tasks are recovered like any that have a process."""
        operations: list[Operation] = []
        for executor in list(self._books.executors.live.values()):
            if not executor.record.is_default:
                continue
            executor.stage = Stage.ENDING if executor.record.ending else Stage.RUNNING
            if not self._unfinished(executor.record.container_id):
                operations += self._end(executor, now)[0]
        return operations

    def _end(self, executor: Executor, now: Now) -> tuple[list[Operation], list[Effect]]:
        record = executor.record
        operations = self._books.executors.complete(executor, now.wall_ms)
        self._books.collection.plan(now)
        calls = self._books.executor_ended(record.framework_id, record.info.executor_id, ENDED_WELL)
        return operations, list(calls)

    def _unfinished(self, container_id: str) -> list[TaskRecord]:
        return [
            record
            for record in self._books.tasks.on_executor(container_id)
            if not self._books.state_of(record).is_terminal
        ]


def _group_refusal(
    framework: FrameworkInfo, info: ExecutorInfo, tasks: Sequence[TaskInfo]
) -> str | None:
    problem = id_problem(info.executor_id.value)
    if problem is not None:
        return f"The executor's id can't name a directory: {problem}"
    for task in tasks:
        why = refusal(framework, task)
        if why is not None:
            return f"Task '{task.task_id.value}' of the group can't run: {why}"
    return None
