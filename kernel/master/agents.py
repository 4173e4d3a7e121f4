"""Follows agents as they register and come back, and their tasks with them.

An agent is admitted durably before it is told so. Its tasks are reconciled both ways each time it
subscribes: what it reports is learned, what it does not report is named to it, and it answers.
How agents go is `departures`'. Source: Mesos, docs/agent-recovery.md, docs/high-availability.md;
recordings of a real master.
"""

from msgspec.structs import replace

from kernel.machine import Now
from kernel.master import registry
from kernel.master.addresses import ip_of
from kernel.master.cluster import (
    Agent,
    Cluster,
    ExecutorRecord,
    Framework,
    PendingKill,
    TaskRecord,
    master_status,
    set_total,
)
from kernel.master.drain import Drains
from kernel.master.events import CloseAgentStream, Effect, SendToAgent
from kernel.master.frameworks import Frameworks
from kernel.master.offers import Offers
from kernel.master.operations import Operations
from kernel.master.standing import is_remote, refresh
from kernel.master.tasks import Tasks
from kernel.master.validate import framework_problem, resources_of, role_problem
from kernel.master.views import wire_task
from kernel.messages import agent as agent_messages
from kernel.messages.operator import EventType
from kernel.messages.v1 import ExecutorInfo, FrameworkInfo, Id, Resource, Task
from kernel.model.ids import AgentId, ExecutorId, FrameworkId, TaskId, id_problem
from kernel.model.resources import NOTHING, Resources
from kernel.model.task import TaskState

AGENT_REREGISTERED = "REASON_AGENT_REREGISTERED"


def agent_problem(subscribe: agent_messages.Subscribe) -> str | None:
    """Why an agent's SUBSCRIBE can't be taken at all, or None."""
    for info in subscribe.frameworks:
        if info.id is None:
            return "every framework that is reported must have its id"
        if problem := id_problem(info.id.value) or framework_problem(info):
            return f"framework {info.id.value}: {problem}"
    for executor in subscribe.executors:
        if executor.framework_id is None:
            return "every executor that is reported must have its framework_id"
        if problem := id_problem(executor.framework_id.value):
            return f"executor {executor.executor_id.value}: {problem}"
    for task in subscribe.tasks:
        if problem := id_problem(task.task_id.value) or id_problem(task.framework_id.value):
            return f"task {task.task_id.value}: {problem}"
    return _resources_problem(subscribe)


def _resources_problem(subscribe: agent_messages.Subscribe) -> str | None:
    bundles = [subscribe.agent_info.resources, subscribe.total or []]
    bundles += [task.resources for task in subscribe.tasks]
    bundles += [executor.resources for executor in subscribe.executors]
    for wire in bundles:
        if problem := resources_of(wire)[1] or role_problem(_role_in(wire)):
            return problem
    return None


class Agents:
    """Works on the books of one `Cluster`."""

    def __init__(
        self,
        cluster: Cluster,
        offers: Offers,
        frameworks: Frameworks,
        tasks: Tasks,
        drains: Drains,
        operations: Operations,
    ) -> None:
        self._cluster = cluster
        self._offers = offers
        self._frameworks = frameworks
        self._tasks = tasks
        self._drains = drains
        self._operations = operations

    # --- coming ----------------------------------------------------------------------------

    def on_subscribed(
        self, stream_id: str, subscribe: agent_messages.Subscribe, now: Now
    ) -> list[Effect]:
        """An agent registers, or comes back under its id."""
        given_id = subscribe.agent_info.id
        if refusal := self._refusal(subscribe):
            refused = agent_messages.ShutdownAgent(message=refusal)
            return [SendToAgent(stream_id, refused), CloseAgentStream(stream_id)]
        agent_id = AgentId(given_id.value if given_id is not None else self._cluster.mint("S"))
        info = replace(subscribe.agent_info, id=Id(agent_id))
        agent = self._cluster.agents.get(agent_id)
        effects: list[Effect] = []
        was_unreachable = agent_id in self._cluster.unreachable
        if agent is None:
            agent = self._register(agent_id, subscribe, now)
            effects.append(registry.admit(agent_id, info))
        else:
            effects += self._come_back(agent, subscribe, now)
            if agent.info != info:
                effects.append(registry.admit(agent_id, info))
        agent.info, agent.version, agent.stream_id = info, subscribe.version, stream_id
        agent.ip = ip_of(info, subscribe.ip)
        self._cluster.allocator.books[agent_id].is_remote = is_remote(self._cluster, info)
        self._cluster.agent_of_stream[stream_id] = agent_id
        self._cluster.liveness.watch(agent_id, now.mono_ms)
        believed = [wire_task(record) for record in self._believed(agent)]
        self._learn(agent, subscribe, now)
        effects.append(self._greeting(agent, believed))
        effects += self._settle(agent, subscribe)
        effects += self._drains.on_subscribed(agent, is_draining=subscribe.is_draining)
        for update in subscribe.operations:
            effects += self._operations.on_update(agent, update, now)
        if was_unreachable:
            effects += self._tell_returned(agent, now)
        refresh(self._cluster, agent)
        self._offers.look_at(agent_id)
        return effects

    def _refusal(self, subscribe: agent_messages.Subscribe) -> str | None:
        """Why this agent may not be one of ours, whatever it says."""
        info = subscribe.agent_info
        if info.id is not None and info.id.value in self._cluster.gone:
            return f"An operator marked agent {info.id.value} gone; it may start as a new agent"
        ip = ip_of(info, subscribe.ip)
        if self._cluster.machines.is_down(info.hostname, ip):
            return f"Machine {info.hostname} is down for maintenance"
        return None

    def _register(self, agent_id: AgentId, subscribe: agent_messages.Subscribe, now: Now) -> Agent:
        cluster = self._cluster
        was_known = (
            cluster.recovered.pop(agent_id, None) or cluster.unreachable.pop(agent_id, None)
        ) is not None
        agent = Agent(agent_id, subscribe.agent_info, subscribe.version, now.wall_ms)
        agent.reregistered_ms = now.wall_ms if was_known else None
        cluster.agents[agent_id] = agent
        cluster.watchers.note(EventType.AGENT_ADDED, agent)
        total = _total_of(subscribe)
        cluster.allocator.add_agent(agent_id, total)
        self._operations.learn(agent, subscribe, total)
        cluster.count("agent_reregistrations" if was_known else "agent_registrations")
        return agent

    def _come_back(
        self, agent: Agent, subscribe: agent_messages.Subscribe, now: Now
    ) -> list[Effect]:
        """The same agent over a new stream, before it was given up."""
        effects = self._drop_stream(agent)
        agent.reregistered_ms = now.wall_ms
        self._cluster.count("agent_reregistrations")
        total = _total_of(subscribe)
        agent.lent = NOTHING  # it says so again, if it still lends
        self._operations.learn(agent, subscribe, total)
        if total != self._cluster.allocator.books[agent.agent_id].total:
            set_total(self._cluster, agent, total)
        elif replace(subscribe.agent_info, id=agent.info.id) != agent.info:
            # Another attribute or domain: who refused it may want it now.
            self._cluster.allocator.filters.forget_agent(agent.agent_id)
        return effects

    def _drop_stream(self, agent: Agent) -> list[Effect]:
        if agent.stream_id is None:
            return []
        old_stream, agent.stream_id = agent.stream_id, None
        del self._cluster.agent_of_stream[old_stream]
        return [*self._offers.rescind_all(agent), CloseAgentStream(old_stream)]

    def _greeting(self, agent: Agent, believed: list[Task]) -> Effect:
        settings = self._cluster.settings
        assert agent.stream_id is not None
        return SendToAgent(
            agent.stream_id,
            agent_messages.Subscribed(
                agent_id=Id(agent.agent_id),
                master_id=settings.master_info.id,
                epoch=settings.epoch,
                ping_timeout_seconds=self._cluster.liveness.timeout_s,
                tasks=believed,
                operations=self._operations.unheard(agent),
            ),
        )

    # --- reconciling -----------------------------------------------------------------------

    def _believed(self, agent: Agent) -> list[TaskRecord]:
        """What we think runs there: what it does not know of it answers as dropped."""
        lost = [
            record
            for framework in self._cluster.frameworks.values()
            for record in framework.unreachable.values()
            if record.agent_id == agent.agent_id
        ]
        return [r for r in agent.tasks.values() if not r.state.is_terminal] + lost

    def _learn(self, agent: Agent, subscribe: agent_messages.Subscribe, now: Now) -> None:
        """Take over what the agent reports; it knows better."""
        for info in subscribe.frameworks:
            self._frameworks.recover(info, now)
        reported: dict[tuple[FrameworkId, TaskId], None] = {}
        for task in subscribe.tasks:
            key = (FrameworkId(task.framework_id.value), TaskId(task.task_id.value))
            reported[key] = None
            if self._cluster.framework(key[0]) is None:
                unnamed = FrameworkInfo(user="", name="", id=task.framework_id)
                self._frameworks.recover(unnamed, now)
            self._learn_task(agent, task)
        for key, record in list(agent.tasks.items()):
            if key not in reported and record.state.is_terminal:
                self._cluster.remove_task(record)  # its end was acknowledged there
        self._learn_executors(agent, subscribe.executors)
        if self._cluster.allocator.books[agent.agent_id].total != agent.base:
            # They hold more than it has: that much it has no longer once they end.
            set_total(self._cluster, agent, agent.base)

    def _learn_task(self, agent: Agent, task: Task) -> None:
        key = (FrameworkId(task.framework_id.value), TaskId(task.task_id.value))
        framework = self._cluster.framework(key[0])
        assert framework is not None
        known = agent.tasks.get(key)
        if known is not None:
            if not known.state.is_terminal:
                self._cluster.note_state(known, task.state)
            return
        elsewhere = framework.tasks.get(key[1]) or framework.unreachable.get(key[1])
        if elsewhere is not None and elsewhere.agent_id != agent.agent_id:
            return  # another agent has a task of this id; ours is the framework's mistake
        record = _found_again(framework, key[1], agent.agent_id) or _record_of(task, agent.agent_id)
        if _was_lost(framework, key[1], agent.agent_id):
            record.kill = PendingKill(None)  # its framework has been told that it is no more
        record.resources = record.resources.named_as_in(agent.base)
        record.state, record.unreachable_ms = task.state, None
        record.changed()
        self._cluster.add_task(record)
        if not record.state.is_terminal:
            self._cluster.hold(record)

    def _learn_executors(self, agent: Agent, executors: list[ExecutorInfo]) -> None:
        reported: dict[tuple[FrameworkId, ExecutorId], None] = {}
        for info in executors:
            assert info.framework_id is not None
            key = (FrameworkId(info.framework_id.value), ExecutorId(info.executor_id.value))
            reported[key] = None
            if key in agent.executors:
                continue
            resources = resources_of(info.resources)[0].named_as_in(agent.base)
            role = _role_in(info.resources)
            agent.executors[key] = ExecutorRecord(info, resources, role)
            agent.changed()
            self._cluster.allocator.hold(key[0], role, agent.agent_id, resources)
        for key in [key for key in agent.executors if key not in reported]:
            self._cluster.remove_executor(agent, key)

    def _settle(self, agent: Agent, subscribe: agent_messages.Subscribe) -> list[Effect]:
        """What the agent missed: frameworks that ended or changed, kills that waited."""
        effects: list[Effect] = []
        for info in subscribe.frameworks:
            assert info.id is not None
            framework_id = FrameworkId(info.id.value)
            if framework_id in self._cluster.completed:
                shutdown = agent_messages.ShutdownFramework(framework_id=info.id)
                effects += self._cluster.tell_agent(agent.agent_id, shutdown)
                continue
            framework = self._cluster.frameworks[framework_id]
            if framework.info != info and not framework.is_recovered:
                changed = agent_messages.UpdateFramework(framework=framework.info)
                effects += self._cluster.tell_agent(agent.agent_id, changed)
        for record in agent.tasks.values():
            effects += self._tasks.pass_kill(record)
        return effects

    def _tell_returned(self, agent: Agent, now: Now) -> list[Effect]:
        """Its tasks were unreachable and are not any more."""
        effects: list[Effect] = []
        for record in agent.tasks.values():
            framework = self._cluster.frameworks.get(record.key[0])
            if framework is None or record.state.is_terminal:
                continue
            status = master_status(
                framework,
                record.task.task_id.value,
                record.state,
                AGENT_REREGISTERED,
                "Unreachable agent re-reregistered",
                now,
                agent_id=agent.agent_id,
            )
            if record.statuses:
                last = record.statuses[-1]
                status = replace(
                    status, healthy=last.healthy, container_status=last.container_status
                )
            effects += self._cluster.update(framework, status)
        return effects


def _found_again(framework: Framework, task_id: TaskId, agent_id: AgentId) -> TaskRecord | None:
    """The task that was unreachable with this agent, with what the agent said of it last."""
    record = framework.unreachable.get(task_id)
    if record is None or record.agent_id != agent_id:
        return None
    del framework.unreachable[task_id]
    record.statuses[:] = [s for s in record.statuses if s.unreachable_time is None]
    return record


def _was_lost(framework: Framework, task_id: TaskId, agent_id: AgentId) -> bool:
    """Whether the task was given up when the agent's connection broke; forgets that it was."""
    if framework.info.checkpoint:
        return False
    for record in framework.completed:
        if (record.key[1], record.agent_id, record.state) == (task_id, agent_id, TaskState.LOST):
            framework.completed.remove(record)
            return True
    return False


def _total_of(subscribe: agent_messages.Subscribe) -> Resources:
    """What it has after all operations; as it was configured, if it says nothing else."""
    wire = subscribe.agent_info.resources if subscribe.total is None else subscribe.total
    return resources_of(wire)[0]


def _record_of(task: Task, agent_id: AgentId) -> TaskRecord:
    resources, _ = resources_of(task.resources)
    return TaskRecord(
        task=replace(task, agent_id=Id(agent_id), statuses=[]),
        resources=resources,
        role=_role_in(task.resources),
        state=task.state,
        statuses=list(task.statuses),
    )


def _role_in(resources: list[Resource]) -> str:
    """The role that the resources were allocated to when they were launched."""
    for resource in resources:
        if resource.allocation_info is not None and resource.allocation_info.role:
            return resource.allocation_info.role
    return "*"
