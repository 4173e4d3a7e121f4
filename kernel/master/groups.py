"""Launches a task group: all of its tasks on one executor, or none.

One bad task, or a bad executor, makes the whole group bad: every task of it is TASK_ERROR with the
one reason. How a group lives is its agent's. Source: Mesos, Master::_accept (LAUNCH_GROUP),
src/master/validation.cpp (task::group); recordings, scheduler-launch-group*.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from kernel.machine import Now
from kernel.master.cluster import Cluster, ExecutorRecord
from kernel.master.events import Effect
from kernel.master.launches import (
    Pool,
    add_executor,
    allocated_executor,
    answer_duplicate,
    doubled_problem,
    executor_for,
    record,
    refuse,
)
from kernel.master.permissions import task_refusal
from kernel.master.validate import executor_problem, resources_of, task_problem
from kernel.master.validate_operations import task_resources_problem
from kernel.messages import agent as agent_messages
from kernel.messages.scheduler import LaunchGroup
from kernel.messages.v1 import ExecutorInfo, TaskInfo
from kernel.model.ids import TaskId
from kernel.model.resources import MILLI, Resources, total
from kernel.model.words import shown

GROUP_INVALID = "REASON_TASK_GROUP_INVALID"
GROUP_UNAUTHORIZED = "REASON_TASK_GROUP_UNAUTHORIZED"
EXECUTOR_CPUS_MIN_MILLI = 10  # Mesos: MIN_CPUS, 0.01
EXECUTOR_MEM_MIN_MILLI = 32_000  # Mesos: MIN_MEM, 32 MB


class Groups:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def launch(self, pool: Pool, launch: LaunchGroup | None, now: Now) -> list[Effect]:
        if launch is None:
            return []
        tasks = launch.task_group.tasks
        forbidden = self._forbidden(pool, launch.executor, tasks)
        if forbidden is not None:
            return self._refuse(pool, tasks, forbidden, now, GROUP_UNAUTHORIZED)
        problem = self._problem(pool, launch.executor, tasks)
        executor: ExecutorRecord | None = None
        if problem is None:
            executor, problem = executor_for(pool, launch.executor)
        bundles = [resources_of(task.resources)[0].named_as_in(pool.left) for task in tasks]
        own = [executor.resources] if executor is not None else []
        needed = total([*own, *bundles])
        problem = problem or doubled_problem([*own, *bundles], pool.role)
        if problem is None and not pool.left.contains(needed):
            problem = (
                f"Total resources {shown(needed, pool.role)} required by task group and its"
                f" executor are more than available {shown(pool.left, pool.role)}"
            )
        if problem is not None:
            return self._refuse(pool, tasks, problem, now)
        pool.left = pool.left - needed.exclusive()
        pool.launched += len(tasks)
        return self._start(pool, launch.executor, executor, tasks, bundles)

    def _forbidden(
        self, pool: Pool, executor: ExecutorInfo, tasks: Sequence[TaskInfo]
    ) -> str | None:
        settings, info = self._cluster.settings, pool.framework.info
        for task in tasks:
            as_run = replace(task, executor=executor)
            if problem := task_refusal(settings, info, as_run):
                return f"Task '{task.task_id.value}' is not authorized: {problem}"
        return None

    def _start(
        self,
        pool: Pool,
        wanted: ExecutorInfo,
        executor: ExecutorRecord | None,
        tasks: Sequence[TaskInfo],
        bundles: Sequence[Resources],
    ) -> list[Effect]:
        info = allocated_executor(wanted, pool)
        if executor is not None:
            add_executor(pool, executor)
        sent = [
            record(self._cluster, pool, replace(task, executor=info), bundle)
            for task, bundle in zip(tasks, bundles, strict=True)
        ]
        event = agent_messages.RunGroup(
            framework=pool.framework.info,
            executor=info,
            tasks=sent,
            starts_executor=executor is not None,
        )
        return self._cluster.tell_agent(pool.agent.agent_id, event)

    def _refuse(
        self,
        pool: Pool,
        tasks: Sequence[TaskInfo],
        problem: str,
        now: Now,
        reason: str = GROUP_INVALID,
    ) -> list[Effect]:
        effects: list[Effect] = []
        for task in tasks:
            task_id = TaskId(task.task_id.value)
            if task_id in pool.framework.tasks or task_id in pool.framework.unreachable:
                effects += answer_duplicate(self._cluster, pool.framework, task_id, now)
            else:
                effects += refuse(self._cluster, pool.framework, task, problem, now, reason)
        return effects

    def _problem(self, pool: Pool, executor: ExecutorInfo, tasks: Sequence[TaskInfo]) -> str | None:
        """What is wrong with a group, without regard to what is on offer."""
        if not tasks:
            return "Task group cannot be empty"
        seen: dict[str, None] = {}
        for task in tasks:
            problem = self._task_problem(pool, task)
            if task.task_id.value in seen:
                problem = f"Task has duplicate ID: {task.task_id.value}"
            if problem is not None:
                return f"Task '{task.task_id.value}' is invalid: {problem}"
            seen[task.task_id.value] = None
        return _executor_problem(executor, pool.framework.framework_id)

    def _task_problem(self, pool: Pool, task: TaskInfo) -> str | None:
        framework = pool.framework
        task_id = TaskId(task.task_id.value)
        if task.executor is not None:
            return "'TaskInfo.executor' must not be set"
        if task_id in framework.tasks or task_id in framework.unreachable:
            return f"Task has duplicate ID: {task_id}"
        container = task.container or {}
        if container.get("type") == "DOCKER" or "docker" in container:
            return "Docker ContainerInfo is not supported on the task"
        problem = resources_of(task.resources)[1] or task_problem(
            task, agent_id=pool.agent.agent_id, framework_id=framework.framework_id
        )
        if problem is None and resources_of(task.resources)[0].is_empty:
            return "Task uses no resources"
        return problem or task_resources_problem(task, pool.role)


def _executor_problem(executor: ExecutorInfo, framework_id: str) -> str | None:
    if executor.type not in ("DEFAULT", "CUSTOM"):
        return "'ExecutorInfo.type' must be set"
    if executor.framework_id is None:
        return "'ExecutorInfo.framework_id' must be set"
    if problem := executor_problem(executor, framework_id):
        return problem
    if executor.type == "DEFAULT" and executor.command is not None:
        return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"
    resources, problem = resources_of(executor.resources)
    if problem is not None:
        return problem
    amounts, name = resources.quantities(), executor.executor_id.value
    for what, word, least, unit in (
        ("cpus", "CPUs", EXECUTOR_CPUS_MIN_MILLI, ""),
        ("mem", "memory", EXECUTOR_MEM_MIN_MILLI, "MB"),
    ):
        amount = amounts.get(what)
        if amount is None or amount < least:
            said = "None" if amount is None else f"{amount / MILLI:g}{unit}"
            return (
                f"Executor '{name}' uses less {word} ({said}) than the minimum required"
                f" ({least / MILLI:g}{unit})"
            )
    if "disk" not in amounts:
        return f"Executor '{name}' uses no disk: give it some of its own for its sandbox"
    return None
