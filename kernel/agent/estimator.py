"""How much of what tasks hold and do not use may be lent out, revocably.

Per container and per resource (cpus and mem), with `used` measured every interval:

    high  = max(used, high - (high - used) * FALL)    begins at what the container was allocated
    slack = allocated - high * (1 + MARGIN)           not less than 0

The estimate is the sum of the slacks, cut down to whole grains (0.1 cpus, 32 MiB) so that it does
not change with every breath. `high` rises at once and falls slowly: a new task lends nothing, one
that wakes up takes back at the next measurement. Containers that run on revocable resources lend
nothing; whose usage can't be measured lends nothing. Pure; measuring is the shell's.
Source: Mesos, docs/oversubscription.md (ResourceEstimator; its own only knows a fixed amount).
"""

from collections.abc import Sequence

from msgspec import Struct

from kernel.model.kinds import kind
from kernel.model.resources import MILLI, Resources

NAMES = ("cpus", "mem")
FALL_PERCENT = 5  # of the distance per measurement: half of it in 14, 3.5 min at 15 s
MARGIN_PERCENT = 20
GRAINS_MILLI = {"cpus": 100, "mem": 32 * MILLI}
REVOCABLE = kind(is_revocable=True)


class Usage(Struct, frozen=True):
    """One container that holds nothing revocable, in thousandths; None could not be measured."""

    container_id: str
    allocated: dict[str, int]
    used: dict[str, int | None]


class Estimator:
    """`high` by container and resource; those that are gone are forgotten."""

    def __init__(self) -> None:
        self._high: dict[tuple[str, str], int] = {}

    def measured(self, usages: Sequence[Usage]) -> Resources:
        """What may be lent out now."""
        high: dict[tuple[str, str], int] = {}
        slack = dict.fromkeys(NAMES, 0)
        for usage in usages:
            for name in NAMES:
                key, allocated = (usage.container_id, name), usage.allocated.get(name, 0)
                high[key] = self._next_high(key, allocated, usage.used.get(name))
                needed = high[key] * (100 + MARGIN_PERCENT) // 100
                slack[name] += max(0, allocated - needed)
        self._high = high
        return revocable(slack)

    def _next_high(self, key: tuple[str, str], allocated: int, used: int | None) -> int:
        before = self._high.get(key, allocated)
        if used is None:
            return max(before, allocated)
        return max(used, before - (before - used) * FALL_PERCENT // 100)


def revocable(amounts: dict[str, int]) -> Resources:
    """In whole grains."""
    cut = {
        name: amount // GRAINS_MILLI.get(name, 1) * GRAINS_MILLI.get(name, 1)
        for name, amount in amounts.items()
    }
    return Resources({(REVOCABLE, name): amount for name, amount in cut.items() if amount > 0})


def fixed(amounts: Resources) -> Resources:
    """Mesos's fixed estimator: always the same."""
    return amounts.changed(lambda _: REVOCABLE)
