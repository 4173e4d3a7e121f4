"""Decides when to ask the master for the true state of our tasks, and of which.

On each subscription, of all we know (the launch may never have left) and of all it knows; ever
more rarely of those that it is silent about, since a new master waits for its agents; of what was
launched and never heard of; and once in a long while of everything.
What an answer means is the framework's. Source: Mesos, docs/reconciliation.md (Algorithm).
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from kernel.framework import calls
from kernel.machine import Now
from kernel.messages.scheduler import Call

#: Of each task that is not known to be over, the agent it was launched on.
Tasks = Callable[[], Mapping[str, str]]

TASKS_PER_CALL = 1_000


class ReconciliationTiming(Struct, frozen=True):
    """Milliseconds."""

    interval_ms: int = 600_000  # between rounds of everything
    backoff_first_ms: int = 5_000  # until those are asked for again that nobody answered for
    backoff_max_ms: int = 60_000
    launch_silence_ms: int = 15_000  # an ACCEPT of which nothing was heard for so long may be lost


class Reconciliation:
    """`unanswered`: asked for on this stream, and not heard of since. While `_round_ms` is None
    there is no stream, and nothing is asked."""

    def __init__(self, tasks: Tasks, timing: ReconciliationTiming | None = None) -> None:
        self._tasks = tasks
        self._timing = timing or ReconciliationTiming()
        self.unanswered: dict[str, None] = {}
        self._launched: dict[str, int] = {}  # not heard of yet: when silence counts as an answer
        self._round_ms: int | None = None
        self._again_ms: int | None = None
        self._backoff_ms = 0

    def begin(self, now: Now) -> list[Call]:
        """A stream has begun, or a round is due: ask for everything, both ways."""
        tasks = self._tasks()
        self.unanswered = dict.fromkeys(tasks)
        self._launched = {}
        self._round_ms = now.mono_ms + self._timing.interval_ms
        self._backoff_ms = self._timing.backoff_first_ms
        self._again_ms = now.mono_ms + self._backoff_ms if tasks else None
        return [*_explicit(tasks), calls.reconcile([])]

    def end(self) -> None:
        """The stream ended: no answers will come."""
        self._round_ms = self._again_ms = None
        self._launched = {}

    def heard(self, task_id: str) -> None:
        """Any update of a task will do."""
        self._launched.pop(task_id, None)
        if self.unanswered.pop(task_id, 0) is None and not self.unanswered:
            self._again_ms = None

    def launched(self, task_id: str, now: Now) -> None:
        """An ACCEPT with this task leaves."""
        self._launched.pop(task_id, None)  # at the end, where the latest stand
        self._launched[task_id] = now.mono_ms + self._timing.launch_silence_ms

    def elapsed(self, now: Now) -> list[Call]:
        """Ask for what is due to be asked for; often nothing."""
        if self._round_ms is None:
            return []
        if now.mono_ms >= self._round_ms:
            return self.begin(now)
        asked = self._silent(now)
        if self._again_ms is not None and now.mono_ms >= self._again_ms:
            asked = dict.fromkeys(self.unanswered)
            self._backoff_ms = min(self._backoff_ms * 2, self._timing.backoff_max_ms)
            self._again_ms = now.mono_ms + self._backoff_ms
        if not asked:
            return []
        tasks = self._tasks()
        self.unanswered = {task_id: None for task_id in self.unanswered if task_id in tasks}
        if not self.unanswered:
            self._again_ms = None
        return _explicit({task_id: tasks[task_id] for task_id in asked if task_id in tasks})

    def _silent(self, now: Now) -> dict[str, None]:
        """The launches that were silent for too long; from now on they count as asked for."""
        found: dict[str, None] = {}
        for task_id, at_ms in self._launched.items():  # in the order of their instants
            if at_ms > now.mono_ms:
                break
            found[task_id] = None
        for task_id in found:
            del self._launched[task_id]
        if found and self._again_ms is None:
            self._backoff_ms = self._timing.backoff_first_ms
            self._again_ms = now.mono_ms + self._backoff_ms
        self.unanswered |= found
        return found

    def next_deadline_ms(self) -> int | None:
        if self._round_ms is None:
            return None
        again_ms = self._again_ms if self.unanswered else None
        instants = (self._round_ms, again_ms, next(iter(self._launched.values()), None))
        return min(at_ms for at_ms in instants if at_ms is not None)


def _explicit(tasks: Mapping[str, str]) -> list[Call]:
    """In parts, because a master reads a body as a whole."""
    pairs = list(tasks.items())
    return [
        calls.reconcile(pairs[start : start + TASKS_PER_CALL])
        for start in range(0, len(pairs), TASKS_PER_CALL)
    ]
