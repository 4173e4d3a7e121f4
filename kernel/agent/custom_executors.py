"""Custom executors: processes of a framework's own that run its tasks and speak for them.

Decides when one is started, what it is sent and believed, and how it ends; tasks wait for it until
it has subscribed. A task that an executor was sent is followed by it, not by us: what it says of
it is stored before it is told so. Processes are `kernel.executor`'s, group rules the executor's.
Source: Mesos, src/slave/slave.cpp (Slave::subscribe, statusUpdate, executorTerminated),
docs/executor-http-api.md; recordings, executor-*.
"""

from collections.abc import Sequence

from kernel.agent import executor_events as said
from kernel.agent.books import NO_STATUS, Books, Settings
from kernel.agent.executors import Executor, ExecutorRecord, Fate, Stage
from kernel.agent.shown import ended_status, limitation_of
from kernel.agent.talk import (
    CloseExecutorStream,
    Effect,
    ExecutorStreamClosed,
    KillContainer,
    LaunchExecutor,
    RecoverExecutor,
    ResizeExecutor,
    SendToExecutor,
    StatusReported,
)
from kernel.agent.tasks import TaskRecord, executor_refusal
from kernel.machine import Now, Operation, Persist
from kernel.messages.v1 import ExecutorInfo, FrameworkInfo, KillPolicy, TaskInfo
from kernel.model.task import TaskState

HEARTBEAT_MS = 30 * 60 * 1000  # Mesos: DEFAULT_EXECUTOR_HEARTBEAT_INTERVAL
_KILLED_EARLY = Fate(
    TaskState.KILLED, "REASON_TASK_KILLED_DURING_LAUNCH", "Killed before delivery to the executor"
)


class CustomExecutors:
    """Works on the agent's books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def live(self) -> list[Executor]:
        return [each for each in self._books.executors.live.values() if not each.record.is_default]

    @property
    def is_recovering(self) -> bool:
        """Whether some that were here before the agent's restart may come back still."""
        return any(executor.stage is Stage.RETURNING for executor in self.live())

    def next_deadline_ms(self) -> int | None:
        due = (executor.next_deadline_ms() for executor in self.live())
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    # -- tasks come -------------------------------------------------------------------------

    def run(
        self,
        framework: FrameworkInfo,
        info: ExecutorInfo,
        tasks: Sequence[TaskInfo],
        now: Now,
        *,
        is_group: bool = False,
    ) -> list[Effect]:
        books = self._books
        framework_id = framework.id.value if framework.id is not None else ""
        why = executor_refusal(framework, info, tasks)
        if why is not None:
            return books.refuse_launch(framework_id, info, tasks, why, now)
        operations: list[Operation] = []
        executor = books.executors.find(framework_id, info.executor_id.value)
        is_new = executor is None
        if executor is None:
            executor, operations = self._add(framework_id, info, now)
        records: list[TaskRecord] = []
        for task in tasks:
            stream_id, more = books.mint()
            record = TaskRecord(
                stream_id,
                books.agent_id,
                framework_id,
                task,
                now.wall_ms,
                executor=executor.record.container_id,
                group=(records[0].container_id if records else stream_id) if is_group else None,
            )
            records.append(record)
            operations += more + books.tasks.add(record, framework)
        container_id = executor.record.container_id
        start = LaunchExecutor(container_id, framework) if is_new else ResizeExecutor(container_id)
        _queue(executor, records)
        return [Persist(tuple(operations)), start, *self._deliver(executor)]

    def _add(
        self, framework_id: str, info: ExecutorInfo, now: Now
    ) -> tuple[Executor, list[Operation]]:
        container_id, operations = self._books.mint()
        agent_id = self._books.agent_id
        record = ExecutorRecord(container_id, agent_id, framework_id, info, now.wall_ms)
        executor, more = self._books.executors.add(record)
        return executor, operations + more

    def _deliver(self, executor: Executor) -> list[Effect]:
        """Send what waits, if it is there to hear it."""
        if executor.stage is not Stage.RUNNING or executor.stream_id is None:
            return []
        effects: list[Effect] = []
        for containers in executor.waiting:
            records = [self._books.tasks.live[each] for each in containers]
            tasks = [record.task for record in records]
            event = said.launch_group(tasks) if records[0].group else said.launch(tasks[0])
            effects.append(SendToExecutor(executor.stream_id, event))
        executor.waiting = []
        return effects

    # -- its stream -------------------------------------------------------------------------

    def admit(
        self, executor: Executor, stream_id: str, now: Now
    ) -> tuple[list[Operation], list[Effect]]:
        """It has subscribed; what is told to it then, is `executor_calls`' to order."""
        closing: list[Effect] = []
        if executor.stream_id is not None:
            closing.append(CloseExecutorStream(executor.stream_id))
        executor.stream_id = stream_id
        if executor.stage is Stage.ENDING:
            return [], closing
        executor.stage, executor.due_ms = Stage.RUNNING, None
        executor.heartbeat_due_ms = now.mono_ms + HEARTBEAT_MS
        return self._books.executors.note(executor, subscribed=True), closing

    def welcome(self, executor: Executor) -> list[Effect]:
        """What has waited for it: tasks, and kills that it may not have heard."""
        if executor.stream_id is None:
            return []
        if executor.stage is Stage.ENDING:
            return [SendToExecutor(executor.stream_id, said.SHUTDOWN)]
        effects = self._deliver(executor)
        for record in self.unfinished(executor):
            if record.killing:
                event = said.kill(record.task.task_id, record.kill_policy)
                effects.append(SendToExecutor(executor.stream_id, event))
        return effects

    def on_stream_closed(self, event: ExecutorStreamClosed) -> list[Effect]:
        executor = self._books.executors.on_stream(event.stream_id)
        if executor is not None:
            executor.stream_id = executor.heartbeat_due_ms = None
        return []

    def message(self, framework_id: str, executor_id: str, data: bytes) -> list[Effect]:
        """To an executor that listens; lost if none does."""
        executor = self._books.executors.find(framework_id, executor_id)
        if executor is None or executor.stream_id is None or executor.stage is not Stage.RUNNING:
            return []
        return [SendToExecutor(executor.stream_id, said.message(data))]

    # -- ending one task, or all of it ------------------------------------------------------

    def kill(self, record: TaskRecord, policy: KillPolicy | None, now: Now) -> list[Effect]:
        assert record.executor is not None
        executor = self._books.executors.live.get(record.executor)
        if executor is None or executor.stage is Stage.ENDING:
            return []
        if executor.waits(record.container_id):
            return self._kill_waiting(executor, record, now)
        operations = self._books.tasks.mark_killing(record, policy)
        effects: list[Effect] = [Persist(tuple(operations))] if operations else []
        if executor.stream_id is not None and executor.stage is Stage.RUNNING:
            event = said.kill(record.task.task_id, policy)
            effects.append(SendToExecutor(executor.stream_id, event))
        return effects

    def _kill_waiting(self, executor: Executor, record: TaskRecord, now: Now) -> list[Effect]:
        """It never reached its executor; nor does the rest of its group. An executor that has
        nothing to do any more before it came is not waited for."""
        books = self._books
        together = next(each for each in executor.waiting if record.container_id in each)
        executor.waiting.remove(together)
        operations: list[Operation] = []
        effects: list[Effect] = []
        for container_id in together:
            task = books.tasks.live[container_id]
            status = ended_status(task, _KILLED_EARLY, None, now.wall_ms)
            more, calls = books.note_status(task, status, now)
            operations += more
            effects += calls
        if executor.stage is Stage.AWAITED and not self.unfinished(executor):
            more, kills = self.shutdown(executor, now)
            operations += more
            effects += kills
        return [Persist(tuple(operations)), *effects]

    def shutdown(
        self, executor: Executor, now: Now, grace_ms_max: int | None = None
    ) -> tuple[list[Operation], list[Effect]]:
        """Ask it to end, and end it if it has not after its grace period."""
        if executor.stage is Stage.ENDING and executor.due_ms is not None:
            return [], []
        executor.stage, executor.waiting = Stage.ENDING, []
        operations = self._books.executors.note(executor, ending=True)
        if executor.stream_id is None:  # nobody to ask
            executor.due_ms = None
            return operations, [KillContainer(executor.record.container_id)]
        grace_ms = _grace_ms(executor, self._books.settings.shutdown_grace_ms)
        if grace_ms_max is not None:
            grace_ms = min(grace_ms, grace_ms_max)
        executor.due_ms = now.mono_ms + grace_ms
        return operations, [SendToExecutor(executor.stream_id, said.SHUTDOWN)]

    # -- its process ------------------------------------------------------------------------

    def reported(self, executor: Executor, event: StatusReported, now: Now) -> list[Effect]:
        """News of its container."""
        if event.state.is_terminal:
            return self._end(executor, event, now)
        executor.pid = event.pid or executor.pid
        if executor.stage is Stage.AWAITED and executor.due_ms is None:  # its files are there
            executor.due_ms = now.mono_ms + self._books.settings.registration_ms
        return []

    def _end(self, executor: Executor, event: StatusReported, now: Now) -> list[Effect]:
        books, record = self._books, executor.record
        fate, limitation = executor.fate, limitation_of(event)
        if limitation is not None or event.reason == "REASON_CONTAINER_LAUNCH_FAILED":
            fate = Fate(TaskState.FAILED, event.reason or fate.reason, event.message or "")
        status = NO_STATUS if event.wait_status is None else event.wait_status
        calls: list[Effect] = []
        calls += books.executor_ended(record.framework_id, record.info.executor_id, status)
        operations: list[Operation] = []
        for task in self.unfinished(executor):
            more, updates = books.note_status(
                task, ended_status(task, fate, limitation, now.wall_ms), now
            )
            operations += more
            calls += updates
        operations += books.executors.complete(executor, now.wall_ms)
        books.collection.plan(now)
        closing = [CloseExecutorStream(executor.stream_id)] if executor.stream_id else []
        return [Persist(tuple(operations)), *closing, *calls]

    def unfinished(self, executor: Executor) -> list[TaskRecord]:
        return [
            record
            for record in self._books.tasks.on_executor(executor.record.container_id)
            if not self._books.state_of(record).is_terminal
        ]

    # -- time -------------------------------------------------------------------------------

    def on_deadline(self, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        for executor in self.live():
            if executor.heartbeat_due_ms is not None and executor.heartbeat_due_ms <= now.mono_ms:
                executor.heartbeat_due_ms = now.mono_ms + HEARTBEAT_MS
                if executor.stream_id is not None:
                    effects.append(SendToExecutor(executor.stream_id, said.HEARTBEAT))
            if executor.due_ms is not None and executor.due_ms <= now.mono_ms:
                effects += self._give_up(executor)
        return effects

    def _give_up(self, executor: Executor) -> list[Effect]:
        """It has not done in time what it should."""
        executor.fate = _fate_of_late(executor, self._books.settings) or executor.fate
        executor.stage, executor.due_ms, executor.waiting = Stage.ENDING, None, []
        operations = self._books.executors.note(executor, ending=True)
        kill = KillContainer(executor.record.container_id)
        return [Persist(tuple(operations)), kill] if operations else [kill]

    # -- after a restart of the agent -------------------------------------------------------

    def recover(self, now: Now) -> list[Effect]:
        """Each may come back for a while; one that never came is awaited as at first."""
        effects: list[Effect] = []
        for executor in self.live():
            record = executor.record
            framework = self._books.tasks.frameworks[record.framework_id]
            age_ms = max(0, now.wall_ms - record.launched_wall_ms)
            effects.append(
                RecoverExecutor(record.container_id, framework, record.subscribed, age_ms)
            )
            if record.ending:
                executor.stage = Stage.ENDING
                effects.append(KillContainer(record.container_id))
            elif record.subscribed:
                executor.stage = Stage.RETURNING
                executor.due_ms = now.mono_ms + self._books.settings.reregistration_ms
            else:
                _queue(executor, self.unfinished(executor))
        return effects


def forget_rebooted(books: Books, now: Now) -> list[Operation]:
    """No process has outlived the machine's restart; the ends of their tasks are on record."""
    operations: list[Operation] = []
    for executor in list(books.executors.live.values()):
        if not executor.record.is_default:
            operations += books.executors.complete(executor, now.wall_ms)
    return operations


def _queue(executor: Executor, records: Sequence[TaskRecord]) -> None:
    groups: dict[str, list[str]] = {}
    for record in records:
        groups.setdefault(record.group or record.container_id, []).append(record.container_id)
    executor.waiting += [tuple(containers) for containers in groups.values()]


def _grace_ms(executor: Executor, default_ms: int) -> int:
    own = executor.record.info.shutdown_grace_period
    return default_ms if own is None else max(0, own.nanoseconds // 1_000_000)


def _fate_of_late(executor: Executor, settings: Settings) -> Fate | None:
    if executor.stage is Stage.AWAITED:
        text = f"Executor did not register within {duration(settings.registration_ms)}"
        return Fate(TaskState.FAILED, "REASON_EXECUTOR_REGISTRATION_TIMEOUT", text)
    if executor.stage is Stage.RETURNING:
        text = f"Executor did not reregister within {duration(settings.reregistration_ms)}"
        return Fate(TaskState.GONE, "REASON_EXECUTOR_REREGISTRATION_TIMEOUT", text)
    return None


def duration(ms: int) -> str:
    """As Mesos prints a duration, in the largest unit that leaves no rest."""
    for unit, of_ms in (("mins", 60_000), ("secs", 1_000)):
        if ms >= of_ms and ms % of_ms == 0:
            return f"{ms // of_ms}{unit}"
    return f"{ms}ms"
