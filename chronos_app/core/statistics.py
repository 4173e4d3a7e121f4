"""Durations of successful runs as Chronos showed them: percentiles, median and mean.

Chronos's "mean" was the median and its duration began with the task id, queueing included; here
the mean is a mean (DIFFERS). Source: Chronos, JobStats.scala; Codahale Metrics, Snapshot.
"""

from collections.abc import Iterable, Sequence

from chronos_app.core.run import Run, RunState

PERCENTILES = {
    "75thPercentile": 75,
    "95thPercentile": 95,
    "98thPercentile": 98,
    "99thPercentile": 99,
    "median": 50,
}
STATISTICS = (*PERCENTILES, "mean")


def durations_ms(runs: Iterable[Run]) -> list[int]:
    """From the nominal time to the end, in rising order."""
    return sorted(
        max(0, run.finished_ms - run.nominal_ms) for run in runs if run.state is RunState.SUCCEEDED
    )


def histogram(durations: Sequence[int]) -> dict[str, float]:
    """In milliseconds; all zero when nothing has run."""
    found: dict[str, float] = {
        name: _percentile(durations, percent) for name, percent in PERCENTILES.items()
    }
    found["mean"] = _mean(durations)
    found["count"] = len(durations)
    return found


def statistic(durations: Sequence[int], name: str) -> float:
    """One of `STATISTICS`, in milliseconds."""
    return _mean(durations) if name == "mean" else _percentile(durations, PERCENTILES[name])


def _mean(durations: Sequence[int]) -> float:
    return sum(durations) / len(durations) if durations else 0.0


def _percentile(durations: Sequence[int], percent: int) -> float:
    """Linear between neighbours, at position p·(n+1), as Codahale does."""
    if not durations:
        return 0.0
    position = percent * (len(durations) + 1) / 100
    below = int(position)
    if below < 1:
        return float(durations[0])
    if below >= len(durations):
        return float(durations[-1])
    low, high = durations[below - 1], durations[below]
    return low + (position - below) * (high - low)
