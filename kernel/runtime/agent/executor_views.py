"""What the agent shows of executors and of what runs in them: a command task is its own executor, a
custom one and the default one have many tasks.

Mesos's v0 shapes, field by field as recorded; the operator API's are made of the same.
Source: Mesos, src/slave/http.cpp; recordings.
"""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from kernel.agent.executors import ExecutorRecord
from kernel.agent.sandbox import Place
from kernel.agent.shown import task_view
from kernel.agent.tasks import CompletedRecord, TaskRecord
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import ExecutorInfo, Id, Resource, Task
from kernel.model.resources import MILLI, Resources
from kernel.runtime.agent import cgroups
from kernel.runtime.agent.container import role_of
from kernel.runtime.agent.node import Node
from kernel.runtime.agent.record import groups_in

Json = dict[str, Any]

_SCALARS = ("disk", "mem", "gpus", "cpus")


class ShownExecutor(Struct):
    """One executor and its tasks. A command task's is made up; it `is_command`."""

    info: ExecutorInfo
    place: Place
    is_command: bool
    is_over: bool
    live: list[TaskRecord]
    done: list[CompletedRecord]

    @property
    def framework_id(self) -> str:
        return self.place.framework_id

    @property
    def source(self) -> str:
        return self.info.source or ("" if not self.is_command else self.info.executor_id.value)


def executors(node: Node) -> Iterator[ShownExecutor]:
    """The live ones first."""
    tasks, known = node.machine.tasks, node.machine.books.executors
    for record in list(tasks.live.values()):
        if record.executor is None:
            yield _of_command(record, [record], [])
    for executor in list(known.live.values()):
        yield _of_record(node, executor.record, is_over=False)
    for done in list(tasks.completed.values()):
        if done.record.executor is None:
            yield _of_command(done.record, [], [done])
    for ended in list(known.completed.values()):
        yield _of_record(node, ended.record, is_over=True)


def _of_command(
    record: TaskRecord, live: list[TaskRecord], done: list[CompletedRecord]
) -> ShownExecutor:
    task = record.task
    info = ExecutorInfo(
        executor_id=Id(task.task_id.value),
        framework_id=Id(record.framework_id),
        command=task.command,
        resources=task.resources,
        name=_command_name(record),
        source=task.task_id.value,
    )
    return ShownExecutor(info, record.place, True, bool(done), live, done)


def _of_record(node: Node, record: ExecutorRecord, *, is_over: bool) -> ShownExecutor:
    tasks, container_id = node.machine.tasks, record.container_id
    done = [each for each in tasks.completed.values() if each.record.executor == container_id]
    live = tasks.on_executor(container_id)
    return ShownExecutor(record.info, record.place, False, is_over, live, done)


def shown(node: Node, executor: ShownExecutor) -> Json:
    """As /state has it."""
    books = node.machine.books
    queued, running, over = [], [], []
    holder = books.executors.live.get(executor.place.container_id)
    for record in executor.live:
        task = _task(record, books.task_of(record))
        if books.state_of(record).is_terminal:
            over.append(task)
        elif holder is not None and holder.waits(record.container_id):
            queued.append(task)
        else:
            running.append(task)
    for done in executor.done:
        over.append(_task(done.record, task_view(done.record, done.statuses)))
    resources = _held(node, executor)
    shown_executor: Json = {
        "id": executor.info.executor_id.value,
        "name": executor.info.name or "",
        "source": executor.source,
        "container": executor.place.container_id,
        "directory": executor.place.sandbox(node.work_dir),
        "resources": flat(from_wire(resources)),
        "role": role_of(resources) or "*",
        "tasks": running,
        "queued_tasks": queued,
        "completed_tasks": over,
    }
    if executor.info.type is not None:
        shown_executor["type"] = executor.info.type
    if executor.info.labels is not None:
        shown_executor["labels"] = msgspec.to_builtins(executor.info.labels.labels)
    return shown_executor


def _held(node: Node, executor: ShownExecutor) -> list[Resource]:
    if executor.is_command:
        return executor.info.resources
    unfinished = [r for r in executor.live if not node.machine.books.state_of(r).is_terminal]
    return [*executor.info.resources, *(each for r in unfinished for each in r.task.resources)]


def _command_name(record: TaskRecord) -> str:
    command = record.task.command
    text = (command.value or " ".join(command.arguments)) if command is not None else ""
    said = f"sh -c '{text}'" if command is not None and command.shell else text
    return f"Command Executor (Task: {record.task.task_id.value}) (Command: {said})"


def _task(record: TaskRecord, task: Task) -> Json:
    shown_task: Json = {
        "id": task.task_id.value,
        "name": task.name,
        "framework_id": record.framework_id,
        "executor_id": task.executor_id.value if task.executor_id is not None else "",
        "slave_id": record.agent_id,
        "state": task.state.value,
        "resources": flat(from_wire(record.task.resources)),
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
    shown_task |= {
        name: msgspec.to_builtins(each) for name, each in optional.items() if each is not None
    }
    return shown_task


def _status(status: Any) -> Json:
    shown_status: Json = {"state": status.state.value, "timestamp": status.timestamp}
    for name in ("message", "reason", "healthy", "container_status", "labels"):
        value = getattr(status, name)
        if value is not None:
            shown_status[name] = msgspec.to_builtins(value)
    return shown_status


# --- containers ----------------------------------------------------------------------------


def containers(node: Node, *, nested: bool = False) -> list[Json]:
    """/containers: /monitor/statistics, and each container's status; those of the tasks of groups
    only if asked for."""
    found: list[Json] = []
    for executor in _running(node):
        place, inner = executor.place, _inner(node, executor)
        found.append(_container(node, executor, {"value": place.container_id}, inner or [place]))
        for each in inner if nested else []:
            parent = {"value": place.container_id}
            found.append(
                _container(node, executor, {"value": each.nested, "parent": parent}, [each])
            )
    return found


def _container(node: Node, executor: ShownExecutor, name: Json, places: list[Place]) -> Json:
    status: Json = {"container_id": name}
    held = node.processes.containers.get(name["value"])
    if held is not None and held.pid:
        status["executor_pid"] = held.pid
    figures = _figures(node, executor, places)
    return {**figures, "container_id": name["value"], "status": status}


def statistics(node: Node) -> list[Json]:
    found: list[Json] = []
    for executor in _running(node):
        found.append(_figures(node, executor, _inner(node, executor) or [executor.place]))
    return found


def _running(node: Node) -> Iterator[ShownExecutor]:
    for executor in executors(node):
        if executor.is_over:
            continue
        if not executor.is_command or not node.machine.books.state_of(executor.live[0]).is_terminal:
            yield executor


def _inner(node: Node, executor: ShownExecutor) -> list[Place]:
    """Of the tasks of groups that live."""
    books = node.machine.books
    return [
        record.place
        for record in executor.live
        if record.is_nested and not books.state_of(record).is_terminal
    ]


def _figures(node: Node, executor: ShownExecutor, places: list[Place]) -> Json:
    return {
        "executor_id": executor.info.executor_id.value,
        "executor_name": executor.info.name or "",
        "framework_id": executor.framework_id,
        "source": executor.source,
        "statistics": _statistics(node, from_wire(_held(node, executor)), places),
    }


def _statistics(node: Node, held: Resources, places: list[Place]) -> Json:
    """Of one container, or of several together."""
    amounts = held.quantities()
    of_all = [groups_in(place.record(node.work_dir)) for place in places]
    memory = [cgroups.memory_figures(groups) for groups in of_all]
    times = [cgroups.cpu_times_us(groups) for groups in of_all]
    mem_bytes = round(amounts.get("mem", 0) / MILLI * (1 << 20))
    found: Json = {
        "cpus_soft_limit": amounts.get("cpus", 0) / MILLI,
        "cpus_user_time_secs": sum(user_us for user_us, _ in times) / 1e6,
        "cpus_system_time_secs": sum(system_us for _, system_us in times) / 1e6,
        "mem_limit_bytes": sum(limit for limit, _, _ in memory) or mem_bytes,
        "mem_soft_limit_bytes": mem_bytes,
        "timestamp": time.time(),
    }
    if any(of_all):
        use = sum(each for _, _, each in memory)
        peak = sum(each for _, each, _ in memory)
        found |= {"mem_rss_bytes": use, "mem_total_bytes": use, "mem_max_usage_bytes": peak}
        found["processes"] = sum(len(cgroups.members(groups)) for groups in of_all)
    return found


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
