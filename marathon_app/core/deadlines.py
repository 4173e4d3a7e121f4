"""Keeps named instants and tells which have come; a later `set` of the same name replaces it.

A heap with lazy deletion: ten thousand deadlines cost no more per event than ten.
"""

from heapq import heappop, heappush

Name = tuple[str, str]  # what for, of whom: ("kill", task id)


class Deadlines:
    """The dict holds the truth, the heap may hold stale entries besides."""

    def __init__(self) -> None:
        self._at_ms: dict[Name, int] = {}
        self._heap: list[tuple[int, Name]] = []

    def set(self, what: str, whom: str, at_ms: int) -> None:
        self._at_ms[what, whom] = at_ms
        heappush(self._heap, (at_ms, (what, whom)))

    def clear(self, what: str, whom: str) -> None:
        self._at_ms.pop((what, whom), None)

    def get(self, what: str, whom: str) -> int | None:
        return self._at_ms.get((what, whom))

    def next_ms(self) -> int | None:
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def take_due(self, now_ms: int) -> list[Name]:
        """The names that are due, oldest first; they are forgotten here."""
        due: list[Name] = []
        while True:
            self._drop_stale()
            if not self._heap or self._heap[0][0] > now_ms:
                return due
            _, name = heappop(self._heap)
            del self._at_ms[name]
            due.append(name)

    def _drop_stale(self) -> None:
        while self._heap and self._at_ms.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
