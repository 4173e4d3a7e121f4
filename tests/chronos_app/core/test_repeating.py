"""ISO 8601 repetitions; the bugs of Chronos by their number in the catalogue."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_app.core.repeating import Occurrence, Repeating, parse_repeating
from chronos_app.core.schedule import iso_in_zone, iso_utc, next_runs
from chronos_app.core.wallclock import to_ms
from chronos_app.core.zones import find_zone
from chronos_app.schema.refusal import Refused

NOW = to_ms(datetime.fromisoformat("2026-06-01T12:00:00+00:00"))


def at(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))


def repeating(text: str, zone: str = "", now_ms: int = NOW) -> Repeating:
    return parse_repeating(text, find_zone(zone, java_names=True) if zone else None, now_ms)


def days(schedule: Repeating, count: int, after: str) -> list[str]:
    return [iso_utc(ms)[:10] for ms in next_runs(schedule, at(after), count)]


def walls(schedule: Repeating, count: int, after: str) -> list[str]:
    return [iso_in_zone(ms, schedule.zone) for ms in next_runs(schedule, at(after), count)]


def test_s1_the_end_of_the_month_stays_the_end_of_the_month() -> None:
    schedule = repeating("R/2017-01-31T00:00:00Z/P1M")

    assert days(schedule, 5, "2017-01-01T00:00Z") == [
        "2017-01-31", "2017-02-28", "2017-03-31", "2017-04-30", "2017-05-31",
    ]  # fmt: skip


def test_s2_the_29th_of_february_comes_back_in_leap_years() -> None:
    schedule = repeating("R/2016-02-29T00:00:00Z/P1Y")

    assert days(schedule, 5, "2016-01-01T00:00Z") == [
        "2016-02-29", "2017-02-28", "2018-02-28", "2019-02-28", "2020-02-29",
    ]  # fmt: skip


def test_s3_posted_a_month_late_the_next_is_the_next_first() -> None:
    schedule = repeating("R/2017-03-01T00:00:00Z/P1M")
    now = at("2017-03-31T12:00Z")

    latest = schedule.latest_until(now, Occurrence(0, at("2017-03-01T00:00Z")))

    assert latest.index == 0
    assert days(schedule, 1, "2017-03-31T12:00Z") == ["2017-04-01"]


def test_s4_launched_in_march_it_runs_once_and_then_on_march_31st() -> None:
    schedule = repeating("R/2017-01-31T00:00:00Z/P1M")

    latest = schedule.latest_until(at("2017-03-01T00:00Z"), Occurrence(0, at("2017-01-31T00:00Z")))
    following = schedule.first_after(latest.instant_ms, latest.index + 1)

    assert iso_utc(latest.instant_ms)[:10] == "2017-02-28"
    assert following and iso_utc(following.instant_ms)[:10] == "2017-03-31"


def test_s5_a_year_late_does_not_jump_two_years() -> None:
    schedule = repeating("R/2015-05-05T00:00:00Z/P1Y")

    assert days(schedule, 1, "2016-05-04T18:00Z") == ["2016-05-05"]


@pytest.mark.parametrize(
    ("zone", "start", "normal", "on_the_day"),
    [
        ("America/Los_Angeles", "2026-03-07T02:30:00", "02:30:00", "2026-03-08T03:30:00-07:00"),
        ("America/Sao_Paulo", "2017-10-14T00:00:00", "00:00:00", "2017-10-15T01:00:00-02:00"),
        ("Australia/Lord_Howe", "2026-10-03T02:15:00", "02:15:00", "2026-10-04T02:45:00+11:00"),
    ],
)
def test_s6_to_s8_a_spring_change_shifts_one_day_only(
    zone: str, start: str, normal: str, on_the_day: str
) -> None:
    schedule = repeating(f"R/{start}/P1D", zone)
    before = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).isoformat()

    runs = [iso_in_zone(schedule.anchor_ms(), schedule.zone), *walls(schedule, 3, before)]

    assert runs[1] == on_the_day
    assert [run[11:19] for run in (runs[0], runs[2], runs[3])] == [normal] * 3


def test_s9_24_hours_are_elapsed_time_and_a_day_is_wall_time() -> None:
    elapsed = repeating("R/2026-01-01T09:00:00/PT24H", "Europe/Berlin")
    wall = repeating("R/2026-01-01T09:00:00/P1D", "Europe/Berlin")

    assert walls(elapsed, 1, "2026-07-01T00:00Z") == ["2026-07-01T10:00:00+02:00"]
    assert walls(wall, 1, "2026-07-01T00:00Z") == ["2026-07-01T09:00:00+02:00"]


def test_s10_a_daily_job_in_the_repeated_hour_runs_once() -> None:
    schedule = repeating("R/2026-10-31T01:30:00/P1D", "America/Los_Angeles")

    assert walls(schedule, 2, "2026-10-31T12:00Z") == [
        "2026-11-01T01:30:00-07:00",
        "2026-11-02T01:30:00-08:00",
    ]


def test_s11_elapsed_periods_meet_each_instant_of_the_repeated_hour_once() -> None:
    schedule = repeating("R/2026-11-01T00:30:00/PT30M", "America/Los_Angeles")

    runs = next_runs(schedule, at("2026-11-01T07:30Z"), 6)

    assert [b - a for a, b in pairwise(runs)] == [1_800_000] * 5


def test_s12_a_day_that_does_not_exist_does_not_double_the_next() -> None:
    schedule = repeating("R/2011-12-28T10:00:00/P1D", "Pacific/Apia")

    assert walls(schedule, 4, "2011-12-28T00:00:00-10:00") == [
        "2011-12-28T10:00:00-10:00",
        "2011-12-29T10:00:00-10:00",
        "2011-12-31T10:00:00+14:00",
        "2012-01-01T10:00:00+14:00",
    ]


def test_s15_the_zone_replaces_the_offset_and_keeps_the_fields() -> None:
    """Source: Chronos, Iso8601ExpressionParserTest."""
    schedule = repeating("R1/2008-03-01T13:00:00-04:00/P1D", "PST")

    assert iso_in_zone(schedule.anchor_ms(), schedule.zone) == "2008-03-01T13:00:00-08:00"


def test_s18_r0_never_runs() -> None:
    assert repeating("R0/2014-01-01T00:00:00Z/PT60M").at(0) is None
    assert repeating("R0/2014-01-01T00:00:00Z/PT0S").first_after(0) is None


def test_rn_is_n_runs_in_total() -> None:
    schedule = repeating("R3/2026-01-01T00:00:00Z/P1D")

    assert days(schedule, 9, "2025-01-01T00:00Z") == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert schedule.latest_until(NOW, Occurrence(0, schedule.anchor_ms())).index == 2


def test_an_empty_start_is_now_and_r1_of_a_zero_period_runs_once() -> None:
    schedule = repeating("R1//P")

    assert schedule.at(0) == Occurrence(0, NOW)
    assert schedule.at(1) is None


def test_a_minutely_job_from_2012_finds_today_at_once() -> None:
    schedule = repeating("R/2012-01-01T00:00:00Z/PT1M")

    found = schedule.first_after(NOW)

    assert found is not None and found.instant_ms == NOW + 60_000


@pytest.mark.parametrize(
    ("start", "instant"),
    [
        ("2014-03-08", "2014-03-08T00:00+00:00"),
        ("2014-03", "2014-03-01T00:00+00:00"),
        ("20140308T200000Z", "2014-03-08T20:00+00:00"),
        ("2014-067T20:00Z", "2014-03-08T20:00+00:00"),
        ("2014-W10-6T20:00+01:00", "2014-03-08T19:00+00:00"),
        ("2014-03-08T20:00:00.1239Z", "2014-03-08T20:00:00.123+00:00"),
        ("T10:00Z", "1970-01-01T10:00+00:00"),
        ("2014-03-08t20:00z", "2014-03-08T20:00+00:00"),
    ],
)
def test_starts_that_are_read(start: str, instant: str) -> None:
    assert repeating(f"R/{start}/P1D").anchor_ms() == at(instant)


@pytest.mark.parametrize(
    "text",
    [
        "R/2014-01-01T00:00:00Z",
        "R/2014-01-01T00:00:00Z/P1D/P1D",
        "R-1/2014-01-01T00:00:00Z/P1D",
        "/2014-01-01T00:00:00Z/P1D",
        "R/2014-01-01T24:00:00Z/P1D",
        "R/2014-01-01T00:00:60Z/P1D",
        "R/2014-02-30T00:00:00Z/P1D",
        "R/2014-366/P1D",
        "R/2014-W54-1/P1D",
        "R/1969-12-31T00:00:00Z/P1D",
        "R/9999-12-31T00:00:00Z/P1D",
        "R/tomorrow/P1D",
        "R/2014-01-01T00:00:00+99:00/P1D",
        "R/2014-01-01T00:00:00Z/PT0.5S",
        "R//P",
        "R2//PT0S",
        "R99999999999999999999//P1D",
    ],
)
def test_schedules_that_are_refused_name_the_field(text: str) -> None:
    with pytest.raises(Refused) as refused:
        repeating(text)

    assert refused.value.refusal.field == "schedule"
    assert refused.value.refusal.status == 400


PERIODS = st.sampled_from(
    ["PT1S", "PT15M", "PT1H", "P1D", "P1W", "P1M", "P1Y", "P1M1DT1H", "PT36H", "P5M", "P1DT12H"]
)
ZONES = st.sampled_from(
    ["", "Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Pacific/Apia",
     "America/Sao_Paulo", "Africa/Casablanca", "Asia/Tehran", "Europe/Dublin"]
)  # fmt: skip
INSTANTS = st.integers(at("1975-01-01T00:00Z"), at("2035-01-01T00:00Z"))


@settings(max_examples=150, deadline=None)
@given(period=PERIODS, zone=ZONES, anchor_ms=INSTANTS, now_ms=INSTANTS, first=st.integers(0, 40))
def test_nominal_times_strictly_grow_and_the_searches_agree(
    period: str, zone: str, anchor_ms: int, now_ms: int, first: int
) -> None:
    schedule = repeating(f"R/{iso_utc(anchor_ms)[:-1]}/{period}", zone or "UTC")

    runs = next_runs(schedule, now_ms, 6)
    assert all(a < b for a, b in pairwise(runs)) and now_ms < runs[0]

    begin = schedule.at(first)
    assert begin is not None
    if begin.instant_ms <= now_ms:
        latest = schedule.latest_until(now_ms, begin)
        after = schedule.at(latest.index + 1)
        assert latest.instant_ms <= now_ms and after is not None and after.instant_ms > now_ms
