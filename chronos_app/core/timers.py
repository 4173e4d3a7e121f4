"""A heap of alarms on the wall clock, for runs; forgetting one is cheap, because it is checked
when it rings. What an alarm means is up to who set it."""

from enum import IntEnum
from heapq import heappop, heappush


class Alarm(IntEnum):
    """Why to look at a run again."""

    READY = 0  # it may be launched now
    DEADLINE = 1  # it may not be launched any more
    UNREACHABLE = 2  # its agent has been away for too long
    OVERTIME = 3  # it has run for longer than it may


class Timers:
    """Ordered by time, then by the order of setting."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Alarm, str]] = []
        self._count = 0

    def set(self, at_ms: int, alarm: Alarm, run_id: str) -> None:
        self._count += 1
        heappush(self._heap, (at_ms, self._count, alarm, run_id))

    def next_ms(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def ring(self, now_ms: int) -> list[tuple[Alarm, str]]:
        """The alarms that have come, in order; each rings once."""
        rung: list[tuple[Alarm, str]] = []
        while self._heap and self._heap[0][0] <= now_ms:
            _, _, alarm, run_id = heappop(self._heap)
            rung.append((alarm, run_id))
        return rung
