"""One suite that every store passes; the promises are in `kernel/store/interface.py`."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.machine import Delete, Put
from kernel.store import MemoryStore, Store, open_store
from kernel.store.interface import (
    Committed,
    Conflict,
    Fenced,
    Guard,
    Holder,
    Records,
    Snapshot,
    StoreHeld,
    StoreMalformed,
    Term,
)
from kernel.store.schema import SCHEMA, Schema
from tests.processes import wait_until

Open = Callable[[], Store]
OpenVersioned = Callable[[Schema], Store]


@pytest.fixture(params=["memory", "sqlite", "redis", "zookeeper"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """A function that opens the same store anew, closing the one that was open."""
    opened: list[Store] = []
    name = uuid4().hex  # each test has a namespace of its own

    def reopen() -> Store:
        for store in opened:
            store.close()
        if request.param == "memory":
            if not opened:
                opened.append(MemoryStore())
            return opened[0]
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/store.sqlite"
        else:
            url = request.getfixturevalue(f"{request.param}_url")
        opened.append(open_store(url, name))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture(params=["sqlite", "redis", "zookeeper"])
def open_another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """A function that opens the same store beside the others that are open."""
    opened: list[Store] = []
    name = uuid4().hex

    def another() -> Store:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/store.sqlite"
        else:
            url = request.getfixturevalue(f"{request.param}_url")
        opened.append(open_store(url, name))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


@pytest.fixture(params=["sqlite", "redis", "zookeeper"])
def open_versioned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenVersioned]:
    """A function that opens the same store anew with the schema of another Tepui."""
    opened: list[Store] = []
    name = f"app-{uuid4()}"

    def reopen(schema: Schema) -> Store:
        for store in opened:
            store.close()
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/store.sqlite"
        else:
            url = request.getfixturevalue(f"{request.param}_url")
        opened.append(open_store(url, name, schema=schema))
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


def test_a_term_of_the_same_epoch_under_another_name_is_fenced(open_again: Open) -> None:
    """Two sides of a parted Redis may count to the same epoch. Source: the fault matrix, row M8."""
    store = open_again()
    term = store.lead("one")
    store.commit(term, [Put("apps", "a", b"ours")])

    result = store.commit(Term(term.epoch, "another"), [Put("apps", "a", b"theirs")])

    assert isinstance(result, Fenced)
    assert store.load()["apps"]["a"] == b"ours"


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


def test_a_second_one_is_told_who_leads_and_where(open_another: Open) -> None:
    first, second = open_another(), open_another()
    first.lead("the first", address="127.0.0.1:5050")

    with pytest.raises(StoreHeld, match="the first"):
        second.lead("the second")

    holder = second.holder()
    assert holder is not None
    assert "the first" in holder.leader
    assert holder.address == "127.0.0.1:5050"


def test_who_leaves_makes_room_at_once(open_another: Open) -> None:
    first, second = open_another(), open_another()
    old = first.lead("one")
    first.commit(old, [Put("apps", "a", b"1")])
    first.close()

    new = second.lead("two")

    assert new.epoch > old.epoch
    assert second.load() == {"apps": {"a": b"1"}}
    assert isinstance(second.holder(), Holder)


def test_nobody_leads_a_store_that_is_new(open_another: Open) -> None:
    assert open_another().holder() is None


def test_a_guard_may_ask_that_a_record_is_absent(open_again: Open) -> None:
    store = open_again()
    term = store.lead("one")

    taken = store.commit(term, [Put("runs", "a", b"1")], [Guard("runs", "a", None)])
    refused = store.commit(term, [Put("runs", "a", b"2")], [Guard("runs", "a", None)])

    assert isinstance(taken, Committed)
    assert refused == Conflict("runs", "a")
    assert store.load() == {"runs": {"a": b"1"}}


def test_the_last_word_about_a_record_counts_within_one_commit(open_again: Open) -> None:
    store = open_again()
    term = store.lead("one")

    store.commit(term, [Put("a", "x", b"1"), Delete("a", "x"), Put("a", "x", b"2")])
    store.commit(term, [Put("a", "y", b"1"), Delete("a", "y")])

    assert store.load() == {"a": {"x": b"2"}}


def test_a_commit_of_several_megabytes_is_whole(open_again: Open) -> None:
    """ZooKeeper takes less than one in a multi. Source: its Administrator's Guide."""
    store = open_again()
    term = store.lead("one")
    value = bytes(range(256)) * 16  # 4 KiB
    records = {f"/app/{number:04d}": value for number in range(1_500)}
    store.commit(term, [Put("apps", "/app/0001", b"old"), Put("apps", "/gone", b"old")])

    result = store.commit(
        term, [*(Put("apps", key, each) for key, each in records.items()), Delete("apps", "/gone")]
    )

    assert isinstance(result, Committed)
    again = open_again()
    again.lead("two")
    assert again.load() == {"apps": records}


def test_a_large_record_may_be_replaced_and_deleted(open_again: Open) -> None:
    store = open_again()
    term = store.lead("one")
    large = [uuid4().bytes * 100_000 for _ in range(2)]

    store.commit(term, [Put("big", "a", large[0]), Put("big", "b", b"small")])
    store.commit(term, [Put("big", "a", large[1]), Put("big", "b", large[0])])
    assert store.load() == {"big": {"a": large[1], "b": large[0]}}

    store.commit(term, [Put("big", "a", b"small"), Delete("big", "b")])
    assert store.load() == {"big": {"a": b"small"}}


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
writes = st.builds(Put, names, names, st.binary(max_size=50)) | st.builds(Delete, names, names)


# A thread of kazoo's draws its own chance meanwhile, which Hypothesis takes for the test's.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:Warning")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=st.lists(st.lists(writes, max_size=6), max_size=6))
def test_any_names_and_values_come_back_as_they_were(
    open_again: Open, commits: list[list[Put | Delete]]
) -> None:
    store, model = open_again(), MemoryStore()
    term, known = store.lead("one"), model.lead("one")
    emptied = [Delete(each, key) for each, keys in store.load().items() for key in keys]
    store.commit(term, emptied)

    for operations in commits:
        store.commit(term, operations)
        model.commit(known, operations)

    expected = {collection: keys for collection, keys in model.load().items() if keys}
    assert store.load() == expected
    assert [list(keys) for keys in store.load().values()] == [list(k) for k in expected.values()]


def test_a_snapshot_is_what_was_committed_and_needs_no_leadership(open_another: Open) -> None:
    leader, reader = open_another(), open_another()
    assert reader.snapshot() == Snapshot(0, SCHEMA.version, {})
    term = leader.lead("one")
    large = uuid4().bytes * 100_000
    leader.commit(term, [Put("b", "2", b"2"), Put("b", "1", b"1"), Put("a", "big", large)])
    leader.commit(term, [Put("gone", "x", b"1")])
    leader.commit(term, [Delete("gone", "x")])

    found = reader.snapshot()

    assert found == Snapshot(term.epoch, SCHEMA.version, leader.load())
    assert list(found.records) == ["a", "b"] and list(found.records["b"]) == ["1", "2"]
    assert isinstance(leader.commit(term, [Put("a", "still", b"leads")]), Committed)
    assert leader.snapshot().records == reader.snapshot().records == leader.load()


def test_a_snapshot_beside_a_writing_leader_has_every_commit_whole_or_not_at_all(
    open_another: Open,
) -> None:
    """Each commit writes its number into the first and the last of many records, and moves one."""
    leader, reader = open_another(), open_another()
    term = leader.lead("one")
    leader.commit(term, [Put("m", f"{number:04d}", b"") for number in range(1_200)])
    done, answered = threading.Event(), [0]

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            value = str(number).encode()
            moved = [Delete("moved", str(number - 1)), Put("moved", str(number), value)]
            leader.commit(term, [Put("a", "first", value), *moved, Put("z", "last", value)])
            answered[0] = number

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_until(lambda: answered[0] > 3, timeout_s=20)
        while answered[0] < 40:
            before = answered[0]
            records = reader.snapshot().records
            first, last, (moved,) = records["a"]["first"], records["z"]["last"], records["moved"]
            assert first == last == moved.encode() == records["moved"][moved]
            assert len(records["m"]) == 1_200
            assert int(first) >= before
    finally:
        done.set()
        writer.join()


def test_a_new_term_is_above_what_is_asked_for(open_again: Open) -> None:
    """As a restore asks, whose agents remember higher epochs than a new store would issue."""
    assert open_again().lead("one", above=41).epoch == 42
    assert open_again().lead("two", above=7).epoch == 43


def bracket(name: str, records: Records) -> Records:
    """An invented step: names the store in each app, moves one collection, drops another."""
    whose = name.partition("-")[0].encode()
    apps = {key: whose + b"(" + value + b")" for key, value in records["old"].items()}
    return {"new": apps} | {each: records[each] for each in records if each not in ("old", "drop")}


@pytest.mark.parametrize("count", [3, 1_500])
def test_older_records_are_brought_to_our_schema_by_its_steps_in_order(
    open_versioned: OpenVersioned, count: int
) -> None:
    older = open_versioned(Schema())
    value = b"x" * 4_000 if count > 100 else b"x"
    olds = [Put("old", f"{number:04d}", value) for number in range(count)]
    older.commit(older.lead("one"), [*olds, Put("drop", "a", b"1"), Put("kept", "a", b"2")])

    def twice(name: str, records: Records) -> Records:
        return {**records, "second": {"of": str(len(records["new"])).encode()}}

    newer = open_versioned(Schema((bracket, twice)))
    before = newer.snapshot()
    newer.lead("two")

    assert before.schema == 1 and len(before.records["old"]) == count
    bracketed = {put.key: b"app(" + value + b")" for put in olds}
    expected = {"kept": {"a": b"2"}, "new": bracketed, "second": {"of": str(count).encode()}}
    assert newer.load() == expected
    assert newer.snapshot().schema == 3
    again = open_versioned(Schema((bracket, twice)))
    again.lead("three")
    assert again.load() == expected


def test_a_newer_schema_is_refused_and_left_alone(open_versioned: OpenVersioned) -> None:
    newer = open_versioned(Schema((bracket,)))
    newer.commit(newer.lead("one"), [Put("old", "a", b"1")])

    older = open_versioned(Schema())
    with pytest.raises(StoreMalformed, match="has schema 2; this Tepui knows 1: upgrade Tepui"):
        older.snapshot()
    with pytest.raises(StoreMalformed, match="has schema 2; this Tepui knows 1: upgrade Tepui"):
        older.lead("two")

    again = open_versioned(Schema((bracket,)))
    again.lead("three")
    assert again.load() == {"old": {"a": b"1"}}


@pytest.mark.parametrize("url", ["", "sqlite", "sqlite://", "mysql://x", "redis"])
def test_a_url_that_names_no_store_is_refused_with_the_forms_that_do(url: str) -> None:
    with pytest.raises(StoreMalformed, match="sqlite:///"):
        open_store(url)
