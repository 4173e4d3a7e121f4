"""Carries out operators' RESERVE_RESOURCES, CREATE_VOLUMES and their like on an agent.

What is wanted may be on offer: then just enough of the agent's offers are rescinded first, and
their frameworks are not asked again for a while. When even that would not do, none is. What follows
on an operation is `operations`'s. Source: Mesos, Master::Http::_operation in src/master/http.cpp;
recordings operator-reserve-resources, operator-unreserve-refused, status-operator-master.
"""

from collections.abc import Callable, Sequence

from kernel.machine import Now
from kernel.master.cluster import Agent, Cluster, OperationRecord, used_on, words_of
from kernel.master.events import Effect, OperatorCallReceived
from kernel.master.offers import Offers
from kernel.master.operations import Operations
from kernel.master.operators import Operators, Outcome
from kernel.master.refusals import REFUSE_DEFAULT_MS
from kernel.master.validate_operations import Asked, operation_problem
from kernel.messages.conversions import Applied, apply
from kernel.messages.operations import GrowVolume, Reserve, ShrinkVolume, Unreserve, Volumes
from kernel.messages.operator import Call, CallType
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import Id
from kernel.model.ids import AgentId, OfferId
from kernel.model.resources import Resources, total

ACCEPTED, BAD, CONFLICT = 202, 400, 409

Asking = tuple[Id | None, Operation]

_UNSET = "a call without its sub-message is refused before"


class OperatorOperations:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers, operations: Operations) -> None:
        self._cluster = cluster
        self._offers = offers
        self._operations = operations

    def register(self, operators: Operators) -> None:
        for type_ in _OPERATIONS:
            operators.handle(type_, self._on_call)
        operators.show(CallType.GET_OPERATIONS, lambda: shown_operations(self._cluster))

    def _on_call(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        assert asked.call.type is not None
        agent_id, operation = _OPERATIONS[asked.call.type](asked.call)
        if agent_id is None:
            return Outcome(BAD, "Expecting 'agent_id' to be present")
        agent = self._cluster.agents.get(AgentId(agent_id.value))
        if agent is None:
            return Outcome(BAD, "No agent found with specified ID")
        if not agent.is_connected:
            return Outcome(CONFLICT, f"Agent {words_of(agent)} is not connected: try again later")
        there = self._cluster.allocator.books[agent.agent_id].total
        wish = Asked(
            framework=None, role="", there=there, in_use=used_on(agent), principal=asked.principal
        )
        problem = operation_problem(operation, wish)
        if problem is not None:
            where = "" if operation.type == "DESTROY" else f" on agent {words_of(agent)}"
            return Outcome(BAD, f"Invalid {operation.type} operation{where}: {problem}")
        return self._carry_out(agent, operation, now)

    def _carry_out(self, agent: Agent, operation: Operation, now: Now) -> Outcome:
        possible = apply(self._obtainable(agent), operation)
        if isinstance(possible, str):
            # DIFFERS: Mesos finds out only after it has rescinded what it could.
            return Outcome(CONFLICT, possible)
        effects = self._make_room(agent, operation, possible.consumed, now)
        applied = apply(self._free(agent), operation)
        assert isinstance(applied, Applied), "what was rescinded is not enough"
        role = applied.consumed.kinds()[0].role
        effects += self._operations.begin(agent, operation, applied, framework=None, role=role)
        return Outcome(ACCEPTED, effects=effects)

    def _free(self, agent: Agent) -> Resources:
        return self._cluster.allocator.books[agent.agent_id].free

    def _obtainable(self, agent: Agent) -> Resources:
        """What is free or offered."""
        offered = [self._cluster.offers[offer_id].resources for offer_id in agent.offers]
        return total([self._free(agent), *(one.exclusive() for one in offered)])

    def _make_room(
        self, agent: Agent, operation: Operation, needed: Resources, now: Now
    ) -> list[Effect]:
        """Rescind the offers that have something of it, until it is free."""
        effects: list[Effect] = []
        for offer_id in list(agent.offers):
            if isinstance(apply(self._free(agent), operation), Applied):
                break
            offered = self._cluster.offers[offer_id].resources
            if any(kind in needed.kinds() for kind in offered.kinds()):
                effects += self._rescind(offer_id, now)
        return effects

    def _rescind(self, offer_id: OfferId, now: Now) -> list[Effect]:
        offer = self._cluster.offers[offer_id]
        self._offers.give_back(offer_id, refuse_ms=REFUSE_DEFAULT_MS, now=now)
        return self._offers.tell_rescinded(offer.framework_id, offer_id)


def _reserve(call: Call) -> Asking:
    asked = call.reserve_resources
    assert asked is not None, _UNSET
    payload = Reserve(resources=asked.resources, source=asked.source)
    return asked.agent_id, Operation(type="RESERVE", reserve=payload)


def _unreserve(call: Call) -> Asking:
    asked = call.unreserve_resources
    assert asked is not None, _UNSET
    payload = Unreserve(resources=asked.resources)
    return asked.agent_id, Operation(type="UNRESERVE", unreserve=payload)


def _create(call: Call) -> Asking:
    asked = call.create_volumes
    assert asked is not None, _UNSET
    return asked.agent_id, Operation(type="CREATE", create=Volumes(volumes=asked.volumes))


def _destroy(call: Call) -> Asking:
    asked = call.destroy_volumes
    assert asked is not None, _UNSET
    return asked.agent_id, Operation(type="DESTROY", destroy=Volumes(volumes=asked.volumes))


def _grow(call: Call) -> Asking:
    asked = call.grow_volume
    assert asked is not None, _UNSET
    payload = GrowVolume(volume=asked.volume, addition=asked.addition)
    return asked.agent_id, Operation(type="GROW_VOLUME", grow_volume=payload)


def _shrink(call: Call) -> Asking:
    asked = call.shrink_volume
    assert asked is not None, _UNSET
    payload = ShrinkVolume(volume=asked.volume, subtract=asked.subtract)
    return asked.agent_id, Operation(type="SHRINK_VOLUME", shrink_volume=payload)


_OPERATIONS: dict[CallType, Callable[[Call], Asking]] = {
    CallType.RESERVE_RESOURCES: _reserve,
    CallType.UNRESERVE_RESOURCES: _unreserve,
    CallType.CREATE_VOLUMES: _create,
    CallType.DESTROY_VOLUMES: _destroy,
    CallType.GROW_VOLUME: _grow,
    CallType.SHRINK_VOLUME: _shrink,
}


# --- what is shown -------------------------------------------------------------------------


def shown_operations(cluster: Cluster) -> dict[str, Sequence[object]]:
    """GET_OPERATIONS: those that are under way or not yet acknowledged; none is no key."""
    found = [
        _shown(record) for agent in cluster.agents.values() for record in agent.operations.values()
    ]
    return {"operations": found} if found else {}


def _shown(record: OperationRecord) -> dict[str, object]:
    shown: dict[str, object] = {
        "agent_id": Id(record.agent_id),
        "info": record.operation,
        "latest_status": record.status,
        "statuses": [record.status],
    }
    if record.framework_id is not None:
        shown["framework_id"] = Id(record.framework_id)
    return shown
