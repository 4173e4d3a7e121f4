"""The ranking of roles and those of frameworks stay in step."""

from kernel.allocator.ranking import Ranking
from kernel.model.ids import FrameworkId

F1, F2 = FrameworkId("F1"), FrameworkId("F2")


def ranking_of(**roles: str) -> Ranking:
    ranking = Ranking()
    ranking.pool.change({"cpus": 10}, +1)
    for name, role in roles.items():
        ranking.subscribe(FrameworkId(name), role)
        ranking.set_wanting(FrameworkId(name), role, True)
    return ranking


def test_the_poorest_role_and_in_it_the_poorest_framework_come_first() -> None:
    ranking = ranking_of(F1="a", F2="a", F3="b")

    ranking.allocated(F1, "a", {"cpus": 1})

    assert list(ranking.roles()) == ["b", "a"]
    assert list(ranking.frameworks("a")) == [F2, F1]
    ranking.check_invariants()


def test_a_role_in_which_nobody_wants_anything_is_passed_over() -> None:
    ranking = ranking_of(F1="a")

    ranking.set_wanting(F1, "a", False)

    assert list(ranking.roles()) == []
    assert not ranking.has_wanting


def test_what_an_unsubscribed_framework_holds_still_counts_for_its_role() -> None:
    ranking = ranking_of(F1="a", F2="a", F3="b")
    ranking.allocated(F1, "a", {"cpus": 5})

    ranking.unsubscribe(F1, "a")

    assert list(ranking.roles()) == ["b", "a"]
    ranking.unallocated(F1, "a", {"cpus": 5})
    ranking.check_invariants()
    assert list(ranking.frameworks("a")) == [F2]


def test_mere_ranges_and_sets_need_no_books() -> None:
    ranking = Ranking()

    ranking.allocated(F1, "a", {})
    ranking.unallocated(F1, "a", {})

    assert list(ranking.roles()) == []
