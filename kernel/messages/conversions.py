"""What an operation makes of resources; master and agent apply the same one, each to its own books.

An operation is a list of conversions: this is taken away, that is put in its place. Whether it may
be done at all (principals, roles, what is in use) is the master's to check before.
Source: Mesos, src/common/resources_utils.cpp (getResourceConversions), docs/reservation.md,
docs/persistent-volume.md.
"""

from collections.abc import Sequence

from msgspec import Struct

from kernel.messages.operations import GrowVolume, Reserve, ShrinkVolume
from kernel.messages.quantities import from_wire
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import Resource
from kernel.model.kinds import Kind
from kernel.model.resources import NOTHING, Resources, ResourcesMalformed, common, milli
from kernel.model.words import shown

#: What can be applied to an agent's resources; the rest launches, or needs a storage provider.
CONVERTING = ("RESERVE", "UNRESERVE", "CREATE", "DESTROY", "GROW_VOLUME", "SHRINK_VOLUME")
#: These count at once; a resized volume only when the agent has done it.
SPECULATIVE = ("RESERVE", "UNRESERVE", "CREATE", "DESTROY")


class Conversion(Struct, frozen=True):
    """`consumed` becomes `converted`."""

    consumed: Resources
    converted: Resources


class Applied(Struct, frozen=True):
    """What there is afterwards, and what changed: `consumed` was there before, `converted` was not.

    What one step makes and a later one takes is in neither.
    """

    left: Resources
    consumed: Resources
    converted: Resources


def apply(there: Resources, operation: Operation, *, allocated_to: str = "") -> Applied | str:
    """The operation on what is `there`, or why not, in Mesos's words; all or nothing."""
    try:
        steps = conversions(operation, there)
    except ResourcesMalformed as error:
        return str(error)
    left = there
    consumed, converted = NOTHING, NOTHING
    for step in steps:
        if not left.contains(step.consumed):
            return (
                f"{shown(left, allocated_to)} does not contain {shown(step.consumed, allocated_to)}"
            )
        left = (left - step.consumed) + step.converted
        between = common(converted, step.consumed)
        consumed = consumed + (step.consumed - between)
        converted = (converted - between) + step.converted
    return Applied(left, consumed, converted)


def conversions(operation: Operation, there: Resources) -> list[Conversion]:
    """The operation's steps; volumes are named as they are `there`. Raises `ResourcesMalformed`."""
    if operation.reserve is not None and operation.type == "RESERVE":
        return _reserve(operation.reserve)
    if operation.unreserve is not None and operation.type == "UNRESERVE":
        return [_unreserve(one) for one in _each(operation.unreserve.resources)]
    if operation.create is not None and operation.type == "CREATE":
        volumes = _each(operation.create.volumes)
        return [Conversion(one.changed(lambda kind: kind.without_volume()), one) for one in volumes]
    if operation.destroy is not None and operation.type == "DESTROY":
        named = [one.named_as_in(there) for one in _each(operation.destroy.volumes)]
        return [Conversion(one, one.changed(lambda kind: kind.without_volume())) for one in named]
    if operation.grow_volume is not None and operation.type == "GROW_VOLUME":
        return [_grow(operation.grow_volume, there)]
    if operation.shrink_volume is not None and operation.type == "SHRINK_VOLUME":
        return [_shrink(operation.shrink_volume, there)]
    raise ResourcesMalformed(f"{operation.type} can't be applied to resources")


def _each(wire: Sequence[Resource]) -> list[Resources]:
    return [from_wire([resource]) for resource in wire]


def _reserve(reserve: Reserve) -> list[Conversion]:
    if reserve.source:
        return [Conversion(from_wire(reserve.source), from_wire(reserve.resources))]
    return [_reversed(_unreserve(one)) for one in _each(reserve.resources)]


def _unreserve(one: Resources) -> Conversion:
    if not all(kind.is_dynamic for kind in one.kinds()):
        raise ResourcesMalformed(f"Resource {shown(one)} is not dynamically reserved")
    return Conversion(one, one.changed(lambda kind: kind.popped()))


def _reversed(step: Conversion) -> Conversion:
    return Conversion(step.converted, step.consumed)


def _grow(grow: GrowVolume, there: Resources) -> Conversion:
    volume = from_wire([grow.volume]).named_as_in(there)
    addition = from_wire([grow.addition])
    grown = addition.changed(lambda _: _only_kind(volume))
    return Conversion(volume + addition, volume + grown)


def _shrink(shrink: ShrinkVolume, there: Resources) -> Conversion:
    volume = from_wire([shrink.volume]).named_as_in(there)
    volume_kind = _only_kind(volume)
    cut = Resources({(volume_kind, "disk"): milli(shrink.subtract.value)})
    if not volume.scalar("disk") > cut.scalar("disk") > 0:
        raise ResourcesMalformed(
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of"
            " 'ShrinkVolume.volume'"
        )
    freed = cut.changed(lambda _: volume_kind.without_volume())
    return Conversion(volume, (volume - cut) + freed)


def _only_kind(volume: Resources) -> Kind:
    kinds = volume.kinds()
    if len(kinds) != 1 or kinds[0].volume_id is None:
        raise ResourcesMalformed(f"{shown(volume)} is not a persistent volume")
    return kinds[0]
