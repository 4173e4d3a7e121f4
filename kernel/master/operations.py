"""Follows operations on agents' resources, from their start to the last acknowledgement.

RESERVE, UNRESERVE, CREATE and DESTROY count at once, in the belief that the agent will do as it is
told: a task of the same ACCEPT may use what they made. GROW_VOLUME and SHRINK_VOLUME keep what they
consume until the agent has answered. What the agent fails or drops is taken back: what it must have
is always what it had, plus what it confirmed or was sent since, in order. Who may do what is
`validate_operations`'s, what becomes of resources `conversions`'s. Source: Mesos, master.cpp
(Master::apply, updateOperation); recordings of a real master.
"""

from msgspec.structs import replace

from kernel.allocator.books import missing
from kernel.machine import Now
from kernel.master.cluster import (
    NOBODY,
    Agent,
    Cluster,
    Framework,
    OperationRecord,
    forget_operations,
    release_operation,
    set_total,
)
from kernel.master.events import Effect
from kernel.master.offers import Offers
from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.conversions import SPECULATIVE, Applied, apply
from kernel.messages.operations import OperationStatus
from kernel.messages.quantities import Form, to_wire
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import Id
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.operation import OperationState
from kernel.model.resources import NOTHING, Resources


class Operations:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers, began: Now) -> None:
        self._cluster = cluster
        self._offers = offers
        self._frameworks_back_ms = began.mono_ms + cluster.settings.agent_reregister_timeout_ms

    # --- beginning -------------------------------------------------------------------------

    def begin(
        self,
        agent: Agent,
        operation: Operation,
        applied: Applied,
        *,
        framework: Framework | None,
        role: str,
    ) -> list[Effect]:
        """Send it to the agent. With a framework, what it consumes is held by that one under the
        role; else it is free."""
        framework_id = framework.framework_id if framework is not None else None
        record = OperationRecord(
            operation_uuid=self._cluster.mint("P"),
            operation=operation,
            framework_id=framework_id,
            agent_id=agent.agent_id,
            role=role,
            converted=applied.converted,
            status=OperationStatus(
                state=OperationState.PENDING, operation_id=operation.id, agent_id=Id(agent.agent_id)
            ),
        )
        agent.operations[record.operation_uuid] = record
        self._cluster.count("operations")
        self._count(operation, "total")
        effects = self._rescind_shared(agent, applied.consumed.shared())
        allocator = self._cluster.allocator
        if operation.type in SPECULATIVE:
            holder = (framework_id, role) if framework_id is not None else None
            allocator.convert(agent.agent_id, applied.consumed, applied.converted, holder)
            agent.changed()
            if agent.wanted is not None:
                agent.wanted = expected_total(agent)
        else:
            record.held = applied.consumed
            if framework_id is None:
                allocator.hold(NOBODY, role, agent.agent_id, applied.consumed)
        return effects + self._cluster.tell_agent(agent.agent_id, _order(record))

    def _rescind_shared(self, agent: Agent, gone: Resources) -> list[Effect]:
        """Who was offered a shared volume that is to be destroyed can't have it any more."""
        kinds = gone.kinds()
        if not kinds:
            return []
        stale = [
            offer_id
            for offer_id in agent.offers
            if any(kind in kinds for kind in self._cluster.offers[offer_id].resources.kinds())
        ]
        return self._offers.rescind(stale)

    # --- the agent's answer ----------------------------------------------------------------

    def on_update(
        self, agent: Agent, update: agent_messages.UpdateOperation, now: Now
    ) -> list[Effect]:
        """News of an operation, perhaps again."""
        record = agent.operations.get(update.operation_uuid)
        if record is None:  # acknowledged before
            return self._acknowledge(agent.agent_id, update.operation_uuid)
        effects: list[Effect] = []
        if not record.state.is_terminal:
            record.status = _status(record, update.status)
            state = record.state.value[10:].lower()
            self._count(record.operation, state)
            release_operation(self._cluster, record)
            effects += self._put_right(agent)
        return effects + self._pass_on(agent, record, now)

    def _count(self, operation: Operation, what: str) -> None:
        self._cluster.count(f"operations/{(operation.type or 'unknown').lower()}/{what}")

    def _pass_on(self, agent: Agent, record: OperationRecord, now: Now) -> list[Effect]:
        """To its framework, if that one asked to be told; else there is nobody to wait for."""
        framework = self._cluster.frameworks.get(record.framework_id or NOBODY)
        is_over = framework is None and self._is_over(record.framework_id, now)
        if record.operation.id is None or is_over:
            del agent.operations[record.operation_uuid]
            return self._acknowledge(agent.agent_id, record.operation_uuid)
        return self.tell(framework, record.status) if framework is not None else []

    def _is_over(self, framework_id: FrameworkId | None, now: Now) -> bool:
        """Whether a framework that is not here will acknowledge nothing any more.

        One that this master never saw may be about to come back from an earlier master, and has as
        long for it as agents have. After that an unknown one never was, or is so long over that it
        is forgotten: the master acknowledges in its stead, so that the agent forgets, too. No
        deadline is needed, as agents repeat a status until it is acknowledged. Source: Mesos,
        master.cpp (orphan operations).
        """
        if framework_id is None or framework_id in self._cluster.completed:
            return True
        return now.mono_ms >= self._frameworks_back_ms

    def _acknowledge(self, agent_id: AgentId, operation_uuid: str) -> list[Effect]:
        event = agent_messages.AcknowledgeOperation(operation_uuid=operation_uuid)
        return self._cluster.tell_agent(agent_id, event)

    def _put_right(self, agent: Agent) -> list[Effect]:
        """Make the books say what the agent must have by now."""
        _confirm(agent)
        wanted = expected_total(agent) + agent.lent
        books = self._cluster.allocator.books[agent.agent_id]
        there = books.total
        if wanted == there:
            return []
        held = there.exclusive() - books.free.exclusive()
        gone = missing(held, wanted) + there.shared().where(lambda kind: kind not in wanted.kinds())
        stale = [
            offer_id
            for offer_id in agent.offers
            if any(
                kind in gone.kinds() for kind in self._cluster.offers[offer_id].resources.kinds()
            )
        ]
        effects = self._offers.rescind(stale)
        set_total(self._cluster, agent, wanted)
        return effects

    # --- coming and going ------------------------------------------------------------------

    def learn(self, agent: Agent, subscribe: agent_messages.Subscribe, total: Resources) -> None:
        """The agent subscribed with this total, which has the effect of all that it knows of."""
        for record in agent.operations.values():
            release_operation(self._cluster, record)
            record.is_settled = True  # done, or never to be: `unheard` asks
        for update in subscribe.operations:
            known = agent.operations.get(update.operation_uuid)
            if known is None:
                known = _recovered(agent.agent_id, update)
                agent.operations[update.operation_uuid] = known
            known.status = _status(known, update.status)
        agent.base = total

    def unheard(self, agent: Agent) -> list[agent_messages.ApplyOperation]:
        """Those that we sent and never heard of: the agent says what became of them."""
        return [_order(r) for r in agent.operations.values() if not r.state.is_terminal]

    # --- schedulers ------------------------------------------------------------------------

    def on_acknowledge(
        self, framework: Framework, call: scheduler.AcknowledgeOperationStatus
    ) -> list[Effect]:
        """The framework has it; what it did not wait for is passed over."""
        agent = self._cluster.agents.get(AgentId(call.agent_id.value if call.agent_id else ""))
        if agent is None:
            return []
        for record in agent.operations.values():
            uuid = record.status.uuid
            is_meant = record.framework_id == framework.framework_id and uuid is not None
            if is_meant and uuid is not None and uuid.value == call.uuid_bytes:
                del agent.operations[record.operation_uuid]
                return self._acknowledge(agent.agent_id, record.operation_uuid)
        return []

    def refuse(self, framework: Framework, operation: Operation, problem: str) -> list[Effect]:
        """Only an operation with an id can be answered; that is how the API is."""
        self._cluster.count("invalid_operations")
        self._count(operation, "error")
        if operation.id is None:
            return []
        status = OperationStatus(
            operation_id=operation.id, state=OperationState.ERROR, message=problem
        )
        return self.tell(framework, status)

    def tell(self, framework: Framework, status: OperationStatus) -> list[Effect]:
        return _tell(self._cluster, framework, status)

    # --- reconciling -----------------------------------------------------------------------

    def on_reconcile(
        self, framework: Framework, call: scheduler.ReconcileOperations
    ) -> list[Effect]:
        """No operation named: all of the framework's that have an id; else each that is named."""
        known = {
            record.operation.id.value: record
            for agent in self._cluster.agents.values()
            for record in agent.operations.values()
            if record.framework_id == framework.framework_id and record.operation.id is not None
        }
        if not call.operations:
            statuses = [replace(record.status, uuid=None) for record in known.values()]
        else:
            statuses = [
                replace(known[asked.operation_id.value].status, uuid=None)
                if asked.operation_id.value in known
                else self._unknown(asked)
                for asked in call.operations
            ]
        return [effect for status in statuses for effect in self.tell(framework, status)]

    def _unknown(self, asked: scheduler.ReconcileOperation) -> OperationStatus:
        """By where its agent is. Source: mesos.md §2.6."""
        cluster = self._cluster
        agent_id = AgentId(asked.agent_id.value) if asked.agent_id is not None else None
        state = OperationState.UNKNOWN
        if agent_id is None:
            message = "Operation is unknown and no 'agent_id' was provided"
        elif agent_id in cluster.agents:
            message = "Operation is unknown"
        elif agent_id in cluster.recovered:
            state, message = (
                OperationState.RECOVERING,
                "Agent is recovered but has not re-registered",
            )
        elif agent_id in cluster.unreachable:
            state, message = OperationState.UNREACHABLE, "Agent is unreachable"
        elif agent_id in cluster.gone:
            state, message = OperationState.GONE_BY_OPERATOR, "Agent is marked gone"
        else:
            message = "Both operation and agent are unknown"
        return OperationStatus(
            operation_id=asked.operation_id,
            state=state,
            message=f"Reconciliation: {message}",
            agent_id=asked.agent_id,
        )


def give_up(cluster: Cluster, agent: Agent, state: OperationState, message: str) -> list[Effect]:
    """The agent is no more, as far as we know: whoever waits for an operation there is told so, and
    nothing is held for one any more. No uuid: nobody but the agent repeats a status."""
    effects: list[Effect] = []
    for record in agent.operations.values():
        framework = cluster.frameworks.get(record.framework_id or NOBODY)
        if framework is not None and record.operation.id is not None:
            status = OperationStatus(
                operation_id=record.operation.id,
                state=state,
                message=message,
                agent_id=Id(record.agent_id),
            )
            effects += _tell(cluster, framework, status)
    forget_operations(cluster, agent)
    return effects


def _tell(cluster: Cluster, framework: Framework, status: OperationStatus) -> list[Effect]:
    event = scheduler.Event(
        type=scheduler.EventType.UPDATE_OPERATION_STATUS,
        update_operation_status=scheduler.UpdateOperationStatus(status=status),
    )
    return cluster.tell(framework, event)


def expected_total(agent: Agent) -> Resources:
    """What it had, with all that it confirmed or was sent since, in order."""
    total = agent.base
    for record in agent.operations.values():
        if _counts(record):
            applied = apply(total, record.operation)
            if isinstance(applied, Applied):  # else what it built upon has failed: so will it
                total = applied.left
    return total


def _counts(record: OperationRecord) -> bool:
    if record.is_settled:
        return False
    if record.state is OperationState.PENDING:
        return record.operation.type in SPECULATIVE
    return record.state is OperationState.FINISHED


def _confirm(agent: Agent) -> None:
    """Take what is known for good into the base, as far as nothing before it is open."""
    for record in agent.operations.values():
        if record.is_settled:
            continue
        if not record.state.is_terminal:
            return
        if record.state is OperationState.FINISHED:
            applied = apply(agent.base, record.operation)
            agent.base = applied.left if isinstance(applied, Applied) else agent.base
        record.is_settled = True


def _order(record: OperationRecord) -> agent_messages.ApplyOperation:
    framework_id = Id(record.framework_id) if record.framework_id is not None else None
    return agent_messages.ApplyOperation(
        operation_uuid=record.operation_uuid, operation=record.operation, framework_id=framework_id
    )


def _status(record: OperationRecord, reported: OperationStatus) -> OperationStatus:
    """The agent's status, with what the framework is to know. Recording:
    scheduler-operation-feedback (what counted at once is not told again)."""
    converted = reported.converted_resources
    if reported.state is OperationState.FINISHED and record.operation.type not in SPECULATIVE:
        converted = converted or to_wire(record.converted, form=Form.REFINED)
    return replace(
        reported,
        operation_id=record.operation.id,
        agent_id=Id(record.agent_id),
        converted_resources=converted,
    )


def _recovered(agent_id: AgentId, update: agent_messages.UpdateOperation) -> OperationRecord:
    """Of an operation that an earlier master sent."""
    framework_id = update.framework_id
    operation = update.operation or Operation(id=update.status.operation_id)
    return OperationRecord(
        operation_uuid=update.operation_uuid,
        operation=operation,
        framework_id=FrameworkId(framework_id.value) if framework_id is not None else None,
        agent_id=agent_id,
        role="",
        converted=NOTHING,
        status=update.status,
        is_settled=True,
    )
