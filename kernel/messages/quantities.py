"""Resources and attributes between their wire form and the exact form of `kernel.model`.

Leaves disks, revocable and shared resources to the later issue that brings them: they are refused
by name, never dropped in silence. Source: Mesos, src/common/resources_utils.cpp.
"""

from collections.abc import Iterable, Mapping

from kernel.messages.v1 import (
    AllocationInfo,
    Attribute,
    Range,
    RangesValue,
    ReservationInfo,
    Resource,
    ScalarValue,
    SetValue,
    TextValue,
)
from kernel.model.resources import (
    MILLI,
    NOTHING,
    Resources,
    ResourcesMalformed,
    milli,
    parse_ranges,
    ranges_union,
)


def from_wire(wire: Iterable[Resource]) -> Resources:
    """Raises `ResourcesMalformed` with the text Mesos would answer where it has one."""
    result = NOTHING
    for resource in wire:
        result = result + _one(resource)
    return result


def _one(resource: Resource) -> Resources:
    if resource.disk is not None or resource.revocable is not None or resource.shared is not None:
        raise ResourcesMalformed(
            f"Resource '{resource.name}': persistent volumes, revocable and shared resources"
            " are not supported"
        )
    key = (role_of(resource), resource.name)
    if not resource.name:
        raise ResourcesMalformed("Resource '' is invalid: Empty resource name")
    if resource.type == "SCALAR" and resource.scalar is not None:
        amount = milli(resource.scalar.value)
        if amount < 0:
            value = _number(amount)
            raise ResourcesMalformed(
                f"Resource '{resource.name}:{value}' is invalid: Invalid scalar resource:"
                " value <= 0"
            )
        return Resources({key: amount} if amount else {})
    if resource.type == "RANGES" and resource.ranges is not None:
        for span in resource.ranges.range:
            if span.begin > span.end:
                raise ResourcesMalformed(
                    f"Resource '{resource.name}:[{span.begin}-{span.end}]' is invalid: Invalid"
                    " ranges resource: begin > end"
                )
        spans = ranges_union((), [(span.begin, span.end) for span in resource.ranges.range])
        return Resources({}, {key: spans} if spans else {})
    if resource.type == "SET" and resource.set is not None:
        items = tuple(sorted(dict.fromkeys(resource.set.item)))
        return Resources({}, {}, {key: items} if items else {})
    raise ResourcesMalformed(f"Resource '{resource.name}' is invalid: Invalid {resource.type}")


def role_of(resource: Resource) -> str:
    """The role that the resource is reserved for, "" if none."""
    if resource.reservations:
        return resource.reservations[-1].role or ""
    return "" if resource.role in (None, "*") else resource.role or ""


def to_wire(
    bundle: Resources, *, allocated_to: str | None = None, refined: bool = False
) -> list[Resource]:
    """`allocated_to` fills allocation_info; `refined` writes `reservations`, else `role`."""
    allocation = AllocationInfo(role=allocated_to) if allocated_to is not None else None
    wire: list[Resource] = []
    for (role, name), amount in bundle.scalars.items():
        if amount:
            value = ScalarValue(amount / MILLI)
            wire.append(_reserved(Resource(name=name, type="SCALAR", scalar=value), role, refined))
    for (role, name), spans in bundle.ranges.items():
        ranges = RangesValue(range=[Range(begin, end) for begin, end in spans])
        wire.append(_reserved(Resource(name=name, type="RANGES", ranges=ranges), role, refined))
    for (role, name), items in bundle.sets.items():
        chosen = SetValue(item=list(items))
        wire.append(_reserved(Resource(name=name, type="SET", set=chosen), role, refined))
    if allocation is None:
        return wire
    return [_with(resource, allocation_info=allocation) for resource in wire]


def _reserved(resource: Resource, role: str, refined: bool) -> Resource:
    if refined:
        if not role:
            return resource
        return _with(resource, reservations=[ReservationInfo(type="STATIC", role=role)])
    return _with(resource, role=role or "*")


def _with(resource: Resource, **changes: object) -> Resource:
    fields = {name: getattr(resource, name) for name in resource.__struct_fields__}
    return Resource(**{**fields, **changes})


def _number(amount_milli: int) -> str:
    return f"{amount_milli / MILLI:g}"


def attribute_texts(attributes: Iterable[Attribute]) -> Mapping[str, str]:
    """Name -> value as text, for constraints: numbers without a needless `.0`, ranges `[1-5]`."""
    texts: dict[str, str] = {}
    for attribute in attributes:
        if attribute.text is not None:
            texts[attribute.name] = attribute.text.value
        elif attribute.scalar is not None:
            texts[attribute.name] = f"{round(attribute.scalar.value, 3):g}"
        elif attribute.ranges is not None:
            spans = ",".join(f"{span.begin}-{span.end}" for span in attribute.ranges.range)
            texts[attribute.name] = f"[{spans}]"
        elif attribute.set is not None:
            texts[attribute.name] = "{" + ",".join(attribute.set.item) + "}"
    return texts


def parse_attributes(text: str) -> list[Attribute]:
    """Read `rack:a;level:10;keys:[1-5]`. Source: Mesos docs/attributes-resources.md."""
    found: list[Attribute] = []
    for item in text.split(";"):
        if not item.strip():
            continue
        name, colon, value = (part.strip() for part in item.partition(":"))
        if not (name and colon and value):
            raise ResourcesMalformed(f"attribute '{item.strip()}' is not of the form name:value")
        found.append(_attribute(name, value))
    return found


def _attribute(name: str, value: str) -> Attribute:
    if value.startswith("["):
        spans = [Range(begin, end) for begin, end in parse_ranges(name, value)]
        return Attribute(name=name, type="RANGES", ranges=RangesValue(range=spans))
    if value.startswith("{"):
        raise ResourcesMalformed(f"attribute {name}: a set is not allowed here; use text")
    try:
        return Attribute(name=name, type="SCALAR", scalar=ScalarValue(float(value)))
    except ValueError:
        return Attribute(name=name, type="TEXT", text=TextValue(value))
