"""Carries out ACCEPT: checks the offers as a whole and each operation by itself, in list order.

The offers named are used up, whatever comes of the operations. What is left over goes back: as if
it had been declined with the call's filter, but for what an operation made of it, which is offered
again at once. An operation that can't be done is answered as an error where there is a way to
answer, and changes nothing. What follows on an operation is `operations`'s.
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
    used_on,
    words_of,
)
from kernel.master.events import Effect
from kernel.master.offers import Offers
from kernel.master.operations import Operations
from kernel.master.refusals import refuse_ms_of
from kernel.master.validate import resources_of, task_problem
from kernel.master.validate_operations import Asked, operation_problem, task_resources_problem
from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.conversions import SPECULATIVE, apply
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import AllocationInfo, ExecutorInfo, Id, Resource, Task, TaskInfo
from kernel.model.ids import ExecutorId, OfferId, TaskId
from kernel.model.resources import NOTHING, Resources, common
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
        self.offered = left
        self.left = left
        self.launched = 0


class Accept:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers, operations: Operations) -> None:
        self._cluster = cluster
        self._offers = offers
        self._operations = operations

    def on_accept(self, framework: Framework, call: scheduler.Accept, now: Now) -> list[Effect]:
        problem = self._offers_problem(framework, call.offer_ids)
        if problem is not None:
            return self._refuse_all(framework, call, problem, now)
        taken = [self._cluster.take_offer(OfferId(offer.value)) for offer in call.offer_ids]
        left = NOTHING
        for offer in taken:
            left = left + offer.resources  # what is shared stays one
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
            if record is None:
                return f"Offer {offer_id} is no longer valid"
            if record.framework_id != framework.framework_id:  # its owner keeps it
                return (
                    f"Offer {offer_id} has invalid framework {record.framework_id} while framework"
                    f" {framework.framework_id} is expected"
                )
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
                effects += self._operations.refuse(framework, operation, message)
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
            common(pool.left, pool.offered),
            refuse_ms=refuse_ms,
            now_ms=now.mono_ms,
        )

    # --- the operations --------------------------------------------------------------------

    def _operate(self, pool: _Pool, operation: Operation, now: Now) -> list[Effect]:
        if operation.type in ("LAUNCH", "LAUNCH_GROUP") and operation.id is not None:
            return self._refuse_id(pool, operation, now)
        if operation.type == "LAUNCH":
            tasks = operation.launch.task_infos if operation.launch is not None else []
            return self._launch(pool, tasks, now)
        if operation.type != "LAUNCH_GROUP":
            return self._convert(pool, operation)
        message = f"Tepui does not carry out {operation.type} operations yet"
        effects: list[Effect] = []
        for task in _tasks_of(operation):
            effects += self._refuse(
                pool.framework, task, f"{message}: use LAUNCH", now, GROUP_INVALID
            )
        return effects

    def _refuse_id(self, pool: _Pool, operation: Operation, now: Now) -> list[Effect]:
        """A launch is followed by its tasks' updates; an operation's status would say nothing."""
        problem = f"{operation.type} must not have an 'id': its tasks' status updates tell of it"
        reason = GROUP_INVALID if operation.type == "LAUNCH_GROUP" else TASK_INVALID
        effects = self._operations.refuse(pool.framework, operation, problem)
        for task in _tasks_of(operation):
            effects += self._refuse(pool.framework, task, problem, now, reason)
        return effects

    def _convert(self, pool: _Pool, operation: Operation) -> list[Effect]:
        """An operation that makes other resources of some; what it makes is in the pool at once,
        but for resized volumes."""
        framework, agent = pool.framework, pool.agent
        asked = Asked(
            framework=framework.info,
            role=pool.role,
            there=self._cluster.allocator.books[agent.agent_id].total,
            in_use=used_on(agent),
            principal=framework.info.principal,
        )
        problem = operation_problem(operation, asked)
        if problem is not None:
            problem = f"{problem}; on agent {words_of(agent)}"
            return self._operations.refuse(framework, operation, problem)
        applied = apply(pool.left, operation, allocated_to=pool.role)
        if isinstance(applied, str):
            return self._operations.refuse(framework, operation, applied)
        if operation.type in SPECULATIVE:
            pool.left = applied.left
        else:
            pool.left = pool.left - applied.consumed
        return self._operations.begin(
            agent, operation, applied, framework=framework, role=pool.role
        )

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
        problem = task_problem(
            task, agent_id=agent.agent_id, framework_id=framework.framework_id
        ) or task_resources_problem(task, pool.role)
        if problem is not None:
            return self._refuse(framework, task, problem, now)
        resources = resources_of(task.resources)[0].named_as_in(pool.left)
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
        pool.left = pool.left - needed.exclusive()
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
            resources = resources.named_as_in(pool.left)
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
            agent.changed()
        record = TaskRecord(
            task=task_of(info, framework.framework_id), resources=resources, role=pool.role
        )
        self._cluster.note_held(record)  # the offer held it, now the task does
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
