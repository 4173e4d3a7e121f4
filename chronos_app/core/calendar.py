"""Knows which job is due next: a heap of instants, one per job, that costs nothing while idle.

What to do about a job that is due is `issuing`'s; nothing is computed anew unless a job is due.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from chronos_app.core.ledger import Ledger


class Calendar:
    """An entry counts only while it agrees with the progress of its job; others are dropped."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._heap: list[tuple[int, int, str]] = []

    def enter(self, name: str) -> None:
        """Note when a job is due next; harmless if it never is."""
        progress = self._ledger.progress[name]
        if progress.next_ms is not None and not progress.disabled:
            serial = self._ledger.jobs[name].serial
            heappush(self._heap, (progress.next_ms, serial, name))

    def next_ms(self) -> int | None:
        """When the next job is due."""
        while self._heap and not self._counts(self._heap[0]):
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now_ms: int, count_max: int) -> list[str]:
        """Remove and return the jobs that are due, the earliest first."""
        names: list[str] = []
        while len(names) < count_max and (at_ms := self.next_ms()) is not None and at_ms <= now_ms:
            name = heappop(self._heap)[2]
            if name not in names[-1:]:
                names.append(name)
        return names

    def upcoming(self, until_ms: int, count_max: int) -> Iterator[str]:
        """Some of the jobs that are due by then (the heap's front is nearly in order)."""
        for entry in self._heap[:count_max]:
            if entry[0] <= until_ms and self._counts(entry):
                yield entry[2]

    def _counts(self, entry: tuple[int, int, str]) -> bool:
        progress = self._ledger.progress.get(entry[2])
        return progress is not None and not progress.disabled and progress.next_ms == entry[0]
