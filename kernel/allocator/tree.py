"""The tree of roles that `drf` ranks: what each node holds, and the order among its children.

Sums are kept on the way up and every level keeps its order, so that one grant costs its depth. A
node is ranked by (share, grants, path). Which client sits where is `drf`'s business. Source: Mesos,
sorter/drf/sorter.hpp (Node).
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping

from kernel.allocator.sorter import Quantities

SHARE_SCALE = 10**12  # shares are integers: parts of 10^12 of the cluster
WEIGHT_DEFAULT_MILLI = 1000
OWN_LEAF = "."  # no role can have this name: Mesos forbids it

Rank = tuple[int, int, str]


class Pool:
    """The cluster's totals, one for all sorters; `version` tells them that shares have moved."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.version = 0

    def change(self, quantities: Quantities, sign: int) -> None:
        """Grow (+1) or shrink (-1) by these."""
        for name, amount in quantities.items():
            self.totals[name] = self.totals.get(name, 0) + sign * amount
            assert self.totals[name] >= 0, f"more {name} removed than was there"
        self.version += 1


class Scales:
    """What a share is measured with: the pool, and the weights by path."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.weights_milli: dict[str, int] = {}
        self.ranked_version = pool.version

    @property
    def are_stale(self) -> bool:
        """Whether totals or weights changed, so that every rank is to be made anew."""
        return self.ranked_version != self.pool.version

    def share(self, path: str, held: Mapping[str, int]) -> int:
        """The weighted dominant share of what is held, in parts of SHARE_SCALE."""
        dominant = 0
        for name, amount in held.items():
            total = self.pool.totals.get(name, 0)
            if total > 0:
                dominant = max(dominant, amount * SHARE_SCALE // total)
        return dominant * 1000 // self.weights_milli.get(path, WEIGHT_DEFAULT_MILLI)


class Node:
    """One role component. `order` ranks the children below which something is active."""

    __slots__ = (
        "active",
        "children",
        "grants",
        "held",
        "is_client",
        "order",
        "parent",
        "path",
        "rank",
    )

    def __init__(self, path: str, parent: "Node | None", *, is_client: bool = False) -> None:
        self.path = path
        self.parent = parent
        self.is_client = is_client
        self.children: dict[str, Node] = {}
        self.held: dict[str, int] = {}
        self.grants = 0
        self.active = 0  # how many active clients are at or below this node
        self.order: list[tuple[Rank, str]] = []  # (rank, key in children)
        self.rank: Rank | None = None  # the rank under which the parent has it, if it has

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def walk(self) -> Iterator[str]:
        """The active clients at and below this node, the poorest first."""
        for _, key in self.order:
            child = self.children[key]
            if child.is_client:
                yield child.path if key != OWN_LEAF else self.path
            else:
                yield from child.walk()

    def rank_anew(self, scales: Scales) -> None:
        """Make every order at and below this node."""
        self.order = []
        for key, child in self.children.items():
            child.rank = None
            if child.active:
                child.rank = (scales.share(child.path, child.held), child.grants, child.path)
                self.order.append((child.rank, key))
                child.rank_anew(scales)
        self.order.sort()

    def place(self, scales: Scales) -> None:
        """Put this node where it belongs among its siblings now."""
        if self.parent is None or scales.are_stale:
            return
        order, key = self.parent.order, self.name
        if self.rank is not None:
            place = bisect_left(order, (self.rank, key))
            assert order[place] == (self.rank, key), "the order of a level is broken"
            del order[place]
            self.rank = None
        if self.active:
            self.rank = (scales.share(self.path, self.held), self.grants, self.path)
            insort(order, (self.rank, key))

    def shift(self, quantities: Quantities, grants: int, scales: Scales) -> None:
        """Hold more or (negative) less, here and all the way up."""
        node: Node | None = self
        while node is not None:
            for name, amount in quantities.items():
                left = node.held.get(name, 0) + amount
                assert left >= 0, f"{node.path or 'the root'} gives back {name} it does not hold"
                if left:
                    node.held[name] = left
                else:
                    node.held.pop(name, None)
            node.grants += grants
            node.place(scales)
            node = node.parent

    def count_active(self, step: int, scales: Scales) -> None:
        """One active client more or less, here and all the way up."""
        node: Node | None = self
        while node is not None:
            node.active += step
            node.place(scales)
            node = node.parent

    def check(self, scales: Scales) -> None:
        """Assert that sums, counts and orders agree, at and below this node."""
        assert all(amount > 0 for amount in self.held.values())
        if self.is_client:
            assert not self.children and self.active in (0, 1)
            return
        sums: dict[str, int] = {}
        for child in self.children.values():
            child.check(scales)
            for name, amount in child.held.items():
                sums[name] = sums.get(name, 0) + amount
        assert sums == self.held, f"{self.path} holds {self.held}, its children {sums}"
        assert self.active == sum(child.active for child in self.children.values())
        if not scales.are_stale:
            ranked = sorted(key for _, key in self.order)
            assert ranked == sorted(key for key, child in self.children.items() if child.active)
            assert self.order == sorted(self.order)
