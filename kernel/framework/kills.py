"""Sees kills through: KILL, and again until the task is known to be over.

A KILL is sent at most once by itself and may be lost with its connection, with the master or with
the agent's. Why and whom to kill is the framework's. Source: Mesos,
docs/high-availability-framework-guide.md; Marathon, KillService.
"""

from kernel.framework import calls
from kernel.machine import Now
from kernel.messages.scheduler import Call

RETRY_MS = 10_000


class Kills:
    """Under way: of each task its agent, and when to say it again."""

    def __init__(self, retry_ms: int = RETRY_MS) -> None:
        self._retry_ms = retry_ms
        self._under_way: dict[str, tuple[str | None, int]] = {}  # in the order of their instants
        self._is_connected = False

    def kill(self, task_id: str, agent_id: str | None, now: Now) -> list[Call]:
        """Say it now if there is a stream, and on each one to come until `over`. What was said to
        that agent just now is not said again before its time, whoever asks."""
        if task_id in self._under_way and self._under_way[task_id][0] == agent_id:
            return []
        return self._say(task_id, agent_id, now)

    def _say(self, task_id: str, agent_id: str | None, now: Now) -> list[Call]:
        self._under_way.pop(task_id, None)
        self._under_way[task_id] = (agent_id, now.mono_ms + self._retry_ms)
        return [calls.kill(task_id, agent_id)] if self._is_connected else []

    def over(self, task_id: str) -> None:
        """The task has ended, or nobody cares any longer."""
        self._under_way.pop(task_id, None)

    def begin(self, now: Now) -> list[Call]:
        """A stream has begun: what was said on the last one may have been lost."""
        self._is_connected = True
        return self._again(list(self._under_way), now)

    def end(self) -> None:
        """The stream ended."""
        self._is_connected = False

    def elapsed(self, now: Now) -> list[Call]:
        """Say again what is due."""
        if not self._is_connected:
            return []
        due: list[str] = []
        for task_id, (_, at_ms) in self._under_way.items():
            if at_ms > now.mono_ms:
                break
            due.append(task_id)
        return self._again(due, now)

    def _again(self, task_ids: list[str], now: Now) -> list[Call]:
        return [
            call
            for task_id in task_ids
            for call in self._say(task_id, self._under_way[task_id][0], now)
        ]

    def next_deadline_ms(self) -> int | None:
        if not self._is_connected or not self._under_way:
            return None
        return next(iter(self._under_way.values()))[1]
