"""Percentiles of what was measured, between the samples. Source: recording v0-metrics-snapshot."""

from kernel.runtime.timings import KEPT, Timings


def test_nothing_is_shown_of_what_was_never_measured() -> None:
    assert Timings().shown("x_ms") == {}


def test_percentiles_lie_between_the_samples() -> None:
    timings = Timings()
    for ms in (4.0, 1.0, 3.0, 2.0):
        timings.add(ms)
    shown = timings.shown("x_ms")

    assert shown["x_ms"] == 2.0 and shown["x_ms/count"] == 4
    assert (shown["x_ms/min"], shown["x_ms/p50"], shown["x_ms/max"]) == (1.0, 2.5, 4.0)
    assert 3.9 < shown["x_ms/p99"] < 4.0


def test_old_samples_go() -> None:
    timings = Timings()
    for ms in range(KEPT + 10):
        timings.add(float(ms))

    assert timings.shown("x")["x/count"] == KEPT and timings.shown("x")["x/min"] == 10
