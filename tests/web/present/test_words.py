"""Quantities and times in words."""

import pytest

from web.present import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_900, "1 h 5 min"), (18_000, "5 h"),
     (86_400, "1 day"), (260_000, "3 days")],
)  # fmt: skip
def test_a_duration_is_said_in_its_largest_units(seconds: int, said: str) -> None:
    assert words.duration(seconds) == said


def test_the_past_the_present_and_the_future_read_differently() -> None:
    assert words.ago(100_000, 400_000) == "5 min ago"
    assert words.ago(400_000, 401_000) == "just now"
    assert words.ago(400_000, 100_000) == "in 5 min"
    assert words.ago(None, 0) == ""


def test_amounts_have_no_more_decimals_than_they_need() -> None:
    assert [words.number(x) for x in (1.0, 0.25, 1 / 3, 1024.0)] == ["1", "0.25", "0.333", "1,024"]
    assert [words.mebibytes(x) for x in (64, 1536, 102_400)] == ["64 MiB", "1.5 GiB", "100 GiB"]


def test_more_than_nothing_never_shows_as_nothing() -> None:
    assert words.percent(0.001, 100) == 1
    assert words.percent(0, 100) == 0
    assert words.percent(5, 0) == 0


def test_a_broken_timestamp_is_no_time() -> None:
    assert words.ms_of("2026-11-20T18:00:00.123Z") == 1_795_197_600_123
    assert words.ms_of("yesterday") is None
    assert words.ms_of(None) is None


def test_a_run_is_shown_in_its_own_zone() -> None:
    assert words.wall_clock("2026-11-20T18:05:12.500+01:00") == "Fri 2026-11-20 18:05:12 +01:00"
    assert words.wall_clock("2026-11-20T18:05:12Z") == "Fri 2026-11-20 18:05:12 UTC"


def test_long_lists_end_in_a_number() -> None:
    assert words.listed([]) == ""
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_port_ranges_read_as_people_write_them() -> None:
    assert words.ports("[31000-31000, 31005-31009]") == "31000, 31005-31009"
    assert words.ports("[]") == ""
