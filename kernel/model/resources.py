"""Amounts of things, exact: cpus and the like in thousandths, ports as ranges, sets as names.

`Resources` is immutable and canonical, so that equal bundles compare equal. Each amount is kept
under its `Kind` (reservation, volume, shared, revocable), because a reserved cpu is another thing
than a free one. Source: Mesos, src/common/values.cpp (three decimals, ranges coalesced) and
docs/attributes-resources.md (the text form).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import is_

from msgspec import Struct

from kernel.model.kinds import Kind, reserved

MILLI = 1000  # Mesos keeps scalars at three decimals
VALUE_MAX = 1e12  # above it a double has no third decimal left to trust

Ranges = tuple[tuple[int, int], ...]  # sorted, disjoint, not adjacent; both ends included
Key = tuple[Kind, str]  # what sort of it, and its name


class ResourcesMalformed(ValueError):
    """A resource text or message that makes no sense; the text says which part and why."""


class Resources(Struct, frozen=True):
    """A bundle. Keys are (kind, name). Absent means nothing of it."""

    scalars: Mapping[Key, int] = {}  # thousandths
    ranges: Mapping[Key, Ranges] = {}
    sets: Mapping[Key, tuple[str, ...]] = {}

    def __add__(self, other: "Resources") -> "Resources":
        """The sum. What is shared is one thing however many have it, so it stays one."""
        scalars = dict(self.scalars)
        for key, amount in other.scalars.items():
            had = scalars.get(key, 0)
            scalars[key] = max(had, amount) if key[0].is_shared else had + amount
        ranges = dict(self.ranges)
        for key, spans in other.ranges.items():
            ranges[key] = ranges_union(ranges.get(key, ()), spans)
        sets = dict(self.sets)
        for key, items in other.sets.items():
            sets[key] = tuple(sorted({*sets.get(key, ()), *items}))
        return Resources(scalars, ranges, sets)

    def __sub__(self, other: "Resources") -> "Resources":
        """What is left; never negative: taking more than there is is our own mistake."""
        scalars = dict(self.scalars)
        for key, amount in other.scalars.items():
            left = scalars.get(key, 0) - amount
            assert left >= 0, f"{key} would fall to {left}"
            scalars[key] = left
        ranges = dict(self.ranges)
        for key, spans in other.ranges.items():
            ranges[key] = ranges_minus(ranges.get(key, ()), spans)
        sets = dict(self.sets)
        for key, items in other.sets.items():
            sets[key] = tuple(item for item in sets.get(key, ()) if item not in items)
        return _canonical(scalars, ranges, sets)

    def contains(self, other: "Resources") -> bool:
        """Whether all of `other` is in this bundle; volumes only as a whole."""
        for key, amount in other.scalars.items():
            here = self.scalars.get(key, 0)
            if here < amount or (here != amount and key[0].is_indivisible):
                return False
        return all(
            not ranges_minus(spans, self.ranges.get(key, ())) for key, spans in other.ranges.items()
        ) and all(
            all(item in self.sets.get(key, ()) for item in items)
            for key, items in other.sets.items()
        )

    @property
    def is_empty(self) -> bool:
        return not (
            any(self.scalars.values()) or any(self.ranges.values()) or any(self.sets.values())
        )

    def kinds(self) -> list[Kind]:
        """Each once, in the order of the keys."""
        return list(dict.fromkeys(kind for kind, _ in (*self.scalars, *self.ranges, *self.sets)))

    # --- amounts ---------------------------------------------------------------------------

    def scalar(self, name: str, roles: Sequence[str] | None = None) -> int:
        """Thousandths of `name`, over all roles or those given ("" is unreserved)."""
        return sum(
            amount
            for (kind, key), amount in self.scalars.items()
            if key == name and (roles is None or kind.role in roles)
        )

    def ports(self, roles: Sequence[str] | None = None) -> Ranges:
        spans: Ranges = ()
        for (kind, key), more in self.ranges.items():
            if key == "ports" and (roles is None or kind.role in roles):
                spans = ranges_union(spans, more)
        return spans

    def quantities(self) -> dict[str, int]:
        """Thousandths by scalar name, whatever the kind."""
        sums: dict[str, int] = {}
        for (_, name), amount in self.scalars.items():
            sums[name] = sums.get(name, 0) + amount
        return sums

    # --- parts -----------------------------------------------------------------------------

    def where(self, is_wanted: Callable[[Kind], bool]) -> "Resources":
        """What is of the wanted kinds."""
        chosen = {kind: is_wanted(kind) for kind in self.kinds()}  # asked once of each
        if all(chosen.values()):
            return self
        return Resources(
            {key: amount for key, amount in self.scalars.items() if chosen[key[0]]},
            {key: spans for key, spans in self.ranges.items() if chosen[key[0]]},
            {key: items for key, items in self.sets.items() if chosen[key[0]]},
        )

    def usable_by(self, role: str) -> "Resources":
        """What a framework under `role` may be offered: unreserved, its own, its ancestors'."""
        fits = {"", role} | {role[:index] for index, char in enumerate(role) if char == "/"}
        return self.where(lambda kind: kind.role in fits)

    def of_role(self, role: str) -> "Resources":
        """What is reserved for exactly this role; "" is what is unreserved."""
        return self.where(lambda kind: kind.role == role)

    def unreserved(self) -> "Resources":
        return self.where(lambda kind: not kind.reservations)

    def reserved(self) -> "Resources":
        return self.where(lambda kind: bool(kind.reservations))

    def revocable(self) -> "Resources":
        return self.where(lambda kind: kind.is_revocable)

    def exclusive(self) -> "Resources":
        """Without what is shared (volumes alone can be): what a holder keeps from all others."""
        if not any(kind.is_shared for kind, _ in self.scalars):
            return self
        return self.where(lambda kind: not kind.is_shared)

    def shared(self) -> "Resources":
        return self.where(lambda kind: kind.is_shared)

    def changed(self, change: Callable[[Kind], Kind]) -> "Resources":
        """The same amounts under other kinds."""
        return total(
            Resources(
                {(change(key[0]), key[1]): amount for key, amount in part.scalars.items()},
                {(change(key[0]), key[1]): spans for key, spans in part.ranges.items()},
                {(change(key[0]), key[1]): items for key, items in part.sets.items()},
            )
            for part in self._parts()
        )

    def _parts(self) -> "list[Resources]":
        """One bundle per kind: two kinds may become one when changed."""
        return [self.where(partial(is_, one)) for one in self.kinds()]

    def named_as_in(self, there: "Resources") -> "Resources":
        """The same, with each persistent volume under the kind it has `there`: whoever uses a
        volume may mount it otherwise than its maker said, and need not know who that was."""
        if not any(kind.volume_id is not None for kind in self.kinds()):
            return self
        known = {kind.bare: kind for kind in there.kinds() if kind.volume_id is not None}
        return self.changed(lambda kind: known.get(kind.bare, kind))


NOTHING = Resources()


def scalars(role: str = "", **milli: int) -> Resources:
    """A bundle of scalars: `scalars(cpus=1500, mem=128_000)` is 1.5 cpus and 128 MiB."""
    kind = reserved(role)
    return _canonical({(kind, name): amount for name, amount in milli.items()}, {}, {})


def port_ranges(*spans: tuple[int, int], role: str = "", kind: Kind | None = None) -> Resources:
    return _canonical({}, {(kind or reserved(role), "ports"): ranges_union((), spans)}, {})


def total(bundles: Iterable[Resources]) -> Resources:
    """The sum of many; one pass, whatever their number."""
    scalars: dict[Key, int] = {}
    spans: dict[Key, list[tuple[int, int]]] = {}
    items: dict[Key, list[str]] = {}
    for bundle in bundles:
        for key, amount in bundle.scalars.items():
            had = scalars.get(key, 0)
            scalars[key] = max(had, amount) if key[0].is_shared else had + amount
        for key, more in bundle.ranges.items():
            spans.setdefault(key, []).extend(more)
        for key, names in bundle.sets.items():
            items.setdefault(key, []).extend(names)
    return _canonical(
        scalars,
        {key: ranges_union((), found) for key, found in spans.items()},
        {key: tuple(sorted(dict.fromkeys(names))) for key, names in items.items()},
    )


def common(one: Resources, other: Resources) -> Resources:
    """What is in both."""
    scalars = {
        key: min(amount, other.scalars[key])
        for key, amount in one.scalars.items()
        if key in other.scalars
    }
    ranges = {
        key: ranges_minus(spans, ranges_minus(spans, other.ranges.get(key, ())))
        for key, spans in one.ranges.items()
    }
    sets = {
        key: tuple(item for item in items if item in other.sets.get(key, ()))
        for key, items in one.sets.items()
    }
    return _canonical(scalars, ranges, sets)


def doubled(bundles: Iterable[Resources]) -> Resources:
    """The ports and names in more than one of the bundles: in their sum each would be but once."""
    seen, twice = NOTHING, NOTHING
    for bundle in bundles:
        single = Resources(ranges=bundle.ranges, sets=bundle.sets)
        twice = twice + common(seen, single)
        seen = seen + single
    return twice


def milli(value: float) -> int:
    """A wire number as thousandths. Raises `ResourcesMalformed` for what is none of a resource."""
    if not abs(value) <= VALUE_MAX:  # also what is no number at all
        raise ResourcesMalformed(f"{value} is not a number up to {VALUE_MAX:g}")
    return round(value * MILLI)


def ranges_union(one: Iterable[tuple[int, int]], other: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted([*one, *other]):
        if merged and begin <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return tuple(merged)


def ranges_minus(one: Iterable[tuple[int, int]], other: Iterable[tuple[int, int]]) -> Ranges:
    left = list(one)
    for cut_begin, cut_end in other:
        pieces: list[tuple[int, int]] = []
        for begin, end in left:
            if cut_end < begin or end < cut_begin:
                pieces.append((begin, end))
                continue
            if begin < cut_begin:
                pieces.append((begin, cut_begin - 1))
            if cut_end < end:
                pieces.append((cut_end + 1, end))
        left = pieces
    return tuple(sorted(left))


def ranges_count(spans: Ranges) -> int:
    return sum(end - begin + 1 for begin, end in spans)


def _canonical(
    scalars: Mapping[Key, int],
    ranges: Mapping[Key, Ranges],
    sets: Mapping[Key, tuple[str, ...]],
) -> Resources:
    return Resources(
        {key: amount for key, amount in scalars.items() if amount},
        {key: spans for key, spans in ranges.items() if spans},
        {key: items for key, items in sets.items() if items},
    )


_ITEM = re.compile(r"\s*(?P<name>[^:;()\s]+)\s*(?:\((?P<role>[^)]*)\))?\s*:\s*(?P<value>[^;]+)\s*")


def parse(text: str) -> Resources:
    """Read `cpus:4;mem(role):1024;ports:[31000-31100,32000-32000];disks:{a,b}`."""
    result = NOTHING
    for item in text.split(";"):
        if not item.strip():
            continue
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ResourcesMalformed(f"'{item.strip()}' is not of the form name(role):value")
        role = match["role"] or ""
        role = "" if role == "*" else role
        result = result + _parse_value(role, match["name"], match["value"].strip())
    return result


def _parse_value(role: str, name: str, value: str) -> Resources:
    key = (reserved(role), name)
    if value.startswith("["):
        return _canonical({}, {key: parse_ranges(name, value)}, {})
    if value.startswith("{"):
        if not value.endswith("}"):
            raise ResourcesMalformed(f"{name}: '{value}' lacks a closing brace")
        items = {part.strip() for part in value[1:-1].split(",") if part.strip()}
        return _canonical({}, {}, {key: tuple(sorted(items))})
    try:
        amount = milli(float(value))
    except ValueError:
        raise ResourcesMalformed(
            f"{name}: '{value}' is not a number, [ranges] or {{set}}"
        ) from None
    if amount < 0:
        raise ResourcesMalformed(f"{name}: {value} is negative")
    return _canonical({key: amount}, {}, {})


def parse_ranges(name: str, value: str) -> Ranges:
    """Read `[1-5,8-8]`; `name` is for the error. Raises `ResourcesMalformed`."""
    if not (value.startswith("[") and value.endswith("]")):
        raise ResourcesMalformed(f"{name}: '{value}' is not of the form [begin-end,…]")
    spans: list[tuple[int, int]] = []
    for part in value[1:-1].split(","):
        begin, dash, end = part.strip().partition("-")
        if not (dash and begin.strip().isdigit() and end.strip().isdigit()):
            raise ResourcesMalformed(f"{name}: '{part.strip()}' is not of the form begin-end")
        if int(begin) > int(end):
            raise ResourcesMalformed(f"{name}: {part.strip()} ends before it begins")
        spans.append((int(begin), int(end)))
    return ranges_union((), spans)
