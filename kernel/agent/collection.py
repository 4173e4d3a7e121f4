"""When the sandboxes of what has ended are removed, and what is forgotten with them.

Source: Mesos, docs/sandbox.md (garbage collection); --gc_delay.
"""

from kernel.agent.sandbox import Place
from kernel.agent.talk import Effect, RemoveSandbox
from kernel.agent.tasks import Tasks
from kernel.machine import Now, Operation, Persist

PAUSE_MS = 1_000  # between two looks, at least


class Collection:
    """`due_ms` is when sandboxes are next looked through."""

    def __init__(self, tasks: Tasks, work_dir: str, delay_ms: int) -> None:
        self._tasks = tasks
        self._work_dir = work_dir
        self._delay_ms = delay_ms
        self.due_ms: int | None = None

    def plan(self, now: Now) -> None:
        ended = [done.completed_wall_ms for done in self._tasks.completed.values()]
        ended += [done.completed_wall_ms for done in self._tasks.executors.completed.values()]
        if self.due_ms is None and ended:
            left_ms = min(ended) + self._delay_ms - now.wall_ms
            self.due_ms = now.mono_ms + max(PAUSE_MS, left_ms)

    def collect(self, now: Now) -> list[Effect]:
        """Remove the sandboxes whose time is over."""
        if self.due_ms is None or self.due_ms > now.mono_ms:
            return []
        self.due_ms = None
        operations: list[Operation] = []
        removals: list[Effect] = []
        for done in self._tasks.expired(now.wall_ms, self._delay_ms):
            if done.record.has_process:  # else its sandbox is its executor's
                removals.append(self._removal(done.record.place))
            operations += self._tasks.forget(done)
        for ended in self._tasks.executors.expired(now.wall_ms, self._delay_ms):
            removals.append(self._removal(ended.record.place))
            operations += self._tasks.executors.forget(ended)
            operations += self._tasks.forget_frameworks()
        self.plan(now)
        return [Persist(tuple(operations)), *removals] if operations else []

    def _removal(self, place: Place) -> RemoveSandbox:
        return RemoveSandbox(place.sandbox(self._work_dir), place.record(self._work_dir))
