"""What the executor hears and says. A run names one execution of one task, never used again."""

from msgspec import Struct

from kernel.machine import DeadlineReached
from kernel.messages.v1 import CheckInfo, CheckStatusInfo, HealthCheck
from kernel.model.task import Source, TaskState

GRACE_MS = 3_000  # between SIGTERM and SIGKILL; Mesos, launcher/executor.cpp


class Orders(Struct, frozen=True):
    """What one life must know; everything else of the task is the shell's."""

    grace_ms: int = GRACE_MS
    killing_state: bool = False  # the framework has TASK_KILLING_STATE
    health: HealthCheck | None = None
    check: CheckInfo | None = None
    completion_ms_max: int | None = None
    kills_at_once: bool = False  # a custom executor: it was asked to end before


class AboutRun(Struct, frozen=True, tag=True):
    run: str


class LaunchOrdered(AboutRun, frozen=True):
    orders: Orders


class LifeRecovered(AboutRun, frozen=True):
    """The agent came back; `state` is the last that was reported, `age_ms` since the launch."""

    orders: Orders
    state: TaskState
    healthy: bool | None = None
    killing: bool = False
    age_ms: int = 0
    check_status: CheckStatusInfo | None = None


class KillOrdered(AboutRun, frozen=True):
    """`grace_ms` overrides the task's own."""

    grace_ms: int | None = None


class SandboxPrepared(AboutRun, frozen=True): ...


class SandboxFailed(AboutRun, frozen=True):
    message: str
    reason: str = "REASON_CONTAINER_LAUNCH_FAILED"


class ProcessStarted(AboutRun, frozen=True):
    pid: int


class ProcessAbsent(AboutRun, frozen=True):
    """No runner ever started it."""


class ProcessRefused(AboutRun, frozen=True):
    message: str


class ProcessEnded(AboutRun, frozen=True):
    """`status` is the shell's `$?` (128 + n for a signal), None when nobody saw the end;
    `wait_status` is the raw one where the kernel told it; `memory` is set for an OOM kill."""

    status: int | None
    wait_status: int | None = None
    memory: "MemoryEnd | None" = None


class MemoryEnd(Struct, frozen=True):
    limit_bytes: int
    peak_bytes: int


class ProbeFinished(AboutRun, frozen=True):
    healthy: bool
    detail: str = ""


class CheckFinished(AboutRun, frozen=True):
    """`status` is None when nothing was found out."""

    status: CheckStatusInfo | None


class RunnerAttached(Struct, frozen=True, tag=True):
    """A runner, perhaps a new one: every life asks after its process."""


class PrepareSandbox(AboutRun, frozen=True):
    """Make the directory and fetch what the task wants in it."""


class AbandonSandbox(AboutRun, frozen=True):
    """Stop fetching; the task is not wanted any more."""


class StartProcess(AboutRun, frozen=True): ...


class AdoptProcess(AboutRun, frozen=True):
    """Find out whether it was started, runs or has ended."""


class SignalProcess(AboutRun, frozen=True):
    """SIGTERM to its process group."""


class KillProcess(AboutRun, frozen=True):
    """SIGKILL to all that belongs to it."""


class ForgetProcess(AboutRun, frozen=True): ...


class ProbeTask(AboutRun, frozen=True):
    """Run the health check once; `ProbeFinished` must follow within its timeout."""


class CheckTask(AboutRun, frozen=True):
    """Ask the task's check once; `CheckFinished` must follow."""


class ReportStatus(AboutRun, frozen=True):
    """News for the agent."""

    state: TaskState
    message: str | None = None
    reason: str | None = None
    healthy: bool | None = None
    source: Source = Source.EXECUTOR
    memory_limit_bytes: int | None = None
    check_status: CheckStatusInfo | None = None
    wait_status: int | None = None  # the raw one of its end, where it is known


Event = (
    LaunchOrdered
    | LifeRecovered
    | KillOrdered
    | SandboxPrepared
    | SandboxFailed
    | ProcessStarted
    | ProcessAbsent
    | ProcessRefused
    | ProcessEnded
    | ProbeFinished
    | CheckFinished
    | RunnerAttached
    | DeadlineReached
)
Effect = (
    PrepareSandbox
    | AbandonSandbox
    | StartProcess
    | AdoptProcess
    | SignalProcess
    | KillProcess
    | ForgetProcess
    | ProbeTask
    | CheckTask
    | ReportStatus
)
