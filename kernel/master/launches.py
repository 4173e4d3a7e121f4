"""Launches the tasks of a LAUNCH, each by itself: checks it, takes what it uses from the pool of
the accepted offers, writes it into the books and sends it to the agent.

What a launch needs besides is here, too, for `groups`. What an offer is, and what other operations
do with it, is `accept`'s. Source: Mesos, Master::_accept (LAUNCH), src/master/validation.cpp.
"""

from collections.abc import Iterator, Sequence
from sys import float_info

from msgspec.structs import replace

from kernel.machine import Now
from kernel.master.cluster import (
    Agent,
    Cluster,
    ExecutorRecord,
    Framework,
    TaskRecord,
    master_status,
)
from kernel.master.counts import count_state
from kernel.master.events import Effect
from kernel.master.permissions import task_refusal
from kernel.master.validate import resources_of, task_problem
from kernel.master.validate_operations import task_resources_problem
from kernel.messages import agent as agent_messages
from kernel.messages.codec import encode
from kernel.messages.v1 import (
    AllocationInfo,
    ExecutorInfo,
    Id,
    Resource,
    ScalarValue,
    Task,
    TaskInfo,
)
from kernel.model.ids import ExecutorId, TaskId
from kernel.model.resources import Resources, doubled
from kernel.model.task import TaskState
from kernel.model.words import shown

TASK_INVALID = "REASON_TASK_INVALID"
TASK_UNAUTHORIZED = "REASON_TASK_UNAUTHORIZED"


class Pool:
    """What the accepted offers hold: one agent, one role, less with each launch."""

    def __init__(self, framework: Framework, agent: Agent, role: str, left: Resources) -> None:
        self.framework = framework
        self.agent = agent
        self.role = role
        self.offered = left
        self.left = left
        self.launched = 0


class Launches:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def launch(self, pool: Pool, tasks: Sequence[TaskInfo], now: Now) -> list[Effect]:
        effects: list[Effect] = []
        malformed = next(_malformed(tasks), None)
        for task in tasks:
            if malformed is not None:  # Mesos lets one malformed resource fail the whole LAUNCH
                effects += refuse(self._cluster, pool.framework, task, malformed, now)
            else:
                effects += self._launch_one(pool, task, now)
        return effects

    def _launch_one(self, pool: Pool, task: TaskInfo, now: Now) -> list[Effect]:
        framework, agent = pool.framework, pool.agent
        task_id = TaskId(task.task_id.value)
        if task_id in framework.tasks or task_id in framework.unreachable:
            return answer_duplicate(self._cluster, framework, task_id, now)
        forbidden = task_refusal(self._cluster.settings, framework.info, task)
        if forbidden is not None:
            return refuse(self._cluster, framework, task, forbidden, now, TASK_UNAUTHORIZED)
        problem = task_problem(
            task, agent_id=agent.agent_id, framework_id=framework.framework_id
        ) or task_resources_problem(task, pool.role)
        if problem is not None:
            return refuse(self._cluster, framework, task, problem, now)
        resources = resources_of(task.resources)[0].named_as_in(pool.left)
        if resources.is_empty:
            return refuse(self._cluster, framework, task, "Task uses no resources", now)
        executor, problem = None, None
        if task.executor is not None:
            executor, problem = executor_for(pool, task.executor)
            if task.executor.type == "DEFAULT":
                problem = "A 'DEFAULT' executor runs only groups: use LAUNCH_GROUP"
        if problem is not None:
            return refuse(self._cluster, framework, task, problem, now)
        needed, problem = resources, None
        if executor is not None:
            needed = resources + executor.resources
            problem = doubled_problem([resources, executor.resources], pool.role)
        if problem is None and not pool.left.contains(needed):
            problem = (
                f"Total resources {shown(needed, pool.role)} required by task and its executor is"
                f" more than available {shown(pool.left, pool.role)}"
            )
        if problem is not None:
            return refuse(self._cluster, framework, task, problem, now)
        pool.left = pool.left - needed.exclusive()
        pool.launched += 1
        return self._start(pool, task, resources, executor)

    def _start(
        self,
        pool: Pool,
        task: TaskInfo,
        resources: Resources,
        executor: ExecutorRecord | None,
    ) -> list[Effect]:
        framework, agent = pool.framework, pool.agent
        info = replace(
            task, executor=allocated_executor(task.executor, pool) if task.executor else None
        )
        if executor is not None:
            add_executor(pool, executor)
        info = record(self._cluster, pool, info, resources)
        event = agent_messages.RunTask(
            framework=framework.info, task=info, starts_executor=executor is not None
        )
        return self._cluster.tell_agent(agent.agent_id, event)


# --- what groups need, too -----------------------------------------------------------------


def executor_for(pool: Pool, wanted: ExecutorInfo) -> tuple[ExecutorRecord | None, str | None]:
    """The executor that is to be started, None if it runs already; or what is wrong with it."""
    info = allocated_executor(wanted, pool)
    key = (pool.framework.framework_id, ExecutorId(info.executor_id.value))
    there = pool.agent.executors.get(key)
    if there is None:
        resources, problem = resources_of(info.resources)
        resources = resources.named_as_in(pool.left)
        return ExecutorRecord(info, resources, pool.role), problem
    if there.info != info:
        line = "-" * 60
        return None, (
            "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID."
            f"\n{line}\nExisting ExecutorInfo:\n{encode(there.info).decode()}"
            f"\n{line}\nExecutorInfo:\n{encode(info).decode()}\n{line}\n"
        )
    return None, None


def doubled_problem(bundles: Sequence[Resources], role: str) -> str | None:
    """DIFFERS: Mesos counts a port that two of them name once, and lets both have it."""
    twice = doubled(bundles)
    if twice.is_empty:
        return None
    return f"More than one task or executor of this launch names {shown(twice, role)}: give it one"


def add_executor(pool: Pool, executor: ExecutorRecord) -> None:
    """It is on the agent from now on; its resources were in the pool."""
    key = (pool.framework.framework_id, ExecutorId(executor.info.executor_id.value))
    pool.agent.executors[key] = executor
    pool.agent.changed()


def record(cluster: Cluster, pool: Pool, task: TaskInfo, resources: Resources) -> TaskInfo:
    """Write a task into the books; returns it as its agent gets it."""
    resized = allocated(task.resources, pool.role)
    info = replace(task, resources=resized, limits=_limits_of(task))
    held = TaskRecord(
        task=task_of(info, pool.framework.framework_id), resources=resources, role=pool.role
    )
    cluster.note_held(held)  # the offer held it, now the task does
    cluster.add_task(held)
    cluster.count("tasks_launched")
    return info


def _limits_of(task: TaskInfo) -> dict[str, ScalarValue] | None:
    """No limit is written "Infinity", which JSON has no number for: the largest there is."""
    if task.limits is None:
        return None
    return {name: ScalarValue(min(one.value, float_info.max)) for name, one in task.limits.items()}


def refuse(
    cluster: Cluster,
    framework: Framework,
    task: TaskInfo,
    problem: str,
    now: Now,
    reason: str = TASK_INVALID,
) -> list[Effect]:
    """TASK_ERROR."""
    cluster.count("tasks_error")
    status = master_status(
        framework,
        task.task_id.value,
        TaskState.ERROR,
        reason,
        problem,
        now,
        agent_id=task.agent_id.value,
    )
    count_state(cluster, status)
    return cluster.update(framework, status)


def answer_duplicate(
    cluster: Cluster, framework: Framework, task_id: TaskId, now: Now
) -> list[Effect]:
    """DIFFERS: Mesos says TASK_ERROR under the id of the task that runs, so that a scheduler
    believes it dead. We say how that task is, and why the second was not launched."""
    known = framework.tasks.get(task_id) or framework.unreachable[task_id]
    last = known.statuses[-1].state if known.statuses else known.state
    status = master_status(
        framework,
        task_id,
        last,
        TASK_INVALID,
        f"Task has duplicate ID: {task_id}; this is the state of the one that has it",
        now,
        agent_id=known.agent_id,
    )
    return cluster.update(framework, status)


def _malformed(tasks: Sequence[TaskInfo]) -> Iterator[str]:
    for task in tasks:
        _, problem = resources_of(task.resources)
        if problem is not None:
            yield problem


def allocated(resources: Sequence[Resource], role: str) -> list[Resource]:
    info = AllocationInfo(role=role)
    return [replace(resource, allocation_info=info) for resource in resources]


def allocated_executor(executor: ExecutorInfo, pool: Pool) -> ExecutorInfo:
    """As the master fills it in: its framework, and what its resources are allocated to."""
    return replace(
        executor,
        framework_id=Id(pool.framework.framework_id),
        resources=allocated(executor.resources, pool.role),
    )


def _user_of(info: TaskInfo) -> str | None:
    """Whom it names, itself or for its executor; else it is its framework's."""
    executor = info.executor.command if info.executor is not None else None
    return next((c.user for c in (info.command, executor) if c is not None and c.user), None)


def task_of(info: TaskInfo, framework_id: str) -> Task:
    """What is remembered of a TaskInfo."""
    return Task(
        name=info.name,
        task_id=info.task_id,
        framework_id=Id(framework_id),
        agent_id=info.agent_id,
        state=TaskState.STAGING,
        executor_id=info.executor.executor_id if info.executor is not None else None,
        resources=info.resources,
        labels=info.labels,
        discovery=info.discovery,
        container=info.container,
        health_check=info.health_check,
        kill_policy=info.kill_policy,
        user=_user_of(info),
        limits=info.limits,
    )
