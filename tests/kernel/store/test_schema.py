"""Steps from one schema to the next, and what must be written to make one state of another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.machine import Delete, Put
from kernel.store import MemoryStore
from kernel.store.interface import Records, StoreMalformed
from kernel.store.schema import Schema, Step, changes

names = st.sampled_from(["a", "b", "c"])
values = st.binary(max_size=2)
several = st.dictionaries(names, st.dictionaries(names, values, min_size=1))


def test_steps_are_taken_in_order_from_the_version_that_is_there() -> None:
    def step(mark: bytes) -> Step:
        return lambda name, records: {"log": {"said": records["log"]["said"] + mark}}

    schema = Schema((step(b"2"), step(b"3"), step(b"4")))

    assert schema.version == 4
    assert schema.upgraded("app", {"log": {"said": b""}}, 1) == {"log": {"said": b"234"}}
    assert schema.upgraded("app", {"log": {"said": b""}}, 3) == {"log": {"said": b"4"}}
    assert schema.upgraded("app", {"log": {"said": b""}}, 4) == {"log": {"said": b""}}


def test_a_newer_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(StoreMalformed, match="x has schema 2; this Tepui knows 1: upgrade Tepui"):
        Schema().refuse_newer(2, "x")


@given(before=several, after=several)
def test_changes_make_one_state_of_another_and_write_nothing_needless(
    before: Records, after: Records
) -> None:
    store = MemoryStore()
    term = store.lead("one")
    store.commit(term, changes({}, before))

    operations = changes(before, after)
    store.commit(term, operations)

    assert store.load() == {each: after[each] for each in sorted(after)}
    for operation in operations:
        there = before.get(operation.collection, {}).get(operation.key)
        if isinstance(operation, Put):
            assert there != operation.value
        else:
            assert isinstance(operation, Delete) and there is not None
