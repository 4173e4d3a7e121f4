"""Hears from the kernel that a run is out of memory, and has the whole run killed.

Only cgroup v1 tells, by eventfd; v2 kills the whole group by itself. Imported by the runner: few
imports. Source: Linux, Documentation/admin-guide/cgroup-v1/memory.rst, §10.
"""

import os

from kernel.runtime.agent import cgroups
from kernel.runtime.agent.readiness import Readiness
from kernel.runtime.agent.run import Run


class MemoryWatch:
    """`kill` ends a run with all its processes."""

    def __init__(self, readiness: Readiness, kill: object) -> None:
        self._readiness = readiness
        self._kill = kill

    def watch(self, run: Run) -> None:
        """Once per run, although a run may be attached to more than once."""
        if run.out_of_memory_fds:
            return
        group = run.groups.get("memory", "")
        if not group or not hasattr(os, "eventfd"):
            return
        try:
            control = os.open(group + "/memory.oom_control", os.O_RDONLY)
        except OSError:
            return
        event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        run.out_of_memory_fds = [event, control]
        if not cgroups.write(group + "/cgroup.event_control", f"{event} {control}"):
            self._readiness.watch(event, lambda _events: self._out_of_memory(run))

    def unwatch(self, run: Run) -> None:
        for fd in run.out_of_memory_fds:
            self._readiness.unwatch(fd)
            os.close(fd)
        run.out_of_memory_fds = []

    def _out_of_memory(self, run: Run) -> None:
        """Told just before the kernel kills one of them; half a task is no task, so all go."""
        os.eventfd_read(run.out_of_memory_fds[0])
        run.killed_for_memory = True
        self._kill(run)  # type: ignore[operator]
