"""Operations on resources and what is told of them; schedulers, operators and agents share these.

Source: Mesos, include/mesos/v1/mesos.proto (Offer.Operation, OperationStatus).
"""

from kernel.messages.v1 import Id, Resource, ScalarValue, Wire
from kernel.model.operation import OperationState


class Reserve(Wire, frozen=True):
    """`resources` as they shall be. Without `source` the topmost reservation is what is new; with
    it, `source` is what they are now, whatever that is (one step instead of two)."""

    resources: list[Resource] = []
    source: list[Resource] = []


class Unreserve(Wire, frozen=True):
    """Takes the topmost reservation of each away."""

    resources: list[Resource] = []


class Volumes(Wire, frozen=True):
    """Payload of CREATE and DESTROY."""

    volumes: list[Resource] = []


class GrowVolume(Wire, frozen=True):
    volume: Resource
    addition: Resource


class ShrinkVolume(Wire, frozen=True):
    volume: Resource
    subtract: ScalarValue


class CreateDisk(Wire, frozen=True):
    source: Resource
    target_type: str  # MOUNT or BLOCK
    target_profile: str | None = None


class DestroyDisk(Wire, frozen=True):
    source: Resource


class Uuid(Wire, frozen=True):
    """Only operation statuses wrap their uuid; 16 bytes."""

    value: bytes


class OperationStatus(Wire, frozen=True):
    """News of an operation; `uuid` is present exactly when an acknowledgement is due."""

    state: OperationState
    operation_id: Id | None = None
    message: str | None = None
    converted_resources: list[Resource] = []
    uuid: Uuid | None = None
    agent_id: Id | None = None
    resource_provider_id: Id | None = None
