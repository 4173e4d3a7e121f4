"""Shows the master's books as Mesos's v0 endpoints do: `/state`, `/slaves`, `/tasks`, …

What one agent, task, … looks like; `encoded` keeps that as bytes and `reads` puts whole answers
together. Source: Mesos, src/master/http.cpp, readonly_handler.cpp; recordings of a real master.
"""

from collections.abc import Iterable, Sequence
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
    used_on,
)
from kernel.master.registry_drains import Drain
from kernel.master.standing import drain_of, is_active
from kernel.master.validate import capabilities_of
from kernel.messages.quantities import Form, to_wire
from kernel.messages.v1 import Attribute, Task, TaskStatus
from kernel.model.ids import FrameworkId
from kernel.model.resources import MILLI, Ranges, Resources, total

MESOS_VERSION = "1.11.0"  # pymesos and others read it as dotted integers
MASTER_CAPABILITIES = ("AGENT_UPDATE", "AGENT_DRAINING")
AGENT_CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT")
Json = dict[str, Any]


def wire_task(record: TaskRecord) -> Task:
    """The task as it is now, for an agent."""
    return replace(record.task, state=record.state, statuses=list(record.statuses))


# --- resources -----------------------------------------------------------------------------


def resources_view(resources: Resources) -> Json:
    """The four scalars always, everything else when there."""
    shown: Json = {"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 0.0}
    for name, amount in resources.quantities().items():
        shown[name] = amount / MILLI
    ranges: dict[str, Ranges] = {}
    for (_, name), spans in resources.ranges.items():
        ranges[name] = tuple(sorted((*ranges.get(name, ()), *spans)))
    for name, spans in ranges.items():
        shown[name] = "[" + ", ".join(f"{begin}-{end}" for begin, end in spans) + "]"
    for (_, name), items in resources.sets.items():
        shown[name] = "{" + ", ".join(items) + "}"
    return shown


def _reserving_roles(resources: Resources) -> list[str]:
    return sorted({kind.role for kind in resources.kinds() if kind.role})


# --- tasks ---------------------------------------------------------------------------------


def task_shown(record: TaskRecord) -> bytes:
    """Its JSON, kept until it changes."""
    if record.shown is None:
        record.shown = msgspec.json.encode(task_view(record))
    return record.shown


def task_view(record: TaskRecord) -> Json:
    task = record.task
    shown: Json = {
        "id": task.task_id.value,
        "name": task.name,
        "framework_id": task.framework_id.value,
        "executor_id": task.executor_id.value if task.executor_id is not None else "",
        "slave_id": task.agent_id.value,
        "state": record.state.value,
        "resources": resources_view(record.resources),
        "role": record.role,
        "statuses": [_status_view(status) for status in record.statuses],
    }
    if task.limits:
        shown["limits"] = {name: limit.value for name, limit in task.limits.items()}
    if task.user is not None:
        shown["user"] = task.user
    if task.labels is not None and task.labels.labels:
        shown["labels"] = task.labels.labels
    for name in ("discovery", "container", "health_check"):
        if getattr(task, name) is not None:
            shown[name] = getattr(task, name)
    return shown


def _status_view(status: TaskStatus) -> Json:
    shown: Json = {"state": status.state.value, "timestamp": status.timestamp or 0.0}
    if status.labels is not None and status.labels.labels:
        shown["labels"] = status.labels.labels
    if status.container_status is not None:
        shown["container_status"] = replace(status.container_status, executor_pid=None)
    if status.healthy is not None:
        shown["healthy"] = status.healthy
    return shown


def _uses(records: Iterable[TaskRecord]) -> Resources:
    return total(record.resources for record in records if record.holds)


# --- agents --------------------------------------------------------------------------------


def agent_shown(cluster: Cluster, agent: Agent) -> bytes:
    """Its JSON, kept until it changes."""
    if agent.shown is None:
        agent.shown = msgspec.json.encode(agent_view(cluster, agent))
    return agent.shown


def agent_view(cluster: Cluster, agent: Agent) -> Json:
    books = cluster.allocator.books[agent.agent_id]
    there = books.total
    offered = total(cluster.offers[offer_id].resources for offer_id in agent.offers)
    used = used_on(agent)
    shown: Json = {
        "id": agent.agent_id,
        "hostname": agent.info.hostname,
        "port": agent.info.port,
        "attributes": _attributes_view(agent.info.attributes),
        "pid": f"slave(1)@{agent.info.hostname}:{agent.info.port}",
        "registered_time": agent.registered_ms / 1000,
        "resources": resources_view(there),
        "used_resources": resources_view(used),
        "offered_resources": resources_view(offered),
        "reserved_resources": {
            role: resources_view(there.of_role(role)) for role in _reserving_roles(there)
        },
        "unreserved_resources": resources_view(there.of_role("")),
        "active": is_active(cluster, agent),
        "deactivated": agent.agent_id in cluster.deactivations,
        "version": agent.version,
        "capabilities": AGENT_CAPABILITIES,
    }
    if agent.reregistered_ms is not None:
        shown["reregistered_time"] = agent.reregistered_ms / 1000
    drain = drain_of(cluster, agent)
    if drain is not None:
        shown["drain_info"] = drain_view(drain)
        shown["estimated_drain_start_time_seconds"] = drain.started_ms // 1000
    if agent.info.domain is not None:
        shown["domain"] = agent.info.domain
    return shown


def drain_view(drain: Drain) -> Json:
    """A drain goes in as seconds and comes out as nanoseconds, as in Mesos."""
    config: Json = {"mark_gone": drain.mark_gone}
    if drain.max_grace_ms is not None:
        config["max_grace_period"] = {"nanoseconds": drain.max_grace_ms * 1_000_000}
    return {"state": drain.state, "config": config}


def agent_view_full(cluster: Cluster, agent: Agent) -> Json:
    there = cluster.allocator.books[agent.agent_id].total
    used = [
        wire
        for record in agent.tasks.values()
        if record.holds
        for wire in to_wire(record.resources, allocated_to=record.role, form=Form.BOTH)
    ]
    offered = [
        wire
        for offer in (cluster.offers[offer_id] for offer_id in agent.offers)
        for wire in to_wire(offer.resources, allocated_to=offer.role, form=Form.BOTH)
    ]
    return {
        **agent_view(cluster, agent),
        "reserved_resources_full": {
            role: to_wire(there.of_role(role), form=Form.BOTH) for role in _reserving_roles(there)
        },
        "unreserved_resources_full": to_wire(there.of_role("")),
        "used_resources_full": used,
        "offered_resources_full": offered,
    }


def _attributes_view(attributes: Sequence[Attribute]) -> Json:
    shown: Json = {}
    for attribute in attributes:
        if attribute.text is not None:
            shown[attribute.name] = attribute.text.value
        elif attribute.scalar is not None:
            shown[attribute.name] = attribute.scalar.value
        elif attribute.ranges is not None:
            spans = ", ".join(f"{span.begin}-{span.end}" for span in attribute.ranges.range)
            shown[attribute.name] = f"[{spans}]"
    return shown


def recovered_view(cluster: Cluster, agent_id: str | None = None) -> list[Json]:
    return [
        {"id": known_id, "hostname": record.info.hostname, "port": record.info.port}
        for known_id, record in cluster.recovered.items()
        if agent_id in (None, known_id)
    ]


# --- frameworks ----------------------------------------------------------------------------


def framework_head(
    cluster: Cluster, framework: Framework, executors: Sequence[tuple[Agent, ExecutorRecord]]
) -> Json:
    used = used_by(framework, executors)
    offered = total(tally.sum() for tally in framework.offered.values())
    return {
        "id": framework.framework_id,
        "name": framework.info.name,
        "used_resources": resources_view(used),
        "offered_resources": resources_view(offered),
        "capabilities": capabilities_of(framework.info),
        "hostname": framework.info.hostname or "",
        "webui_url": framework.info.webui_url or "",
        "active": framework.is_connected,
        "connected": framework.is_connected,
        "recovered": framework.is_recovered,
    }


def executors_of(
    cluster: Cluster,
) -> dict[FrameworkId, list[tuple[Agent, ExecutorRecord]]]:
    """The custom executors of each framework, with where they are."""
    found: dict[FrameworkId, list[tuple[Agent, ExecutorRecord]]] = {}
    with_some = [agent for agent in cluster.agents.values() if agent.executors]
    for agent in with_some:
        for key, executor in agent.executors.items():
            found.setdefault(key[0], []).append((agent, executor))
    return found


def used_by(framework: Framework, executors: Sequence[tuple[Agent, ExecutorRecord]]) -> Resources:
    """What the framework's tasks and executors hold."""
    held = [tally.sum() for tally in framework.held.values()]
    return total([*held, *(executor.resources for _, executor in executors)])


def framework_view(
    cluster: Cluster,
    framework: Framework,
    executors: Sequence[tuple[Agent, ExecutorRecord]],
) -> Json:
    """Without its tasks and offers, which are many: `encoded` puts them beside it."""
    info = framework.info
    shown = framework_head(cluster, framework, executors)
    offered = total(tally.sum() for tally in framework.offered.values())
    shown |= {
        "user": info.user,
        "failover_timeout": info.failover_timeout,
        "checkpoint": info.checkpoint,
        "registered_time": framework.registered_ms / 1000,
        "unregistered_time": (framework.unregistered_ms or 0) / 1000,
        "resources": resources_view(total([used_by(framework, executors), offered])),
        "executors": [_executor_view(framework, *each) for each in executors],
        "offer_constraints": {},
    }
    if info.principal is not None:
        shown["principal"] = info.principal
    if framework.can("MULTI_ROLE"):
        shown["roles"] = info.roles
    else:
        shown["role"] = info.role or "*"
    if framework.reregistered_ms is not None:
        shown["reregistered_time"] = framework.reregistered_ms / 1000
    if info.labels is not None and info.labels.labels:
        shown["labels"] = info.labels.labels
    return shown


def offer_view(offer: OfferRecord) -> Json:
    return {
        "id": offer.offer_id,
        "framework_id": offer.framework_id,
        "allocation_info": {"role": offer.role},
        "slave_id": offer.agent_id,
        "resources": resources_view(offer.resources),
    }


def _executor_view(framework: Framework, agent: Agent, executor: ExecutorRecord) -> Json:
    return {
        "executor_id": executor.info.executor_id.value,
        "name": executor.info.name or "",
        "framework_id": framework.framework_id,
        "command": executor.info.command,
        "resources": resources_view(executor.resources),
        "role": executor.role,
        "slave_id": agent.agent_id,
    }


# --- the whole -----------------------------------------------------------------------------


def metrics(cluster: Cluster) -> dict[str, float]:
    """`/metrics/snapshot` under Mesos's names, but for the counts of tasks by state (`reads`)."""
    shown: dict[str, float] = {"master/elected": 1.0}
    there = cluster.allocator.ranking.pool.totals
    used = total(
        tally.sum()
        for framework in (*cluster.frameworks.values(), *cluster.completed.values())
        for tally in framework.held.values()
    )
    for name in ("cpus", "mem", "disk", "gpus"):
        all_of_it, in_use = there.get(name, 0), used.scalar(name)
        shown[f"master/{name}_total"] = all_of_it / MILLI
        shown[f"master/{name}_used"] = in_use / MILLI
        shown[f"master/{name}_percent"] = in_use / all_of_it if all_of_it else 0.0
    connected = float(sum(1 for agent in cluster.agents.values() if agent.is_connected))
    active = float(sum(1 for agent in cluster.agents.values() if is_active(cluster, agent)))
    for name, value in (
        ("active", active),
        ("connected", connected),
        ("inactive", len(cluster.agents) - active),
        ("disconnected", len(cluster.agents) - connected),
        ("unreachable", float(len(cluster.unreachable))),
    ):
        shown[f"master/slaves_{name}"] = value
    here = float(sum(1 for f in cluster.frameworks.values() if f.is_connected))
    for name in ("active", "connected"):
        shown[f"master/frameworks_{name}"] = here
    for name in ("inactive", "disconnected"):
        shown[f"master/frameworks_{name}"] = len(cluster.frameworks) - here
    watching = len(cluster.watchers.streams)
    shown["master/operator_event_stream_subscribers"] = float(watching)
    shown["master/outstanding_offers"] = float(len(cluster.offers))
    for name, count in cluster.counters.items():
        shown[f"master/{name}"] = float(count)
    shown["allocator/mesos/allocation_runs"] = float(cluster.counters.get("allocation_runs", 0))
    shown["allocator/mesos/offer_filters/active"] = float(cluster.allocator.filters.count())
    return shown
