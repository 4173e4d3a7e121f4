"""What a schedule would do."""

from datetime import datetime

from chronos_app.core.preview import preview
from chronos_app.core.wallclock import to_ms

NOW = to_ms(datetime.fromisoformat("2026-10-24T12:00:00+00:00"))


def test_a_time_that_comes_twice_is_noted() -> None:
    shown = preview("30 2 * * *", "Europe/Berlin", NOW, 2, "")

    assert shown["runs"] == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    assert shown["notes"] == ["2026-10-25 02:30 comes twice that day; it runs the first time only"]


def test_a_time_that_does_not_exist_is_noted() -> None:
    march = to_ms(datetime.fromisoformat("2026-03-28T12:00:00+00:00"))

    shown = preview("R/2026-01-01T02:30:00/P1D", "Europe/Berlin", march, 1, "")

    assert shown["runs"] == ["2026-03-29T03:30:00+02:00"]
    assert "does not exist" in shown["notes"][0]


def test_a_schedule_that_is_over_says_so() -> None:
    shown = preview("R1/2014-01-01T00:00:00Z/P1D", "", NOW, 5, "")

    assert shown["runs"] == [] and "no run left" in shown["notes"][0]
    assert preview("R0//P", "", NOW, 5, "")["notes"] == ["R0 never runs by itself"]
