"""Carries out ACCEPT: checks the offers as a whole and each operation by itself, in list order.

The offers named are used up, whatever comes of the operations. What is left over goes back: as if
it had been declined with the call's filter, but for what an operation made of it, which is offered
again at once. An operation that can't be done is answered as an error where there is a way to
answer, and changes nothing. What follows on an operation is `operations`'s.
Source: Mesos, Master::_accept; recordings of a real master.
"""

from collections.abc import Sequence

from kernel.machine import Now
from kernel.master.cluster import Cluster, Framework, master_status, used_on, words_of
from kernel.master.events import Effect
from kernel.master.groups import GROUP_INVALID, Groups
from kernel.master.launches import TASK_INVALID, Launches, Pool, refuse
from kernel.master.offers import Offers
from kernel.master.operations import Operations
from kernel.master.permissions import operation_refusal
from kernel.master.refusals import refuse_ms_of
from kernel.master.validate_operations import Asked, operation_problem
from kernel.messages import scheduler
from kernel.messages.conversions import SPECULATIVE, apply
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import Id, TaskInfo
from kernel.model.ids import OfferId
from kernel.model.resources import NOTHING, common
from kernel.model.task import TaskState

INVALID_OFFERS = "REASON_INVALID_OFFERS"


class Accept:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers, operations: Operations) -> None:
        self._cluster = cluster
        self._offers = offers
        self._operations = operations
        self._launches = Launches(cluster)
        self._groups = Groups(cluster)

    def on_accept(self, framework: Framework, call: scheduler.Accept, now: Now) -> list[Effect]:
        problem = self._offers_problem(framework, call.offer_ids)
        if problem is not None:
            return self._refuse_all(framework, call, problem, now)
        taken = [self._cluster.take_offer(OfferId(offer.value)) for offer in call.offer_ids]
        left = NOTHING
        for offer in taken:
            left = left + offer.resources  # what is shared stays one
        agent = self._cluster.agents[taken[0].agent_id]
        pool = Pool(framework, agent, taken[0].role, left)
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

    def _give_back_the_rest(self, pool: Pool, refuse_ms: int, now: Now) -> None:
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

    def _operate(self, pool: Pool, operation: Operation, now: Now) -> list[Effect]:
        if operation.type in ("LAUNCH", "LAUNCH_GROUP") and operation.id is not None:
            return self._refuse_id(pool, operation, now)
        if operation.type == "LAUNCH":
            tasks = operation.launch.task_infos if operation.launch is not None else []
            return self._launches.launch(pool, tasks, now)
        if operation.type == "LAUNCH_GROUP":
            return self._groups.launch(pool, operation.launch_group, now)
        return self._convert(pool, operation)

    def _refuse_id(self, pool: Pool, operation: Operation, now: Now) -> list[Effect]:
        """A launch is followed by its tasks' updates; an operation's status would say nothing."""
        problem = f"{operation.type} must not have an 'id': its tasks' status updates tell of it"
        reason = GROUP_INVALID if operation.type == "LAUNCH_GROUP" else TASK_INVALID
        effects = self._operations.refuse(pool.framework, operation, problem)
        for task in _tasks_of(operation):
            effects += refuse(self._cluster, pool.framework, task, problem, now, reason)
        return effects

    def _convert(self, pool: Pool, operation: Operation) -> list[Effect]:
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
        forbidden = operation_refusal(self._cluster.settings.acls, framework.info, operation)
        if forbidden is not None:
            return self._operations.refuse(framework, operation, forbidden)
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


def _tasks_of(operation: Operation) -> list[TaskInfo]:
    if operation.launch is not None:
        return operation.launch.task_infos
    if operation.launch_group is not None:
        return operation.launch_group.task_group.tasks
    return []
