"""Resources survive the way to the wire and back, in every form, and bad ones say why."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.messages.codec import Malformed, decode, encode
from kernel.messages.quantities import Form, from_wire, parse_resources, to_wire
from kernel.messages.v1 import Resource
from kernel.model.kinds import Disk, DiskSource, Kind, Reservation, kind
from kernel.model.resources import Resources, ResourcesMalformed

TEXTS = st.sampled_from(["a", "b"])
LABELS = st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=2).map(tuple)
STACKS = st.lists(st.tuples(st.booleans(), st.none() | TEXTS, LABELS), max_size=3).map(
    lambda parts: tuple(
        Reservation("/".join(["eng", "web", "api"][: at + 1]), at > 0 or dynamic, who, labels)
        if at > 0 or dynamic
        else Reservation("eng")
        for at, (dynamic, who, labels) in enumerate(parts)
    )
)
DISKS = st.builds(
    Disk,
    source=st.none() | st.builds(DiskSource, st.sampled_from(["PATH", "MOUNT"]), st.none() | TEXTS),
    volume_id=st.none() | TEXTS,
    container_path=st.none() | TEXTS,
).map(lambda disk: msgspec.structs.replace(disk, mode="RW") if disk.container_path else disk)
PLAIN = st.builds(kind, STACKS, is_revocable=st.booleans())
DISKY = st.builds(kind, STACKS, st.none() | DISKS)


@st.composite
def bundles(draw: st.DrawFn) -> Resources:
    scalars: dict[tuple[Kind, str], int] = {}
    for of_kind in draw(st.lists(PLAIN, max_size=4)):
        scalars[of_kind, draw(st.sampled_from(["cpus", "mem"]))] = draw(st.integers(1, 99_999))
    for of_kind in draw(st.lists(DISKY, max_size=4)):
        scalars[of_kind, "disk"] = draw(st.integers(1, 99_999))
    ranges = {(draw(PLAIN), "ports"): ((draw(st.integers(0, 9)), draw(st.integers(10, 19))),)}
    return Resources(scalars, ranges, {(draw(PLAIN), "zones"): ("a", "b")})


@given(bundles(), st.sampled_from(Form))
def test_every_bundle_survives_the_wire_in_every_form(bundle: Resources, form: Form) -> None:
    there = encode(to_wire(bundle, form=form, allocated_to="eng"))
    assert from_wire(decode(list[Resource], there)) == bundle


def test_the_older_form_and_the_newer_mean_the_same() -> None:
    """Source: Mesos, docs/reservation.md; src/common/resources_utils.cpp."""
    older = b"""[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "role": "web",
                  "reservation": {"principal": "me"}},
                 {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}, "role": "web"}]"""
    newer = b"""[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1},
                  "reservations": [{"type": "DYNAMIC", "role": "web", "principal": "me"}]},
                 {"name": "mem", "type": "SCALAR", "scalar": {"value": 32},
                  "reservations": [{"type": "STATIC", "role": "web"}]}]"""

    bundle = from_wire(decode(list[Resource], older))
    assert bundle == from_wire(decode(list[Resource], newer))
    assert to_wire(bundle, form=Form.LEGACY) == decode(list[Resource], older)
    assert to_wire(bundle, form=Form.REFINED) == decode(list[Resource], newer)


def test_views_show_both_forms() -> None:
    """Recording: operator-get-agents."""
    shown = (
        b'[{"name":"disk","type":"SCALAR","scalar":{"value":50.0},"role":"op-role","reservation":{}'
        b',"reservations":[{"type":"DYNAMIC","role":"op-role"}],"disk":{"persistence":{"id":'
        b'"op-volume"},"volume":{"mode":"RW","container_path":"data"}}}]'
    )
    assert encode(to_wire(from_wire(decode(list[Resource], shown)), form=Form.BOTH)) == shown


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('"disk": {}', "DiskInfo should not be set for cpus resource"),
        ('"shared": {}', "Resource cpus cannot be shared"),
        ('"reservation": {}', 'role "*" cannot be dynamically reserved'),
        ('"reservations": [{"type": "DYNAMIC", "role": "*"}]', 'role "*" cannot be reserved'),
        ('"reservations": [{"role": "web"}]', "must be STATIC or DYNAMIC"),
        (
            '"reservations": [{"type": "STATIC", "role": "a"}, {"type": "DYNAMIC", "role": "b"}]',
            "role 'b' is not a refinement of 'a'",
        ),
        (
            '"reservations": [{"type": "STATIC", "role": "a"}, {"type": "STATIC", "role": "a/b"}]',
            "a refined reservation cannot be STATIC",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(more: str, says: str) -> None:
    """Source: Mesos, src/common/resources.cpp, Resources::validate."""
    wire = f'[{{"name": "cpus", "type": "SCALAR", "scalar": {{"value": 1}}, {more}}}]'
    with pytest.raises(ResourcesMalformed) as refused:
        from_wire(decode(list[Resource], wire.encode()))
    assert says in str(refused.value)


@pytest.mark.parametrize("root", ["5", "[1]", "{}"])
def test_the_place_of_a_disk_is_a_text(root: str) -> None:
    """Anything else can't be compared with other disks."""
    source = f'{{"type": "PATH", "path": {{"root": {root}}}}}'
    wire = f'[{{"name": "disk", "type": "SCALAR", "disk": {{"source": {source}}}}}]'
    with pytest.raises(Malformed, match="root"):
        decode(list[Resource], wire.encode())


def test_flags_may_name_disks_of_their_own_as_json() -> None:
    """Source: Mesos, docs/attributes-resources.md, docs/multiple-disk.md."""
    found = parse_resources(
        '[{"name": "disk", "type": "SCALAR", "scalar": {"value": 100},'
        ' "disk": {"source": {"type": "MOUNT", "mount": {"root": "/mnt/one"}}}}]'
    )
    (only,) = found.kinds()
    assert only.disk is not None and only.disk.source == DiskSource("MOUNT", root="/mnt/one")
    with pytest.raises(ResourcesMalformed, match="as JSON"):
        parse_resources("[{]")
