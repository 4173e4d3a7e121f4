"""Resources and attributes between their wire form and the exact form of `kernel.model`.

Reservations come and go in two forms: `reservations[]`, ancestors first, and the older `role` with
`reservation`, which knows one reservation only. Source: Mesos, src/common/resources_utils.cpp,
resources.cpp (validate), docs/reservation.md; recordings of a real master.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from kernel.messages.codec import Malformed, decode
from kernel.messages.v1 import (
    AllocationInfo,
    Attribute,
    DiskInfo,
    DiskPlace,
    DiskSource,
    Label,
    Labels,
    Persistence,
    Range,
    RangesValue,
    ReservationInfo,
    Resource,
    ScalarValue,
    SetValue,
    TextValue,
    Volume,
)
from kernel.model import kinds
from kernel.model.kinds import UNRESERVED, Disk, Kind, LabelPairs, Reservation, kind
from kernel.model.resources import (
    MILLI,
    Key,
    Resources,
    ResourcesMalformed,
    milli,
    parse,
    parse_ranges,
    ranges_union,
    total,
)


class Form(Enum):
    """How reservations are written. Frameworks with RESERVATION_REFINEMENT, agents and we among
    ourselves read REFINED, other frameworks LEGACY; operators' views carry both."""

    LEGACY = 1
    REFINED = 2
    BOTH = 3


SOURCE_TYPES = ("PATH", "MOUNT", "BLOCK", "RAW")


def from_wire(wire: Iterable[Resource]) -> Resources:
    """Raises `ResourcesMalformed` with the text Mesos would answer where it has one."""
    return total(_one(resource) for resource in wire)


def _one(resource: Resource) -> Resources:
    key = (kind_of(resource), resource.name)
    if not resource.name:
        raise ResourcesMalformed("Resource '' is invalid: Empty resource name")
    if resource.type == "SCALAR" and resource.scalar is not None:
        return _scalar(resource, resource.scalar, key)
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


def _scalar(resource: Resource, scalar: ScalarValue, key: Key) -> Resources:
    amount = milli(scalar.value)
    if amount < 0:
        raise ResourcesMalformed(
            f"Resource '{resource.name}:{_number(amount)}' is invalid: Invalid scalar resource:"
            " value <= 0"
        )
    if resource.name == "gpus" and amount % MILLI:
        raise ResourcesMalformed(
            f"Resource 'gpus:{_number(amount)}' is invalid: The 'gpus' resource must be an"
            " unsigned integer"
        )
    return Resources({key: amount} if amount else {})


def parse_resources(text: str) -> Resources:
    """What `--resources` says: `name(role):value;…`, or a JSON list for disks of their own."""
    if not text.lstrip().startswith("["):
        return parse(text)
    try:
        return from_wire(decode(list[Resource], text.encode()))
    except Malformed as error:
        raise ResourcesMalformed(f"as JSON: {error}") from None


# --- kinds ---------------------------------------------------------------------------------


def kind_of(resource: Resource) -> Kind:
    """Raises `ResourcesMalformed`."""
    is_plain = resource.disk is None and resource.shared is None and resource.revocable is None
    if is_plain and not resource.reservations and resource.reservation is None:
        return UNRESERVED if resource.role in (None, "*") else kinds.reserved(resource.role or "")
    problem = _kind_problem(resource)
    if problem is not None:
        raise ResourcesMalformed(f"Resource '{resource.name}' is invalid: {problem}")
    return kind(
        _reservations_of(resource),
        _disk_of(resource.disk) if resource.disk is not None else None,
        is_shared=resource.shared is not None,
        is_revocable=resource.revocable is not None,
    )


def _kind_problem(resource: Resource) -> str | None:
    disk = resource.disk
    if disk is not None and resource.name != "disk":
        return f"DiskInfo should not be set for {resource.name} resource"
    if disk is not None and disk.source is not None and disk.source.type not in SOURCE_TYPES:
        return f"Unsupported 'DiskInfo.Source.Type' in '{disk.source.type}'"
    if resource.shared is not None:
        if resource.name != "disk":
            return f"Resource {resource.name} cannot be shared"
        if disk is None or disk.persistence is None:
            return "Only persistent volumes can be shared"
    return _reservation_problem(resource)


def _reservation_problem(resource: Resource) -> str | None:
    if not resource.reservations:
        if resource.reservation is not None and resource.role in (None, "*"):
            return 'Invalid reservation: role "*" cannot be dynamically reserved'
        return None
    above = None
    for at, one in enumerate(resource.reservations):
        if one.type not in ("STATIC", "DYNAMIC"):
            return "Invalid reservation: 'ReservationInfo.type' must be STATIC or DYNAMIC"
        if one.role in (None, "", "*"):
            return 'Invalid reservation: role "*" cannot be reserved'
        if at and one.type == "STATIC":
            return "Invalid reservation: a refined reservation cannot be STATIC"
        if above is not None and not (one.role or "").startswith(f"{above}/"):
            return (
                f"Invalid reservation: role '{one.role}' is not a refinement of '{above}': it must"
                " be a role below that one"
            )
        above = one.role
    return None


def _reservations_of(resource: Resource) -> tuple[Reservation, ...]:
    if resource.reservations:
        return tuple(
            Reservation(one.role or "", one.type == "DYNAMIC", one.principal, _pairs(one.labels))
            for one in resource.reservations
        )
    if resource.role in (None, "*"):
        return ()
    older = resource.reservation
    if older is None:
        return (Reservation(resource.role or ""),)
    return (Reservation(resource.role or "", True, older.principal, _pairs(older.labels)),)


def _disk_of(disk: DiskInfo) -> Disk:
    found = disk.source
    source = None
    if found is not None:
        place = found.path or found.mount
        source = kinds.DiskSource(
            type=found.type,
            root=place.root if place is not None else None,
            vendor=found.vendor,
            id=found.id,
            profile=found.profile,
            metadata=_pairs(found.metadata),
        )
    volume = disk.volume
    return Disk(
        source=source,
        volume_id=disk.persistence.id if disk.persistence is not None else None,
        principal=disk.persistence.principal if disk.persistence is not None else None,
        container_path=volume.container_path if volume is not None else None,
        mode=volume.mode if volume is not None else None,
        host_path=volume.host_path if volume is not None else None,
    )


def _pairs(labels: Labels | None) -> LabelPairs:
    return tuple((label.key, label.value) for label in labels.labels) if labels else ()


def role_of(resource: Resource) -> str:
    """The role that the resource is reserved for, "" if none."""
    if resource.reservations:
        return resource.reservations[-1].role or ""
    return "" if resource.role in (None, "*") else resource.role or ""


# --- to the wire ---------------------------------------------------------------------------


def to_wire(
    bundle: Resources,
    *,
    allocated_to: str | None = None,
    refined: bool = False,
    form: Form | None = None,
) -> list[Resource]:
    """`allocated_to` fills allocation_info; `form` says how reservations are written, `refined`
    the same for those who know no third."""
    chosen = form or (Form.REFINED if refined else Form.LEGACY)
    wire: list[Resource] = []
    for (sort, name), amount in bundle.scalars.items():
        if amount:
            value = ScalarValue(amount / MILLI)
            frame = _frame(sort, chosen, allocated_to)
            wire.append(Resource(name=name, type="SCALAR", scalar=value, **frame))
    for (sort, name), spans in bundle.ranges.items():
        ranges = RangesValue(range=[Range(begin, end) for begin, end in spans])
        frame = _frame(sort, chosen, allocated_to)
        wire.append(Resource(name=name, type="RANGES", ranges=ranges, **frame))
    for (sort, name), items in bundle.sets.items():
        named = SetValue(item=list(items))
        frame = _frame(sort, chosen, allocated_to)
        wire.append(Resource(name=name, type="SET", set=named, **frame))
    return wire


def _frame(sort: Kind, form: Form, allocated_to: str | None) -> dict[str, Any]:
    """All fields of a `Resource` but its amount."""
    frame: dict[str, Any] = {}
    if allocated_to is not None:
        frame["allocation_info"] = AllocationInfo(role=allocated_to)
    stack = sort.reservations
    if form is not Form.REFINED and len(stack) < 2:
        frame["role"] = sort.role or "*"
        if stack and stack[0].is_dynamic:
            frame["reservation"] = ReservationInfo(
                principal=stack[0].principal, labels=_labels(stack[0].labels)
            )
    if stack and (form is not Form.LEGACY or len(stack) > 1):
        frame["reservations"] = [_wire_reservation(one) for one in stack]
    if sort.disk is not None:
        frame["disk"] = _wire_disk(sort.disk)
    if sort.is_shared:
        frame["shared"] = {}
    if sort.is_revocable:
        frame["revocable"] = {}
    return frame


def _wire_reservation(one: Reservation) -> ReservationInfo:
    return ReservationInfo(
        type="DYNAMIC" if one.is_dynamic else "STATIC",
        role=one.role,
        principal=one.principal,
        labels=_labels(one.labels),
    )


def _wire_disk(disk: Disk) -> DiskInfo:
    source = None
    if disk.source is not None:
        place = DiskPlace(root=disk.source.root) if disk.source.root is not None else None
        source = DiskSource(
            type=disk.source.type,
            path=place if disk.source.type == "PATH" else None,
            mount=place if disk.source.type == "MOUNT" else None,
            vendor=disk.source.vendor,
            id=disk.source.id,
            profile=disk.source.profile,
            metadata=_labels(disk.source.metadata),
        )
    persistence = None
    if disk.volume_id is not None:
        persistence = Persistence(id=disk.volume_id, principal=disk.principal)
    volume = None
    if disk.container_path is not None:
        volume = Volume(
            mode=disk.mode or "RW", container_path=disk.container_path, host_path=disk.host_path
        )
    return DiskInfo(persistence=persistence, volume=volume, source=source)


def _labels(pairs: LabelPairs) -> Labels | None:
    if not pairs:
        return None
    return Labels(labels=[Label(key=key, value=value) for key, value in pairs])


def _number(amount_milli: int) -> str:
    return f"{amount_milli / MILLI:g}"


# --- attributes ----------------------------------------------------------------------------


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
