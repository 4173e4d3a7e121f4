"""Rows of agents and of the tasks on them, and the cluster's capacity."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from web.present import states
from web.present.states import Look
from web.present.words import mebibytes, number, percent
from web.shapes.mesos import Amounts, Framework, Machine, Schedule, Slave, State, Task

_NOTHING_PLANNED = Schedule()


class Gauge(Struct, frozen=True):
    """One resource: how much of it is used. `text` is for people, `permille` for the bar."""

    name: str
    used: str
    total: str
    permille: int
    percent: int
    tone: str


class AgentRow(Struct, frozen=True):
    id: str
    short_id: str
    hostname: str
    name: str  # the hostname; where several agents share it, with the port
    address: str
    look: Look
    gauges: Sequence[Gauge]
    attributes: Sequence[tuple[str, str]]
    reserved: Sequence[tuple[str, str]]  # role and what is reserved to it
    tasks: int
    registered_ms: int
    away_ms: int | None  # when its machine is planned to be away for maintenance
    version: str


class TaskRow(Struct, frozen=True):
    id: str
    name: str
    framework: str
    look: Look
    cpus: str
    mem: str
    agent_id: str
    since_ms: int | None
    app_id: str | None
    job: str | None


def gauges(used: Amounts, total: Amounts) -> list[Gauge]:
    """CPUs, memory and disk, and GPUs where there are any."""
    rows = [
        _gauge("CPUs", used.cpus, total.cpus, number),
        _gauge("Memory", used.mem, total.mem, mebibytes),
        _gauge("Disk", used.disk, total.disk, mebibytes),
    ]
    if total.gpus:
        rows.append(_gauge("GPUs", used.gpus, total.gpus, number))
    return rows


def _gauge(name: str, used: float, total: float, text: Any) -> Gauge:
    share = percent(used, total)
    # From nine tenths on, the next app may well not fit: worth a colour.
    tone = "warn" if share >= 90 else "use"
    return Gauge(name, text(used), text(total), share * 10, share, tone)


def capacity(slaves: Sequence[Slave]) -> list[Gauge]:
    """Of what is in service: nothing new starts on the others."""
    live = [slave for slave in slaves if slave.active]
    return gauges(
        amounts_sum([slave.used_resources for slave in live]),
        amounts_sum([slave.resources for slave in live]),
    )


def amounts_sum(amounts: Sequence[Amounts]) -> Amounts:
    return Amounts(
        cpus=sum(each.cpus for each in amounts),
        mem=sum(each.mem for each in amounts),
        disk=sum(each.disk for each in amounts),
        gpus=sum(each.gpus for each in amounts),
    )


def agent_rows(state: State, schedule: Schedule = _NOTHING_PLANNED) -> list[AgentRow]:
    counts: dict[str, int] = {}
    for framework in state.frameworks:
        for task in framework.tasks:
            if task.state in states.ENDED:
                continue  # its end was not acknowledged yet
            counts[task.slave_id] = counts.get(task.slave_id, 0) + 1
    rows = [agent_row(slave, counts.get(slave.id, 0), schedule) for slave in state.slaves]
    shared = Counter(row.hostname for row in rows)
    named = [structs.replace(row, name=_full_name(row)) if shared[row.hostname] > 1 else row
             for row in rows]  # fmt: skip
    return sorted(named, key=lambda row: (row.name, row.id))


def _full_name(row: AgentRow) -> str:
    return f"{row.hostname}:{row.address.rpartition(':')[2]}"


def fullest(rows: Sequence[AgentRow], limit: int = 3) -> list[AgentRow]:
    """Those with the least room, by whichever resource is shortest."""
    return sorted(rows, key=lambda row: -max(gauge.permille for gauge in row.gauges))[:limit]


def agent_row(slave: Slave, tasks: int, schedule: Schedule = _NOTHING_PLANNED) -> AgentRow:
    return AgentRow(
        id=slave.id,
        short_id=slave.id.rpartition("-")[2] or slave.id,
        hostname=slave.hostname,
        name=slave.hostname,
        address=slave.pid.rpartition("@")[2],
        look=_agent_look(slave),
        gauges=gauges(slave.used_resources, slave.resources),
        attributes=[(name, _text(value)) for name, value in sorted(slave.attributes.items())],
        reserved=[
            (role, amounts_text(structs.asdict(amounts)))
            for role, amounts in sorted(slave.reserved_resources.items())
        ],
        tasks=tasks,
        registered_ms=round(slave.registered_time * 1000),
        away_ms=_away_ms(slave, schedule),
        version=slave.version,
    )


def _agent_look(slave: Slave) -> Look:
    """Whether it is in service, in the words of `tepui agents`. A drain deactivates, too."""
    if slave.drain_info is not None and slave.drain_info.state:
        return states.DRAINED if slave.drain_info.state == "DRAINED" else states.DRAINING
    if slave.deactivated:
        return states.DEACTIVATED
    return states.ACTIVE if slave.active else states.DISCONNECTED


def _away_ms(slave: Slave, schedule: Schedule) -> int | None:
    """A machine is named by host, address or both; an agent stands on it if either is its own."""
    address = slave.pid.rpartition("@")[2].rpartition(":")[0]
    own = {slave.hostname.lower(), address} - {""}
    starts = [
        window.unavailability.start.nanoseconds // 1_000_000
        for window in schedule.windows
        for machine in window.machine_ids
        if own & {machine.hostname.lower(), machine.ip}
    ]
    return min(starts, default=None)


def machine_name(machine: Machine) -> str:
    return machine.hostname or machine.ip


def amounts_text(amounts: Mapping[str, Any]) -> str:
    """`2 cpus, 512 MiB of memory`; empty when there is nothing. Ranges of ports are left out."""
    return ", ".join(
        _amount_text(name, amount)
        for name, amount in amounts.items()
        if isinstance(amount, int | float) and amount
    )


def _amount_text(name: str, amount: float) -> str:
    if name in ("mem", "disk"):
        return f"{mebibytes(amount)} of {'memory' if name == 'mem' else name}"
    return f"{number(amount)} {name.removesuffix('s') if amount <= 1 else name}"


def _text(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def tasks_on(state: State, agent_id: str) -> list[TaskRow]:
    """Those that run: what ended and was not acknowledged yet is listed by the master, too."""
    return [row for row in task_rows(state) if row.agent_id == agent_id]


def task_rows(state: State) -> list[TaskRow]:
    rows = [
        task_row(task, framework)
        for framework in state.frameworks
        for task in framework.tasks
        if task.state not in states.ENDED
    ]
    return sorted(rows, key=lambda row: (row.framework, row.name, row.id))


def recent_endings(state: State, agent_id: str = "", limit: int = 20) -> list[TaskRow]:
    """Tasks that ended, newest first."""
    rows = [
        task_row(task, framework)
        for framework in state.frameworks
        for task in framework.completed_tasks
        if not agent_id or task.slave_id == agent_id
    ]
    return sorted(rows, key=lambda row: -(row.since_ms or 0))[:limit]


def task_row(task: Task, framework: Framework) -> TaskRow:
    last = task.statuses[-1] if task.statuses else None
    first_running = next((s for s in task.statuses if s.state == task.state), last)
    alive = last.healthy if last else None
    return TaskRow(
        id=task.id,
        name=task.name or task.id,
        framework=framework.name,
        look=states.task_look(task.state, alive),
        cpus=number(task.resources.cpus),
        mem=mebibytes(task.resources.mem),
        agent_id=task.slave_id,
        since_ms=round(first_running.timestamp * 1000) if first_running else None,
        app_id=app_of_task(task.id),
        job=job_of_task(task.id),
    )


def app_of_task(task_id: str) -> str | None:
    """Marathon's ids hold the app's path before `.instance-`, with `_` for `/`."""
    path, found, _ = task_id.partition(".instance-")
    return "/" + path.replace("_", "/") if found else None


def job_of_task(task_id: str) -> str | None:
    """Chronos's ids are `ct:<ms>:<attempt>:<job>:<arguments>`."""
    parts = task_id.split(":")
    return parts[3] if len(parts) >= 4 and parts[0] == "ct" else None


def free_by_agent(slaves: Sequence[Slave]) -> Mapping[str, Amounts]:
    """What an offer could hold at most, per agent."""
    return {
        slave.id: Amounts(
            cpus=slave.resources.cpus - slave.used_resources.cpus,
            mem=slave.resources.mem - slave.used_resources.mem,
            disk=slave.resources.disk - slave.used_resources.disk,
        )
        for slave in slaves
        if slave.active and not slave.deactivated
    }


def fitting(slaves: Sequence[Slave], wanted: Amounts, instances: int) -> int:
    """How many of the instances the free resources hold now, counted agent by agent."""
    fits = 0
    for free in free_by_agent(slaves).values():
        rooms = [
            int((have + 1e-9) / want)
            for have, want in (
                (free.cpus, wanted.cpus),
                (free.mem, wanted.mem),
                (free.disk, wanted.disk),
            )
            if want > 0
        ]
        fits += min(rooms, default=instances)
    return min(fits, instances)
