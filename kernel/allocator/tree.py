"""The tree of roles that `drf` ranks: what each node holds, and the order among its children.

Sums are kept on the way up and every level keeps its order, so that one grant costs its depth. A
node is ranked by (share, grants, path). Which client sits where is `drf`'s business. Source: Mesos,
sorter/drf/sorter.hpp (Node).
"""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping

from kernel.allocator.sorter import Quantities

SHARE_SCALE = 10**12  # shares are integers: parts of 10^12 of the cluster
OWN_LEAF = "."  # no role can have this name: Mesos forbids it

#: Share, grants and path rank a node; the node itself comes along and is never compared.
Rank = tuple[int, int, str, "Node"]


class Pool:
    """The cluster's totals, one for all sorters; `version` tells them that shares have moved.

    What is `excluded` has no share. Source: Mesos, --fair_sharing_excluded_resource_names.
    """

    def __init__(self, excluded: Collection[str] = ()) -> None:
        self.totals: dict[str, int] = {}
        self.version = 0
        self._excluded = tuple(excluded)

    def change(self, quantities: Quantities, sign: int) -> None:
        """Grow (+1) or shrink (-1) by these."""
        for name, amount in quantities.items():
            if name in self._excluded:
                continue
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
        totals = self.pool.totals
        for name, amount in held.items():
            total = totals.get(name, 0)
            if total > 0:
                share = amount * SHARE_SCALE // total
                if share > dominant:
                    dominant = share
        weight_milli = self.weights_milli.get(path)
        return dominant if weight_milli is None else dominant * 1000 // weight_milli


class Node:
    """One role component. `order` ranks the children below which something is active."""

    __slots__ = (
        "active",
        "children",
        "grants",
        "held",
        "is_client",
        "name",
        "order",
        "parent",
        "path",
        "rank",
    )

    def __init__(self, path: str, parent: "Node | None", *, is_client: bool = False) -> None:
        self.path = path
        self.name = path.rsplit("/", 1)[-1]
        self.parent = parent
        self.is_client = is_client
        self.children: dict[str, Node] = {}
        self.held: dict[str, int] = {}
        self.grants = 0
        self.active = 0  # how many active clients are at or below this node
        self.order: list[Rank] = []
        self.rank: Rank | None = None  # the rank under which the parent has it, if it has

    def walk(self) -> Iterator[str]:
        """The active clients at and below this node, the poorest first."""
        for _, _, path, child in self.order:
            if child.is_client:
                yield path if child.name != OWN_LEAF else self.path
            else:
                yield from child.walk()

    def rank_anew(self, scales: Scales) -> None:
        """Make every order at and below this node."""
        self.order = []
        for child in self.children.values():
            child.rank = None
            if child.active:
                child.rank = (scales.share(child.path, child.held), child.grants, child.path, child)
                self.order.append(child.rank)
            if child.active or child.order:  # what ended while all was stale is ranked there still
                child.rank_anew(scales)
        self.order.sort()

    def refresh(self, scales: Scales) -> None:
        """Of the root: make every order anew if totals or weights have changed."""
        if scales.are_stale:
            self.rank_anew(scales)
            scales.ranked_version = scales.pool.version

    def place_below_root(self) -> list[tuple[int, int, str]]:
        """The ranks on the way here; they order leaves as `walk` does."""
        ranks: list[tuple[int, int, str]] = []
        node: Node | None = self
        while node is not None and node.rank is not None:
            ranks.append(node.rank[:3])
            node = node.parent
        return ranks[::-1]

    def place(self, scales: Scales) -> None:
        """Put this node where it belongs among its siblings now."""
        if self.parent is None or scales.are_stale:
            return
        order = self.parent.order
        if self.active and self.rank is not None and len(order) == 1:
            self.rank = (scales.share(self.path, self.held), self.grants, self.path, self)
            order[0] = self.rank
            return
        if self.rank is not None:
            place = bisect_left(order, self.rank)
            assert order[place][3] is self, "the order of a level is broken"
            del order[place]
            self.rank = None
        if self.active:
            self.rank = (scales.share(self.path, self.held), self.grants, self.path, self)
            insort(order, self.rank)

    def shift(self, quantities: Quantities, grants: int, scales: Scales) -> None:
        """Hold more or (negative) less, here and all the way up."""
        node: Node | None = self
        while node is not None:
            held = node.held
            for name, amount in quantities.items():
                left = held.get(name, 0) + amount
                if left > 0:
                    held[name] = left
                else:
                    assert left == 0, f"{node.path or 'the root'} gives back {name} it has not"
                    held.pop(name, None)
            node.grants += grants
            if node.parent is not None:
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
            ranked = sorted(child.name for _, _, _, child in self.order)
            assert ranked == sorted(key for key, child in self.children.items() if child.active)
            assert self.order == sorted(self.order)
