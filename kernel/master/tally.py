"""A sum of many resources that can be taken from again, at a cost that doesn't grow with the sum.

What a framework of a hundred thousand tasks holds is asked for whenever someone looks.
"""

from kernel.model.kinds import Kind
from kernel.model.resources import NOTHING, Resources, ranges_union, total

Key = tuple[Kind, str]


class Tally:
    """Invariant: `sum()` is `total` of what was added and not taken."""

    def __init__(self) -> None:
        self._scalars: dict[Key, int] = {}
        self._sharing: dict[Key, int] = {}  # how many have what is shared: it is one thing
        self._spans: dict[Key, dict[tuple[int, int], int]] = {}
        self._items: dict[Key, dict[str, int]] = {}
        self._sum: Resources | None = NOTHING

    def change(self, resources: Resources, by: int) -> None:
        """Add (`by` 1) or take (`by` -1)."""
        self._sum = None
        for key, amount in resources.scalars.items():
            if key[0].is_shared:
                self._sharing[key] = self._sharing.get(key, 0) + by
                self._scalars[key] = amount if self._sharing[key] else 0
                continue
            self._scalars[key] = self._scalars.get(key, 0) + by * amount
        for key, spans in resources.ranges.items():
            counts = self._spans.setdefault(key, {})
            for span in spans:
                counts[span] = counts.get(span, 0) + by
                if not counts[span]:
                    del counts[span]
        for key, items in resources.sets.items():
            times = self._items.setdefault(key, {})
            for item in items:
                times[item] = times.get(item, 0) + by
                if not times[item]:
                    del times[item]

    def sum(self) -> Resources:
        if self._sum is None:
            whole = Resources(
                {key: amount for key, amount in self._scalars.items() if amount},
                {key: ranges_union((), spans) for key, spans in self._spans.items() if spans},
                {key: tuple(sorted(items)) for key, items in self._items.items() if items},
            )
            self._sum = total([whole])
        return self._sum
