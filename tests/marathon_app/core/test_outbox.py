"""The order of a step's effects."""

from kernel.machine import Delete, Persist
from marathon_app.core.effects import Done
from marathon_app.core.launching import Counter
from marathon_app.core.outbox import Outbox


def test_all_writes_of_a_step_come_first_and_as_one() -> None:
    outbox = Outbox()

    outbox.emit(Done(1))
    outbox.put("c", "a", Counter(1))
    outbox.delete("c", "b")
    effects = outbox.take()

    assert isinstance(effects[0], Persist)
    assert len(effects[0].operations) == 2
    assert effects[1:] == [Done(1)]
    assert outbox.take() == []


def test_the_last_write_of_a_record_counts() -> None:
    outbox = Outbox()

    outbox.put("c", "a", Counter(1))
    outbox.delete("c", "a")

    assert outbox.take() == [Persist((Delete("c", "a"),))]
