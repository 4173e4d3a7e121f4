"""What people see is aligned and in human units."""

import datetime

import pytest

from kernel.cli import tables

NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


def test_columns_line_up_and_numbers_stand_to_the_right() -> None:
    shown = tables.table(["APP", "CPUS"], [["/a", 0.5], ["/longer", 12.0]], empty="none")

    assert shown.splitlines() == ["APP      CPUS", "/a        0.5", "/longer    12"]


def test_no_rows_is_a_sentence() -> None:
    assert tables.table(["APP"], [], empty="No apps yet.") == "No apps yet."


@pytest.mark.parametrize(
    ("iso", "words"),
    [
        ("2026-05-01T11:59:48Z", "12 s ago"),
        ("2026-05-01T12:03:00.000Z", "in 3 min"),
        ("2026-05-01T10:00:00+00:00", "2 h ago"),
        ("2026-05-01T14:00:00+02:00", "0 s ago"),
        (None, "-"),
        ("soon", "soon"),
    ],
)
def test_moments_are_said_as_people_say_them(iso: str | None, words: str) -> None:
    assert tables.moment(iso, NOON) == words


def test_sizes_are_human() -> None:
    assert tables.mebibytes(64) == "64 MiB"
    assert tables.mebibytes(1536) == "1.5 GiB"
