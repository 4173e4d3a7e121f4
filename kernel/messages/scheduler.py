"""The conversation scheduler <-> master: Mesos's v1 scheduler API, calls and events.

A call is an envelope: its `type` names the sub-message that counts, in lower case.
Source: Mesos, include/mesos/v1/scheduler/scheduler.proto.
"""

from enum import StrEnum
from typing import Any

from kernel.messages.operations import (
    CreateDisk,
    DestroyDisk,
    GrowVolume,
    OperationStatus,
    Reserve,
    ShrinkVolume,
    Unreserve,
    Uuid,
    Volumes,
)
from kernel.messages.v1 import (
    ExecutorInfo,
    Filters,
    FrameworkInfo,
    Id,
    InverseOffer,
    KillPolicy,
    MasterInfo,
    Offer,
    TaskInfo,
    TaskStatus,
    Wire,
)


class CallType(StrEnum):
    UNKNOWN = "UNKNOWN"
    SUBSCRIBE = "SUBSCRIBE"
    TEARDOWN = "TEARDOWN"
    ACCEPT = "ACCEPT"
    DECLINE = "DECLINE"
    REVIVE = "REVIVE"
    KILL = "KILL"
    SHUTDOWN = "SHUTDOWN"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    RECONCILE = "RECONCILE"
    MESSAGE = "MESSAGE"
    REQUEST = "REQUEST"
    SUPPRESS = "SUPPRESS"
    ACCEPT_INVERSE_OFFERS = "ACCEPT_INVERSE_OFFERS"
    DECLINE_INVERSE_OFFERS = "DECLINE_INVERSE_OFFERS"
    ACKNOWLEDGE_OPERATION_STATUS = "ACKNOWLEDGE_OPERATION_STATUS"
    RECONCILE_OPERATIONS = "RECONCILE_OPERATIONS"
    UPDATE_FRAMEWORK = "UPDATE_FRAMEWORK"


class Subscribe(Wire, frozen=True):
    framework_info: FrameworkInfo
    suppressed_roles: list[str] = []
    offer_constraints: dict[str, Any] | None = None


class Launch(Wire, frozen=True):
    task_infos: list[TaskInfo] = []


class TaskGroupInfo(Wire, frozen=True):
    tasks: list[TaskInfo] = []


class LaunchGroup(Wire, frozen=True):
    executor: ExecutorInfo
    task_group: TaskGroupInfo


class Operation(Wire, frozen=True):
    """One thing to do with the accepted resources; operations run in list order. Its `type` names
    the sub-message that counts, in lower case."""

    type: str | None = None
    id: Id | None = None
    launch: Launch | None = None
    launch_group: LaunchGroup | None = None
    reserve: Reserve | None = None
    unreserve: Unreserve | None = None
    create: Volumes | None = None
    destroy: Volumes | None = None
    grow_volume: GrowVolume | None = None
    shrink_volume: ShrinkVolume | None = None
    create_disk: CreateDisk | None = None
    destroy_disk: DestroyDisk | None = None


class Accept(Wire, frozen=True):
    offer_ids: list[Id] = []
    operations: list[Operation] = []
    filters: Filters | None = None


class Decline(Wire, frozen=True):
    offer_ids: list[Id] = []
    filters: Filters | None = None


class Roles(Wire, frozen=True):
    """Payload of REVIVE and SUPPRESS; none listed means all."""

    roles: list[str] = []


class Kill(Wire, frozen=True):
    task_id: Id
    agent_id: Id | None = None
    kill_policy: KillPolicy | None = None


class Shutdown(Wire, frozen=True):
    executor_id: Id
    agent_id: Id


class Acknowledge(Wire, frozen=True):
    agent_id: Id
    task_id: Id
    uuid: bytes


class ReconcileTask(Wire, frozen=True):
    task_id: Id
    agent_id: Id | None = None


class Reconcile(Wire, frozen=True):
    """No task listed: tell me of all (implicit reconciliation)."""

    tasks: list[ReconcileTask] = []


class Message(Wire, frozen=True):
    agent_id: Id
    executor_id: Id
    data: bytes


class AnswerInverseOffers(Wire, frozen=True):
    """Payload of ACCEPT_INVERSE_OFFERS and DECLINE_INVERSE_OFFERS."""

    inverse_offer_ids: list[Id] = []
    filters: Filters | None = None


class AcknowledgeOperationStatus(Wire, frozen=True):
    """`agent_id` is missing only where Mesos would answer 400 as well."""

    operation_id: Id
    uuid: bytes | Uuid  # DIFFERS: Mesos takes the bytes only; pymesos sends the status's wrapped
    agent_id: Id | None = None
    resource_provider_id: Id | None = None

    @property
    def uuid_bytes(self) -> bytes:
        return self.uuid.value if isinstance(self.uuid, Uuid) else self.uuid


class ReconcileOperation(Wire, frozen=True):
    operation_id: Id
    agent_id: Id | None = None
    resource_provider_id: Id | None = None


class ReconcileOperations(Wire, frozen=True):
    """No operation listed: tell me of all (implicit reconciliation)."""

    operations: list[ReconcileOperation] = []


class Call(Wire, frozen=True):
    type: CallType | None = None
    framework_id: Id | None = None
    subscribe: Subscribe | None = None
    accept: Accept | None = None
    decline: Decline | None = None
    revive: Roles | None = None
    suppress: Roles | None = None
    kill: Kill | None = None
    shutdown: Shutdown | None = None
    acknowledge: Acknowledge | None = None
    reconcile: Reconcile | None = None
    message: Message | None = None
    request: dict[str, Any] | None = None
    accept_inverse_offers: AnswerInverseOffers | None = None
    decline_inverse_offers: AnswerInverseOffers | None = None
    acknowledge_operation_status: AcknowledgeOperationStatus | None = None
    reconcile_operations: ReconcileOperations | None = None
    update_framework: Subscribe | None = None


class EventType(StrEnum):
    UNKNOWN = "UNKNOWN"
    SUBSCRIBED = "SUBSCRIBED"
    OFFERS = "OFFERS"
    RESCIND = "RESCIND"
    UPDATE = "UPDATE"
    MESSAGE = "MESSAGE"
    FAILURE = "FAILURE"
    ERROR = "ERROR"
    HEARTBEAT = "HEARTBEAT"
    INVERSE_OFFERS = "INVERSE_OFFERS"
    RESCIND_INVERSE_OFFER = "RESCIND_INVERSE_OFFER"
    UPDATE_OPERATION_STATUS = "UPDATE_OPERATION_STATUS"


class Subscribed(Wire, frozen=True):
    framework_id: Id
    heartbeat_interval_seconds: float | None = None
    master_info: MasterInfo | None = None


class Offers(Wire, frozen=True):
    offers: list[Offer] = []


class Rescind(Wire, frozen=True):
    offer_id: Id


class Update(Wire, frozen=True):
    status: TaskStatus


class Failure(Wire, frozen=True):
    """An agent is gone (agent alone) or an executor ended (`status`: its raw wait status)."""

    agent_id: Id | None = None
    executor_id: Id | None = None
    status: int | None = None


class Error(Wire, frozen=True):
    message: str


class InverseOffers(Wire, frozen=True):
    inverse_offers: list[InverseOffer] = []


class RescindInverseOffer(Wire, frozen=True):
    inverse_offer_id: Id


class UpdateOperationStatus(Wire, frozen=True):
    status: OperationStatus


class Event(Wire, frozen=True):
    type: EventType
    subscribed: Subscribed | None = None
    offers: Offers | None = None
    rescind: Rescind | None = None
    update: Update | None = None
    message: Message | None = None
    failure: Failure | None = None
    error: Error | None = None
    inverse_offers: InverseOffers | None = None
    rescind_inverse_offer: RescindInverseOffer | None = None
    update_operation_status: UpdateOperationStatus | None = None
