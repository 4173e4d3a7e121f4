"""What the allocator knows of a framework, and what keeps something from being offered to it.

The gates are asked by the pass before each grant and by whoever explains why there was none, so
that the two never disagree. Source: Mesos, hierarchical.cpp (isCapableOfReceivingAgent,
allocatable, isFiltered), docs/high-availability.md (regions).
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from msgspec import Struct

from kernel.allocator.books import AgentBooks
from kernel.allocator.quota import Amounts
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.kinds import Kind
from kernel.model.resources import Resources, ResourcesMalformed, parse

MinimaMilli = Sequence[Mapping[str, int]]

CPUS_MIN_MILLI = 10  # Mesos: --min_allocatable_resources cpus:0.01|mem:32, either suffices
MEM_MIN_MILLI = 32_000
MINIMA_DEFAULT: MinimaMilli = ({"cpus": CPUS_MIN_MILLI}, {"mem": MEM_MIN_MILLI})


def parse_minima(text: str) -> MinimaMilli:
    """Read `cpus:0.01|mem:32`: alternatives, each of which is enough. Nothing is no bar at all.

    Raises `ResourcesMalformed`.
    """
    if not text.strip():
        return ()
    minima = tuple(parse(part).quantities() for part in text.split("|"))
    if not all(minima):
        raise ResourcesMalformed(f"'{text}' has an alternative that names no amount")
    return minima


class Client(Struct, frozen=True):
    """What the allocator wants to know of a framework."""

    framework_id: FrameworkId
    roles: tuple[str, ...]
    takes_gpus: bool = False  # Mesos: --filter_gpu_resources keeps others off agents with gpus
    takes_remote: bool = False  # REGION_AWARE: others are kept off agents of other regions
    takes_revocable: bool = False
    takes_shared: bool = False
    takes_refined: bool = True  # reservations stacked on reservations
    minima: Mapping[str, MinimaMilli] = {}  # by role; FrameworkInfo.offer_filters
    takes: Callable[[str, AgentId], bool] | None = None  # (role, agent): offer constraints

    def part_of(self, resources: Resources) -> Resources:
        """What of these it understands."""
        if self.takes_revocable and self.takes_shared and self.takes_refined:
            return resources
        return resources.where(self._understands)

    def _understands(self, kind: Kind) -> bool:
        return (
            (self.takes_revocable or not kind.is_revocable)
            and (self.takes_shared or not kind.is_shared)
            and (self.takes_refined or len(kind.reservations) < 2)
        )


class Gate(Enum):
    """What kept a bundle from being offered."""

    GPUS = "gpus"
    REGION = "region"
    MINIMUM = "minimum"
    CONSTRAINTS = "constraints"
    FILTER = "filter"


def agent_gate(client: Client, role: str, agent_id: AgentId, books: AgentBooks) -> Gate | None:
    """What keeps the framework off this agent, whatever is free there."""
    if books.has_gpus and not client.takes_gpus:
        return Gate.GPUS
    if books.is_remote and not client.takes_remote:
        return Gate.REGION
    if client.takes is not None and not client.takes(role, agent_id):
        return Gate.CONSTRAINTS
    return None


def is_enough(amounts: Amounts, minima: MinimaMilli) -> bool:
    """Whether one of the minima is reached by all its names; no minima, no bar."""
    if not minima:
        return True
    for minimum in minima:
        for name, amount in minimum.items():
            if amounts.get(name, 0) < amount:
                break
        else:
            return True
    return False
