"""The arithmetic of rolling replaces, row by row as documented."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marathon_app.core.replace import Capacity, Situation, capacity, move

# n, minimum, over, current, healthy -> healthy_min, instances_max, kill_now, first start wave
VECTORS = [
    (10, "1", "1", 10, 10, 10, 20, 0, 10),
    (10, "1", "0", 10, 10, 10, 11, 0, 1),
    (10, "0.1", "1", 10, 10, 1, 20, 9, 10),
    (5, "0.8", "0", 5, 5, 4, 5, 1, 0),
    (1, "0.5", "0", 1, 1, 1, 2, 0, 1),
    (7, "0.25", "0.25", 7, 7, 2, 8, 5, 1),
    (10, "1", "1", 10, 3, 10, 20, 0, 10),
    (10, "0.5", "0.5", 10, 10, 5, 15, 5, 5),
    (10, "0", "0", 10, 10, 0, 10, 10, 0),
    (3, "0.7", "0.3", 3, 3, 3, 4, 0, 1),  # lent: ceil(2.1) == trunc(3.9)
    (5, "0.9", "0", 5, 5, 5, 6, 0, 1),
    (1, "0", "0", 1, 1, 0, 1, 1, 0),
    (4, "1", "0.1", 4, 4, 4, 5, 0, 1),
    (10, "0.1", "0", 1, 1, 1, 10, 0, 9),
    (10, "0.5", "0", 10, 10, 5, 10, 5, 0),
    (10, "0", "1", 10, 10, 0, 20, 10, 10),
    (3, "0.5", "0.5", 3, 3, 2, 4, 1, 1),
    (1, "1", "1", 1, 1, 1, 2, 0, 1),
    (2, "0.5", "0", 2, 2, 1, 2, 1, 0),
    (10, "1", "1", 20, 20, 10, 20, 10, 0),
]


@pytest.mark.parametrize(
    ("n", "low", "over", "current", "healthy", "least", "most", "kill", "start"), VECTORS
)
def test_a_replace_starts_as_marathons_table_says(
    n: int,
    low: str,
    over: str,
    current: int,
    healthy: int,
    least: int,
    most: int,
    kill: int,
    start: int,
) -> None:
    """Source: Marathon, docs/deployments.md; TaskReplaceActor."""
    shares = Fraction(low), Fraction(over)

    found = capacity(n, *shares, current, healthy)

    assert found == Capacity(least, most, kill)
    first = move(Situation(n, *shares, current, healthy, 0, 0, 0))
    assert (first.kill_old, first.start) == (kill, start)


@pytest.mark.parametrize(
    ("n", "low", "over", "current", "healthy", "least", "most", "kill"),
    [
        (5, "0.5", "0", 5, 5, 3, 5, 2),
        (5, "1", "0", 5, 5, 5, 5, 1),
        (5, "1", "0", 7, 7, 5, 5, 3),
        (1, "0.5", "0", 1, 1, 1, 1, 1),
        (1, "0.5", "0", 1, 0, 1, 1, 0),
    ],
)
def test_a_resident_app_goes_one_below_instead_of_one_above(
    n: int, low: str, over: str, current: int, healthy: int, least: int, most: int, kill: int
) -> None:
    """Source: Marathon, TaskReplaceActor (resident)."""
    found = capacity(n, Fraction(low), Fraction(over), current, healthy, is_resident=True)

    assert found == Capacity(least, most, kill)


def test_shares_are_exact_decimals() -> None:
    """DIFFERS: upstream's floats say 114 and 56."""
    assert capacity(100, Fraction(1), Fraction("0.15"), 100, 100).instances_max == 115
    assert capacity(100, Fraction("0.55"), Fraction(0), 100, 100).healthy_min == 55


SHARES = st.sampled_from([Fraction(i, 20) for i in range(21)])


@given(
    target=st.integers(0, 30),
    low=SHARES,
    over=SHARES,
    old=st.integers(0, 30),
    sick=st.integers(0, 30),
    new=st.integers(0, 30),
    unsettled=st.integers(0, 30),
    doomed=st.integers(0, 5),
)
def test_no_move_takes_healthy_ones_below_the_minimum(
    target: int,
    low: Fraction,
    over: Fraction,
    old: int,
    sick: int,
    new: int,
    unsettled: int,
    doomed: int,
) -> None:
    old_healthy, new_settled = max(0, old - sick), max(0, new - unsettled)
    healthy = old_healthy + new_settled

    todo = move(Situation(target, low, over, old, old_healthy, new, new_settled, doomed))

    lost_old = max(0, todo.kill_old - (old - old_healthy))  # unhealthy ones go first
    lost_new = max(0, todo.kill_new - (new - new_settled))
    least = capacity(target, low, over, old, healthy).healthy_min
    assert healthy - lost_old - lost_new >= min(healthy, least)
    assert 0 <= todo.kill_old <= old
    if todo.start:
        most = capacity(target, low, over, old + new_settled, healthy).instances_max
        assert old + new + doomed + todo.start <= most
        assert new + todo.start <= target
