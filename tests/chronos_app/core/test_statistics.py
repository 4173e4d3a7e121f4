"""Durations of runs."""

from chronos_app.core.statistics import histogram, statistic


def test_percentiles_lie_between_neighbours() -> None:
    """Source: Codahale Metrics, UniformSnapshotTest."""
    found = histogram([1, 2, 3, 4, 5])

    assert (found["median"], found["75thPercentile"], found["95thPercentile"]) == (3.0, 4.5, 5.0)
    assert (found["mean"], found["count"]) == (3.0, 5)


def test_nothing_ran_is_all_zero() -> None:
    assert set(histogram([]).values()) == {0}
    assert statistic([], "mean") == statistic([], "99thPercentile") == 0.0
