"""Schedules in English."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_app.core.schedule import parse_schedule
from chronos_app.core.words import in_words
from chronos_app.schema.refusal import Refused


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("R/2026-01-31T08:00:00Z/P1D", "every day at 08:00 (UTC), from January 31, 2026 on"),
        (
            "R/2026-01-31T08:00:00Z/P1M",
            "every month on the 31st (or its last day) at 08:00 (UTC), from January 31, 2026 on",
        ),
        (
            "R5/2026-06-01T08:00:30Z/P1W",
            "every Monday at 08:00:30 (UTC), from June 1, 2026 on, 5 times in total",
        ),
        ("R/2026-06-01T08:00:00Z/PT15M", "every 15 minutes, from June 1, 2026 at 08:00 (UTC) on"),
        ("R/2026-06-01T08:00:00Z/PT1H", "every hour, from June 1, 2026 at 08:00 (UTC) on"),
        ("R1/2026-06-01T08:00:00Z/P1D", "once, on June 1, 2026 at 08:00 (UTC)"),
        ("R0/2026-06-01T08:00:00Z/P1D", "never (R0)"),
        (
            "R/2026-06-01T08:00:00Z/P1M1DT1H",
            "every 1 month and 1 day and 1 hour, from June 1, 2026 at 08:00 (UTC) on",
        ),
        ("30 2 * * *", "at 02:30 every day (UTC)"),
        ("*/15 * * * *", "every 15 minutes (UTC)"),
        ("* * * * *", "every minute (UTC)"),
        ("0 * * * *", "on the hour, every hour (UTC)"),
        ("0 9 * * 1-5", "at 09:00 on weekdays (UTC)"),
        ("0 9,17 1 */3 *", "at 09:00 and 17:00 on day 1 of the month in every 3rd month (UTC)"),
        ("0 0 * * fri#3", "at 00:00 on the 3rd Friday of the month (UTC)"),
        ("0 12 l * *", "at 12:00 on the last day of the month (UTC)"),
        ("@weekly", "at 00:00 on Sunday (UTC)"),
        ("* * * * * */10", "every 10th second of every minute (UTC)"),
    ],
)
def test_a_schedule_reads_as_english(text: str, words: str) -> None:
    assert in_words(parse_schedule(text, "", 0)) == words


def test_the_zone_is_named() -> None:
    words = in_words(parse_schedule("0 9 * * mon", "Europe/Berlin", 0))

    assert words == "at 09:00 on Monday (Europe/Berlin)"


PARTS = st.sampled_from(
    ["*", "0", "1", "5", "*/3", "1-4", "1,3", "l", "mon", "jan", "2#2", "l5", "h", "?", "1-4/2"]
)


@given(st.lists(PARTS, min_size=5, max_size=7))
def test_whatever_is_accepted_can_be_said(parts: list[str]) -> None:
    try:
        schedule = parse_schedule(" ".join(parts), "", 0)
    except Refused:
        return

    assert in_words(schedule)
