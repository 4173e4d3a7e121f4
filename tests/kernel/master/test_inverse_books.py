"""Who was asked to leave, and what they answered."""

import pytest

from kernel.master.inverse_books import InverseBooks, InverseOfferRecord
from kernel.messages.v1 import TimeInfo, Unavailability
from kernel.model.ids import AgentId, FrameworkId, OfferId

F, A = FrameworkId("F"), AgentId("A")


def asked(offer_id: str) -> InverseOfferRecord:
    return InverseOfferRecord(OfferId(offer_id), F, A, Unavailability(start=TimeInfo(5)))


def test_nobody_is_asked_twice_at_a_time_about_one_agent() -> None:
    books = InverseBooks()
    books.add(asked("O1"))

    with pytest.raises(AssertionError):
        books.add(asked("O2"))

    books.take(OfferId("O1"))
    books.add(asked("O2"))
    assert books.of_agent(A) == ["O2"]
    assert books.of_framework(F) == [asked("O2")]


def test_who_answered_is_left_alone_for_a_while() -> None:
    books = InverseBooks()
    books.quiet_until_ms[A] = {F: 10}

    assert books.is_quiet(F, A, 9) and not books.is_quiet(F, A, 10)
    books.forget_framework(F)
    assert not books.is_quiet(F, A, 9)
