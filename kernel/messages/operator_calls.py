"""What each call of the master's operator API carries: the sub-message that its type names.

The envelope is `kernel.messages.operator`'s. Source: Mesos, include/mesos/v1/master/master.proto.
"""

from kernel.messages.maintenance import MachineId, Schedule
from kernel.messages.quota import QuotaConfig, QuotaRequest
from kernel.messages.v1 import DurationInfo, Id, Resource, ScalarValue, Wire


class GetMetrics(Wire, frozen=True):
    """`timeout` is for metrics that are slow to come; ours never are."""

    timeout: DurationInfo | None = None


class SetLoggingLevel(Wire, frozen=True):
    """For `duration`, then as before."""

    level: int
    duration: DurationInfo


class ListFiles(Wire, frozen=True):
    path: str


class ReadFile(Wire, frozen=True):
    path: str
    offset: int
    length: int | None = None


class WeightInfo(Wire, frozen=True):
    weight: float
    role: str | None = None


class UpdateWeights(Wire, frozen=True):
    weight_infos: list[WeightInfo] = []


class ReserveResources(Wire, frozen=True):
    """With `source`, from these reservations to those in one step."""

    agent_id: Id
    source: list[Resource] = []
    resources: list[Resource] = []


class UnreserveResources(Wire, frozen=True):
    agent_id: Id
    resources: list[Resource] = []


class Volumes(Wire, frozen=True):
    """Payload of CREATE_VOLUMES and DESTROY_VOLUMES."""

    agent_id: Id
    volumes: list[Resource] = []


class GrowVolume(Wire, frozen=True):
    volume: Resource
    addition: Resource
    agent_id: Id | None = None


class ShrinkVolume(Wire, frozen=True):
    volume: Resource
    subtract: ScalarValue
    agent_id: Id | None = None


class UpdateMaintenanceSchedule(Wire, frozen=True):
    schedule: Schedule


class Machines(Wire, frozen=True):
    """Payload of START_MAINTENANCE and STOP_MAINTENANCE."""

    machines: list[MachineId] = []


class Duration(Wire, frozen=True):
    """google.protobuf.Duration, which Mesos uses in one place only."""

    seconds: int = 0
    nanos: int = 0


class DrainAgent(Wire, frozen=True):
    agent_id: Id
    max_grace_period: Duration | None = None
    mark_gone: bool = False


class OfAgent(Wire, frozen=True):
    """Payload of the calls that only name an agent."""

    agent_id: Id


class SetQuota(Wire, frozen=True):
    quota_request: QuotaRequest


class RemoveQuota(Wire, frozen=True):
    role: str


class UpdateQuota(Wire, frozen=True):
    """All of these or none."""

    force: bool = False
    quota_configs: list[QuotaConfig] = []


class Teardown(Wire, frozen=True):
    framework_id: Id


class Explain(Wire, frozen=True):
    """Ours: why a framework gets no offers, where a task is, or how a role stands.

    `resources` is what is wanted at least; without it, what the framework has anything offered for.
    """

    framework_id: Id | None = None
    task_id: Id | None = None
    role: str | None = None
    resources: list[Resource] = []
