"""Carries out ACCEPT: checks the offers as a whole and each task by itself, and launches.

The offers named are used up, whatever comes of the operations; what is left over goes back as if
it had been declined with the call's filter. Only LAUNCH is carried out so far; every other
operation is answered as an error, never dropped in silence where there is a way to answer.
Source: Mesos, Master::_accept; recordings of a real master.
"""

from collections.abc import Iterator, Sequence

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
from kernel.master.events import Effect
from kernel.master.offers import Offers
from kernel.master.refusals import refuse_ms_of
from kernel.master.validate import resources_of, task_problem
from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.operations import OperationStatus
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import AllocationInfo, ExecutorInfo, Id, Resource, Task, TaskInfo
from kernel.model.ids import ExecutorId, OfferId, TaskId
from kernel.model.operation import OperationState
from kernel.model.resources import NOTHING, Resources
from kernel.model.task import TaskState
from kernel.model.words import shown

TASK_INVALID = "REASON_TASK_INVALID"
GROUP_INVALID = "REASON_TASK_GROUP_INVALID"
INVALID_OFFERS = "REASON_INVALID_OFFERS"


class _Pool:
    """What the accepted offers hold: one agent, one role, less with each launch."""

    def __init__(self, framework: Framework, agent: Agent, role: str, left: Resources) -> None:
        self.framework = framework
        self.agent = agent
        self.role = role
        self.left = left
        self.launched = 0


class Accept:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers) -> None:
        self._cluster = cluster
        self._offers = offers

    def on_accept(self, framework: Framework, call: scheduler.Accept, now: Now) -> list[Effect]:
        problem = self._offers_problem(framework, call.offer_ids)
        if problem is not None:
            return self._refuse_all(framework, call, problem, now)
        taken = [self._cluster.take_offer(OfferId(offer.value)) for offer in call.offer_ids]
        left = NOTHING
        for offer in taken:
            left = left + offer.resources
        agent = self._cluster.agents[taken[0].agent_id]
        pool = _Pool(framework, agent, taken[0].role, left)
        effects: list[Effect] = []
        for operation in call.operations:
            effects += self._operate(pool, operation, now)
        self._give_back_the_rest(pool, refuse_ms_of(call.filters), now)
        return effects

    # --- the offers ------------------------------------------------------------------------

    def _offers_problem(self, framework: Framework, offer_ids: Sequence[Id]) -> str | None:
        if not offer_ids:
            return "No offers specified"
        seen: dict[str, None] = {}
        for offer in offer_ids:
            if offer.value in seen:
                return f"Duplicate offer {offer.value} in offer list"
            seen[offer.value] = None
        first = None
        for offer_id in seen:
            record = self._cluster.offers.get(OfferId(offer_id))
            # An offer of another framework is as good as none; its owner keeps it.
            if record is None or record.framework_id != framework.framework_id:
                return f"Offer {offer_id} is no longer valid"
            first = first or record
            if record.agent_id != first.agent_id:
                return (
                    "Aggregated offers must belong to one single agent. Offer"
                    f" {offer_id} uses agent {record.agent_id} and agent {first.agent_id}"
                )
            if record.role != first.role:
                return (
                    "Aggregated offers must be allocated to the same role. Offer"
                    f" {offer_id} uses role '{record.role}' but another is using role"
                    f" '{first.role}'"
                )
        return None

    def _refuse_all(
        self, framework: Framework, call: scheduler.Accept, problem: str, now: Now
    ) -> list[Effect]:
        """Nothing is launched; the framework's own good offers go back.

        DIFFERS: Mesos also destroys good offers of other frameworks that the call names.
        """
        for offer in call.offer_ids:
            if OfferId(offer.value) in framework.offers:
                self._offers.give_back(OfferId(offer.value), refuse_ms=0, now=now)
        effects: list[Effect] = []
        for operation in call.operations:
            message = f"Task launched with invalid offers: {problem}"
            for task in _tasks_of(operation):
                status = master_status(
                    framework,
                    task.task_id.value,
                    TaskState.DROPPED,
                    INVALID_OFFERS,
                    message,
                    now,
                    agent_id=task.agent_id.value,
                )
                effects += self._cluster.update(framework, status)
            if operation.type not in ("LAUNCH", "LAUNCH_GROUP"):
                message = f"Operation attempted with invalid offers: {problem}"
                effects += self._operation_error(framework, operation, message)
        return effects

    def _give_back_the_rest(self, pool: _Pool, refuse_ms: int, now: Now) -> None:
        framework_id, agent_id = pool.framework.framework_id, pool.agent.agent_id
        allocator = self._cluster.allocator
        allocator.give_back(framework_id, pool.role, agent_id, pool.left)
        if refuse_ms == 0 and pool.launched:
            # DIFFERS: Mesos offers the rest at its next tick; who launches may go on at once.
            return
        allocator.refuse(
            framework_id,
            pool.role,
            agent_id,
            pool.left,
            refuse_ms=refuse_ms,
            now_ms=now.mono_ms,
        )

    # --- the operations --------------------------------------------------------------------

    def _operate(self, pool: _Pool, operation: Operation, now: Now) -> list[Effect]:
        if operation.type == "LAUNCH":
            tasks = operation.launch.task_infos if operation.launch is not None else []
            return self._launch(pool, tasks, now)
        message = f"Tepui does not carry out {operation.type} operations yet"
        effects: list[Effect] = []
        for task in _tasks_of(operation):
            effects += self._refuse(
                pool.framework, task, f"{message}: use LAUNCH", now, GROUP_INVALID
            )
        if operation.type != "LAUNCH_GROUP":
            effects += self._operation_error(pool.framework, operation, message)
        return effects

    def _operation_error(
        self, framework: Framework, operation: Operation, message: str
    ) -> list[Effect]:
        """Only an operation with an id can be answered; that is how the API is."""
        self._cluster.count("invalid_operations")
        if operation.id is None:
            return []
        status = OperationStatus(
            operation_id=operation.id, state=OperationState.ERROR, message=message
        )
        event = scheduler.Event(
            type=scheduler.EventType.UPDATE_OPERATION_STATUS,
            update_operation_status=scheduler.UpdateOperationStatus(status=status),
        )
        return self._cluster.tell(framework, event)

    def _launch(self, pool: _Pool, tasks: Sequence[TaskInfo], now: Now) -> list[Effect]:
        effects: list[Effect] = []
        malformed = next(_malformed(tasks), None)
        for task in tasks:
            if malformed is not None:  # Mesos lets one malformed resource fail the whole LAUNCH
                effects += self._refuse(pool.framework, task, malformed, now)
            else:
                effects += self._launch_one(pool, task, now)
        return effects

    def _launch_one(self, pool: _Pool, task: TaskInfo, now: Now) -> list[Effect]:
        framework, agent = pool.framework, pool.agent
        task_id = TaskId(task.task_id.value)
        if task_id in framework.tasks or task_id in framework.unreachable:
            return self._answer_duplicate(framework, task_id, now)
        problem = task_problem(task, agent_id=agent.agent_id, framework_id=framework.framework_id)
        if problem is not None:
            return self._refuse(framework, task, problem, now)
        resources, _ = resources_of(task.resources)
        if resources.is_empty:
            return self._refuse(framework, task, "Task uses no resources", now)
        executor, problem = self._executor(pool, task)
        if problem is not None:
            return self._refuse(framework, task, problem, now)
        needed = resources if executor is None else resources + executor.resources
        if not pool.left.contains(needed):
            problem = (
                f"Total resources {shown(needed, pool.role)} required by task and its executor is"
                f" more than available {shown(pool.left, pool.role)}"
            )
            return self._refuse(framework, task, problem, now)
        pool.left = pool.left - needed
        pool.launched += 1
        return self._start(pool, task, resources, executor)

    def _executor(self, pool: _Pool, task: TaskInfo) -> tuple[ExecutorRecord | None, str | None]:
        """The executor that is to be started with the task, if any; or what is wrong with it."""
        if task.executor is None:
            return None, None
        info = _allocated_executor(task.executor, pool)
        key = (pool.framework.framework_id, ExecutorId(info.executor_id.value))
        there = pool.agent.executors.get(key)
        if there is None:
            resources, problem = resources_of(info.resources)
            return ExecutorRecord(info, resources, pool.role), problem
        if there.info != info:
            return None, (
                "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID."
                f"\nExisting ExecutorInfo: {there.info}\nTask's ExecutorInfo: {info}"
            )
        return None, None

    def _start(
        self,
        pool: _Pool,
        task: TaskInfo,
        resources: Resources,
        executor: ExecutorRecord | None,
    ) -> list[Effect]:
        framework, agent = pool.framework, pool.agent
        info = replace(
            task,
            resources=_allocated(task.resources, pool.role),
            executor=_allocated_executor(task.executor, pool) if task.executor else None,
        )
        if executor is not None:
            key = (framework.framework_id, ExecutorId(executor.info.executor_id.value))
            agent.executors[key] = executor
        record = TaskRecord(
            task=task_of(info, framework.framework_id), resources=resources, role=pool.role
        )
        record.holds = True  # the offer held it, now the task does
        self._cluster.add_task(record)
        self._cluster.count("tasks_launched")
        event = agent_messages.RunTask(framework=framework.info, task=info)
        return self._cluster.tell_agent(agent.agent_id, event)

    # --- refusals --------------------------------------------------------------------------

    def _refuse(
        self,
        framework: Framework,
        task: TaskInfo,
        problem: str,
        now: Now,
        reason: str = TASK_INVALID,
    ) -> list[Effect]:
        self._cluster.count("tasks_error")
        status = master_status(
            framework,
            task.task_id.value,
            TaskState.ERROR,
            reason,
            problem,
            now,
            agent_id=task.agent_id.value,
        )
        return self._cluster.update(framework, status)

    def _answer_duplicate(self, framework: Framework, task_id: TaskId, now: Now) -> list[Effect]:
        """DIFFERS: Mesos says TASK_ERROR under the id of the task that runs, so that a scheduler
        believes it dead. We say how that task is, and why the second was not launched."""
        record = framework.tasks.get(task_id) or framework.unreachable[task_id]
        last = record.statuses[-1].state if record.statuses else record.state
        status = master_status(
            framework,
            task_id,
            last,
            TASK_INVALID,
            f"Task has duplicate ID: {task_id}; this is the state of the one that has it",
            now,
            agent_id=record.agent_id,
        )
        return self._cluster.update(framework, status)


def _tasks_of(operation: Operation) -> list[TaskInfo]:
    if operation.launch is not None:
        return operation.launch.task_infos
    if operation.launch_group is not None:
        return operation.launch_group.task_group.tasks
    return []


def _malformed(tasks: Sequence[TaskInfo]) -> Iterator[str]:
    for task in tasks:
        _, problem = resources_of(task.resources)
        if problem is not None:
            yield problem


def _allocated(resources: Sequence[Resource], role: str) -> list[Resource]:
    info = AllocationInfo(role=role)
    return [replace(resource, allocation_info=info) for resource in resources]


def _allocated_executor(executor: ExecutorInfo, pool: _Pool) -> ExecutorInfo:
    """As the master fills it in: its framework, and what its resources are allocated to."""
    return replace(
        executor,
        framework_id=Id(pool.framework.framework_id),
        resources=_allocated(executor.resources, pool.role),
    )


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
        user=info.command.user if info.command is not None else None,
        limits=info.limits,
    )
