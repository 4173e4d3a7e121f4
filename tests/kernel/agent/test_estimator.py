"""How much may be lent out. Source: the formula in kernel/agent/estimator.py."""

from hypothesis import given
from hypothesis import strategies as st

from kernel.agent.estimator import REVOCABLE, Estimator, Usage, fixed
from kernel.model.resources import parse

ALLOCATED = {"cpus": 4_000, "mem": 1_024_000}


def uses(cpus: int | None, mem: int | None = 1_024_000, container: str = "c") -> Usage:
    return Usage(container, ALLOCATED, {"cpus": cpus, "mem": mem})


def lent(estimator: Estimator, *usages: Usage) -> dict[str, int]:
    return estimator.measured(usages).quantities()


def test_a_new_container_lends_nothing_and_then_slowly_what_it_leaves_unused() -> None:
    estimator = Estimator()

    rounds = [lent(estimator, uses(0)).get("cpus", 0) for _ in range(100)]

    assert rounds[0] == 0
    assert rounds == sorted(rounds)
    assert rounds[14] < 2_000
    assert rounds[-1] >= 3_900


def test_who_wakes_up_takes_everything_back_at_the_next_measurement() -> None:
    estimator = Estimator()
    for _ in range(100):
        lent(estimator, uses(0))

    assert lent(estimator, uses(3_500)) == {}


def test_the_margin_stays_with_who_uses_something() -> None:
    estimator = Estimator()
    for _ in range(300):
        last = lent(estimator, uses(1_000))

    assert last == {"cpus": 2_700}  # 4 - 1 * 1.2, less what high has not fallen by, in grains


def test_what_cannot_be_measured_is_not_lent() -> None:
    estimator = Estimator()

    assert [lent(estimator, uses(None, None)) for _ in range(100)][-1] == {}


def test_who_is_gone_is_forgotten() -> None:
    estimator = Estimator()
    for _ in range(100):
        lent(estimator, uses(0))

    assert lent(estimator) == {}
    assert lent(estimator, uses(0)) == {}


def test_a_fixed_estimate_is_revocable() -> None:
    assert fixed(parse("cpus:2;mem:64")).kinds() == [REVOCABLE]


@given(st.lists(st.lists(st.integers(0, 4_000), min_size=1, max_size=4), max_size=40))
def test_never_is_more_lent_than_is_held_and_unused_right_now(rounds: list[list[int]]) -> None:
    estimator = Estimator()
    for used in rounds:
        usages = [uses(each, 0, f"c{at}") for at, each in enumerate(used)]
        amounts = lent(estimator, *usages)

        assert amounts.get("cpus", 0) <= sum(4_000 - each for each in used)
        assert amounts.get("mem", 0) <= 1_024_000 * len(used)
