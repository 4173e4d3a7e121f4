"""What the agent's parts share: settings, standing, tasks and update streams.

Every change that touches several of them at once is made here, so that they never disagree. What
happens when is decided by `agent` and the parts beside it, which all work on one `Books`.
Source: Mesos, src/slave/slave.cpp.
"""

from msgspec import Struct

from kernel.agent import recovery, updates
from kernel.agent.draining import Draining
from kernel.agent.recovery import Records
from kernel.agent.shown import dropped, task_view
from kernel.agent.talk import Effect, RemoveSandbox, SendCall
from kernel.agent.tasks import TaskRecord, container_id
from kernel.machine import Now, Operation, Persist
from kernel.messages.v1 import AgentInfo, Id, Task, TaskStatus


class Settings(Struct, frozen=True):
    """What does not change while the agent runs. `ip` is where its tasks are reached."""

    info: AgentInfo
    version: str
    ip: str
    work_dir: str
    gc_delay_ms: int = 7 * 24 * 3600 * 1000  # Mesos: --gc_delay, one week


class Books:
    """`gc_due_ms` is when sandboxes are next looked through."""

    def __init__(self, settings: Settings, records: Records) -> None:
        self.settings = settings
        self.registration, self.tasks, self.updates = recovery.restore(records)
        self.draining = Draining(records)
        self.gc_due_ms: int | None = None

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

    # -- what is known ----------------------------------------------------------------------

    def task_of(self, record: TaskRecord) -> Task:
        """A live task as it is shown and reported."""
        stream = self.updates.streams.get(record.container_id)
        statuses = [kept.status for kept in stream.kept] if stream is not None else []
        task = task_view(record, statuses)
        return updates.show_last_forwarded(stream, task)

    def is_known(self, framework_id: str, task_id: str) -> bool:
        return self.tasks.find(framework_id, task_id) is not None or any(
            stream.pending() for stream in self.updates.about(framework_id, task_id)
        )

    def unfinished(self) -> list[TaskRecord]:
        """The tasks whose end is not on record."""
        return recovery.unfinished(self.tasks, self.updates)

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
        status = self.draining.reasoned(status)
        return self.updates.add(record.container_id, record.framework_id, status, now.mono_ms)

    def drop(
        self, framework_id: str, task_id: Id, message: str, reason: str, now: Now
    ) -> tuple[list[Operation], list[SendCall]]:
        """Say of a task that has no container here that it will not run."""
        status = dropped(task_id, self.agent_id, message, reason, now.wall_ms)
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
        operations = self.updates.remove(container)
        operations += self.tasks.complete(container, statuses, now.wall_ms)
        self.plan_collection(now)
        return operations

    # -- old sandboxes ----------------------------------------------------------------------

    def plan_collection(self, now: Now) -> None:
        if self.gc_due_ms is None and self.tasks.completed:
            oldest = min(done.completed_wall_ms for done in self.tasks.completed.values())
            left_ms = oldest + self.settings.gc_delay_ms - now.wall_ms
            self.gc_due_ms = now.mono_ms + max(1_000, left_ms)

    def collect(self, now: Now) -> list[Effect]:
        """Remove the sandboxes whose time is over."""
        if self.gc_due_ms is None or self.gc_due_ms > now.mono_ms:
            return []
        self.gc_due_ms = None
        operations: list[Operation] = []
        removals: list[Effect] = []
        for done in self.tasks.expired(now.wall_ms, self.settings.gc_delay_ms):
            place, work_dir = done.record.place, self.settings.work_dir
            removals.append(RemoveSandbox(place.sandbox(work_dir), place.record(work_dir)))
            operations += self.tasks.forget(done)
        self.plan_collection(now)
        return [Persist(tuple(operations)), *removals] if operations else []
