"""The runs that are over, a bounded number of rows per job; the oldest make room.

A row also stands for occurrences that never ran, so that nothing vanishes without a word.
"""

from collections import deque
from itertools import islice

from chronos_app.core.run import Run


class History:
    """Rows by job, oldest first, each with the key that it is stored under."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._rows: dict[str, deque[tuple[str, Run]]] = {}

    def add(self, key: str, run: Run) -> list[str]:
        """Take a row in; returns the keys of those that made room."""
        rows = self._rows.setdefault(run.job, deque())
        rows.append((key, run))
        return [rows.popleft()[0] for _ in range(len(rows) - self._count_max)]

    def forget(self, name: str) -> list[str]:
        """Drop all rows of a job; returns their keys."""
        return [key for key, _ in self._rows.pop(name, ())]

    def newest(self, name: str, count: int | None = None) -> list[Run]:
        """The rows of a job, newest first."""
        return [run for _, run in islice(reversed(self._rows.get(name, ())), count)]

    def keys(self) -> list[str]:
        return [key for rows in self._rows.values() for key, _ in rows]

    def check_invariants(self) -> None:
        for name, rows in self._rows.items():
            assert len(rows) <= self._count_max, f"{name} has {len(rows)} rows"
            assert all(run.state.is_over for _, run in rows), f"{name} has a row that is not over"
