"""Why each agent would not be given to a framework under a role just now; nothing is given.

Asks the same gates and bounds as a pass, of every agent, and says the first that is closed. What
is to be had is measured against what is wanted: amounts by name, any of several. The words are the
master's (`kernel.master.explain`).
"""

from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

from kernel.allocator.allocator import Allocator
from kernel.allocator.clients import Gate, MinimaMilli, agent_gate, is_enough
from kernel.allocator.consumption import weigh
from kernel.allocator.cycle import Cycle
from kernel.allocator.quota import Amounts
from kernel.model.ids import AgentId, FrameworkId


class Cause(Enum):
    """Why not."""

    NOTHING = "available"  # it is given in the next pass
    INACTIVE = "inactive"
    GPUS = "gpus"
    REGION = "region"
    CONSTRAINTS = "constraints"
    TOO_SMALL = "too small"
    QUOTA = "quota"
    FILTER = "filter"


_OF_GATE = {
    Gate.GPUS: Cause.GPUS,
    Gate.REGION: Cause.REGION,
    Gate.CONSTRAINTS: Cause.CONSTRAINTS,
}


class Finding(Struct, frozen=True):
    """Of one agent. `free` is what the role could have there but for quota; `lacking` what of the
    wanted is missing; `left_ms` how long a refusal lasts yet."""

    agent_id: AgentId
    cause: Cause
    free: Amounts = {}
    lacking: Amounts = {}
    left_ms: int = 0


def survey(
    allocator: Allocator, framework_id: FrameworkId, role: str, wanted: MinimaMilli, now_ms: int
) -> list[Finding]:
    """In the order in which the agents came."""
    cycle = Cycle(allocator.ground, now_ms)
    client = allocator.clients[framework_id]
    found: list[Finding] = []
    for agent_id in allocator.books:
        books = allocator.books[agent_id]
        gate = agent_gate(client, role, agent_id, books)
        fit = client.part_of(books.free.usable_by(role))
        free = weigh(fit).whole
        if not books.is_active:
            found.append(Finding(agent_id, Cause.INACTIVE, free))
        elif gate is not None:
            found.append(Finding(agent_id, _OF_GATE[gate], free))
        elif not is_enough(free, wanted):
            found.append(Finding(agent_id, Cause.TOO_SMALL, free, lacking_of(free, wanted)))
        else:
            bounded = client.part_of(cycle.usable(role, agent_id, books)[0])
            if not is_enough(weigh(bounded).whole, wanted):
                lacking = lacking_of(weigh(bounded).whole, wanted)
                found.append(Finding(agent_id, Cause.QUOTA, free, lacking))
                continue
            left_ms = allocator.filters.left_ms(framework_id, role, agent_id, bounded, now_ms)
            cause = Cause.FILTER if left_ms > 0 else Cause.NOTHING
            found.append(Finding(agent_id, cause, free, left_ms=left_ms))
    return found


def lacking_of(there: Amounts, wanted: MinimaMilli) -> dict[str, int]:
    """What is missing for that of the alternatives which is nearest."""
    gaps: list[dict[str, int]] = [
        {
            name: amount - there.get(name, 0)
            for name, amount in each.items()
            if there.get(name, 0) < amount
        }
        for each in wanted
    ]
    pairs = zip(gaps, wanted, strict=True)
    return min(pairs, key=lambda pair: _distance(*pair), default=({}, {}))[0]


def best(findings: Sequence[Finding], wanted: MinimaMilli) -> Finding | None:
    """The one that is nearest to what is wanted."""
    return min(
        findings,
        key=lambda each: min((_distance(each.lacking, one) for one in wanted), default=0.0),
        default=None,
    )


def _distance(gap: Mapping[str, int], wanted: Mapping[str, int]) -> float:
    """How far off, in parts of what is wanted."""
    return sum(amount / max(1, wanted.get(name, 1)) for name, amount in gap.items())
