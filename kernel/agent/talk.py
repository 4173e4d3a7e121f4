"""What the agent's machine hears and says."""

from msgspec import Struct

from kernel.agent.estimator import Usage
from kernel.agent.pressure import Pressure
from kernel.machine import Answer, DeadlineReached, Persist
from kernel.messages import executor
from kernel.messages.agent import AnyAgentCall, AnyMasterEvent, NamedLaunch
from kernel.messages.v1 import CheckStatusInfo, FrameworkInfo, TaskInfo
from kernel.model.task import Source, TaskState


class AgentStarted(Struct, frozen=True, tag=True):
    """First of all events: what was persisted is loaded. `boot_id` names this run of the kernel."""

    boot_id: str


class MasterSaid(Struct, frozen=True, tag=True):
    event: AnyMasterEvent


class LaunchMisread(Struct, frozen=True, tag=True):
    """The master said to launch something, in words that we can't read."""

    launch: NamedLaunch
    problem: str


class MasterLost(Struct, frozen=True, tag=True):
    """The stream has ended; a new one follows."""

    reason: str


class StatusReported(Struct, frozen=True, tag=True):
    """News from the executor of one container."""

    container_id: str
    state: TaskState
    message: str | None = None
    reason: str | None = None
    healthy: bool | None = None
    source: Source = Source.EXECUTOR
    memory_limit_bytes: int | None = None
    check_status: CheckStatusInfo | None = None
    pid: int | None = None
    wait_status: int | None = None  # the raw one, once it has ended


class ExecutorSubscribed(Struct, frozen=True, tag=True):
    """A custom executor opened a stream; it hears nothing before it is answered with 200."""

    request_id: int
    stream_id: str
    call: executor.Call


class ExecutorCalled(Struct, frozen=True, tag=True):
    """Any other call of a custom executor, of correct form."""

    request_id: int
    call: executor.Call


class ExecutorStreamClosed(Struct, frozen=True, tag=True):
    stream_id: str


class ShutdownRequested(Struct, frozen=True, tag=True):
    """End all tasks, then this agent."""

    reason: str


class VolumeRemoved(Struct, frozen=True, tag=True):
    """The data that a `RemoveVolume` of this name was about is gone."""

    name: str


class UsageMeasured(Struct, frozen=True, tag=True):
    """Of the containers that hold nothing revocable, and of the machine."""

    usages: list[Usage]
    pressure: Pressure


class SendCall(Struct, frozen=True, tag=True):
    call: AnyAgentCall


class LaunchTask(Struct, frozen=True, tag=True):
    """Give it to the executor; it is on record already."""

    container_id: str
    framework: FrameworkInfo
    task: TaskInfo


class RecoverTask(Struct, frozen=True, tag=True):
    """It was launched by an earlier life of this agent; find out what became of it."""

    container_id: str
    framework: FrameworkInfo
    task: TaskInfo
    state: TaskState
    healthy: bool | None
    killing: bool
    age_ms: int
    check_status: CheckStatusInfo | None = None


class KillContainer(Struct, frozen=True, tag=True):
    container_id: str
    grace_ms: int | None = None


class LaunchExecutor(Struct, frozen=True, tag=True):
    """Start a custom executor's process; it is on record already."""

    container_id: str
    framework: FrameworkInfo


class RecoverExecutor(Struct, frozen=True, tag=True):
    """An earlier life of this agent launched it; find out what became of its process."""

    container_id: str
    framework: FrameworkInfo
    subscribed: bool
    age_ms: int


class ResizeExecutor(Struct, frozen=True, tag=True):
    """It has more or fewer tasks than before, and may use what they may."""

    container_id: str


class SendToExecutor(Struct, frozen=True, tag=True):
    stream_id: str
    event: executor.Event


class CloseExecutorStream(Struct, frozen=True, tag=True):
    """What was sent before still leaves."""

    stream_id: str


class ExecutorAnswered(Answer, frozen=True, tag=True):
    status: int
    message: str = ""


class RemoveSandbox(Struct, frozen=True, tag=True):
    """Its time is over: `directory` and what the runner recorded about it go."""

    directory: str
    record_directory: str


class MakeVolume(Struct, frozen=True, tag=True):
    """The directory of a persistent volume; nothing if it is there."""

    directory: str


class RemoveVolume(Struct, frozen=True, tag=True):
    """Move what is in `directory` to `grave` at once, unless there is such a grave already; then
    remove it. `VolumeRemoved` follows."""

    name: str
    directory: str
    grave: str
    is_whole_disk: bool


class CloseGrave(Struct, frozen=True, tag=True):
    """The removal is on record."""

    grave: str


class HangUp(Struct, frozen=True, tag=True):
    """Leave this master; the shell subscribes anew."""

    reason: str


class EndAgent(Struct, frozen=True, tag=True):
    """All tasks are gone: end the runner and this process."""

    reason: str


Event = (
    AgentStarted
    | MasterSaid
    | LaunchMisread
    | MasterLost
    | StatusReported
    | ExecutorSubscribed
    | ExecutorCalled
    | ExecutorStreamClosed
    | VolumeRemoved
    | UsageMeasured
    | ShutdownRequested
    | DeadlineReached
)
Effect = (
    Persist
    | SendCall
    | LaunchTask
    | RecoverTask
    | KillContainer
    | LaunchExecutor
    | RecoverExecutor
    | ResizeExecutor
    | SendToExecutor
    | CloseExecutorStream
    | ExecutorAnswered
    | RemoveSandbox
    | MakeVolume
    | RemoveVolume
    | CloseGrave
    | HangUp
    | EndAgent
)
