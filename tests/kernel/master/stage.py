"""A master machine on a stage: actors speak to it, time passes, and it can be struck dead."""

from typing import Any

import msgspec

from kernel.allocator.chance import NoChance
from kernel.machine import Answer, DeadlineReached, Now, Persist, Put
from kernel.master.cluster import Settings
from kernel.master.events import (
    AgentBatchReceived,
    AgentStreamClosed,
    AgentSubscribed,
    CallAnswered,
    CloseAgentStream,
    CloseSchedulerStream,
    Effect,
    Event,
    FrameworkSubscribed,
    OperatorCallReceived,
    SchedulerCallReceived,
    SchedulerStreamClosed,
    SendToAgent,
    SendToScheduler,
)
from kernel.master.master import PASS_GAP_MS, Master
from kernel.messages import agent as agent_messages
from kernel.messages import operator, scheduler
from kernel.messages.quantities import parse_attributes, to_wire
from kernel.messages.v1 import (
    AgentInfo,
    Capability,
    CommandInfo,
    Filters,
    FrameworkInfo,
    Id,
    MasterInfo,
    Offer,
    Task,
    TaskInfo,
    TaskStatus,
)
from kernel.model.resources import parse
from kernel.model.task import Source, TaskState

CAPABLE = ("PARTITION_AWARE", "MULTI_ROLE", "RESERVATION_REFINEMENT")
DEFAULT_RESOURCES = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]"
WALL_MS = 1_700_000_000_000


class Stage:
    """Streams' records gather in `said`; what was persisted survives `restart`."""

    def __init__(self, **settings: Any) -> None:
        self.mono_ms = 1_000_000
        self.settings = settings
        self.records: dict[str, dict[str, bytes]] = {}
        self.said: dict[str, list[Any]] = {}
        self.closed: list[str] = []
        self.run = 0
        self._streams = 0
        self._requests = 0
        self.master = self._new_master()

    @property
    def now(self) -> Now:
        return Now(self.mono_ms, WALL_MS + self.mono_ms)

    def _new_master(self) -> Master:
        info = MasterInfo(id=f"M{self.run}", ip=16777343, hostname="localhost")
        settings = Settings(info, epoch=self.run + 1, **self.settings)
        return Master(settings, NoChance(), self.now, records=self.records)

    def restart(self) -> None:
        """The master dies; all streams break; another begins with what was durable."""
        self.run += 1
        self.said.clear()
        self.master = self._new_master()

    def post(self, event: Event) -> list[Effect]:
        effects = list(self.master.step(event, self.now))
        for effect in effects:
            match effect:
                case SendToScheduler(stream_id, said) | SendToAgent(stream_id, said):
                    self.said.setdefault(stream_id, []).append(said)
                case CloseSchedulerStream(stream_id) | CloseAgentStream(stream_id):
                    self.closed.append(stream_id)
                case Persist(operations):
                    for operation in operations:
                        records = self.records.setdefault(operation.collection, {})
                        if isinstance(operation, Put):
                            records[operation.key] = operation.value
                        else:
                            records.pop(operation.key, None)
                case Answer():
                    pass
        self.master.check_invariants()
        return effects

    def pass_time(self, ms: int) -> None:
        """Let time go by, with every deadline on the way."""
        end_ms = self.mono_ms + ms
        while (due_ms := self.master.next_deadline_ms()) is not None and due_ms <= end_ms:
            self.mono_ms = max(self.mono_ms, due_ms)
            self.post(DeadlineReached())
        self.mono_ms = end_ms

    def new_stream(self, who: str) -> str:
        self._streams += 1
        return f"{who}-stream-{self._streams}"

    def new_request(self) -> int:
        self._requests += 1
        return self._requests

    def operate(self, type_: str, **payload: Any) -> CallAnswered:
        """An operator's call; its sub-message is the call's name in lower case."""
        call = operator.Call(type=operator.CallType(type_), **payload)
        request_id = self.new_request()
        effects = self.post(OperatorCallReceived(request_id, call))
        [answer] = [e for e in effects if isinstance(e, CallAnswered)]
        assert answer.request_id == request_id
        return answer

    def framework(self, name: str = "f", **more: Any) -> "SchedulerActor":
        return SchedulerActor(self, name, **more)

    def agent(self, resources: str = DEFAULT_RESOURCES, **more: Any) -> "AgentActor":
        return AgentActor(self, resources, **more)


class SchedulerActor:
    """A framework's scheduler; subscribes at once."""

    def __init__(
        self,
        stage: Stage,
        name: str,
        *,
        capabilities: tuple[str, ...] = CAPABLE,
        roles: tuple[str, ...] = ("test",),
        framework_id: str | None = None,
        suppressed: tuple[str, ...] = (),
        constraints: dict[str, Any] | None = None,
        **info: Any,
    ) -> None:
        self.stage = stage
        is_multi_role = "MULTI_ROLE" in capabilities
        self.info = FrameworkInfo(
            **{
                "user": "root",
                "name": name,
                "failover_timeout": 60.0,
                "checkpoint": True,
                "capabilities": [Capability(type=c) for c in capabilities],
                "roles": list(roles) if is_multi_role else [],
                "id": Id(framework_id) if framework_id is not None else None,
                **info,
            }
        )
        self.stream_id = ""
        self.framework_id = framework_id or ""
        self.subscribe(suppressed=suppressed, constraints=constraints)

    def subscribe(
        self,
        suppressed: tuple[str, ...] = (),
        constraints: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Subscribe, or do so again over a new stream."""
        known = Id(self.framework_id) if self.framework_id else None
        self.info = msgspec.structs.replace(self.info, id=known, **changes)
        self.stream_id = self.stage.new_stream(self.info.name)
        subscribe = scheduler.Subscribe(
            framework_info=self.info,
            suppressed_roles=list(suppressed),
            offer_constraints=constraints,
        )
        self.stage.post(FrameworkSubscribed(self.stream_id, subscribe))
        first = self.said[0] if self.said else None
        if first is not None and first.subscribed is not None:
            self.framework_id = first.subscribed.framework_id.value
            self.info = msgspec.structs.replace(self.info, id=Id(self.framework_id))

    @property
    def said(self) -> list[scheduler.Event]:
        """All that the present stream has carried."""
        return self.stage.said.setdefault(self.stream_id, [])

    def hear(self) -> list[scheduler.Event]:
        """What has come since the last hearing, without heartbeats."""
        events = [e for e in self.said if e.type is not scheduler.EventType.HEARTBEAT]
        self.said.clear()
        return events

    def hang_up(self) -> None:
        self.stage.post(SchedulerStreamClosed(self.stream_id))

    def call(self, type_: str, **payload: Any) -> CallAnswered:
        call = scheduler.Call(
            type=scheduler.CallType(type_), framework_id=Id(self.framework_id), **payload
        )
        request_id = self.stage.new_request()
        effects = self.stage.post(SchedulerCallReceived(request_id, self.stream_id, call))
        [answer] = [e for e in effects if isinstance(e, CallAnswered)]
        assert answer.request_id == request_id
        return answer

    def offers(self) -> list[Offer]:
        """The offers that have come or come in the next pass; the rest is left to be heard."""
        self.stage.pass_time(PASS_GAP_MS)
        taken = [e.offers for e in self.said if e.offers is not None]
        self.said[:] = [e for e in self.said if e.offers is None]
        return [offer for each in taken for offer in each.offers]

    def statuses(self) -> list[TaskStatus]:
        """The updates that have come; the rest is left to be heard."""
        taken = [e.update.status for e in self.said if e.update is not None]
        self.said[:] = [e for e in self.said if e.update is None]
        return taken

    def accept(
        self, offers: list[Offer], *operations: scheduler.Operation, refuse_s: float = 5.0
    ) -> CallAnswered:
        accept = scheduler.Accept(
            offer_ids=[offer.id for offer in offers],
            operations=list(operations),
            filters=Filters(refuse_seconds=refuse_s),
        )
        return self.call("ACCEPT", accept=accept)

    def launch(self, offer: Offer, *tasks: TaskInfo, refuse_s: float = 5.0) -> CallAnswered:
        return self.accept([offer], launch_of(*tasks), refuse_s=refuse_s)

    def decline(self, *offers: Offer, refuse_s: float = 5.0) -> None:
        decline = scheduler.Decline(
            offer_ids=[offer.id for offer in offers], filters=Filters(refuse_seconds=refuse_s)
        )
        self.call("DECLINE", decline=decline)

    def acknowledge(self, status: TaskStatus) -> CallAnswered:
        assert status.agent_id is not None and status.uuid is not None
        acknowledge = scheduler.Acknowledge(
            agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
        )
        return self.call("ACKNOWLEDGE", acknowledge=acknowledge)

    def kill(self, task_id: str, agent_id: str | None = None) -> CallAnswered:
        where = Id(agent_id) if agent_id is not None else None
        return self.call("KILL", kill=scheduler.Kill(task_id=Id(task_id), agent_id=where))

    def reconcile(self, *tasks: tuple[str, str | None]) -> list[TaskStatus]:
        self.statuses()
        named = [
            scheduler.ReconcileTask(task_id=Id(t), agent_id=Id(a) if a is not None else None)
            for t, a in tasks
        ]
        self.call("RECONCILE", reconcile=scheduler.Reconcile(tasks=named))
        return self.statuses()


class AgentActor:
    """An agent that remembers what it was told to run; subscribes at once."""

    def __init__(
        self,
        stage: Stage,
        resources: str,
        *,
        hostname: str = "host",
        attributes: str = "",
        agent_id: str | None = None,
    ) -> None:
        self.stage = stage
        self.info = AgentInfo(
            hostname=hostname,
            resources=to_wire(parse(resources)),
            attributes=parse_attributes(attributes),
        )
        self.agent_id = agent_id or ""
        self.stream_id = ""
        self._uuids = 0
        self.subscribe()

    def subscribe(
        self,
        tasks: list[Task] | None = None,
        frameworks: list[FrameworkInfo] | None = None,
        resources: str | None = None,
        *,
        is_draining: bool = False,
        **more: Any,
    ) -> list[Effect]:
        """Register, or come back with these tasks."""
        known = Id(self.agent_id) if self.agent_id else None
        self.info = msgspec.structs.replace(self.info, id=known)
        if resources is not None:
            wire = to_wire(parse(resources))
            self.info = msgspec.structs.replace(self.info, resources=wire)
        self.stream_id = self.stage.new_stream("agent")
        subscribe = agent_messages.Subscribe(
            agent_info=self.info,
            version="test",
            tasks=tasks or [],
            frameworks=frameworks or [],
            is_draining=is_draining,
            **more,
        )
        effects = self.stage.post(AgentSubscribed(self.stream_id, subscribe))
        first = self.stage.said[self.stream_id][0]
        if isinstance(first, agent_messages.Subscribed):  # else it is refused
            self.agent_id = first.agent_id.value
        return effects

    @property
    def said(self) -> list[Any]:
        return self.stage.said.setdefault(self.stream_id, [])

    def hear(self) -> list[Any]:
        """What has come since the last hearing."""
        events = list(self.said)
        self.said.clear()
        return events

    def hang_up(self) -> None:
        self.stage.post(AgentStreamClosed(self.stream_id))

    def say(self, *calls: Any) -> CallAnswered:
        batch = agent_messages.Batch(agent_id=Id(self.agent_id), calls=list(calls))
        request_id = self.stage.new_request()
        effects = self.stage.post(AgentBatchReceived(request_id, self.stream_id, batch))
        [answer] = [e for e in effects if isinstance(e, CallAnswered)]
        return answer

    def update(
        self, framework: SchedulerActor, task_id: str, state: TaskState, **more: Any
    ) -> agent_messages.Update:
        """A status update, with a uuid of its own."""
        self._uuids += 1
        latest = more.pop("latest_state", None)
        status = TaskStatus(
            **{
                "task_id": Id(task_id),
                "state": state,
                "source": Source.EXECUTOR,
                "agent_id": Id(self.agent_id),
                "executor_id": Id(task_id),
                "timestamp": 1.0,
                "uuid": self._uuids.to_bytes(16, "big"),
                **more,
            }
        )
        return agent_messages.Update(
            framework_id=Id(framework.framework_id), status=status, latest_state=latest
        )

    def task(self, framework: SchedulerActor, task_id: str, state: TaskState, **more: Any) -> Task:
        """A task as it is reported when the agent comes back."""
        role = framework.info.roles[0] if framework.info.roles else "*"
        resources = to_wire(parse(more.pop("resources", "cpus:1;mem:128")), allocated_to=role)
        return Task(
            name=task_id,
            task_id=Id(task_id),
            framework_id=Id(framework.framework_id),
            agent_id=Id(self.agent_id),
            state=state,
            resources=resources,
            **more,
        )


def task(task_id: str, agent: AgentActor, amounts: str = "cpus:1;mem:128", **more: Any) -> TaskInfo:
    return TaskInfo(
        **{
            "name": task_id,
            "task_id": Id(task_id),
            "agent_id": Id(agent.agent_id),
            "resources": to_wire(parse(amounts)),
            "command": CommandInfo(value="sleep 1000"),
            **more,
        }
    )


def launch_of(*tasks: TaskInfo) -> scheduler.Operation:
    return scheduler.Operation(type="LAUNCH", launch=scheduler.Launch(task_infos=list(tasks)))


def running(
    stage: Stage, framework: SchedulerActor, agent: AgentActor, task_id: str = "t1", **more: Any
) -> TaskStatus:
    """Launch one task, have it run, and acknowledge that; return the status."""
    offers = framework.offers()
    framework.accept(offers, launch_of(task(task_id, agent, **more)), refuse_s=0)
    agent.say(agent.update(framework, task_id, TaskState.RUNNING))
    [status] = framework.statuses()
    framework.acknowledge(status)
    agent.hear()
    return status
