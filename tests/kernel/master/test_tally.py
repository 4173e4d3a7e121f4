"""A tally is the sum of what was added and not taken."""

from hypothesis import given
from hypothesis import strategies as st

from kernel.master.tally import Tally
from kernel.model.resources import Resources, parse, total

BUNDLES = st.builds(
    lambda cpus, port, role: parse(f"cpus({role}):{cpus};ports:[{port}-{port + 2}];disks:{{d1}}"),
    st.integers(1, 9),
    st.integers(1, 20),
    st.sampled_from(["*", "eng"]),
)


@given(st.lists(BUNDLES), st.data())
def test_a_tally_is_what_was_added_and_not_taken(
    added: list[Resources], data: st.DataObject
) -> None:
    tally = Tally()
    for bundle in added:
        tally.change(bundle, +1)
    taken_count = data.draw(st.integers(0, len(added)))
    for bundle in added[:taken_count]:
        tally.change(bundle, -1)

    assert tally.sum() == total(added[taken_count:])
