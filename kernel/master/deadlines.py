"""Keeps the instants at which something of the master is due, by kind and by whom it concerns.

What then happens is each part's own business. A heap with forgotten entries: setting and
cancelling cost a logarithm, however many there are.
"""

from enum import StrEnum
from heapq import heappop, heappush


class Kind(StrEnum):
    HEARTBEAT = "heartbeat"  # a framework's stream is to hear from us
    FAILOVER = "failover"  # a framework has been away for too long
    PING = "ping"  # an agent is to be asked whether it lives
    WATCH = "watch"  # an operator's stream is to hear from us
    OFFER = "offer"  # an offer has not been used for too long
    INVERSE = "inverse"  # somebody may be asked again to leave an agent
    QUOTA = "quota"  # enough waited for agents that hold what is guaranteed
    RECOVER = "recover"  # agents of the master before us have not come back
    REMOVAL = "removal"  # the next silent agent may be given up
    FORGET = "forget"  # what was lost long ago is to be forgotten


Key = tuple[Kind, str]


class Deadlines:
    """Invariant: each entry of `_at_ms` is in the heap; the heap's others count for nothing."""

    def __init__(self) -> None:
        self._at_ms: dict[Key, int] = {}
        self._heap: list[tuple[int, Key]] = []

    def set(self, kind: Kind, who: str, at_ms: int) -> None:
        """Set or move one."""
        self._at_ms[kind, who] = at_ms
        heappush(self._heap, (at_ms, (kind, who)))

    def cancel(self, kind: Kind, who: str) -> None:
        """Forget one; forgetting what is not set is no error."""
        self._at_ms.pop((kind, who), None)

    def at_ms(self, kind: Kind, who: str) -> int | None:
        """When one is due, if it is set."""
        return self._at_ms.get((kind, who))

    def next_ms(self) -> int | None:
        """The earliest."""
        heap = self._heap
        while heap and self._at_ms.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, now_ms: int) -> list[Key]:
        """All that have come, in the order of their time; they are set no longer."""
        due: list[Key] = []
        while (at_ms := self.next_ms()) is not None and at_ms <= now_ms:
            _, key = heappop(self._heap)
            del self._at_ms[key]
            due.append(key)
        return due
