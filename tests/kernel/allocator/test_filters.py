"""The memory of refusals: what it hides, when it ends, who is looked at again."""

from kernel.allocator.filters import Filters
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import parse

A1, F1, F2 = AgentId("A1"), FrameworkId("F1"), FrameworkId("F2")
TWO, ONE = parse("cpus:2"), parse("cpus:1")


def test_a_filter_hides_what_is_within_the_refused() -> None:
    filters = Filters()

    filters.add(F1, "*", A1, ONE, 5_000)

    assert filters.hide(F1, "*", A1, ONE, 0)
    assert not filters.hide(F1, "*", A1, TWO, 0)
    assert not filters.hide(F1, "other", A1, ONE, 0)
    assert not filters.hide(F2, "*", A1, ONE, 0)


def test_a_filter_ends_and_names_who_may_look_there_again_once() -> None:
    filters = Filters()
    filters.add(F1, "*", A1, ONE, 5_000)
    filters.add(F1, "*", A1, TWO, 5_000)

    assert filters.expire(4_999) == []
    assert filters.expire(5_000) == [(A1, (F1, "*"))]
    assert filters.count() == 0
    assert filters.next_end_ms() is None


def test_a_longer_filter_outlives_a_shorter_one() -> None:
    filters = Filters()
    filters.add(F1, "*", A1, ONE, 1_000)
    filters.add(F1, "*", A1, TWO, 9_000)

    filters.expire(1_000)

    assert filters.hide(F1, "*", A1, ONE, 1_000)


def test_a_framework_that_goes_takes_its_filters_along() -> None:
    filters = Filters()
    filters.add(F1, "a", A1, ONE, 5_000)
    filters.add(F1, "b", A1, ONE, 5_000)

    filters.forget_framework(F1, ["a"])

    assert not filters.hide(F1, "a", A1, ONE, 0)
    assert filters.hide(F1, "b", A1, ONE, 0)
