"""When a dependent job has earned a run."""

from hypothesis import given
from hypothesis import strategies as st

from chronos_app.core.cycles import Credits, clock_of, earn

DAILY = clock_of("a", "0 0 * * *", "")


def test_a_child_of_two_waits_for_both_and_a_surplus_is_forgotten() -> None:
    """A, A, B fires once. Source: Chronos, JobGraph.scala (counters)."""
    credits: Credits = {}

    assert earn(credits, ["a", "b"], "a", {"a@x": 1}) is None
    assert earn(credits, ["a", "b"], "a", {"a@x": 2}) is None
    assert earn(credits, ["a", "b"], "b", {"b@y": 1}) == {"a@x": 2, "b@y": 1}
    assert credits == {}


def test_a_success_of_one_cycle_never_meets_that_of_another() -> None:
    """#543: a parent that failed in cycle 1 paired with the other's success of cycle 2."""
    credits: Credits = {}

    assert earn(credits, ["a", "b"], "b", {DAILY: 1}) is None
    assert earn(credits, ["a", "b"], "a", {DAILY: 2}) is None
    assert earn(credits, ["a", "b"], "b", {DAILY: 2}) == {DAILY: 2}


def test_a_run_by_hand_completes_a_cycle_that_a_failure_left_open() -> None:
    credits: Credits = {}
    earn(credits, ["a", "b"], "b", {DAILY: 1})

    assert earn(credits, ["a", "b"], "a", {"a@request": 77}) is not None


def test_cycles_that_complete_out_of_order_each_fire_once() -> None:
    credits: Credits = {}
    parents = ["a", "b"]

    assert earn(credits, parents, "a", {DAILY: 1}) is None
    assert earn(credits, parents, "b", {DAILY: 1}) == {DAILY: 1}
    assert earn(credits, parents, "b", {DAILY: 2}) is None
    assert earn(credits, parents, "a", {DAILY: 2}) == {DAILY: 2}


def test_jobs_of_one_schedule_share_a_clock_unless_it_is_their_own() -> None:
    assert clock_of("a", "@daily", "UTC") == clock_of("b", "@daily", "UTC")
    assert clock_of("a", "R//PT1H", "") != clock_of("b", "R//PT1H", "")
    assert clock_of("a", "H * * * *", "") != clock_of("b", "H * * * *", "")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 6)), max_size=60, unique=True))
def test_a_child_never_fires_twice_for_one_cycle(successes: list[tuple[str, int]]) -> None:
    credits: Credits = {}
    fired: list[int] = []

    for parent, cycle in successes:
        merged = earn(credits, ["a", "b", "c"], parent, {DAILY: cycle})
        if merged is not None:
            fired.append(merged[DAILY])

    assert len(fired) == len(set(fired))
    for cycle in fired:
        assert {parent for parent, of in successes if of == cycle} == set("abc")
