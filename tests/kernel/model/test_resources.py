"""Resources are exact, canonical and never negative."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.model.kinds import UNRESERVED, Disk, Reservation, kind, reserved
from kernel.model.resources import (
    NOTHING,
    Resources,
    ResourcesMalformed,
    parse,
    ranges_count,
    ranges_minus,
    ranges_union,
    scalars,
    total,
)

SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))),
    max_size=6,
)
LABELLED = kind((Reservation("web", is_dynamic=True, labels=(("for", "tests"),)),))
KINDS = (UNRESERVED, reserved("web"), reserved("web/api"), LABELLED, kind(is_revocable=True))
BUNDLES = st.dictionaries(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(["cpus", "mem"])),
    st.integers(1, 10_000),
).map(Resources)
SHARED = kind((Reservation("web", is_dynamic=True),), Disk(volume_id="v"), is_shared=True)
VOLUME = kind((Reservation("web", is_dynamic=True),), Disk(volume_id="v"))


def test_the_text_form_reads_scalars_ranges_sets_and_roles() -> None:
    """Source: Mesos, docs/attributes-resources.md."""
    bundle = parse("cpus:2.5;mem(web):1024;ports:[31000-31005,31006-31010];zones:{b,a}")

    assert bundle.scalar("cpus") == 2_500
    assert bundle.scalar("mem", roles=["web"]) == 1_024_000
    assert bundle.ports() == ((31000, 31010),)
    assert bundle.sets == {(UNRESERVED, "zones"): ("a", "b")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cpus", "'cpus' is not of the form"),
        ("cpus:many", "cpus: 'many' is not a number"),
        ("cpus:-1", "cpus: -1 is negative"),
        ("ports:[5]", "ports: '5' is not of the form begin-end"),
        ("ports:[9-5]", "ports: 9-5 ends before it begins"),
        ("mem:nan", "'nan' is not a number"),
    ],
)
def test_a_malformed_text_is_refused_with_the_part_that_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ResourcesMalformed, match=says.replace("[", r"\[")):
        parse(text)


@given(BUNDLES, BUNDLES)
def test_what_is_added_can_be_taken_away_again(one: Resources, other: Resources) -> None:
    assert (one + other) - other == one
    assert (one + other).contains(other)


@given(SPANS, SPANS)
def test_ranges_are_sets_of_numbers(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    def numbers(spans: object) -> set[int]:
        return {n for begin, end in spans for n in range(begin, end + 1)}  # type: ignore[attr-defined]

    assert numbers(ranges_union(one, other)) == numbers(one) | numbers(other)
    assert numbers(ranges_minus(one, other)) == numbers(one) - numbers(other)
    assert ranges_count(ranges_union((), one)) == len(numbers(one))


def test_taking_more_than_there_is_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        _ = scalars(cpus=1) - scalars(cpus=2)


def test_a_role_may_use_unreserved_and_its_ancestors_reservations() -> None:
    """Source: Mesos, docs/roles.md, hierarchical roles."""
    bundle = parse("cpus:1;cpus(eng):2;cpus(eng/web):4;cpus(ops):8")

    assert bundle.usable_by("eng/web").scalar("cpus") == 7_000
    assert bundle.usable_by("eng").scalar("cpus") == 3_000
    assert (bundle - bundle) == NOTHING


@given(BUNDLES)
def test_a_bundle_is_the_sum_of_its_parts(bundle: Resources) -> None:
    assert bundle.reserved() + bundle.unreserved() == bundle
    assert total(bundle.where(lambda kind, one=one: kind is one) for one in KINDS) == bundle
    assert bundle.changed(lambda kind: kind) == bundle
    whole = bundle.changed(lambda _: UNRESERVED)
    assert whole.quantities() == bundle.quantities() and whole.kinds() in ([], [UNRESERVED])


@given(BUNDLES, BUNDLES)
def test_equal_bundles_are_equal_whatever_the_order_of_their_making(
    one: Resources, other: Resources
) -> None:
    assert one + other == other + one == total([other, one])


def test_what_is_shared_is_one_thing_however_many_have_it() -> None:
    """Source: Mesos, docs/shared-resources.md."""
    shared = Resources({(SHARED, "disk"): 64_000})

    assert shared + shared == shared == total([shared, shared])
    assert (shared + scalars(cpus=1)).exclusive() == scalars(cpus=1)
    assert (shared + scalars(cpus=1)).shared() == shared


def test_a_volume_is_had_whole_or_not_at_all() -> None:
    """Source: Mesos, src/common/resources.cpp, contains: a persistent volume must be equal."""
    there = Resources({(VOLUME, "disk"): 64_000})

    assert there.contains(there)
    assert not there.contains(Resources({(VOLUME, "disk"): 32_000}))


def test_a_volume_mounted_otherwise_is_found_where_it_is() -> None:
    made = kind((Reservation("web", is_dynamic=True),), Disk(volume_id="v", container_path="a"))
    there = Resources({(made, "disk"): 64_000})
    wanted = Resources({(VOLUME, "disk"): 64_000}) + scalars(cpus=1)

    assert wanted.named_as_in(there) == there + scalars(cpus=1)
    assert wanted.named_as_in(scalars(cpus=1)) == wanted
