"""What bundles weigh: in shares all that is exclusive counts, in quota only what is unreserved.

Keeps by role what is allocated but not from the unreserved, and what is reserved whether allocated
or not, so that a role's consumption can be told at any time. Bounding it is `quota`'s. Source:
Mesos, hierarchical.cpp (quota consumption).
"""

from msgspec import Struct

from kernel.allocator.quota import Amounts
from kernel.allocator.ranking import Ranking
from kernel.model.kinds import UNRESERVED, Kind
from kernel.model.resources import Resources
from kernel.model.roles import is_within


class Weight(Struct, frozen=True):
    """Thousandths by name. `whole` is without what is shared, `counted` also without what is
    reserved or revocable. They are the same object where nothing of that kind is in the bundle."""

    whole: dict[str, int]
    counted: dict[str, int]


def weigh(resources: Resources) -> Weight:
    whole: dict[str, int] = {}
    for (kind, name), amount in resources.scalars.items():
        if kind is not UNRESERVED:
            return _weigh_kinds(resources)
        whole[name] = amount
    return Weight(whole, whole)


def _weigh_kinds(resources: Resources) -> Weight:
    whole: dict[str, int] = {}
    counted: dict[str, int] = {}
    for (kind, name), amount in resources.scalars.items():
        if not kind.is_shared:
            whole[name] = whole.get(name, 0) + amount
        if counts(kind):
            counted[name] = counted.get(name, 0) + amount
    return Weight(whole, counted)


def counts(kind: Kind) -> bool:
    """Whether quota bounds grants of it."""
    return not (kind.reservations or kind.is_revocable or kind.is_shared)


class Consumption:
    """Invariant: no amount is negative; what is nought is not kept."""

    def __init__(self, ranking: Ranking) -> None:
        self._ranking = ranking
        self._apart: dict[str, dict[str, int]] = {}  # allocated under a role, yet not counted
        self._reserved: dict[str, dict[str, int]] = {}  # to a role, on all agents

    def by(self, role: str) -> dict[str, int]:
        """What the role and all below it consume."""
        sums = dict(self._ranking.held_below(role))
        for each, amounts in self._apart.items():
            if is_within(each, role):
                _add(sums, amounts, -1)
        _add(sums, self.reserved_below(role), +1)
        return sums

    def reserved_below(self, role: str) -> dict[str, int]:
        """What is reserved to the role and to all below it."""
        sums: dict[str, int] = {}
        for each, amounts in self._reserved.items():
            if is_within(each, role):
                _add(sums, amounts, +1)
        return sums

    def allocate(self, role: str, weight: Weight, sign: int) -> None:
        """Note what of a grant (+1) or of what came back (-1) is not counted."""
        if weight.whole is weight.counted:
            return
        mine = self._apart.setdefault(role, {})
        _add(mine, weight.whole, sign)
        _add(mine, weight.counted, -sign)
        if not mine:
            del self._apart[role]

    def reserve(self, total: Resources, sign: int) -> dict[str, dict[str, int]]:
        """An agent came with these (+1) or leaves with them (-1); what is reserved, by role."""
        found: dict[str, dict[str, int]] = {}
        for (kind, name), amount in total.scalars.items():
            if kind.reservations and not kind.is_revocable:
                mine = found.setdefault(kind.role, {})
                mine[name] = mine.get(name, 0) + amount
        for role, amounts in found.items():
            kept = self._reserved.setdefault(role, {})
            _add(kept, amounts, sign)
            if not kept:
                del self._reserved[role]
        return found


def _add(sums: dict[str, int], amounts: Amounts, sign: int) -> None:
    for name, amount in amounts.items():
        left = sums.get(name, 0) + sign * amount
        if left:
            sums[name] = left
        else:
            sums.pop(name, None)
