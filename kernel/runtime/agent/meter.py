"""Measures what containers use and how short the machine is. What follows from it is decided by
`kernel.agent.oversubscription`. Source: Linux, proc(5), Documentation/admin-guide/cgroup-v2.rst.
"""

import os
import time
from pathlib import Path

from kernel.agent.agent import Agent
from kernel.agent.estimator import Usage
from kernel.agent.oversubscription import is_revocable, regular_amounts
from kernel.agent.pressure import Pressure
from kernel.agent.tasks import TaskRecord
from kernel.model.resources import MILLI
from kernel.runtime.agent import cgroups
from kernel.runtime.agent.record import groups_in

_MIB = 1024 * 1024


class Meter:
    """Cpus are used between two measurements, so it remembers the last times."""

    def __init__(self, machine: Agent, work_dir: str) -> None:
        self._machine = machine
        self._work_dir = work_dir
        self._cpu_us: dict[str, tuple[float, int]] = {}  # by container: when, and so far

    def usages(self) -> list[Usage]:
        live = [
            record
            for record in self._machine.books.unfinished()
            if not is_revocable(record.task.resources)
        ]
        found = [self._usage(record) for record in live]
        kept = {usage.container_id: None for usage in found}
        self._cpu_us = {run: last for run, last in self._cpu_us.items() if run in kept}
        return found

    def _usage(self, record: TaskRecord) -> Usage:
        groups = groups_in(record.place.record(self._work_dir))
        _, _, mem_bytes = cgroups.memory_figures(groups)
        mem = mem_bytes * MILLI // _MIB if mem_bytes else None
        used = {"cpus": self._cpus_milli(record.container_id, groups), "mem": mem}
        return Usage(record.container_id, regular_amounts(record.task.resources), used)

    def _cpus_milli(self, run: str, groups: dict[str, str]) -> int | None:
        so_far_us, now_s = sum(cgroups.cpu_times_us(groups)), time.monotonic()
        if not so_far_us:
            return None
        last = self._cpu_us.get(run)
        self._cpu_us[run] = (now_s, so_far_us)
        if last is None or now_s <= last[0]:
            return None
        return round((so_far_us - last[1]) / (now_s - last[0]) / 1_000)


def pressure() -> Pressure:
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return Pressure(_mem_available_mib(), round(load * MILLI))


def _mem_available_mib() -> int:
    """What can be had without swapping; very much where the kernel does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 1 << 40
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) // 1024 if found else 1 << 40
