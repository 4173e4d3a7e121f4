"""What the agent shows: /state, /containers, /monitor/statistics, /metrics/snapshot.

Mesos's v0 shapes, field by field as recorded. Source: Mesos, src/slave/http.cpp; recordings.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import asdict

from kernel.agent.shown import task_view
from kernel.agent.tasks import CompletedRecord, TaskRecord
from kernel.agent.updates import state_of
from kernel.messages.quantities import Form, from_wire, to_wire
from kernel.messages.v1 import FrameworkInfo, Task
from kernel.model.resources import MILLI, NOTHING, Resources, total
from kernel.model.task import TaskState
from kernel.runtime.agent import cgroups
from kernel.runtime.agent.container import role_of
from kernel.runtime.agent.host import MESOS_VERSION, TEPUI_VERSION
from kernel.runtime.agent.node import Node
from kernel.runtime.agent.record import groups_in

BUILD = {"git_sha": "", "build_date": "", "build_time": 0.0, "build_user": ""}
CAPABILITIES = ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "TASK_RESOURCE_LIMITS"]
_SCALARS = ("disk", "mem", "gpus", "cpus")


def version() -> dict[str, Any]:
    return {**BUILD, "version": MESOS_VERSION, "tepui_version": TEPUI_VERSION}


def state(node: Node) -> dict[str, Any]:
    """/state: everything, with the directory of each executor, so that tools find the sandbox."""
    machine, config = node.machine, node.config
    info = machine.settings.info
    have = machine.operations.total
    used = total(from_wire(record.task.resources) for record in _unfinished(node))
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
        "resources": flat(have),
        "reserved_resources": {role: flat(have.of_role(role)) for role in roles},
        "unreserved_resources": flat(unreserved),
        "reserved_resources_full": {
            role: _full(to_wire(have.of_role(role), form=Form.BOTH)) for role in roles
        },
        "unreserved_resources_full": _full(to_wire(unreserved)),
        "reserved_resources_allocated": {
            role: flat(used.of_role(role)) for role in roles if not used.of_role(role).is_empty
        },
        "unreserved_resources_allocated": (
            flat(used.unreserved()) if not used.unreserved().is_empty else {}
        ),
        "resource_providers": [],
        "attributes": {each.name: _attribute(each) for each in info.attributes},
        "master_hostname": _master_hostname(node),
        "registered": registration.connected,
        "flags": flags(node),
        "frameworks": list(_frameworks(node)),
        "completed_frameworks": [],
    }


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
    tasks = node.machine.tasks
    for framework_id, framework in tasks.frameworks.items():
        live = [each for each in tasks.live.values() if each.framework_id == framework_id]
        over = [
            each for each in tasks.completed.values() if each.record.framework_id == framework_id
        ]
        yield {
            **_framework(framework_id, framework),
            "executors": [_live_executor(node, record) for record in live],
            "completed_executors": [_ended_executor(node, done) for done in over],
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


def _live_executor(node: Node, record: TaskRecord) -> dict[str, Any]:
    task = node.machine.books.task_of(record)
    shown = _executor(node, record)
    over = task.state.is_terminal
    shown["tasks"] = [] if over else [_task(record, task)]
    shown["queued_tasks"] = []
    shown["completed_tasks"] = [_task(record, task)] if over else []
    return shown


def _ended_executor(node: Node, done: CompletedRecord) -> dict[str, Any]:
    task = task_view(done.record, done.statuses)
    shown = _executor(node, done.record)
    return {
        **shown,
        "tasks": [],
        "queued_tasks": [],
        "completed_tasks": [_task(done.record, task)],
    }


def _executor(node: Node, record: TaskRecord) -> dict[str, Any]:
    task_id = record.task.task_id.value
    return {
        "id": task_id,
        "name": executor_name(record),
        "source": task_id,
        "container": record.container_id,
        "directory": record.place.sandbox(node.work_dir),
        "resources": flat(_amounts(record)),
        "role": role_of(record.task.resources) or "*",
    }


def executor_name(record: TaskRecord) -> str:
    command = record.task.command
    text = (command.value or " ".join(command.arguments)) if command is not None else ""
    said = f"sh -c '{text}'" if command is not None and command.shell else text
    return f"Command Executor (Task: {record.task.task_id.value}) (Command: {said})"


def _task(record: TaskRecord, task: Task) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": task.task_id.value,
        "name": task.name,
        "framework_id": record.framework_id,
        "executor_id": "",
        "slave_id": record.agent_id,
        "state": task.state.value,
        "resources": flat(_amounts(record)),
        "role": role_of(record.task.resources) or "*",
        "statuses": [_status(status) for status in task.statuses],
    }
    optional = {
        "labels": task.labels.labels if task.labels is not None else None,
        "discovery": task.discovery,
        "container": task.container,
        "health_check": task.health_check,
        "user": task.user,
        "limits": task.limits,
    }
    shown |= {
        name: msgspec.to_builtins(each) for name, each in optional.items() if each is not None
    }
    return shown


def _status(status: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"state": status.state.value, "timestamp": status.timestamp}
    for name in ("message", "reason", "healthy", "container_status", "labels"):
        value = getattr(status, name)
        if value is not None:
            shown[name] = msgspec.to_builtins(value)
    return shown


def containers(node: Node) -> list[dict[str, Any]]:
    """/containers: /monitor/statistics, and each container's status."""
    shown = []
    for record, figures in _measured(node):
        held = node.processes.containers.get(record.container_id)
        status: dict[str, Any] = {"container_id": {"value": record.container_id}}
        if held is not None and held.pid:
            status["executor_pid"] = held.pid
        shown.append({**figures, "container_id": record.container_id, "status": status})
    return shown


def statistics(node: Node) -> list[dict[str, Any]]:
    return [figures for _, figures in _measured(node)]


def _measured(node: Node) -> Iterator[tuple[TaskRecord, dict[str, Any]]]:
    for record in _unfinished(node):
        task_id = record.task.task_id.value
        yield (
            record,
            {
                "executor_id": task_id,
                "executor_name": executor_name(record),
                "framework_id": record.framework_id,
                "source": task_id,
                "statistics": _statistics(node, record),
            },
        )


def _statistics(node: Node, record: TaskRecord) -> dict[str, Any]:
    amounts = _amounts(record).quantities()
    groups = groups_in(record.place.record(node.work_dir))
    limit, peak, use = cgroups.memory_figures(groups)
    user_us, system_us = cgroups.cpu_times_us(groups)
    shown: dict[str, Any] = {
        "cpus_soft_limit": amounts.get("cpus", 0) / MILLI,
        "cpus_user_time_secs": user_us / 1e6,
        "cpus_system_time_secs": system_us / 1e6,
        "mem_limit_bytes": limit or round(amounts.get("mem", 0) / MILLI * (1 << 20)),
        "mem_soft_limit_bytes": round(amounts.get("mem", 0) / MILLI * (1 << 20)),
        "timestamp": time.time(),
    }
    if groups:
        shown |= {"mem_rss_bytes": use, "mem_total_bytes": use, "mem_max_usage_bytes": peak}
        shown["processes"] = len(cgroups.members(groups))
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
    used = total(from_wire(each.task.resources) for each in _unfinished(node)).quantities()
    disk = shutil.disk_usage(node.work_dir)
    load = os.getloadavg()
    shown: dict[str, float] = {
        "slave/uptime_secs": time.time() - node.started_wall_ms / 1000,
        "slave/registered": 1.0 if machine.registration.connected else 0.0,
        "slave/frameworks_active": float(len(machine.tasks.frameworks)),
        "slave/executors_running": float(sum(not each.is_terminal for each in states)),
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


def flat(amounts: Resources) -> dict[str, Any]:
    """`{"cpus": 1.0, …, "ports": "[a-b]"}`, the scalars always there."""
    quantities = amounts.quantities()
    shown: dict[str, Any] = {name: quantities.get(name, 0) / MILLI for name in _SCALARS}
    shown |= {name: each / MILLI for name, each in quantities.items()}
    for (_, name), spans in amounts.ranges.items():
        shown[name] = "[" + ", ".join(f"{begin}-{end}" for begin, end in spans) + "]"
    for (_, name), items in amounts.sets.items():
        shown[name] = "{" + ", ".join(items) + "}"
    return shown


def _unfinished(node: Node) -> Iterable[TaskRecord]:
    streams = node.machine.updates.streams
    for record in list(node.machine.tasks.live.values()):
        if not state_of(streams.get(record.container_id)).is_terminal:
            yield record


def _amounts(record: TaskRecord) -> Resources:
    return from_wire(record.task.resources) if record.task.resources else NOTHING


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
