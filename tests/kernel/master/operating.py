"""Operations for tests, and an agent that carries them out as a real one does."""

from typing import Any

from kernel.master.cluster import OperationRecord
from kernel.messages import agent as agent_messages
from kernel.messages.conversions import Applied, apply
from kernel.messages.operations import (
    GrowVolume,
    OperationStatus,
    Reserve,
    ShrinkVolume,
    Unreserve,
    Uuid,
    Volumes,
)
from kernel.messages.quantities import Form, from_wire, to_wire
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import Id, Resource, ScalarValue
from kernel.model.kinds import Disk, Kind, Reservation, kind
from kernel.model.operation import OperationState
from kernel.model.resources import NOTHING, Resources
from tests.kernel.master.stage import AgentActor, SchedulerActor, Stage

ROLE = "test"
RESERVED = kind((Reservation(ROLE, is_dynamic=True),))


def volume(volume_id: str = "v", *, is_shared: bool = False, **disk: Any) -> Kind:
    made = {"container_path": "data", "mode": "RW", **disk}
    return kind(RESERVED.reservations, Disk(volume_id=volume_id, **made), is_shared)


def of(of_kind: Kind, **milli: int) -> Resources:
    return Resources({(of_kind, name): amount for name, amount in milli.items()})


def wire(bundle: Resources) -> list[Resource]:
    return to_wire(bundle, form=Form.REFINED)


def one(bundle: Resources) -> Resource:
    [resource] = wire(bundle)
    return resource


def reserve(bundle: Resources, source: Resources = NOTHING, **more: Any) -> Operation:
    payload = Reserve(resources=wire(bundle), source=wire(source))
    return Operation(type="RESERVE", reserve=payload, **more)


def unreserve(bundle: Resources, **more: Any) -> Operation:
    return Operation(type="UNRESERVE", unreserve=Unreserve(resources=wire(bundle)), **more)


def create(bundle: Resources, **more: Any) -> Operation:
    return Operation(type="CREATE", create=Volumes(volumes=wire(bundle)), **more)


def destroy(bundle: Resources, **more: Any) -> Operation:
    return Operation(type="DESTROY", destroy=Volumes(volumes=wire(bundle)), **more)


def grow(bundle: Resources, addition: Resources, **more: Any) -> Operation:
    payload = GrowVolume(volume=one(bundle), addition=one(addition))
    return Operation(type="GROW_VOLUME", grow_volume=payload, **more)


def shrink(bundle: Resources, subtract: float, **more: Any) -> Operation:
    payload = ShrinkVolume(volume=one(bundle), subtract=ScalarValue(subtract))
    return Operation(type="SHRINK_VOLUME", shrink_volume=payload, **more)


class Worker:
    """An agent that applies what it is told and keeps each status until it is acknowledged."""

    def __init__(self, stage: Stage, resources: str = "cpus:4;mem:4096;disk:1000") -> None:
        self.actor = AgentActor(stage, resources)
        self.total = from_wire(self.actor.info.resources)
        self.open: dict[str, agent_messages.UpdateOperation] = {}
        self.heard: list[Any] = []
        self.fails: dict[str, None] = {}  # operation types that it can't do
        self._uuids = 0

    @property
    def id(self) -> str:
        return self.actor.agent_id

    def listen(self) -> list[Any]:
        """What it was told but operations; those it does, without answering."""
        others = []
        for event in self.actor.hear():
            match event:
                case agent_messages.ApplyOperation():
                    self._apply(event)
                case agent_messages.AcknowledgeOperation():
                    self.open.pop(event.operation_uuid, None)
                case _:
                    others.append(event)
        return others

    def work(self) -> list[Any]:
        """Listen, and answer until nothing more comes of it."""
        others = self.listen()
        self.actor.say(*self.open.values())
        return others + self.listen()

    def _apply(self, order: agent_messages.ApplyOperation) -> None:
        self.heard.append(order)
        applied = apply(self.total, order.operation)
        state, message = OperationState.FINISHED, None
        if order.operation.type in self.fails or not isinstance(applied, Applied):
            state, message = OperationState.FAILED, "it can't be done"
        else:
            self.total = applied.left
        self._answer(order, state, message)

    def _answer(
        self, order: agent_messages.ApplyOperation, state: OperationState, message: str | None
    ) -> None:
        self._uuids += 1
        uuid = Uuid(value=self._uuids.to_bytes(16, "big"))
        self.open[order.operation_uuid] = agent_messages.UpdateOperation(
            operation_uuid=order.operation_uuid,
            framework_id=order.framework_id,
            operation=order.operation,
            status=OperationStatus(
                state=state,
                message=message,
                operation_id=order.operation.id,
                agent_id=Id(self.id),
                uuid=uuid if order.operation.id is not None else None,
            ),
        )

    def come_back(self, **more: Any) -> list[str]:
        """Over a new stream; what was said on the old one is lost. Returns the ids of the tasks
        that the master believes to run here."""
        self.actor.hear()
        self.actor.subscribe(total=wire(self.total), operations=list(self.open.values()), **more)
        greeting = self.actor.said[0]
        for order in greeting.operations:
            if order.operation_uuid not in self.open:
                self._answer(order, OperationState.DROPPED, "it never came")
        return [task.task_id.value for task in greeting.tasks]

    def records(self) -> list[OperationRecord]:
        [agent] = [
            a for a in self.actor.stage.master.cluster.agents.values() if a.agent_id == self.id
        ]
        return list(agent.operations.values())


def heard(framework: SchedulerActor) -> list[OperationStatus]:
    """The operation statuses that have come; the rest is left to be heard."""
    taken = [e.update_operation_status for e in framework.said if e.update_operation_status]
    framework.said[:] = [e for e in framework.said if e.update_operation_status is None]
    return [update.status for update in taken]
