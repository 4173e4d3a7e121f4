"""What the agent's parts share: settings, standing, tasks and update streams.

Every change that touches several of them at once is made here, so that they never disagree. What
happens when is decided by `agent` and the parts beside it, which all work on one `Books`.
Source: Mesos, src/slave/slave.cpp.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from kernel.agent import recovery, updates
from kernel.agent.collection import Collection
from kernel.agent.draining import Draining
from kernel.agent.executors import Stage
from kernel.agent.pressure import Limits
from kernel.agent.recovery import Records
from kernel.agent.shown import dropped, task_view
from kernel.agent.talk import Effect, SendCall
from kernel.agent.tasks import TaskRecord, container_id
from kernel.agent.volumes import volumes_in
from kernel.machine import Now, Operation, Persist
from kernel.messages.agent import ExecutorEnded
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import AgentInfo, ExecutorInfo, Id, Task, TaskInfo, TaskStatus
from kernel.model.kinds import Kind
from kernel.model.task import Source, TaskState

CONTAINER_LAUNCH_FAILED = "REASON_CONTAINER_LAUNCH_FAILED"
NO_STATUS = -1  # as Mesos reports an executor whose end nobody saw, or that never began


class Settings(Struct, frozen=True):
    """What does not change while the agent runs. `ip` is where its tasks are reached."""

    info: AgentInfo
    version: str
    ip: str
    work_dir: str
    gc_delay_ms: int = 7 * 24 * 3600 * 1000  # Mesos: --gc_delay, one week
    registration_ms: int = 60_000  # Mesos: --executor_registration_timeout
    reregistration_ms: int = 2_000  # Mesos: --executor_reregistration_timeout
    shutdown_grace_ms: int = 5_000  # Mesos: --executor_shutdown_grace_period
    estimator: str = "none"  # or usage, or fixed:<resources>
    limits: Limits = Limits()


class Books:
    def __init__(self, settings: Settings, records: Records) -> None:
        self.settings = settings
        self.registration, self.tasks, self.updates = recovery.restore(records)
        self.draining = Draining(records)
        self.preempted: dict[str, None] = {}  # containers killed to relieve the machine
        self.executors = self.tasks.executors
        self.collection = Collection(self.tasks, settings.work_dir, settings.gc_delay_ms)

    @property
    def agent_id(self) -> str:
        found = self.registration.standing.agent_id
        assert found is not None, "the master spoke before SUBSCRIBED"
        return found

    def check_invariants(self) -> None:
        self.updates.check_invariants()
        for record in self.tasks.live.values():
            assert record.framework_id in self.tasks.frameworks, f"{record.framework_id} is unknown"
            assert record.container_id not in self.tasks.completed
            if record.executor is not None and not self.state_of(record).is_terminal:
                assert record.executor in self.executors.live, f"{record.container_id} is orphaned"

    # -- what is known ----------------------------------------------------------------------

    def task_of(self, record: TaskRecord) -> Task:
        """A live task as it is shown and reported."""
        stream = self.updates.streams.get(record.container_id)
        statuses = [kept.status for kept in stream.kept] if stream is not None else []
        task = task_view(record, statuses)
        return updates.show_last_forwarded(stream, task)

    def state_of(self, record: TaskRecord) -> TaskState:
        return updates.state_of(self.updates.streams.get(record.container_id))

    def is_known(self, framework_id: str, task_id: str) -> bool:
        return self.tasks.find(framework_id, task_id) is not None or any(
            stream.pending() for stream in self.updates.about(framework_id, task_id)
        )

    def unfinished(self) -> list[TaskRecord]:
        """The tasks whose end is not on record."""
        return recovery.unfinished(self.tasks, self.updates)

    def volumes_in_use(self) -> list[Kind]:
        """The persistent volumes of all tasks and executors that have not ended."""
        found: list[Kind] = []
        held = [record.task.resources for record in self.unfinished()]
        held += [executor.record.info.resources for executor in self.executors.live.values()]
        for wire in held:
            if any(resource.disk is not None for resource in wire):
                found += volumes_in(from_wire(wire))
        return found

    def _as_preempted(self, record: TaskRecord, status: TaskStatus) -> TaskStatus:
        """Source: Mesos, Slave::_qosCorrections: the container is gone, its task did not fail."""
        if record.container_id not in self.preempted or not status.state.is_terminal:
            return status
        return replace(
            status,
            state=TaskState.GONE,
            source=Source.AGENT,
            reason="REASON_CONTAINER_PREEMPTED",
            message="The machine ran short, and the task ran on revocable resources",
        )

    # -- what is noted ----------------------------------------------------------------------

    def mint(self) -> tuple[str, list[Operation]]:
        """A container's name that was never used before."""
        agent_id, launches = self.agent_id, self.registration.standing.launches
        return container_id(agent_id, launches), self.registration.keep(launches=launches + 1)

    def add_update(
        self, record: TaskRecord, status: TaskStatus, now: Now
    ) -> tuple[list[Operation], list[SendCall]]:
        if record.framework_id in self.tasks.terminating and not status.state.is_terminal:
            return [], []
        status = self.draining.reasoned(self._as_preempted(record, status))
        return self.updates.add(record.container_id, record.framework_id, status, now.mono_ms)

    def note_status(
        self, record: TaskRecord, status: TaskStatus, now: Now
    ) -> tuple[list[Operation], list[SendCall]]:
        """News of a live task; of a framework that was torn down, only its end is news."""
        operations, calls = self.add_update(record, status, now)
        if status.state.is_terminal and record.framework_id in self.tasks.terminating:
            operations += self.complete(record.container_id, now)
            calls = self.updates.farewell(record.framework_id, status)
        return operations, calls

    def drop(
        self,
        framework_id: str,
        task_id: Id,
        message: str,
        reason: str,
        now: Now,
        state: TaskState = TaskState.DROPPED,
    ) -> tuple[list[Operation], list[SendCall]]:
        """Say of a task that has no container here that it will not run."""
        said = dropped(task_id, self.agent_id, message, reason, now.wall_ms)
        status = replace(said, state=state)
        stream_id, operations = self.mint()
        more, calls = self.updates.add(stream_id, framework_id, status, now.mono_ms)
        return operations + more, calls

    def dropped(
        self, framework_id: str, task_id: Id, message: str, reason: str, now: Now
    ) -> list[Effect]:
        operations, calls = self.drop(framework_id, task_id, message, reason, now)
        return [Persist(tuple(operations)), *calls]

    def complete(self, container: str, now: Now) -> list[Operation]:
        """A task's last word was heard, or nobody is there to hear it."""
        stream = self.updates.streams[container]
        statuses = [kept.status for kept in stream.kept]
        self.preempted.pop(container, None)
        operations = self.updates.remove(container)
        operations += self.tasks.complete(container, statuses, now.wall_ms)
        self.collection.plan(now)
        return operations

    def add_stray(
        self, framework_id: str, status: TaskStatus, now: Now
    ) -> tuple[list[Operation], list[SendCall]]:
        """An executor speaks of a task that it was not given here: passed on, in order."""
        if framework_id in self.tasks.terminating:
            return [], []
        for stream in self.updates.about(framework_id, status.task_id.value):
            if stream.container_id not in self.tasks.live:
                if stream.latest is not None and stream.latest.state.is_terminal:
                    return [], []
                return self.updates.add(stream.container_id, framework_id, status, now.mono_ms)
        stream_id, operations = self.mint()
        more, calls = self.updates.add(stream_id, framework_id, status, now.mono_ms)
        return operations + more, calls

    def heard(self, stream: updates.Stream, now: Now) -> list[Operation]:
        """Something of a stream was acknowledged; perhaps that was its last word."""
        if stream.is_done:
            return self.complete(stream.container_id, now)
        is_stray = stream.container_id not in self.tasks.live and not stream.pending()
        return self.updates.remove(stream.container_id) if is_stray else []

    def launch_problem(
        self, framework_id: str, info: ExecutorInfo, *, starts_executor: bool
    ) -> str | None:
        """Why no task can be given to an executor now, or None. Source: Mesos, Slave::__run."""
        executor = self.executors.find(framework_id, info.executor_id.value)
        if executor is not None and executor.stage is Stage.ENDING:
            return "Executor terminating"
        if executor is None and not starts_executor:
            return "No executor is expected to launch and there is no executor running"
        return None

    def refuse_launch(
        self,
        framework_id: str,
        info: ExecutorInfo,
        tasks: Sequence[TaskInfo],
        message: str,
        now: Now,
        *,
        reason: str = CONTAINER_LAUNCH_FAILED,
        state: TaskState = TaskState.FAILED,
    ) -> list[Effect]:
        """Tasks that will not run; if their executor is not here, the master hears of that, too."""
        operations: list[Operation] = []
        calls: list[Effect] = []
        if self.executors.find(framework_id, info.executor_id.value) is None:
            calls += self.executor_ended(framework_id, info.executor_id, None)
        for task in tasks:
            more, said = self.drop(framework_id, task.task_id, message, reason, now, state)
            operations += more
            calls += said
        return [Persist(tuple(operations)), *calls]

    def executor_ended(
        self, framework_id: str, executor_id: Id, status: int | None
    ) -> list[SendCall]:
        """The master need not be told later: it compares at each SUBSCRIBE."""
        if not self.registration.connected:
            return []
        number = NO_STATUS if status is None else status
        return [
            SendCall(
                ExecutorEnded(framework_id=Id(framework_id), executor_id=executor_id, status=number)
            )
        ]
