"""How long something takes, as Mesos's timers show it: the last one, and percentiles of many."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

KEPT = 1_000  # Mesos: TIME_SERIES_MAX_SIZE
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}


class Timings:
    """Of the newest thousand. Adding is safe from any thread."""

    def __init__(self) -> None:
        self._kept: deque[float] = deque(maxlen=KEPT)

    def add(self, ms: float) -> None:
        self._kept.append(ms)

    @contextmanager
    def around(self) -> Iterator[None]:
        """Measure what happens within."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add((time.perf_counter() - began) * 1000)

    def shown(self, name: str) -> dict[str, float]:
        """Nothing, while nothing was measured."""
        kept = list(self._kept)
        if not kept:
            return {}
        ordered = sorted(kept)
        return {
            name: kept[-1],
            f"{name}/count": float(len(kept)),
            f"{name}/min": ordered[0],
            f"{name}/max": ordered[-1],
            **{f"{name}/{p}": _at(ordered, part) for p, part in PERCENTILES.items()},
        }


def _at(ordered: list[float], part: float) -> float:
    """Between the two samples nearest, as Mesos interpolates."""
    position = part * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
