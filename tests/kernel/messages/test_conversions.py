"""An operation takes away exactly what it puts back in another form."""

from hypothesis import given
from hypothesis import strategies as st

from kernel.messages.conversions import Applied, apply
from kernel.messages.operations import GrowVolume, Reserve, ShrinkVolume, Unreserve, Volumes
from kernel.messages.quantities import Form, to_wire
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import Resource, ScalarValue
from kernel.model.kinds import Disk, DiskSource, Kind, Reservation, kind, reserved
from kernel.model.resources import NOTHING, Resources, parse

DYNAMIC = kind((Reservation("web", is_dynamic=True, principal="me"),))
REFINED = DYNAMIC.pushed(Reservation("web/api", is_dynamic=True))
VOLUME = kind(DYNAMIC.reservations, Disk(volume_id="v", container_path="data", mode="RW"))
SHARED = kind(
    DYNAMIC.reservations, Disk(volume_id="s", container_path="s", mode="RW"), is_shared=True
)
AGENT = parse("cpus:4;mem:4096;disk:1000;ports:[31000-32000]")


def of(of_kind: Kind, **milli: int) -> Resources:
    return Resources({(of_kind, name): amount for name, amount in milli.items()})


def wire(bundle: Resources) -> list[Resource]:
    return to_wire(bundle, form=Form.REFINED)


def reserve(bundle: Resources, source: Resources | None = None) -> Operation:
    return Operation(
        type="RESERVE", reserve=Reserve(resources=wire(bundle), source=wire(source or NOTHING))
    )


def unreserve(bundle: Resources) -> Operation:
    return Operation(type="UNRESERVE", unreserve=Unreserve(resources=wire(bundle)))


def create(bundle: Resources) -> Operation:
    return Operation(type="CREATE", create=Volumes(volumes=wire(bundle)))


def destroy(bundle: Resources) -> Operation:
    return Operation(type="DESTROY", destroy=Volumes(volumes=wire(bundle)))


def after(there: Resources, *operations: Operation) -> Resources:
    for operation in operations:
        applied = apply(there, operation)
        assert isinstance(applied, Applied), applied
        assert applied.left == (there - applied.consumed) + applied.converted
        there = applied.left
    return there


def test_reserve_then_create_then_back_again() -> None:
    """Source: Mesos, docs/reservation.md, docs/persistent-volume.md."""
    kept = of(DYNAMIC, cpus=1_000, disk=100_000)
    volume = of(VOLUME, disk=60_000)

    there = after(AGENT, reserve(kept), create(volume))
    assert there.contains(volume) and there.contains(of(DYNAMIC, cpus=1_000, disk=40_000))
    assert there.quantities() == AGENT.quantities()
    assert after(there, destroy(volume), unreserve(kept)) == AGENT


def test_a_volume_is_destroyed_by_whoever_names_it_however_it_is_mounted() -> None:
    there = after(AGENT, reserve(of(DYNAMIC, disk=60_000)), create(of(VOLUME, disk=60_000)))
    named = kind(DYNAMIC.reservations, Disk(volume_id="v"))

    assert after(there, destroy(of(named, disk=60_000))) == after(
        AGENT, reserve(of(DYNAMIC, disk=60_000))
    )


def test_a_shared_volume_goes_back_to_plain_disk() -> None:
    there = after(AGENT, reserve(of(DYNAMIC, disk=60_000)), create(of(SHARED, disk=60_000)))

    assert there.shared() == of(SHARED, disk=60_000)
    assert after(there, destroy(of(SHARED, disk=60_000))).shared().is_empty


def test_a_refinement_is_pushed_and_popped() -> None:
    """Source: mesos.md §1.3, reservation refinement."""
    there = after(AGENT, reserve(of(DYNAMIC, cpus=2_000)))
    deeper = after(there, reserve(of(REFINED, cpus=500)))

    assert deeper.contains(of(DYNAMIC, cpus=1_500) + of(REFINED, cpus=500))
    assert after(deeper, unreserve(of(REFINED, cpus=500))) == there


def test_what_one_step_makes_and_the_next_takes_was_not_there_before() -> None:
    """A reservation and its refinement in one operation: only unreserved cpus are consumed."""
    both = of(DYNAMIC, cpus=2_000) + of(REFINED, cpus=1_000)
    reserved_first = of(DYNAMIC, cpus=1_000) + of(REFINED, cpus=1_000)

    made = apply(AGENT, reserve(reserved_first))
    there = after(AGENT, reserve(of(DYNAMIC, cpus=1_000)), reserve(of(REFINED, cpus=1_000)))
    undone = apply(there, unreserve(of(REFINED, cpus=1_000) + of(DYNAMIC, cpus=1_000)))

    assert isinstance(made, Applied) and isinstance(undone, Applied)
    assert (made.consumed, made.converted) == (parse("cpus:1"), of(REFINED, cpus=1_000))
    assert (undone.consumed, undone.converted) == (of(REFINED, cpus=1_000), parse("cpus:1"))
    assert made.left == there and undone.left == AGENT
    assert isinstance(apply(AGENT, reserve(both)), Applied)


def test_a_source_re_reserves_in_one_step() -> None:
    """Source: mesos.md §2.9, RESERVE_RESOURCES with `source`."""
    other = kind((Reservation("ops", is_dynamic=True),))
    there = after(AGENT, reserve(of(DYNAMIC, cpus=1_000)))

    moved = after(there, reserve(of(other, cpus=1_000), of(DYNAMIC, cpus=1_000)))
    assert moved == after(AGENT, reserve(of(other, cpus=1_000)))


def test_a_volume_grows_and_shrinks() -> None:
    there = after(AGENT, reserve(of(DYNAMIC, disk=100_000)), create(of(VOLUME, disk=60_000)))
    (volume,) = wire(of(VOLUME, disk=60_000))
    (addition,) = wire(of(DYNAMIC, disk=30_000))
    grow = Operation(type="GROW_VOLUME", grow_volume=GrowVolume(volume=volume, addition=addition))

    grown = after(there, grow)
    assert grown.contains(of(VOLUME, disk=90_000) + of(DYNAMIC, disk=10_000))
    (volume,) = wire(of(VOLUME, disk=90_000))
    cut = ShrinkVolume(volume=volume, subtract=ScalarValue(30.0))
    assert after(grown, Operation(type="SHRINK_VOLUME", shrink_volume=cut)) == there


def test_a_volume_on_a_disk_of_its_own_lies_on_that_disk() -> None:
    source = DiskSource("PATH", root="/mnt")
    on_path = kind(DYNAMIC.reservations, Disk(source=source))
    volume = kind(
        DYNAMIC.reservations, Disk(source=source, volume_id="v", container_path="d", mode="RW")
    )

    there = after(of(on_path, disk=10_000), create(of(volume, disk=10_000)))
    assert there == of(volume, disk=10_000)


def test_what_does_not_apply_says_what_is_not_there_and_changes_nothing() -> None:
    """Recording: operator-unreserve-refused; mesos-observed.md §2, "A does not contain B"."""
    op_role = kind((Reservation("op-role", is_dynamic=True),))
    volume = kind(
        op_role.reservations, Disk(volume_id="op-volume", container_path="data", mode="RW")
    )
    there = of(op_role, cpus=250, disk=50_000) + of(volume, disk=50_000)

    assert apply(there, unreserve(of(op_role, disk=100_000))) == (
        "cpus(reservations: [(DYNAMIC,op-role)]):0.25;"
        " disk(reservations: [(DYNAMIC,op-role)]):50;"
        " disk(reservations: [(DYNAMIC,op-role)])[op-volume:data]:50"
        " does not contain disk(reservations: [(DYNAMIC,op-role)]):100"
    )


def test_static_reservations_stay() -> None:
    """Source: mesos.md §1.3, static reservation."""
    said = apply(parse("cpus(web):4"), unreserve(of(reserved("web"), cpus=1_000)))
    assert said == "Resource cpus(reservations: [(STATIC,web)]):1 is not dynamically reserved"


AMOUNTS = st.integers(1, 600)


@given(st.lists(st.tuples(st.sampled_from(["cpus", "mem", "disk"]), AMOUNTS), max_size=6))
def test_whatever_is_reserved_can_be_unreserved_again(wanted: list[tuple[str, int]]) -> None:
    there, done = AGENT, []
    for name, amount in wanted:
        applied = apply(there, reserve(of(DYNAMIC, **{name: amount})))
        assert isinstance(applied, Applied)
        assert applied.left.quantities() == AGENT.quantities()
        there = applied.left
        done.append(of(DYNAMIC, **{name: amount}))
    for bundle in done:
        there = after(there, unreserve(bundle))
    assert there == AGENT
