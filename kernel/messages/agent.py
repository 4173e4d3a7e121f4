"""The conversation agent <-> master. Ours, not Mesos's (that one is libprocess-internal).

The same form as the scheduler API: a POSTed SUBSCRIBE opens a RecordIO stream of events; all else
is POSTed as a `Batch` that names the stream. Only the agent dials, so agents behind NAT work.
Delivery is at most once; both sides reconcile at each SUBSCRIBE, and status updates are repeated
until acknowledged.
"""

from msgspec import Struct

from kernel.messages.codec import Malformed, decode_union
from kernel.messages.operations import OperationStatus
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    Id,
    KillPolicy,
    Resource,
    Task,
    TaskInfo,
    TaskStatus,
    Wire,
)
from kernel.model.task import TaskState


class AgentCall(Wire, frozen=True, tag_field="type", tag=str.upper):
    """Base of what an agent says."""


class UpdateOperation(AgentCall, frozen=True):
    """What became of an `ApplyOperation`: FINISHED, FAILED or DROPPED, in the order applied.

    Repeated (10 s, doubling) until `AcknowledgeOperation`. `status.uuid` is there exactly when the
    operation has an id, for then its framework acknowledges; else the master does so itself.
    `operation` is sent along in `Subscribe` only, for a master that never heard of it.
    """

    operation_uuid: str
    status: OperationStatus
    framework_id: Id | None = None
    operation: Operation | None = None


class Subscribe(AgentCall, frozen=True):
    """Register (no `agent_info.id`) or come back under the same id.

    `tasks` are all that live and all whose terminal update is not yet acknowledged;
    `frameworks` are the FrameworkInfos (with id) of those tasks, `executors` the custom executors
    (with framework_id) that live. `is_draining` says that it heard `DrainAgent` and no
    `ReactivateAgent` since. `ip` is the address that it listens on. `total` is what the agent has
    after all operations applied to it (None: `agent_info.resources`, as it was configured);
    `operations` are the statuses that are not yet acknowledged, whose effect `total` has already.
    """

    agent_info: AgentInfo
    version: str
    boot_id: str | None = None
    tasks: list[Task] = []
    frameworks: list[FrameworkInfo] = []
    executors: list[ExecutorInfo] = []
    is_draining: bool = False
    ip: str | None = None
    total: list[Resource] | None = None
    operations: list[UpdateOperation] = []


class Pong(AgentCall, frozen=True):
    """Answer to `Ping`."""


class Update(AgentCall, frozen=True):
    """A status update for a framework's scheduler; `latest_state` may be ahead of it."""

    framework_id: Id
    status: TaskStatus
    latest_state: TaskState | None = None


class ExecutorEnded(AgentCall, frozen=True):
    """A custom executor is gone, so its own resources are free; `status` is the raw wait status.

    Sent before the updates of the tasks that died with it.
    """

    framework_id: Id
    executor_id: Id
    status: int | None = None


class ExecutorMessage(AgentCall, frozen=True):
    """Bytes from a custom executor to its framework's scheduler; best effort."""

    framework_id: Id
    executor_id: Id
    data: bytes


class UpdateOversubscribed(AgentCall, frozen=True):
    """What the agent lends out beyond what it has, all of it revocable; replaces the last one."""

    resources: list[Resource] = []


class Unregister(AgentCall, frozen=True):
    """The agent ends for good now; its tasks are gone."""


class Batch(Struct, frozen=True, tag_field="type", tag="BATCH"):
    """The body of every POST but SUBSCRIBE; the stream is named by Mesos-Stream-Id."""

    agent_id: Id
    calls: list[
        Pong
        | Update
        | UpdateOperation
        | ExecutorEnded
        | ExecutorMessage
        | UpdateOversubscribed
        | Unregister
    ]


class MasterEvent(Wire, frozen=True, tag_field="type", tag=str.upper):
    """Base of what the master says."""


class Subscribed(MasterEvent, frozen=True):
    """First record of a stream. `tasks` is what the master believes to run there, for the agent
    to answer TASK_DROPPED for those it never got; silence of `ping_timeout_seconds` means that
    the master is gone. `epoch` is the master's term: an agent refuses a lower one. `operations` is
    what the master sent and never heard of: the agent answers DROPPED for those it never got."""

    agent_id: Id
    master_id: str
    epoch: int
    ping_timeout_seconds: float
    tasks: list[Task] = []
    operations: list["ApplyOperation"] = []


class ApplyOperation(MasterEvent, frozen=True):
    """Apply it to the agent's resources, in the order of the stream, and answer `UpdateOperation`.

    `operation_uuid` names it between master and agent, `operation.id` (if any) towards its
    framework; an operator's has no framework. What does not apply is answered FAILED.
    """

    operation_uuid: str
    operation: Operation
    framework_id: Id | None = None


class AcknowledgeOperation(MasterEvent, frozen=True):
    """The status of this operation has arrived; the agent forgets it."""

    operation_uuid: str


class Ping(MasterEvent, frozen=True):
    """Sent each ping interval."""


class RunTask(MasterEvent, frozen=True):
    """`starts_executor`: its custom executor is to be started for it; else it must run already,
    because nobody holds resources for another one."""

    framework: FrameworkInfo
    task: TaskInfo
    starts_executor: bool = True


class RunGroup(MasterEvent, frozen=True):
    """Tasks that run all or not at all, on one executor, which may run already.

    Each task names the executor too. On a DEFAULT executor the agent runs them, each in a container
    of its own inside the executor's; one that fails or is killed takes the others along.
    """

    framework: FrameworkInfo
    executor: ExecutorInfo
    tasks: list[TaskInfo]
    starts_executor: bool = True


class KillTask(MasterEvent, frozen=True):
    framework_id: Id
    task_id: Id
    kill_policy: KillPolicy | None = None


class AcknowledgeUpdate(MasterEvent, frozen=True):
    framework_id: Id
    task_id: Id
    uuid: bytes


class UpdateFramework(MasterEvent, frozen=True):
    """A framework changed its info; also sent to agents that run tasks of it."""

    framework: FrameworkInfo


class ShutdownFramework(MasterEvent, frozen=True):
    """Kill all tasks of a framework that was torn down."""

    framework_id: Id


class ShutdownExecutor(MasterEvent, frozen=True):
    """End a custom executor and all its tasks."""

    framework_id: Id
    executor_id: Id


class MessageExecutor(MasterEvent, frozen=True):
    """Bytes from a framework's scheduler to its custom executor; best effort."""

    framework_id: Id
    executor_id: Id
    data: bytes


class DrainAgent(MasterEvent, frozen=True):
    """Kill all tasks by their kill policies, none of which may take longer than `max_grace_ms`,
    and start no more until `ReactivateAgent`; their updates say REASON_AGENT_DRAINING. Sent again
    at each SUBSCRIBE of an agent that is to be drained. With `mark_gone` the agent will not come
    back: once it is empty the master tells it to shut down."""

    max_grace_ms: int | None = None
    mark_gone: bool = False


class ReactivateAgent(MasterEvent, frozen=True):
    """The drain is over: start tasks again. Sent before any task that follows it, and at each
    SUBSCRIBE of an agent that believes to be draining and is not."""


class ShutdownAgent(MasterEvent, frozen=True):
    """The master refuses this agent; it must end its tasks and exit."""

    message: str


AnyMasterEvent = (
    Subscribed
    | Ping
    | RunTask
    | RunGroup
    | KillTask
    | AcknowledgeUpdate
    | ApplyOperation
    | AcknowledgeOperation
    | UpdateFramework
    | ShutdownFramework
    | ShutdownExecutor
    | MessageExecutor
    | DrainAgent
    | ReactivateAgent
    | ShutdownAgent
)
AnyAgentCall = (
    Subscribe
    | Pong
    | Update
    | UpdateOperation
    | ExecutorEnded
    | ExecutorMessage
    | UpdateOversubscribed
    | Unregister
)


def read_event(body: bytes) -> AnyMasterEvent:
    """One record of the stream. Raises `Malformed`."""
    event: AnyMasterEvent = decode_union(AnyMasterEvent, body)
    return event


class _NamedFramework(Struct, frozen=True):
    id: Id


class _NamedExecutor(Struct, frozen=True):
    executor_id: Id


class _NamedTask(Struct, frozen=True):
    task_id: Id
    executor: _NamedExecutor | None = None


class _NamedRunTask(Struct, frozen=True, tag_field="type", tag="RUNTASK"):
    framework: _NamedFramework
    task: _NamedTask


class _NamedRunGroup(Struct, frozen=True, tag_field="type", tag="RUNGROUP"):
    framework: _NamedFramework
    executor: _NamedExecutor
    tasks: list[_NamedTask]


class NamedLaunch(Struct, frozen=True):
    """Whom a `RunTask` or `RunGroup` that can't be read was about."""

    framework_id: str
    executor_id: Id | None
    task_ids: list[Id]


def read_named_launch(body: bytes) -> NamedLaunch | None:
    """The names in a record that `read_event` refused, None if it was no launch or has none."""
    try:
        launch: _NamedRunTask | _NamedRunGroup = decode_union(_NamedRunTask | _NamedRunGroup, body)
    except Malformed:
        return None
    if isinstance(launch, _NamedRunTask):
        tasks, executor = [launch.task], launch.task.executor
    else:
        tasks, executor = launch.tasks, launch.executor
    executor_id = executor.executor_id if executor is not None else None
    return NamedLaunch(launch.framework.id.value, executor_id, [task.task_id for task in tasks])


def read_post(body: bytes) -> Subscribe | Batch:
    """The body of one POST: a SUBSCRIBE, or a batch. Raises `Malformed`."""
    post: Subscribe | Batch = decode_union(Subscribe | Batch, body)
    return post
