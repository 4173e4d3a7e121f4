"""The agent: hands each event to its parts and joins what they say. Decides little itself.

The parts are `registration`, `tasks` and `updates`; `recovery` fills them. What is persisted comes
before what rests on it: a task's record before its launch, an update before it is sent.
Source: Mesos, src/slave/slave.cpp, docs/agent-recovery.md.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from kernel.agent import reconfiguration, recovery
from kernel.agent.books import Books, Settings
from kernel.agent.custom_executors import CustomExecutors, forget_rebooted
from kernel.agent.ending import GRACE_MS_MAX, Ending, Step
from kernel.agent.executor_calls import ExecutorCalls
from kernel.agent.executors import Stage
from kernel.agent.groups import Groups
from kernel.agent.launching import Launching
from kernel.agent.operations import Operations
from kernel.agent.oversubscription import Oversubscription
from kernel.agent.recovery import Records
from kernel.agent.shown import status_of, with_id
from kernel.agent.talk import (
    AgentStarted,
    Effect,
    EndAgent,
    Event,
    ExecutorCalled,
    ExecutorStreamClosed,
    ExecutorSubscribed,
    KillContainer,
    LaunchMisread,
    MasterLost,
    MasterSaid,
    SendCall,
    ShutdownRequested,
    StatusReported,
    UsageMeasured,
    VolumeRemoved,
)
from kernel.agent.tasks import TaskRecord
from kernel.machine import DeadlineReached, Now, Operation, Persist
from kernel.messages.agent import (
    AcknowledgeOperation,
    AcknowledgeUpdate,
    ApplyOperation,
    DrainAgent,
    KillTask,
    MessageExecutor,
    Ping,
    ReactivateAgent,
    RunGroup,
    RunTask,
    ShutdownAgent,
    ShutdownExecutor,
    ShutdownFramework,
    Subscribe,
    Subscribed,
    Unregister,
    UpdateFramework,
)
from kernel.messages.v1 import (
    Id,
    Task,
)


class Agent:
    """The parts, which all work on the same books, and what this boot is called."""

    def __init__(self, settings: Settings, records: Records) -> None:
        self.books = Books(settings, records)
        self.settings = settings
        self.registration = self.books.registration
        self.tasks = self.books.tasks
        self.updates = self.books.updates
        self.custom = CustomExecutors(self.books)
        self.calls = ExecutorCalls(self.books, self.custom)
        self.groups = Groups(self.books)
        self.boot_id = ""
        self.ending = Ending()
        self.operations = Operations(self.books, records)
        self.oversubscription = Oversubscription(self.books)
        self._configured = reconfiguration.keep(settings.info, records)
        self.launching = Launching(
            self.books, self.custom, self.groups, self.ending, self.operations
        )

    def step(self, event: Event, now: Now) -> Sequence[Effect]:
        effects = _HANDLERS[type(event)](self, event, now)
        if self.books.draining.record is None:
            return effects
        return [*effects, *_end_idle_executors(self, now)]

    def next_deadline_ms(self) -> int | None:
        due = (
            self.updates.next_deadline_ms(),
            self.registration.ping_due_ms,
            self.ending.due_ms,
            self.books.collection.due_ms,
            self.custom.next_deadline_ms(),
            self.operations.next_deadline_ms(),
        )
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def check_invariants(self) -> None:
        self.books.check_invariants()

    def subscribe_call(self) -> Subscribe:
        """What to say when a stream to a master is opened."""
        shown: list[Task] = []
        for record in self.tasks.live.values():
            if record.framework_id not in self.tasks.terminating:
                shown.append(self.books.task_of(record))
        frameworks = {task.framework_id.value: None for task in shown}
        executors = [
            each.record
            for each in self.books.executors.live.values()
            if each.record.framework_id not in self.tasks.terminating
        ]
        frameworks |= {record.framework_id: None for record in executors}
        agent_id = self.registration.standing.agent_id
        return Subscribe(
            agent_info=with_id(self.settings.info, agent_id),
            version=self.settings.version,
            boot_id=self.boot_id or None,
            tasks=shown,
            frameworks=[self.tasks.frameworks[framework_id] for framework_id in frameworks],
            is_draining=self.books.draining.record is not None,
            ip=self.settings.ip,
            executors=[
                replace(record.info, framework_id=Id(record.framework_id)) for record in executors
            ],
            total=self.operations.wire_total(),
            operations=self.operations.statuses(),
        )

    # -- beginning and end ------------------------------------------------------------------

    def _on_started(self, event: AgentStarted, now: Now) -> list[Effect]:
        rebooted = self.registration.standing.boot_id not in ("", event.boot_id)
        self.boot_id = event.boot_id
        operations = list(self._configured)
        effects = self.operations.started()
        if self.registration.standing.boot_id != event.boot_id:
            operations += self.registration.keep(boot_id=event.boot_id)
        for record in self.books.unfinished():
            if rebooted:
                status = recovery.lost_in_reboot(record, now.wall_ms)
                more, calls = self.books.add_update(record, status, now)
                operations += more
                effects += calls
            elif record.has_process:
                effects.append(recovery.recover(record, self.tasks, self.updates, now.wall_ms))
        if rebooted:
            operations += forget_rebooted(self.books, now)
        else:
            effects += self.custom.recover(now)
        operations += self.groups.recover(now)
        effects += _drain(self, now)
        self.books.collection.plan(now)
        kept = [Persist(tuple(operations))] if operations else []
        # What may live is named to the shell before anything waits for the disk: the runner ends
        # what the shell does not name.
        return [*kept, *effects] if rebooted else [*effects, *kept]

    def _on_shutdown(self, event: ShutdownRequested, now: Now) -> list[Effect]:
        if not self.ending.begin(event.reason):
            return []
        operations: list[Operation] = []
        kills: list[Effect] = []
        for record in self.books.unfinished():
            operations += self.tasks.mark_killing(record)
            if record.has_process:
                kills.append(KillContainer(record.container_id, _grace_ms(record)))
        for executor in self.custom.live():
            more, effects = self.custom.shutdown(executor, now, GRACE_MS_MAX)
            operations += more
            kills += effects
        kept: list[Effect] = [Persist(tuple(operations))] if operations else []
        return [*kept, *kills, *self._maybe_end(now)]

    def _maybe_end(self, now: Now) -> list[Effect]:
        """End once no task lives and every last word was heard, or not heard for too long."""
        if self.ending.reason is None:
            return []
        step = self.ending.next_step(
            tasks_live=bool(self.books.unfinished() or self.books.executors.live),
            all_heard=not any(stream.pending() for stream in self.updates.streams.values()),
            connected=self.registration.connected,
            now=now,
        )
        if step is Step.WAIT:
            return []
        end = EndAgent(self.ending.reason)
        if step is Step.LEAVE:
            return [end]
        return [Persist(tuple(_forget(self))), SendCall(Unregister()), end]

    # -- the master -------------------------------------------------------------------------

    def _on_master_said(self, said: MasterSaid, now: Now) -> Sequence[Effect]:
        if not isinstance(said.event, Subscribed):
            if not self.registration.connected:
                return []  # a deposed master's, or said before its SUBSCRIBED
            self.registration.heard(now)
        return _FROM_MASTER[type(said.event)](self, said.event, now)

    def _on_master_lost(self, _event: MasterLost, now: Now) -> list[Effect]:
        self.registration.lost()
        self.updates.disconnect()
        self.operations.disconnected()
        return self._maybe_end(now)

    def _on_subscribed(self, event: Subscribed, now: Now) -> list[Effect]:
        operations, hang_up = self.registration.subscribed(event, now)
        if hang_up is not None:
            return [hang_up]
        calls: list[Effect] = list(self.updates.connect(now.mono_ms))
        for task in event.tasks:
            framework_id, task_id = task.framework_id.value, task.task_id.value
            if task.state.is_terminal or self.books.is_known(framework_id, task_id):
                continue
            message = "The agent does not know this task"
            more, dropped = self.books.drop(
                framework_id, task.task_id, message, "REASON_RECONCILIATION", now
            )
            operations += more
            calls += dropped
        calls += self.operations.connected(event.operations, now)
        calls += self.oversubscription.connected()
        return [Persist(tuple(operations)), *calls] if operations else calls

    def _on_ping(self, _event: Ping, now: Now) -> list[Effect]:
        return list(self.registration.pinged(now))

    def _on_acknowledged(self, event: AcknowledgeUpdate, now: Now) -> list[Effect]:
        operations, calls, stream = self.updates.acknowledge(
            event.framework_id.value, event.task_id.value, event.uuid, now.mono_ms
        )
        if stream is not None:
            operations += self.books.heard(stream, now)
        effects: list[Effect] = [Persist(tuple(operations))] if operations else []
        return [*effects, *calls, *self._maybe_end(now)]

    def _on_update_framework(self, event: UpdateFramework, _now: Now) -> list[Effect]:
        framework = event.framework
        if framework.id is None or framework.id.value not in self.tasks.frameworks:
            return []
        operations = self.tasks.know(framework)
        return [Persist(tuple(operations))] if operations else []

    def _on_shutdown_framework(self, event: ShutdownFramework, now: Now) -> list[Effect]:
        """Its scheduler is gone, so nobody will acknowledge: updates end here."""
        framework_id = event.framework_id.value
        if framework_id in self.tasks.frameworks:
            self.tasks.terminating[framework_id] = None
        operations: list[Operation] = []
        kills: list[Effect] = []
        farewells: list[Effect] = []
        alive = {each.container_id: None for each in self.books.unfinished()}
        for stream in list(self.updates.streams.values()):
            if stream.framework_id == framework_id and stream.container_id not in alive:
                farewells += self.updates.farewell(framework_id, stream.latest)
                operations += self.books.complete(stream.container_id, now)
        for container in alive:
            record = self.tasks.live[container]
            if record.framework_id == framework_id:
                operations += self.tasks.mark_killing(record)
                if record.has_process:
                    kills.append(KillContainer(container))
        for executor in self.books.executors.of_framework(framework_id):
            more, effects = self.launching.shut_down(executor, now)
            operations += more
            kills += effects
        kept = [Persist(tuple(operations))] if operations else []
        return [*kept, *farewells, *kills]

    def _on_shutdown_agent(self, event: ShutdownAgent, now: Now) -> list[Effect]:
        """The frameworks hear from the master what became of its tasks. The next life has another
        id, under which nobody could acknowledge anything of this one: nothing is kept for it."""
        reason = f"the master refuses this agent: {event.message}"
        alive = {record.container_id for record in self.books.unfinished()}
        self.tasks.terminating.update(dict.fromkeys(self.tasks.frameworks))
        operations: list[Operation] = []
        for container in list(self.updates.streams):
            if container not in alive:
                operations += self.books.complete(container, now)
        forget = Persist((*operations, *_forget(self)))
        return [forget, *self._on_shutdown(ShutdownRequested(reason), now)]

    # -- the executor -----------------------------------------------------------------------

    def _on_reported(self, event: StatusReported, now: Now) -> list[Effect]:
        executor = self.books.executors.live.get(event.container_id)
        if executor is not None:
            return [*self.custom.reported(executor, event, now), *self._maybe_end(now)]
        record = self.tasks.live.get(event.container_id)
        if record is None:
            return []
        status = status_of(record, event, self.settings.ip, now.wall_ms)
        operations, calls = self.books.note_status(record, status, now)
        more, consequences = self.groups.reported(record, event.state, now)
        kept = Persist((*operations, *more))
        return [kept, *calls, *consequences, *self._maybe_end(now)]

    # -- time -------------------------------------------------------------------------------

    def _on_deadline(self, _event: DeadlineReached, now: Now) -> list[Effect]:
        effects: list[Effect] = list(self.registration.due(now))
        if effects:
            self.updates.disconnect()  # the master is silent: nobody listens
            self.operations.disconnected()
        effects += self.updates.due(now.mono_ms)
        effects += self.books.collection.collect(now)
        effects += self.custom.on_deadline(now)
        effects += self.operations.due(now)
        return [*effects, *self._maybe_end(now)]


def _on_drain(agent: Agent, event: DrainAgent, now: Now) -> list[Effect]:
    operations = agent.books.draining.begin(event)
    kept = [Persist(tuple(operations))] if operations else []
    return [*kept, *_drain(agent, now)]


def _drain(agent: Agent, now: Now) -> list[Effect]:
    """Kill what lives, if the agent drains; also after a restart, when kills may be lost."""
    kills = agent.books.draining.kills(agent.books.unfinished())
    return [effect for kill in kills for effect in agent.launching.on_kill_task(kill, now)]


def _end_idle_executors(agent: Agent, now: Now) -> list[Effect]:
    """A drained agent is empty: executors whose last task has ended are to go as well."""
    effects: list[Effect] = []
    for executor in agent.custom.live():
        if executor.stage is Stage.RUNNING and not agent.custom.unfinished(executor):
            operations, calls = agent.launching.shut_down(executor, now)
            effects += [Persist(tuple(operations)), *calls]
    return effects


def _on_reactivated(agent: Agent, _event: ReactivateAgent, _now: Now) -> list[Effect]:
    operations = agent.books.draining.end()
    return [Persist(tuple(operations))] if operations else []


def _grace_ms(record: TaskRecord) -> int:
    """What an ending agent grants a task: its own grace period, within bounds."""
    policy = record.task.kill_policy
    grace = policy.grace_period if policy is not None else None
    return GRACE_MS_MAX if grace is None else min(grace.nanoseconds // 1_000_000, GRACE_MS_MAX)


def _on_usage(agent: Agent, event: UsageMeasured, now: Now) -> list[Effect]:
    effects, kill = agent.oversubscription.measured(event.usages, event.pressure)
    return [*effects, *(agent.launching.on_kill_task(kill, now) if kill is not None else [])]


def _forget(agent: Agent) -> list[Operation]:
    """The agent's next life is another agent's; its reservations and volumes are the machine's."""
    drain = agent.books.draining.end()
    return [*agent.registration.forget(), *drain, *agent.operations.forget()]


def _on_launch_misread(agent: Agent, event: LaunchMisread, now: Now) -> Sequence[Effect]:
    if not agent.registration.connected:
        return []  # what the next master believes is answered at its SUBSCRIBED
    agent.registration.heard(now)
    return agent.launching.on_misread(event, now)


_HANDLERS: Mapping[type, Callable[[Agent, Any, Now], Sequence[Effect]]] = {
    AgentStarted: Agent._on_started,
    MasterSaid: Agent._on_master_said,
    LaunchMisread: _on_launch_misread,
    MasterLost: Agent._on_master_lost,
    StatusReported: Agent._on_reported,
    UsageMeasured: _on_usage,
    ExecutorSubscribed: lambda agent, event, now: agent.calls.on_subscribed(event, now),
    ExecutorCalled: lambda agent, event, now: agent.calls.on_called(event, now),
    ExecutorStreamClosed: lambda agent, event, _now: agent.custom.on_stream_closed(event),
    VolumeRemoved: lambda agent, event, _: agent.operations.on_volume_removed(event.name),
    ShutdownRequested: Agent._on_shutdown,
    DeadlineReached: Agent._on_deadline,
}
_FROM_MASTER: Mapping[type, Callable[[Agent, Any, Now], Sequence[Effect]]] = {
    Subscribed: Agent._on_subscribed,
    Ping: Agent._on_ping,
    RunTask: lambda agent, event, now: agent.launching.on_run_task(event, now),
    RunGroup: lambda agent, event, now: agent.launching.on_run_group(event, now),
    KillTask: lambda agent, event, now: agent.launching.on_kill_task(event, now),
    AcknowledgeUpdate: Agent._on_acknowledged,
    ApplyOperation: lambda agent, event, now: agent.operations.on_apply(event, now),
    AcknowledgeOperation: lambda agent, event, _: agent.operations.on_acknowledged(
        event.operation_uuid
    ),
    UpdateFramework: Agent._on_update_framework,
    ShutdownFramework: Agent._on_shutdown_framework,
    ShutdownExecutor: lambda agent, event, now: agent.launching.on_shutdown(event, now),
    MessageExecutor: lambda agent, event, _now: agent.custom.message(
        event.framework_id.value, event.executor_id.value, event.data
    ),
    DrainAgent: _on_drain,
    ReactivateAgent: _on_reactivated,
    ShutdownAgent: Agent._on_shutdown_agent,
}
