"""Cron expressions across daylight saving; fixed times are compared with cronsim."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chronos_app.core.crontab import Crontab, parse_crontab
from chronos_app.core.repeating import Occurrence
from chronos_app.core.schedule import iso_in_zone, next_runs
from chronos_app.core.wallclock import to_ms
from chronos_app.core.zones import find_zone
from chronos_app.schema.refusal import Refused

LA, LORD_HOWE = "America/Los_Angeles", "Australia/Lord_Howe"


def crontab(text: str, zone: str = "UTC", name: str = "job") -> Crontab:
    return parse_crontab(text, find_zone(zone, java_names=True), name=name)


def walls(text: str, zone: str, after: str, count: int) -> list[str]:
    schedule = crontab(text, zone)
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    return [iso_in_zone(ms, schedule.zone)[:16] for ms in next_runs(schedule, to_ms(start), count)]


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        ("30 2 * * *", LA, "2026-03-08T00:00", ["2026-03-08T03:00", "2026-03-09T02:30"]),
        ("0 * * * *", LA, "2026-03-08T00:30", ["2026-03-08T01:00", "2026-03-08T03:00"]),
        ("30 1 * * *", LA, "2026-11-01T00:00", ["2026-11-01T01:30", "2026-11-02T01:30"]),
        ("15 1-2 * * *", LA, "2026-11-01T00:00", ["2026-11-01T01:15", "2026-11-01T02:15"]),
        ("0 * * * *", LA, "2026-11-01T00:30", ["2026-11-01T01:00"] * 2 + ["2026-11-01T02:00"]),
        (
            "*/20 * * * *",
            LA,
            "2026-11-01T00:50",
            [f"2026-11-01T01:{minute}" for minute in ("00", "20", "40") * 2] + ["2026-11-01T02:00"],
        ),
        (
            "0 0 * * *",
            "America/Sao_Paulo",
            "2017-10-14T12:00",
            ["2017-10-15T01:00", "2017-10-16T00:00"],
        ),
        ("15 2 * * *", LORD_HOWE, "2026-10-03T12:00", ["2026-10-04T02:30", "2026-10-05T02:15"]),
        (
            "0 10 * * *",
            "Pacific/Apia",
            "2011-12-29T12:00",
            ["2011-12-31T10:00", "2012-01-01T10:00"],
        ),
    ],
)
def test_daylight_saving_as_debian_does_it(
    text: str, zone: str, after: str, expected: list[str]
) -> None:
    """Source: Debian cron(8), Notes."""
    assert walls(text, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 9 * * mon-fri", ["2026-06-01T09:00", "2026-06-02T09:00"]),
        ("0 0 L * *", ["2026-06-30T00:00", "2026-07-31T00:00"]),
        ("0 0 * * 5#3", ["2026-06-19T00:00", "2026-07-17T00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("@weekly", ["2026-06-07T00:00", "2026-06-14T00:00"]),
        ("0 0 1 1 * 30 2027", ["2027-01-01T00:00"]),
        ("* * * * * 30", ["2026-06-01T00:00", "2026-06-01T00:01"]),
    ],
)
def test_the_syntax_of_croniter_is_accepted(text: str, expected: list[str]) -> None:
    assert walls(text, "UTC", "2026-06-01T00:00", len(expected)) == expected


def test_h_spreads_jobs_by_name_and_stays_the_same() -> None:
    minutes = {walls_of_h(f"job-{n}") for n in range(20)}

    assert len(minutes) > 5
    assert walls_of_h("job-1") == walls_of_h("job-1")


def walls_of_h(name: str) -> int:
    return next_runs(crontab("H * * * *", name=name), 0, 1)[0]


@pytest.mark.parametrize(
    "text",
    [
        "* * * *",
        "61 * * * *",
        "5-3 * * * *",
        "1-1 * * * *",
        "*/61 * * * *",
        "0 0 31 2 *",
        "@every 5m",
        "@reboot",
        "a b c d e",
        "R * * * *",
        "0 0 * * * * * *",
        "0 0 * * mon-mon",
        "٣ * * * *",
        "*/0 * * * *",
        "0 0 0 * *",
        "1 1 1 1 1 1 1969",
        "\n\n\n\n\n",
    ],
)
def test_expressions_with_no_sensible_meaning_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        crontab(text)

    assert refused.value.refusal.field == "schedule"


def test_a_year_of_downtime_of_a_minutely_job_is_caught_up_at_once() -> None:
    schedule = crontab("* * * * *")
    start, now = 1_700_000_040_000, 1_740_000_030_000

    latest = schedule.latest_until(now, Occurrence(7, start))

    assert now - 60_000 < latest.instant_ms <= now
    assert latest.index == 8


COMMON = st.builds(
    " ".join,
    st.tuples(
        st.sampled_from(["*", "0", "30", "*/15", "5,35", "10-20", "59"]),
        st.sampled_from(["*", "0", "1", "2", "3", "1-2", "*/2", "*/6", "0,12", "23"]),
        st.sampled_from(["*", "*", "1", "15", "28-31"]),
        st.sampled_from(["*", "*", "3", "10,11"]),
        st.sampled_from(["*", "*", "0", "1-5"]),
    ),
)
ZONES = st.sampled_from(
    [
        "UTC",
        LA,
        LORD_HOWE,
        "Europe/Berlin",
        "Europe/Dublin",
        "America/Sao_Paulo",
        "Asia/Beirut",
        "America/Havana",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "America/St_Johns",
        "Antarctica/Troll",
    ]
)
# Days of spring and autumn changes, and the days around them.
DAYS = st.builds(
    lambda year, month, day: datetime(year, month, day, 12, tzinfo=UTC),
    st.integers(2008, 2026),
    st.sampled_from([3, 4, 10, 11, 6]),
    st.integers(1, 30),
)


@settings(max_examples=200, deadline=None)
@given(text=COMMON, zone=ZONES, day=DAYS)
def test_fixed_times_agree_with_cronsim(text: str, zone: str, day: datetime) -> None:
    schedule = crontab(text, zone)
    assume(schedule.is_fixed)
    end = day + timedelta(days=3)

    theirs: list[int] = []
    for moment in CronSim(text, day.astimezone(ZoneInfo(zone))):
        if moment.astimezone(UTC) > end:
            break
        theirs.append(to_ms(moment.astimezone(UTC)))

    assert between(schedule, day, end) == theirs


@settings(max_examples=60, deadline=None)
@given(text=COMMON, zone=ZONES, day=DAYS)
def test_wildcards_match_each_real_minute_that_they_should(
    text: str, zone: str, day: datetime
) -> None:
    """Counted minute by minute: cronsim loops for ever on some of these around a change."""
    schedule = crontab(text, zone)
    assume(not schedule.is_fixed)
    end = day + timedelta(days=2)
    sets = [None if field == ["*"] else set(field) for field in croniter.expand(text)[0]]

    expected = [
        to_ms(moment)
        for minute in range(1, 2 * 1440 + 1)
        if matches(sets, (moment := day + timedelta(minutes=minute)).astimezone(ZoneInfo(zone)))
    ]

    assert between(schedule, day, end) == expected


def matches(sets: list[set[int] | None], wall: datetime) -> bool:
    minute, hour, day, month, weekday = sets
    if not (_in(minute, wall.minute) and _in(hour, wall.hour) and _in(month, wall.month)):
        return False
    by_day, by_weekday = _in(day, wall.day), _in(weekday, wall.isoweekday() % 7)
    both = day is not None and weekday is not None
    return by_day or by_weekday if both else by_day and by_weekday


def _in(allowed: set[int] | None, value: int) -> bool:
    return allowed is None or value in allowed


def between(schedule: Crontab, start: datetime, end: datetime) -> list[int]:
    found: list[int] = []
    instant = schedule.next_instant(to_ms(start))
    while instant is not None and instant <= to_ms(end):
        found.append(instant)
        instant = schedule.next_instant(instant)
    assert all(a < b for a, b in pairwise(found))
    return found
