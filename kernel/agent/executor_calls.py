"""What custom executors say: who may say it, what of it is believed, what they are answered.

The order of the refusals and their texts are Mesos's. An update is stored before it is acknowledged
or forwarded, and one that came before is only acknowledged. The life of an executor is
`custom_executors`'. Source: Mesos, Http::executor in src/slave/http.cpp, Slave::subscribe and
statusUpdate in src/slave/slave.cpp; recordings, status-executor, executor-custom.
"""

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from kernel.agent import executor_events as said
from kernel.agent.books import Books
from kernel.agent.custom_executors import CustomExecutors
from kernel.agent.executors import Executor, Fate, Stage
from kernel.agent.shown import completed_status, container_status, ended_status, with_id
from kernel.agent.talk import (
    Effect,
    ExecutorAnswered,
    ExecutorCalled,
    ExecutorSubscribed,
    ResizeExecutor,
    SendCall,
    SendToExecutor,
)
from kernel.agent.tasks import TaskRecord
from kernel.machine import Now, Operation, Persist
from kernel.messages.agent import ExecutorMessage
from kernel.messages.executor import Call, CallType, Event
from kernel.messages.quantities import from_wire, to_wire
from kernel.messages.v1 import TaskStatus
from kernel.model.task import TaskState

ACCEPTED, BAD, FORBIDDEN, NOT_IMPLEMENTED, UNAVAILABLE = 202, 400, 403, 501, 503
RECOVERING = "Agent has not finished recovery"
_NEVER_SENT = Fate(
    TaskState.DROPPED, "REASON_AGENT_RESTARTED", "Task launched during agent restart"
)


class _Taken(Struct):
    """What follows from updates that an executor sent."""

    operations: list[Operation] = field(default_factory=list)
    acknowledgements: list[Effect] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def persist(self) -> list[Effect]:
        return [Persist(tuple(self.operations))] if self.operations else []


class ExecutorCalls:
    """Works on the agent's books."""

    def __init__(self, books: Books, executors: CustomExecutors) -> None:
        self._books = books
        self._executors = executors

    def _caller(self, call: Call) -> Executor | tuple[int, str]:
        """Who calls; or the refusal."""
        is_subscribe = call.type is CallType.SUBSCRIBE
        if self._executors.is_recovering and not is_subscribe:
            return UNAVAILABLE, RECOVERING
        books, framework_id = self._books, call.framework_id.value
        if framework_id not in books.tasks.frameworks:
            return BAD, "Framework cannot be found"
        executor = books.executors.find(framework_id, call.executor_id.value)
        if executor is None or executor.record.is_default:
            return BAD, "Executor cannot be found"
        if executor.stage is Stage.AWAITED and not is_subscribe:
            return FORBIDDEN, "Executor is not subscribed"
        return executor

    # -- SUBSCRIBE --------------------------------------------------------------------------

    def on_subscribed(self, event: ExecutorSubscribed, now: Now) -> list[Effect]:
        executor = self._caller(event.call)
        subscribe = event.call.subscribe
        if not isinstance(executor, Executor) or subscribe is None:
            status, message = executor if isinstance(executor, tuple) else (BAD, "")
            return [ExecutorAnswered(event.request_id, status, message)]
        operations, closing = self._executors.admit(executor, event.stream_id, now)
        taken = _Taken(operations)
        if executor.stage is not Stage.ENDING:
            for update in subscribe.unacknowledged_updates:
                self._take(taken, executor, update.status, now)
            listed = {task.task_id.value: None for task in subscribe.unacknowledged_tasks}
            self._drop_unlisted(taken, executor, listed, now)
        return [
            *taken.persist(),
            *closing,
            ExecutorAnswered(event.request_id, 200),
            SendToExecutor(event.stream_id, self._greeting(executor)),
            *taken.acknowledgements,
            *self._executors.welcome(executor),
            *taken.effects,
        ]

    def _greeting(self, executor: Executor) -> Event:
        record, info = executor.record, self._books.settings.info
        resources = to_wire(from_wire(info.resources), refined=True)
        return said.subscribed(
            record.info,
            self._books.tasks.frameworks[record.framework_id],
            with_id(replace(info, resources=resources), record.agent_id),
            record.container_id,
        )

    def _drop_unlisted(
        self, taken: _Taken, executor: Executor, listed: dict[str, None], now: Now
    ) -> None:
        """A task that it was sent, never spoke of and does not know never reached it."""
        for record in self._executors.unfinished(executor):
            is_sent = not executor.waits(record.container_id)
            never_heard_of = self._books.state_of(record) is TaskState.STAGING
            if is_sent and never_heard_of and record.task.task_id.value not in listed:
                status = ended_status(record, _NEVER_SENT, None, now.wall_ms)
                more, calls = self._books.note_status(record, status, now)
                taken.operations += more
                taken.effects += calls

    # -- everything else --------------------------------------------------------------------

    def on_called(self, event: ExecutorCalled, now: Now) -> list[Effect]:
        call, request_id = event.call, event.request_id
        executor = self._caller(call)
        if isinstance(executor, tuple):
            return [ExecutorAnswered(request_id, *executor)]
        if call.update is not None and call.type is CallType.UPDATE:
            taken = _Taken()
            self._take(taken, executor, call.update.status, now)
            answer = ExecutorAnswered(request_id, ACCEPTED)
            return [*taken.persist(), answer, *taken.acknowledgements, *taken.effects]
        if call.message is not None and call.type is CallType.MESSAGE:
            message = ExecutorMessage(
                framework_id=call.framework_id,
                executor_id=call.executor_id,
                data=call.message.data,
            )
            is_heard = self._books.registration.connected
            effects: list[Effect] = [SendCall(message)] if is_heard else []
            return [ExecutorAnswered(request_id, ACCEPTED), *effects]
        return [ExecutorAnswered(request_id, NOT_IMPLEMENTED, "501 Not Implemented.")]

    def _take(self, taken: _Taken, executor: Executor, status: TaskStatus, now: Now) -> None:
        """One update, once."""
        books, record = self._books, executor.record
        assert status.uuid is not None, "updates without one were refused"
        if status.agent_id is not None and status.agent_id.value != record.agent_id:
            return  # meant for another agent; Mesos ignores it, too
        if executor.stream_id is not None:
            # DIFFERS: Mesos does not acknowledge one of a task that it does not know.
            event = said.acknowledged(status.task_id, status.uuid)
            taken.acknowledgements.append(SendToExecutor(executor.stream_id, event))
        task_id = status.task_id.value
        if self._came_before(record.framework_id, task_id, status.uuid):
            return
        task = self._task(executor, task_id)
        there = None
        if task is not None:
            there = container_status(task, books.settings.ip, executor.pid, status.state)
        whole = completed_status(status, record.executor_id, record.agent_id, there, now.wall_ms)
        if task is None:
            more, calls = books.add_stray(record.framework_id, whole, now)
        elif books.state_of(task).is_terminal:
            return  # DIFFERS: Mesos forwards news of a task that has ended
        else:
            more, calls = books.note_status(task, whole, now)
            if whole.state.is_terminal:
                executor.waiting = [g for g in executor.waiting if task.container_id not in g]
                taken.effects.append(ResizeExecutor(record.container_id))
        taken.operations += more
        taken.effects += calls

    def _came_before(self, framework_id: str, task_id: str, uuid: bytes) -> bool:
        books = self._books
        if any(stream.has(uuid) for stream in books.updates.about(framework_id, task_id)):
            return True
        return any(
            status.uuid == uuid
            for done in books.tasks.completed.values()
            if done.record.framework_id == framework_id
            and done.record.task.task_id.value == task_id
            for status in done.statuses
        )

    def _task(self, executor: Executor, task_id: str) -> TaskRecord | None:
        records: Sequence[TaskRecord] = self._books.tasks.on_executor(executor.record.container_id)
        return next((r for r in reversed(records) if r.task.task_id.value == task_id), None)
