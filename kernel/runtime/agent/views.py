"""What the agent shows: /state, /containers, /monitor/statistics, /metrics/snapshot.

Mesos's v0 shapes, field by field as recorded. Source: Mesos, src/slave/http.cpp; recordings.
"""

import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import asdict

from kernel.agent.updates import state_of
from kernel.messages.quantities import Form, from_wire, to_wire
from kernel.messages.v1 import FrameworkInfo
from kernel.model.resources import MILLI, Resources, total
from kernel.model.task import TaskState
from kernel.runtime.agent import executor_views
from kernel.runtime.agent.host import MESOS_VERSION, TEPUI_VERSION
from kernel.runtime.agent.node import Node

BUILD = {"git_sha": "", "build_date": "", "build_time": 0.0, "build_user": ""}
CAPABILITIES = ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "TASK_RESOURCE_LIMITS"]


def version() -> dict[str, Any]:
    return {**BUILD, "version": MESOS_VERSION, "tepui_version": TEPUI_VERSION}


def state(node: Node) -> dict[str, Any]:
    """/state: everything, with the directory of each executor, so that tools find the sandbox."""
    machine, config = node.machine, node.config
    info = machine.settings.info
    have = machine.operations.total
    used = _used(node)
    roles = {kind.role: None for kind in have.kinds() if kind.role}
    unreserved = have.of_role("")
    registration = machine.registration
    return {
        **version(),
        "start_time": node.started_wall_ms / 1000,
        "id": registration.standing.agent_id or "",
        "pid": f"slave(1)@{config.ip}:{config.port}",
        "hostname": info.hostname,
        "capabilities": CAPABILITIES,
        "resources": executor_views.flat(have),
        "reserved_resources": {role: executor_views.flat(have.of_role(role)) for role in roles},
        "unreserved_resources": executor_views.flat(unreserved),
        "reserved_resources_full": {
            role: _full(to_wire(have.of_role(role), form=Form.BOTH)) for role in roles
        },
        "unreserved_resources_full": _full(to_wire(unreserved)),
        "reserved_resources_allocated": {
            role: executor_views.flat(used.of_role(role))
            for role in roles
            if not used.of_role(role).is_empty
        },
        "unreserved_resources_allocated": (
            executor_views.flat(used.unreserved()) if not used.unreserved().is_empty else {}
        ),
        "resource_providers": [],
        "attributes": {each.name: _attribute(each) for each in info.attributes},
        "master_hostname": _master_hostname(node),
        "registered": registration.connected,
        "flags": flags(node),
        "frameworks": list(_frameworks(node)),
        "completed_frameworks": [],
        **({"domain": info.domain} if info.domain is not None else {}),
        **drain(node),
    }


def drain(node: Node) -> dict[str, Any]:
    """As the agent was told it, while it drains."""
    record = node.machine.books.draining.record
    if record is None:
        return {}
    config: dict[str, Any] = {"mark_gone": record.mark_gone}
    if record.max_grace_ms is not None:
        config["max_grace_period"] = {"nanoseconds": record.max_grace_ms * 1_000_000}
    return {"drain_config": config}


def flags(node: Node) -> dict[str, str]:
    """As text, like Mesos's; `isolation` says what is enforced here."""
    shown = {
        name: ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in asdict(node.config).items()
    }
    names = {"cpu": "cgroups/cpu", "memory": "cgroups/mem", "pids": "cgroups/pids"}
    enforced = [names[each] for each in node.processes.enforced]
    return {
        **shown,
        "work_dir": node.work_dir,
        "isolation": ",".join(enforced) or "posix",
        "isolation_notes": " ".join(node.processes.isolation_notes),
    }


def _frameworks(node: Node) -> Iterator[dict[str, Any]]:
    executors = list(executor_views.executors(node))
    for framework_id, framework in node.machine.tasks.frameworks.items():
        own = [each for each in executors if each.framework_id == framework_id]
        yield {
            **_framework(framework_id, framework),
            "executors": [executor_views.shown(node, each) for each in own if not each.is_over],
            "completed_executors": [
                executor_views.shown(node, each) for each in own if each.is_over
            ],
        }


def _framework(framework_id: str, framework: FrameworkInfo) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": framework_id,
        "name": framework.name,
        "user": framework.user,
        "failover_timeout": framework.failover_timeout,
        "checkpoint": framework.checkpoint,
        "hostname": framework.hostname or "",
    }
    if framework.principal is not None:
        shown["principal"] = framework.principal
    if framework.roles:
        shown["roles"] = framework.roles
    else:
        shown["role"] = framework.role or "*"
    return shown


def metrics(node: Node) -> dict[str, float]:
    """/metrics/snapshot: the ones of Mesos that are known here."""
    machine = node.machine
    states = [
        state_of(machine.updates.streams.get(record.container_id))
        for record in machine.tasks.live.values()
    ]
    ended = [done.statuses[-1].state for done in machine.tasks.completed.values()]
    have = machine.operations.total.quantities()
    used = _used(node).quantities()
    disk = shutil.disk_usage(node.work_dir)
    load = os.getloadavg()
    shown: dict[str, float] = {
        "slave/uptime_secs": time.time() - node.started_wall_ms / 1000,
        "slave/registered": 1.0 if machine.registration.connected else 0.0,
        "slave/frameworks_active": float(len(machine.tasks.frameworks)),
        "slave/executors_running": float(
            sum(not e.is_over for e in executor_views.executors(node))
        ),
        "containerizer/mesos/disk_used_percent": disk.used / max(1, disk.total),
        "system/load_1min": load[0],
        "system/load_5min": load[1],
        "system/load_15min": load[2],
        "system/cpus_total": float(os.cpu_count() or 1),
    }
    for each in (TaskState.STAGING, TaskState.STARTING, TaskState.RUNNING, TaskState.KILLING):
        shown[f"slave/tasks_{each.name.lower()}"] = float(states.count(each))
    for each in (TaskState.FINISHED, TaskState.FAILED, TaskState.KILLED):
        shown[f"slave/tasks_{each.name.lower()}"] = float((states + ended).count(each))
    for name in ("cpus", "mem", "disk"):
        shown[f"slave/{name}_total"] = have.get(name, 0) / MILLI
        shown[f"slave/{name}_used"] = used.get(name, 0) / MILLI
        shown[f"slave/{name}_percent"] = used.get(name, 0) / max(1, have.get(name, 0))
    return shown


def _used(node: Node) -> Resources:
    """By tasks that live, and by executors themselves."""
    executors = [each.record.info for each in node.machine.books.executors.live.values()]
    bundles = [record.task.resources for record in node.machine.books.unfinished()]
    bundles += [info.resources for info in executors]
    return total(from_wire(bundle) for bundle in bundles)


def _full(wire: list[Any]) -> list[Any]:
    shown: list[Any] = msgspec.to_builtins(wire)
    return shown


def _attribute(attribute: Any) -> Any:
    if attribute.scalar is not None:
        return attribute.scalar.value
    if attribute.text is not None:
        return attribute.text.value
    spans = attribute.ranges.range if attribute.ranges is not None else []
    return "[" + ", ".join(f"{span.begin}-{span.end}" for span in spans) + "]"


def _master_hostname(node: Node) -> str:
    if not node.machine.registration.connected:
        return ""
    return node.config.master[0].rpartition("//")[2].partition("/")[0].rpartition(":")[0]
