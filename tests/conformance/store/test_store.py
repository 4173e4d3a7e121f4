"""One suite that every store passes; the promises are in `kernel/store/interface.py`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernel.machine import Delete, Put
from kernel.store import MemoryStore, Store, open_store
from kernel.store.interface import Committed, Conflict, Fenced, Guard, StoreMalformed

Open = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """A function that opens the same store anew, closing the one that was open."""
    opened: list[Store] = []

    def reopen() -> Store:
        for store in opened:
            store.close()
        if request.param == "memory":
            if not opened:
                opened.append(MemoryStore())
            return opened[0]
        opened.append(open_store(f"sqlite:///{tmp_path}/store.sqlite"))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


def test_what_is_committed_is_there_after_reopening(open_again: Open) -> None:
    store = open_again()
    term = store.lead("one")

    result = store.commit(term, [Put("apps", "b", b"2"), Put("apps", "a", b"1")])

    assert isinstance(result, Committed)
    again = open_again()
    again.lead("two")
    assert again.load() == {"apps": {"a": b"1", "b": b"2"}}
    assert list(again.load()["apps"]) == ["a", "b"]


def test_each_term_is_higher_than_the_last(open_again: Open) -> None:
    first = open_again().lead("one")
    second = open_again().lead("two")

    assert second.epoch > first.epoch


def test_an_older_term_is_fenced_and_changes_nothing(open_again: Open) -> None:
    old = open_again().lead("one")
    store = open_again()
    new = store.lead("two")
    store.commit(new, [Put("apps", "a", b"new")])

    result = store.commit(old, [Put("apps", "a", b"stale")])

    assert isinstance(result, Fenced)
    assert store.load()["apps"]["a"] == b"new"


def test_a_guard_that_does_not_hold_stops_the_whole_commit(open_again: Open) -> None:
    store = open_again()
    term = store.lead("one")
    store.commit(term, [Put("apps", "a", b"1")])

    refused = store.commit(
        term, [Put("apps", "b", b"2"), Delete("apps", "a")], [Guard("apps", "a", b"0")]
    )
    taken = store.commit(term, [Delete("apps", "a")], [Guard("apps", "a", b"1")])

    assert refused == Conflict("apps", "a")
    assert isinstance(taken, Committed)
    assert not store.load().get("apps")


def test_deleting_what_is_not_there_is_no_error(open_again: Open) -> None:
    store = open_again()

    assert isinstance(store.commit(store.lead("one"), [Delete("x", "y")]), Committed)


def test_a_record_of_a_megabyte_comes_back_whole(open_again: Open) -> None:
    store = open_again()
    value = bytes(range(256)) * 4096

    store.commit(store.lead("one"), [Put("big", "one", value)])

    assert store.load()["big"]["one"] == value


@pytest.mark.parametrize("url", ["", "sqlite", "sqlite://", "mysql://x", "redis"])
def test_a_url_that_names_no_store_is_refused_with_the_forms_that_do(url: str) -> None:
    with pytest.raises(StoreMalformed, match="sqlite:///"):
        open_store(url)
