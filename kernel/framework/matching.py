"""Decides what of an offer satisfies a demand, or by how much it falls short.

Reserved resources are taken before unreserved ones, ports at the lowest numbers after `spread`,
so that a port just given back is not the next one given out. Leaves alone what is no plain amount
(persistent volumes, revocable and shared resources), and constraints to the framework.
"""

from collections.abc import Sequence

from msgspec import Struct

from kernel.model.kinds import Kind
from kernel.model.resources import (
    MILLI,
    Key,
    Ranges,
    Resources,
    port_ranges,
    ranges_count,
)

_DECIMALS = 3


class Demand(Struct, frozen=True):
    """What one task needs. Scalars in thousandths by name (cpus, mem, disk, gpus);
    `fixed_ports` must be had, `ports_count` more may be any."""

    scalars: dict[str, int] = {}
    fixed_ports: tuple[int, ...] = ()
    ports_count: int = 0


class Shortage(Struct, frozen=True):
    """Why not: each lacking thing with what is needed and what there is (thousandths; for ports
    the counts, and the fixed ones that are taken)."""

    lacking: dict[str, tuple[int, int]]
    ports_taken: tuple[int, ...] = ()

    def sentence(self) -> str:
        """`needs 4 cpus, has 2.5: short of 1.5; needs port 8080, which is taken`."""
        parts: list[str] = []
        for name, (needed, has) in self.lacking.items():
            if name == "ports":
                parts.append(f"needs {needed} ports, has {has}: short of {needed - has}")
            else:
                unit = "MiB " if name in ("mem", "disk") else ""
                parts.append(
                    f"needs {amount(needed)} {unit}{name}, has {amount(has)}:"
                    f" short of {amount(needed - has)}"
                )
        if self.ports_taken:
            shown = ", ".join(str(port) for port in self.ports_taken)
            parts.append(f"needs port {shown}, not in the offer")
        return "; ".join(parts)


class Taken(Struct, frozen=True):
    """`resources` to ask for, `left` of the offer, host `ports`: fixed ones first."""

    resources: Resources
    left: Resources
    ports: tuple[int, ...]


def take(offered: Resources, demand: Demand, *, spread: int = 0) -> Taken | Shortage:
    """Take `demand` out of `offered`. `spread` says where in the ranges to begin with free ports
    (any number; the caller counts up, so that ports are reused as late as can be)."""
    plain = offered.where(lambda kind: kind.is_plain)
    shortage = _shortage(plain, demand)
    if shortage is not None:
        return shortage
    wanted: dict[Key, int] = {}
    for name, needed in demand.scalars.items():
        wanted.update(_take_scalar(plain, name, needed))
    ports = demand.fixed_ports + _free_ports(plain.ports(), demand, spread)
    taken = Resources({key: value for key, value in wanted.items() if value})
    for kind, spans in _by_kind(plain, ports):
        taken = taken + port_ranges(*spans, kind=kind)
    return Taken(taken, offered - taken, ports)


def amount(milli: int) -> str:
    """Thousandths as people write them: 2500 is `2.5`, 128000 is `128`."""
    whole, rest = divmod(milli, MILLI)
    return f"{whole}" if not rest else f"{whole}.{rest:0{_DECIMALS}d}".rstrip("0")


def _shortage(offered: Resources, demand: Demand) -> Shortage | None:
    lacking = {
        name: (needed, offered.scalar(name))
        for name, needed in demand.scalars.items()
        if offered.scalar(name) < needed
    }
    spans = offered.ports()
    absent = tuple(
        port for port in demand.fixed_ports if not any(begin <= port <= end for begin, end in spans)
    )
    needed_count = len(demand.fixed_ports) + demand.ports_count
    if not absent and ranges_count(spans) < needed_count:
        lacking["ports"] = (needed_count, ranges_count(spans))
    return Shortage(lacking, absent) if lacking or absent else None


def _take_scalar(offered: Resources, name: str, needed: int) -> dict[Key, int]:
    keys = sorted((key for key in offered.scalars if key[1] == name), reverse=True)
    wanted: dict[Key, int] = {}
    for key in keys:  # unreserved sorts last: what is reserved for us is used up first
        wanted[key] = min(needed, offered.scalars[key])
        needed -= wanted[key]
    return wanted


def _free_ports(spans: Ranges, demand: Demand, spread: int) -> tuple[int, ...]:
    fixed = frozenset(demand.fixed_ports)
    count = ranges_count(spans)
    chosen: list[int] = []
    index = 0
    while len(chosen) < demand.ports_count:
        port = _nth(spans, (spread + index) % count)
        if port not in fixed:
            chosen.append(port)
        index += 1
    return tuple(chosen)


def _nth(spans: Ranges, index: int) -> int:
    for begin, end in spans:
        size = end - begin + 1
        if index < size:
            return begin + index
        index -= size
    raise AssertionError("the caller counted the ports")


def _by_kind(offered: Resources, ports: Sequence[int]) -> list[tuple[Kind, list[tuple[int, int]]]]:
    by_kind: dict[Kind, list[tuple[int, int]]] = {}
    for port in ports:
        kind = next(
            kind
            for (kind, name), spans in sorted(offered.ranges.items(), reverse=True)
            if name == "ports" and any(begin <= port <= end for begin, end in spans)
        )
        by_kind.setdefault(kind, []).append((port, port))
    return list(by_kind.items())
