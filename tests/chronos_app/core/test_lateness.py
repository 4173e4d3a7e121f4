"""Which due occurrences run."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_app.core.lateness import decide
from chronos_app.core.repeating import Occurrence
from chronos_app.core.schedule import iso_utc, parse_schedule

START = 1_780_000_000_000
MINUTE = 60_000
MINUTELY = parse_schedule(f"R10/{iso_utc(START)}/PT1M", "", START)
FIRST = Occurrence(0, START)


def test_coalescing_runs_the_latest_for_all() -> None:
    decision = decide(MINUTELY, FIRST, START + 3 * MINUTE + 5, None)

    assert [o.index for o in decision.issue] == [3]
    assert decision.missed and (decision.missed.count, decision.missed.too_late) == (3, False)
    assert decision.following == Occurrence(4, START + 4 * MINUTE)


def test_a_deadline_runs_each_that_is_in_time_and_skips_the_rest() -> None:
    decision = decide(MINUTELY, FIRST, START + 3 * MINUTE + 5, 90_000)

    assert [o.index for o in decision.issue] == [2, 3]
    assert decision.missed and (decision.missed.count, decision.missed.too_late) == (2, True)


def test_after_the_last_occurrence_nothing_follows() -> None:
    decision = decide(MINUTELY, FIRST, START + 1_000 * MINUTE, None)

    assert [o.index for o in decision.issue] == [9] and decision.following is None


def test_a_long_epsilon_of_a_fast_job_issues_no_flood() -> None:
    secondly = parse_schedule(f"R/{iso_utc(START)}/PT1S", "", START)

    decision = decide(secondly, FIRST, START + 10_000_000, 9_000_000)

    assert len(decision.issue) == 100
    assert decision.following and decision.following.index == 10_001


SCHEDULES = st.sampled_from(
    [f"R/{iso_utc(START)}/PT7S", f"R20/{iso_utc(START)}/PT1M", "*/2 * * * *", "5,50 * * * *"]
)


@settings(max_examples=150, deadline=None)
@given(
    text=SCHEDULES,
    steps=st.lists(st.integers(1, 400_000), max_size=12),
    deadline=st.sampled_from([None, 0, 30_000, 3_600_000]),
)
def test_indexes_and_nominal_times_strictly_grow_whatever_the_delays(
    text: str, steps: list[int], deadline: int | None
) -> None:
    schedule = parse_schedule(text, "", START)
    following = schedule.first_after(START - 1)
    issued: list[Occurrence] = []
    now = START

    for step in steps:
        now += step
        if following is None or following.instant_ms > now:
            continue
        decision = decide(schedule, following, now, deadline)
        issued += decision.issue
        following = decision.following
        assert following is None or following.instant_ms > now

    assert all(a.index < b.index and a.instant_ms < b.instant_ms for a, b in pairwise(issued))
