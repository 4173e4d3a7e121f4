"""What agents have and what is free, through taking, giving, resizing and stretching."""

import pytest

from kernel.allocator.books import Books, missing
from kernel.allocator.consumption import weigh
from kernel.model.ids import AgentId
from kernel.model.resources import Resources, parse

A1 = AgentId("A1")


def books_of(text: str) -> Books:
    books = Books()
    books.add(A1, parse(text))
    return books


def take(books: Books, resources: Resources) -> None:
    books.take(A1, resources, weigh(resources).counted)


def give(books: Books, resources: Resources) -> None:
    books.give(A1, resources, weigh(resources).counted)


def test_what_is_taken_is_not_free() -> None:
    books = books_of("cpus:4;ports:[1-10]")

    take(books, parse("cpus:1;ports:[1-3]"))

    assert books[A1].free == parse("cpus:3;ports:[4-10]")
    give(books, parse("cpus:1;ports:[1-3]"))
    assert books.remove(A1) == parse("cpus:4;ports:[1-10]")


def test_more_than_there_is_cannot_be_free() -> None:
    with pytest.raises(AssertionError):
        give(books_of("cpus:4"), parse("cpus:1"))


def test_an_agent_does_not_leave_while_something_is_held() -> None:
    books = books_of("cpus:4")
    take(books, parse("cpus:1"))

    with pytest.raises(AssertionError):
        books.remove(A1)


def test_a_smaller_agent_still_has_what_is_held() -> None:
    books = books_of("cpus:4;mem:100")
    take(books, parse("cpus:3"))

    books.resize(A1, parse("cpus:1;mem:50"))

    assert books[A1].total == parse("cpus:3;mem:50")
    assert books[A1].free == parse("mem:50")


def test_what_is_reported_beyond_the_free_counts_as_there() -> None:
    books = books_of("cpus:1;ports:[1-5]")

    lacking = books.stretch(A1, parse("cpus:3;ports:[4-8]"))

    assert lacking == parse("cpus:2;ports:[6-8]")
    assert books[A1].free == parse("cpus:3;ports:[1-8]")


def test_what_is_missing_is_missing_of_each_kind() -> None:
    wanted, there = parse("cpus:2;ports:[1-5];disks:{a,b}"), parse("cpus:1;ports:[2-3];disks:{b}")

    assert missing(wanted, there) == parse("cpus:1;ports:[1-1,4-5];disks:{a}")
    assert missing(there, wanted).is_empty


def test_what_is_spare_is_the_unreserved_of_active_agents() -> None:
    """Source: mesos.md §3.3, headroom."""
    books = books_of("cpus:4;cpus(a):2")
    books.add(AgentId("A2"), parse("cpus:8"))

    take(books, parse("cpus:1"))
    books.set_active(AgentId("A2"), False)

    assert books.spare["cpus"] == 3_000
    books.check_invariants()


def test_an_operation_turns_what_is_held_into_something_else() -> None:
    books = books_of("cpus:4")
    take(books, parse("cpus:3"))

    books.convert(A1, parse("cpus:1"), parse("cpus(a):1"), is_held=True)

    assert books[A1].total == parse("cpus:3;cpus(a):1")
    assert books[A1].free == parse("cpus:1")
    books.convert(A1, parse("cpus:1"), parse("cpus(b):1"), is_held=False)
    assert books[A1].free == parse("cpus(b):1")
    books.check_invariants()
