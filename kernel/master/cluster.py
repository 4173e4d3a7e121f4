"""The master's books: agents, frameworks, tasks and offers, and how they hang together.

Every change that touches several of them at once is made here, so that they never disagree. What
happens when is decided by the parts beside this module, which all work on one `Cluster`.
"""

from collections import deque

from msgspec import Struct, field

from kernel.allocator.allocator import Allocator
from kernel.allocator.clients import MINIMA_DEFAULT, MinimaMilli
from kernel.machine import Now
from kernel.master.acls import EVERYTHING, Acls
from kernel.master.deadlines import Deadlines, Kind
from kernel.master.events import Effect, SendToAgent, SendToScheduler
from kernel.master.inverse_books import InverseBooks
from kernel.master.liveness import PING_INTERVAL_MS, PING_MISSES_MAX, Liveness
from kernel.master.machines import Machines
from kernel.master.registry import AgentRecord
from kernel.master.registry_drains import Deactivation
from kernel.master.registry_gone import GoneRecord
from kernel.master.tally import Tally
from kernel.master.validate import capabilities_of, roles_of
from kernel.master.watchers import SUBSCRIBERS_MAX, Watchers
from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.maintenance import Schedule
from kernel.messages.operations import OperationStatus
from kernel.messages.operator import EventType
from kernel.messages.quota import QuotaConfig
from kernel.messages.v1 import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    Id,
    KillPolicy,
    MasterInfo,
    Task,
    TaskStatus,
)
from kernel.model.durations import Rate
from kernel.model.ids import AgentId, ExecutorId, FrameworkId, OfferId, TaskId
from kernel.model.operation import OperationState
from kernel.model.resources import NOTHING, Resources
from kernel.model.resources import total as resources_total
from kernel.model.task import LEGACY_STATE, Source, TaskState

COMPLETED_FRAMEWORKS_MAX = 50  # Mesos: --max_completed_frameworks
COMPLETED_TASKS_MAX = 1_000  # Mesos: --max_completed_tasks_per_framework
UNREACHABLE_TASKS_MAX = 1_000  # Mesos: --max_unreachable_tasks_per_framework
AGENT_REREGISTER_TIMEOUT_MS = 600_000  # Mesos: --agent_reregister_timeout


class Settings(Struct, frozen=True):
    """What the shell decides once. `master_info.id` is the uuid of this run."""

    master_info: MasterInfo
    epoch: int = 0
    ping_interval_ms: int = PING_INTERVAL_MS
    ping_misses_max: int = PING_MISSES_MAX
    agent_reregister_timeout_ms: int = AGENT_REREGISTER_TIMEOUT_MS
    completed_frameworks_max: int = COMPLETED_FRAMEWORKS_MAX
    completed_tasks_max: int = COMPLETED_TASKS_MAX
    unreachable_tasks_max: int = UNREACHABLE_TASKS_MAX
    operator_subscribers_max: int = SUBSCRIBERS_MAX
    offer_timeout_ms: int | None = None  # Mesos: --offer_timeout
    #: With quota, what share of the known agents must be back before anything is offered, and
    #: how long that is waited for. Mesos: the constants of hierarchical.hpp.
    agent_recovery_percent: int = 80
    agent_recovery_timeout_ms: int = 600_000
    minima: MinimaMilli = MINIMA_DEFAULT  # Mesos: --min_allocatable_resources
    names_without_share: tuple[str, ...] = ()  # Mesos: --fair_sharing_excluded_resource_names
    keeps_gpus_apart: bool = True  # Mesos: --filter_gpu_resources
    removal_rate: Rate | None = None  # Mesos: --agent_removal_rate_limit
    recovery_removal_limit: int = 10_000  # of 10,000; Mesos: --recovery_agent_removal_limit
    registry_gc_interval_ms: int = 900_000  # Mesos: --registry_gc_interval
    registry_max_agent_age_ms: int = 14 * 86_400_000  # Mesos: --registry_max_agent_age
    registry_max_agent_count: int = 102_400  # Mesos: --registry_max_agent_count
    acls: Acls = EVERYTHING  # Mesos: --acls
    roles: tuple[str, ...] | None = None  # Mesos: --roles; None: any
    takes_root: bool = True  # Mesos: --root_submissions


class TaskRecord(Struct, eq=False):
    """A task. `task` is what never changes of it; its states are beside it.

    `holds` says whether its resources are in the allocator's books. `pending` is the update that
    the scheduler has not acknowledged yet. `kill` is a kill to be sent when its agent is back.
    """

    task: Task
    resources: Resources
    role: str
    state: TaskState = TaskState.STAGING
    statuses: list[TaskStatus] = field(default_factory=list)
    pending: TaskStatus | None = None
    holds: bool = False
    kill: "PendingKill | None" = None
    unreachable_ms: int | None = None
    shown: bytes | None = None  # its JSON in /state, until something changes
    shown_v1: bytes | None = None  # the same of GET_STATE

    def changed(self) -> None:
        """Whoever changes what is shown of it says so."""
        self.shown = self.shown_v1 = None

    @property
    def key(self) -> "TaskKey":
        return (FrameworkId(self.task.framework_id.value), TaskId(self.task.task_id.value))

    @property
    def agent_id(self) -> AgentId:
        return AgentId(self.task.agent_id.value)


NOBODY = FrameworkId("")  # holds what an operator's GROW_VOLUME consumes


class PendingKill(Struct, frozen=True):
    policy: KillPolicy | None


class ExecutorRecord(Struct, eq=False):
    """A custom executor on an agent; its resources are held beside those of its tasks."""

    info: ExecutorInfo
    resources: Resources
    role: str


class OfferRecord(Struct, frozen=True):
    offer_id: OfferId
    framework_id: FrameworkId
    agent_id: AgentId
    role: str
    resources: Resources


class OperationRecord(Struct, eq=False):
    """An operation on an agent's resources that is under way, or not yet acknowledged.

    `operation_uuid` names it between us and the agent. `held` is what a volume that is being
    resized keeps from everybody. `is_settled` says that the agent's `base` has its effect, if any.
    """

    operation_uuid: str
    operation: scheduler.Operation
    framework_id: FrameworkId | None  # None: an operator's
    agent_id: AgentId
    role: str
    converted: Resources
    status: OperationStatus
    held: Resources = NOTHING
    is_settled: bool = False

    @property
    def state(self) -> OperationState:
        return self.status.state


TaskKey = tuple[FrameworkId, TaskId]
ExecutorKey = tuple[FrameworkId, ExecutorId]


class Framework(Struct, eq=False):
    """A framework; connected while it has a stream, recovered while only agents know of it."""

    framework_id: FrameworkId
    info: FrameworkInfo
    registered_ms: int
    reregistered_ms: int | None = None
    unregistered_ms: int | None = None
    stream_id: str | None = None
    is_recovered: bool = False
    tasks: dict[TaskId, TaskRecord] = field(default_factory=dict)
    unreachable: dict[TaskId, TaskRecord] = field(default_factory=dict)
    completed: "deque[TaskRecord]" = field(default_factory=deque)
    offers: dict[OfferId, None] = field(default_factory=dict)
    held: dict[str, Tally] = field(default_factory=dict)  # by its tasks, under each role
    offered: dict[str, Tally] = field(default_factory=dict)  # under each role
    changes: int = 0  # tells a reader whether anything but its tasks can have changed

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name != "changes":
            self.changes += 1

    @property
    def is_connected(self) -> bool:
        return self.stream_id is not None

    @property
    def roles(self) -> tuple[str, ...]:
        return roles_of(self.info)

    def can(self, capability: str) -> bool:
        return capability in capabilities_of(self.info)

    def says(self, state: TaskState) -> TaskState:
        """The state in the words that this framework understands."""
        return state if self.can("PARTITION_AWARE") else LEGACY_STATE.get(state, state)


class Agent(Struct, eq=False):
    """A registered agent; connected while it has a stream. `ip` is empty when nobody knows it."""

    agent_id: AgentId
    info: AgentInfo
    version: str
    registered_ms: int
    reregistered_ms: int | None = None
    stream_id: str | None = None
    ip: str = ""
    tasks: dict[TaskKey, TaskRecord] = field(default_factory=dict)
    executors: dict[ExecutorKey, ExecutorRecord] = field(default_factory=dict)
    operations: dict[str, OperationRecord] = field(default_factory=dict)  # as they were sent
    base: Resources = NOTHING  # what it had before those of them that are not settled
    wanted: Resources | None = None  # its total, while more than that is held there
    lent: Resources = NOTHING  # beyond that, all revocable
    offers: dict[OfferId, None] = field(default_factory=dict)
    changes: int = 0
    shown: bytes | None = None  # its JSON in /state, until something changes
    shown_v1: bytes | None = None  # the same of GET_AGENTS

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name not in ("shown", "shown_v1", "changes"):
            self.changed()

    def changed(self) -> None:
        """Whoever changes what is shown of it says so; what is assigned to it says so itself."""
        self.shown = self.shown_v1 = None
        self.changes += 1

    @property
    def is_connected(self) -> bool:
        return self.stream_id is not None


class Cluster:
    """Invariants: see `kernel.master.invariants`."""

    def __init__(self, settings: Settings, allocator: Allocator) -> None:
        self.settings = settings
        self.allocator = allocator
        self.deadlines = Deadlines()
        self.liveness = Liveness(
            self.deadlines, settings.ping_interval_ms, settings.ping_misses_max
        )
        self.watchers = Watchers(settings.operator_subscribers_max)
        self.agents: dict[AgentId, Agent] = {}
        self.recovered: dict[AgentId, AgentRecord] = {}  # admitted before us, not yet back
        self.unreachable: dict[AgentId, AgentRecord] = {}
        self.gone: dict[AgentId, GoneRecord] = {}
        self.deactivations: dict[AgentId, Deactivation] = {}  # of agents known in whichever way
        self.machines = Machines(Schedule(), ())
        self.inverse = InverseBooks()
        self.frameworks: dict[FrameworkId, Framework] = {}
        self.completed: dict[FrameworkId, Framework] = {}  # the oldest first
        self.offers: dict[OfferId, OfferRecord] = {}
        self.framework_of_stream: dict[str, FrameworkId] = {}
        self.agent_of_stream: dict[str, AgentId] = {}
        self.weights: dict[str, float] = {}  # by role, those that were set
        self.quotas: dict[str, QuotaConfig] = {}
        self.offered_hosts: frozenset[str] | None = None  # None: all
        self._minted = {"S": 0, "O": 0, "P": 0, "": 0}
        self.counters: dict[str, int] = {}

    # --- names and counts ------------------------------------------------------------------

    def mint(self, kind: str) -> str:
        """`<master>-S0` for agents, `<master>-O0` for offers, `<master>-P0` for operations,
        `<master>-0000` for frameworks."""
        number = self._minted[kind]
        self._minted[kind] = number + 1
        return f"{self.settings.master_info.id}-{kind}{number:0{0 if kind else 4}d}"

    def count(self, name: str, by: int = 1) -> None:
        self.counters[name] = self.counters.get(name, 0) + by

    # --- messages --------------------------------------------------------------------------

    def tell(self, framework: Framework, event: scheduler.Event) -> list[Effect]:
        """To the framework, if it is connected."""
        if framework.stream_id is None:
            return []
        return [SendToScheduler(framework.stream_id, event)]

    def tell_agent(self, agent_id: AgentId, event: agent_messages.AnyMasterEvent) -> list[Effect]:
        """To the agent, if it is connected."""
        found = self.agents.get(agent_id)
        if found is None or found.stream_id is None:
            return []
        return [SendToAgent(found.stream_id, event)]

    def update(self, framework: Framework, status: TaskStatus) -> list[Effect]:
        """A status update to the framework, in its words."""
        event = scheduler.Event(
            type=scheduler.EventType.UPDATE, update=scheduler.Update(status=status)
        )
        return self.tell(framework, event)

    def tell_failure(self, failure: scheduler.Failure) -> list[Effect]:
        """An agent's end is news to all frameworks."""
        event = scheduler.Event(type=scheduler.EventType.FAILURE, failure=failure)
        return [
            effect
            for framework in self.frameworks.values()
            for effect in self.tell(framework, event)
        ]

    # --- frameworks ------------------------------------------------------------------------

    def framework(self, framework_id: FrameworkId) -> Framework | None:
        """Alive or completed: tasks may outlive their framework by a moment."""
        return self.frameworks.get(framework_id) or self.completed.get(framework_id)

    def complete(self, framework: Framework) -> None:
        """The framework will never be again."""
        self.frameworks.pop(framework.framework_id, None)
        self.completed[framework.framework_id] = framework
        idle = [f for f in self.completed.values() if not f.tasks]
        for old in idle[: max(0, len(idle) - self.settings.completed_frameworks_max)]:
            del self.completed[old.framework_id]

    # --- offers ----------------------------------------------------------------------------

    def add_offer(self, offer: OfferRecord) -> None:
        """The allocator has noted its resources as held already."""
        self.offers[offer.offer_id] = offer
        framework, agent = self.frameworks[offer.framework_id], self.agents[offer.agent_id]
        framework.offers[offer.offer_id] = None
        agent.offers[offer.offer_id] = None
        framework.offered.setdefault(offer.role, Tally()).change(offer.resources, +1)
        framework.changes += 1
        agent.changed()

    def take_offer(self, offer_id: OfferId) -> OfferRecord:
        """The offer is no more; its resources stay held, for the caller to use or give back."""
        offer = self.offers.pop(offer_id)
        self.deadlines.cancel(Kind.OFFER, offer_id)
        framework, agent = self.frameworks[offer.framework_id], self.agents[offer.agent_id]
        framework.offers.pop(offer_id, None)
        agent.offers.pop(offer_id, None)
        framework.offered[offer.role].change(offer.resources, -1)
        framework.changes += 1
        agent.changed()
        return offer

    def give_back_offer(self, offer_id: OfferId) -> OfferRecord:
        offer = self.take_offer(offer_id)
        self.allocator.give_back(offer.framework_id, offer.role, offer.agent_id, offer.resources)
        return offer

    # --- tasks -----------------------------------------------------------------------------

    def add_task(self, record: TaskRecord) -> None:
        """The task is on its agent; its resources are (or become) held for it."""
        framework_id, task_id = record.key
        framework = self.framework(framework_id)
        assert framework is not None, f"task {task_id} has no framework"
        framework.tasks[task_id] = record
        agent = self.agents[record.agent_id]
        agent.tasks[record.key] = record
        agent.changed()
        self.watchers.note(EventType.TASK_ADDED, record)

    def hold(self, record: TaskRecord) -> None:
        """Note the resources of a task that an agent reports."""
        framework_id, _ = record.key
        self.allocator.hold(framework_id, record.role, record.agent_id, record.resources)
        self.note_held(record)

    def note_held(self, record: TaskRecord) -> None:
        """The task holds its resources from now on; the allocator's books say so already."""
        record.holds = True
        _tally(self, record, +1)

    def release(self, record: TaskRecord) -> None:
        """The task uses nothing any more."""
        if record.holds:
            framework_id, _ = record.key
            self.allocator.give_back(framework_id, record.role, record.agent_id, record.resources)
            record.holds = False
            _tally(self, record, -1)
            agent = self.agents.get(record.agent_id)
            if agent is not None:
                _shrink(self, agent)

    def remove_task(self, record: TaskRecord) -> None:
        """The task has ended and its end is known; it goes into the history."""
        self.release(record)
        framework_id, task_id = record.key
        framework = self.framework(framework_id)
        assert framework is not None
        framework.tasks.pop(task_id, None)
        self.remember(framework, record)
        agent = self.agents.get(record.agent_id)
        if agent is not None:
            agent.tasks.pop(record.key, None)
            agent.changed()

    def remember(self, framework: Framework, record: TaskRecord) -> None:
        """Into the history, which forgets the oldest."""
        framework.completed.append(record)
        while len(framework.completed) > self.settings.completed_tasks_max:
            framework.completed.popleft()

    def note_state(self, record: TaskRecord, state: TaskState) -> None:
        """The newest state of the task, whoever knows it; an end frees its resources."""
        record.state = state
        record.changed()
        if state.is_terminal:
            self.release(record)

    # --- executors -------------------------------------------------------------------------

    def remove_executor(self, agent: Agent, key: ExecutorKey) -> None:
        executor = agent.executors.pop(key, None)
        if executor is not None:
            agent.changed()
            self.allocator.give_back(key[0], executor.role, agent.agent_id, executor.resources)
            _shrink(self, agent)


def _tally(cluster: Cluster, record: TaskRecord, by: int) -> None:
    framework = cluster.framework(record.key[0])
    if framework is not None:
        framework.held.setdefault(record.role, Tally()).change(record.resources, by)
        framework.changes += 1
    agent = cluster.agents.get(record.agent_id)
    if agent is not None:
        agent.changed()


def set_total(cluster: Cluster, agent: Agent, total: Resources) -> None:
    """The agent has this, and what it lends; more while tasks hold what it has no longer."""
    total = total.where(lambda kind: not kind.is_revocable) + agent.lent
    cluster.allocator.resize_agent(agent.agent_id, total)
    agent.changed()
    is_stretched = cluster.allocator.books[agent.agent_id].total != total
    agent.wanted = total if is_stretched else None


def _shrink(cluster: Cluster, agent: Agent) -> None:
    """Something that was held there is free: none of it is left that the agent has no longer."""
    if agent.wanted is not None:
        set_total(cluster, agent, agent.wanted)


def used_on(agent: Agent) -> Resources:
    """What tasks and executors use there; what they share counts once."""
    return resources_total(
        [
            *(record.resources for record in agent.tasks.values() if record.holds),
            *(executor.resources for executor in agent.executors.values()),
        ]
    )


def release_operation(cluster: Cluster, record: OperationRecord) -> None:
    """What a resized volume was made of is free again."""
    if record.held.is_empty:
        return
    holder = record.framework_id or NOBODY
    cluster.allocator.give_back(holder, record.role, record.agent_id, record.held)
    record.held = NOTHING


def forget_operations(cluster: Cluster, agent: Agent) -> None:
    """The agent is given up: nothing is held there for an operation any more."""
    for record in agent.operations.values():
        release_operation(cluster, record)
    agent.operations.clear()


def words_of(agent: Agent) -> str:
    """As Mesos names an agent in its messages."""
    info = agent.info
    return f"{agent.agent_id} at slave(1)@{agent.ip or info.hostname}:{info.port} ({info.hostname})"


def master_status(
    framework: Framework,
    task_id: str,
    state: TaskState,
    reason: str | None,
    message: str,
    now: Now,
    *,
    agent_id: str | None = None,
) -> TaskStatus:
    """A status that the master makes itself: no uuid, nothing to acknowledge."""
    return TaskStatus(
        task_id=Id(task_id),
        state=framework.says(state),
        message=message,
        source=Source.MASTER,
        reason=reason,
        agent_id=Id(agent_id) if agent_id is not None else None,
        timestamp=now.wall_ms / 1000,
    )
