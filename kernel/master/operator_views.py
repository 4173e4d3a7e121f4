"""Shows the master's books as Mesos's v1 operator API does: GET_STATE, GET_AGENTS, …, its events.

Which call gives which view is the shell's. Source: Mesos, src/master/readonly_handler.cpp,
src/internal/evolve.cpp; recordings of a real master.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kernel.master.cluster import (
    Agent,
    Cluster,
    ExecutorRecord,
    Framework,
    OfferRecord,
    TaskRecord,
)
from kernel.master.offers import wire_offer
from kernel.master.standing import drain_of, is_active
from kernel.master.views import AGENT_CAPABILITIES, drain_view, wire_task
from kernel.master.watchers import News
from kernel.messages import operator
from kernel.messages.operator import EventType
from kernel.messages.quantities import Form, from_wire, to_wire
from kernel.messages.v1 import Id, Offer, Resource, Task, TaskStatus
from kernel.model.ids import FrameworkId
from kernel.model.resources import NOTHING, Resources

HEARTBEAT_INTERVAL_S = 15
NS_PER_MS = 1_000_000

Json = dict[str, Any]
ByRole = dict[str, Resources]


# --- parts ---------------------------------------------------------------------------------


def time_view(at_ms: int) -> Json:
    return {"nanoseconds": at_ms * NS_PER_MS}


def task_shown(record: TaskRecord) -> bytes:
    """Its JSON, kept until it changes."""
    if record.shown_v1 is None:
        record.shown_v1 = msgspec.json.encode(task_view(record))
    return record.shown_v1


def task_view(record: TaskRecord) -> Task:
    """With the state and uuid of the newest update that an agent sent."""
    task = wire_task(record)
    last = _last_update(record)
    if last is None:
        return task
    return replace(task, status_update_state=last.state, status_update_uuid=last.uuid)


def _last_update(record: TaskRecord) -> TaskStatus | None:
    return next((s for s in reversed(record.statuses) if s.uuid is not None), None)


def _add(shares: ByRole, role: str, resources: Resources) -> None:
    shares[role] = shares.get(role, NOTHING) + resources


def _allocated(shares: Mapping[str, Resources]) -> list[Resource]:
    return [
        resource
        for role, resources in shares.items()
        for resource in to_wire(resources, allocated_to=role, form=Form.BOTH)
    ]


def _filled(shown: Json, **lists: Iterable[Any]) -> Json:
    """Lists that are empty are left out, as protobuf does."""
    for name, items in lists.items():
        if found := list(items):
            shown[name] = found
    return shown


def agent_shown(cluster: Cluster, agent: Agent) -> bytes:
    """Its JSON, kept until it changes."""
    if agent.shown_v1 is None:
        agent.shown_v1 = msgspec.json.encode(agent_view(cluster, agent))
    return agent.shown_v1


def agent_view(cluster: Cluster, agent: Agent) -> Json:
    allocated: ByRole = {}
    for record in agent.tasks.values():
        if record.holds:
            _add(allocated, record.role, record.resources)
    for executor in agent.executors.values():
        _add(allocated, executor.role, executor.resources)
    offered: ByRole = {}
    for offer_id in agent.offers:
        offer = cluster.offers[offer_id]
        _add(offered, offer.role, offer.resources)
    shown: Json = {
        "agent_info": _agent_info(agent),
        "active": is_active(cluster, agent),
        "deactivated": agent.agent_id in cluster.deactivations,
        "version": agent.version,
        "pid": f"slave(1)@{agent.info.hostname}:{agent.info.port}",
        "registered_time": time_view(agent.registered_ms),
    }
    if agent.reregistered_ms is not None:
        shown["reregistered_time"] = time_view(agent.reregistered_ms)
    drain = drain_of(cluster, agent)
    if drain is not None:
        shown["drain_info"] = drain_view(drain)
        shown["estimated_drain_start_time"] = time_view(drain.started_ms // 1000 * 1000)
    return _filled(
        shown,
        total_resources=to_wire(cluster.allocator.books[agent.agent_id].total, form=Form.BOTH),
        allocated_resources=_allocated(allocated),
        offered_resources=_allocated(offered),
        capabilities=[{"type": name} for name in AGENT_CAPABILITIES],
    )


def _agent_info(agent: Agent) -> Json:
    resources = to_wire(from_wire(agent.info.resources), refined=True)
    shown: Json = msgspec.to_builtins(replace(agent.info, resources=resources))
    return {**shown, "checkpoint": True}  # ours always find their tasks again


def offer_view(cluster: Cluster, offer: OfferRecord) -> Offer:
    return wire_offer(cluster, offer)


def framework_view(
    cluster: Cluster,
    framework: Framework,
    executors: Sequence[tuple[Agent, ExecutorRecord]],
) -> Json:
    """As GET_FRAMEWORKS has it; without its offers, which `encoded` puts beside it."""
    offered = {role: tally.sum() for role, tally in framework.offered.items()}
    shown = _framework_head(framework)
    if framework.unregistered_ms is not None:
        shown["unregistered_time"] = time_view(framework.unregistered_ms)
    shown["offer_constraints"] = {}
    return _filled(
        shown,
        allocated_resources=_allocated(_shares_of(framework, executors)),
        offered_resources=_allocated(offered),
    )


def _framework_head(framework: Framework) -> Json:
    again_ms = framework.reregistered_ms
    return {
        "framework_info": framework.info,
        "active": framework.is_connected,
        "connected": framework.is_connected,
        "recovered": framework.is_recovered,
        "registered_time": time_view(framework.registered_ms),
        "reregistered_time": time_view(
            again_ms if again_ms is not None else framework.registered_ms
        ),
    }


def _shares_of(framework: Framework, executors: Sequence[tuple[Agent, ExecutorRecord]]) -> ByRole:
    shares = {role: tally.sum() for role, tally in framework.held.items()}
    for _, executor in executors:
        _add(shares, executor.role, executor.resources)
    return shares


# --- answers -------------------------------------------------------------------------------


def get_executors(
    cluster: Cluster,
    executors: Mapping[FrameworkId, Sequence[tuple[Agent, ExecutorRecord]]] | None = None,
) -> Json:
    """The custom ones, or those of `executors`: a command task has none that the master knows."""
    if executors is None:
        pairs = [(a, e) for a in cluster.agents.values() for e in a.executors.values()]
    else:
        pairs = [pair for of_one in executors.values() for pair in of_one]
    return {
        "executors": [
            {"executor_info": executor.info, "agent_id": Id(agent.agent_id)}
            for agent, executor in pairs
        ]
    }


# --- events --------------------------------------------------------------------------------


def event_of(cluster: Cluster, news: News) -> operator.Event:
    """What watchers are told of a change, with what it has come to by now."""
    match news.subject:
        case TaskRecord() as record if news.status is not None:
            updated = operator.TaskUpdated(
                framework_id=record.task.framework_id, status=news.status, state=record.state
            )
            return operator.Event(type=news.type, task_updated=updated)
        case TaskRecord() as record:
            return operator.Event(
                type=news.type, task_added=operator.TaskAdded(task=task_view(record))
            )
        case Agent() as agent if news.type is EventType.AGENT_ADDED:
            return operator.Event(
                type=news.type,
                agent_added=operator.AgentAdded(agent=agent_view(cluster, agent)),
            )
        case Agent() as agent:
            removed = operator.AgentRemoved(agent_id=Id(agent.agent_id))
            return operator.Event(type=news.type, agent_removed=removed)
        case Framework() as framework:
            return _framework_event(news.type, framework)
        case _:
            raise AssertionError(f"nobody is told of {news}")


def _framework_event(type_: EventType, framework: Framework) -> operator.Event:
    if type_ is EventType.FRAMEWORK_REMOVED:
        removed = operator.FrameworkRemoved(framework_info=framework.info)
        return operator.Event(type=type_, framework_removed=removed)
    shown = {
        **_framework_head(framework),
        "unregistered_time": time_view(framework.unregistered_ms or 0),
    }
    told = operator.FrameworkNews(framework=shown)
    if type_ is EventType.FRAMEWORK_ADDED:
        return operator.Event(type=type_, framework_added=told)
    return operator.Event(type=type_, framework_updated=told)
