"""Named instants: kept, replaced, forgotten, met in order."""

from marathon_app.core.deadlines import Deadlines


def test_the_earliest_comes_first_and_once() -> None:
    deadlines = Deadlines()
    deadlines.set("kill", "b", 20)
    deadlines.set("kill", "a", 10)

    assert deadlines.next_ms() == 10
    assert deadlines.take_due(20) == [("kill", "a"), ("kill", "b")]
    assert deadlines.next_ms() is None


def test_a_later_wish_replaces_an_earlier_one() -> None:
    deadlines = Deadlines()
    deadlines.set("kill", "a", 10)
    deadlines.set("kill", "a", 30)

    assert deadlines.take_due(29) == []
    assert deadlines.next_ms() == 30


def test_what_is_cleared_never_comes() -> None:
    deadlines = Deadlines()
    deadlines.set("kill", "a", 10)
    deadlines.clear("kill", "a")

    assert deadlines.next_ms() is None
    assert deadlines.take_due(99) == []
