"""Starts what the master sends, and ends what it wants ended, on whatever runs it: a command by
itself, a custom executor, or a group on the default executor.

Decides whether anything may start here at all and who is to run it; the rest is theirs.
Source: Mesos, src/slave/slave.cpp (Slave::run, __run, killTask, shutdownExecutor).
"""

from kernel.agent import draining
from kernel.agent.books import CONTAINER_LAUNCH_FAILED, Books
from kernel.agent.custom_executors import CustomExecutors
from kernel.agent.ending import Ending
from kernel.agent.executors import Executor
from kernel.agent.groups import Groups
from kernel.agent.operations import Operations
from kernel.agent.shown import status_of
from kernel.agent.talk import Effect, KillContainer, LaunchMisread, LaunchTask, StatusReported
from kernel.agent.tasks import TaskRecord, refusal
from kernel.agent.volumes import mount_problem
from kernel.machine import Now, Operation, Persist
from kernel.messages.agent import KillTask, RunGroup, RunTask, ShutdownExecutor
from kernel.messages.v1 import ExecutorInfo, FrameworkInfo, TaskInfo
from kernel.model.task import TaskState


class Launching:
    """Works on the agent's books and through those that run tasks."""

    def __init__(
        self,
        books: Books,
        custom: CustomExecutors,
        groups: Groups,
        ending: Ending,
        operations: Operations,
    ) -> None:
        self._books = books
        self._operations = operations
        self._custom = custom
        self._groups = groups
        self._ending = ending

    def on_run_task(self, event: RunTask, now: Now) -> list[Effect]:
        framework_id = event.framework.id.value if event.framework.id is not None else ""
        task_id, info = event.task.task_id, event.task.executor
        known = self._books.tasks.find(framework_id, task_id.value)
        if known is not None and not self._books.state_of(known).is_terminal:
            return []  # told twice
        if known is not None and info is None:
            text = "Cannot reuse an already existing executor for a command task"
            return self._books.dropped(framework_id, task_id, text, "REASON_TASK_INVALID", now)
        hindrance = self._hindrance()
        if hindrance is not None and info is None:
            return self._books.dropped(framework_id, task_id, *hindrance, now)
        if info is not None:
            return self._run_on(event.framework, info, [event.task], event, now)
        container, operations = self._books.mint()
        agent_id = self._books.agent_id
        record = TaskRecord(container, agent_id, framework_id, event.task, now.wall_ms)
        why = refusal(event.framework, event.task) or mount_problem(
            event.task.resources, self._operations.total
        )
        operations += self._books.tasks.add(record, event.framework)
        if why is None:
            launch = LaunchTask(record.container_id, event.framework, event.task)
            return [Persist(tuple(operations)), launch]
        failed = StatusReported(container, TaskState.FAILED, why, CONTAINER_LAUNCH_FAILED)
        status = status_of(record, failed, self._books.settings.ip, now.wall_ms)
        more, calls = self._books.add_update(record, status, now)
        return [Persist((*operations, *more)), *calls]

    def on_run_group(self, event: RunGroup, now: Now) -> list[Effect]:
        framework_id = event.framework.id.value if event.framework.id is not None else ""
        for task in event.tasks:
            known = self._books.tasks.find(framework_id, task.task_id.value)
            if known is not None and not self._books.state_of(known).is_terminal:
                return []  # told twice
        return self._run_on(event.framework, event.executor, event.tasks, event, now)

    def _run_on(
        self,
        framework: FrameworkInfo,
        info: ExecutorInfo,
        tasks: list[TaskInfo],
        event: RunTask | RunGroup,
        now: Now,
    ) -> list[Effect]:
        """On an executor that is here, or is started for them."""
        framework_id = framework.id.value if framework.id is not None else ""
        problem = self._books.launch_problem(
            framework_id, info, starts_executor=event.starts_executor
        )
        hindrance = self._hindrance()
        wanted = [*info.resources, *(each for task in tasks for each in task.resources)]
        problem = problem or mount_problem(wanted, self._operations.total)
        if hindrance is None and problem is not None:
            hindrance = problem, "REASON_EXECUTOR_TERMINATED"
        if hindrance is not None:
            text, reason = hindrance
            return self._books.refuse_launch(
                framework_id, info, tasks, text, now, reason=reason, state=TaskState.DROPPED
            )
        if info.type == "DEFAULT":
            return self._groups.run(framework, info, tasks, now)
        is_group = isinstance(event, RunGroup)
        return self._custom.run(framework, info, tasks, now, is_group=is_group)

    def on_misread(self, event: LaunchMisread, now: Now) -> list[Effect]:
        """Nothing of it starts here, and its master must not wait for it."""
        launch = event.launch
        text = f"The agent can't read what it is to launch: {event.problem}"
        calls: list[Effect] = []
        executor_id = launch.executor_id
        if executor_id is not None:
            is_here = self._books.executors.find(launch.framework_id, executor_id.value) is not None
            if not is_here:
                calls += self._books.executor_ended(launch.framework_id, executor_id, None)
        operations: list[Operation] = []
        for task_id in launch.task_ids:
            if self._books.is_known(launch.framework_id, task_id.value):
                continue  # told twice
            more, said = self._books.drop(
                launch.framework_id, task_id, text, "REASON_TASK_INVALID", now
            )
            operations += more
            calls += said
        return [Persist(tuple(operations)), *calls] if operations else calls

    def on_kill_task(self, event: KillTask, now: Now) -> list[Effect]:
        framework_id, task_id = event.framework_id.value, event.task_id.value
        record = self._books.tasks.find(framework_id, task_id)
        if record is None:
            if self._books.is_known(framework_id, task_id):
                return []
            if self._books.tasks.was_completed(framework_id, task_id):
                return []  # its last word was heard; nobody waits for another
            text, reason = "Unable to find executor", "REASON_EXECUTOR_TERMINATED"
            return self._books.dropped(framework_id, event.task_id, text, reason, now)
        if not record.has_process:
            return self._custom.kill(record, event.kill_policy, now)
        policy = event.kill_policy  # DIFFERS: Mesos's command executor ignores it
        grace = policy.grace_period if policy is not None else None
        grace_ms = None if grace is None else grace.nanoseconds // 1_000_000
        operations = [] if record.killing else self._books.tasks.mark_killing(record)
        kill = KillContainer(record.container_id, grace_ms)
        return [Persist(tuple(operations)), kill] if operations else [kill]

    def on_shutdown(self, event: ShutdownExecutor, now: Now) -> list[Effect]:
        framework_id, executor_id = event.framework_id.value, event.executor_id.value
        executor = self._books.executors.find(framework_id, executor_id)
        if executor is None:
            return []
        operations, effects = self.shut_down(executor, now)
        return [Persist(tuple(operations)), *effects] if operations else effects

    def shut_down(self, executor: Executor, now: Now) -> tuple[list[Operation], list[Effect]]:
        if executor.record.is_default:
            return self._groups.shutdown(executor)
        return self._custom.shutdown(executor, now)

    def _hindrance(self) -> tuple[str, str] | None:
        """Why nothing new may start here now, in words and as a reason, or None."""
        if self._ending.reason is not None:
            return f"The agent is ending: {self._ending.reason}", "REASON_AGENT_REMOVED"
        if self._books.draining.record is not None:
            return "The agent is draining", draining.REASON
        return None
