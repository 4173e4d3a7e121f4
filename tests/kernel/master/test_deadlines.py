"""Deadlines come in order, once, and not after they were moved or cancelled."""

from kernel.master.deadlines import Deadlines, Kind


def test_they_come_in_the_order_of_their_time() -> None:
    deadlines = Deadlines()
    deadlines.set(Kind.PING, "b", 20)
    deadlines.set(Kind.PING, "a", 10)
    deadlines.set(Kind.FAILOVER, "a", 30)

    assert deadlines.next_ms() == 10
    assert deadlines.take_due(20) == [(Kind.PING, "a"), (Kind.PING, "b")]
    assert deadlines.take_due(20) == []
    assert deadlines.next_ms() == 30


def test_one_that_was_moved_comes_at_its_last_time_only() -> None:
    deadlines = Deadlines()
    deadlines.set(Kind.PING, "a", 10)
    deadlines.set(Kind.PING, "a", 30)

    assert deadlines.take_due(20) == []
    assert deadlines.take_due(30) == [(Kind.PING, "a")]


def test_one_that_was_cancelled_does_not_come() -> None:
    deadlines = Deadlines()
    deadlines.set(Kind.PING, "a", 10)

    deadlines.cancel(Kind.PING, "a")
    deadlines.cancel(Kind.PING, "never set")

    assert deadlines.next_ms() is None
    assert deadlines.take_due(99) == []
