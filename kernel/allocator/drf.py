"""Ranks clients by weighted dominant share, as a tree of roles.

The share of a node is the largest, over resource names, of what it and all below it hold divided
by the cluster's total, divided by its weight. The order is a walk that enters the poorest child
first; ties go to whoever got fewer grants, then by path. A node that is a client and has children
holds its own part in a hidden leaf `.` that competes with them. A flat set of frameworks is such a
tree of depth one. Sums are kept on the way up and each level keeps its order, so that one grant
costs its depth and not the number of clients. What is given is the allocator's business.
Source: Ghodsi et al., "Dominant Resource Fairness", NSDI 2011; Mesos, sorter/drf/sorter.cpp.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

from kernel.allocator.sorter import Quantities

SHARE_SCALE = 10**12  # shares are integers: parts of 10^12 of the cluster
WEIGHT_DEFAULT_MILLI = 1000
OWN_LEAF = "."  # no role can have this name: Mesos forbids it

_Rank = tuple[int, int, str]


class _Node:
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

    def __init__(self, path: str, parent: "_Node | None", *, is_client: bool = False) -> None:
        self.path = path
        self.parent = parent
        self.is_client = is_client
        self.children: dict[str, _Node] = {}
        self.held: dict[str, int] = {}
        self.grants = 0
        self.active = 0  # how many active clients are at or below this node
        self.order: list[tuple[_Rank, str]] = []  # (rank, key in children)
        self.rank: _Rank | None = None  # the rank under which the parent has it, if it has

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


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


class DrfSorter:
    """Invariants: a node holds the sum of its children; only leaves are clients."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._ranked_version = pool.version
        self._root = _Node("", None)
        self._leaves: dict[str, _Node] = {}
        self._weights_milli: dict[str, int] = {}

    # --- clients ---------------------------------------------------------------------------

    def __contains__(self, client: str) -> bool:
        return client in self._leaves

    def add(self, client: str) -> None:
        assert client not in self._leaves, f"client {client} is known already"
        node = self._root
        parts = client.split("/")
        for depth, part in enumerate(parts):
            if node.is_client:
                self._make_room_below(node)
            child = node.children.get(part)
            if child is None:
                child = node.children[part] = _Node("/".join(parts[: depth + 1]), node)
            node = child
        if node.children:
            node = node.children[OWN_LEAF] = _Node(f"{client}/{OWN_LEAF}", node)
        node.is_client = True
        self._leaves[client] = node

    def remove(self, client: str) -> None:
        self.deactivate(client)
        leaf = self._leaves.pop(client)
        self._shift(leaf, {name: -amount for name, amount in leaf.held.items()}, -leaf.grants)
        node: _Node = leaf
        while node.parent is not None and not node.children:
            del node.parent.children[node.name]
            node = node.parent
        if list(node.children) == [OWN_LEAF]:
            self._take_back_own_leaf(node)

    def activate(self, client: str) -> None:
        leaf = self._leaves[client]
        if not leaf.active:
            self._count_active(leaf, +1)

    def deactivate(self, client: str) -> None:
        leaf = self._leaves[client]
        if leaf.active:
            self._count_active(leaf, -1)

    @property
    def is_empty(self) -> bool:
        """Whether no client is known."""
        return not self._leaves

    @property
    def has_active(self) -> bool:
        """Whether anyone is ranked."""
        return self._root.active > 0

    def is_active(self, client: str) -> bool:
        """Whether the client is ranked."""
        return self._leaves[client].active > 0

    # --- the books -------------------------------------------------------------------------

    def set_weight(self, path: str, weight_milli: int) -> None:
        assert weight_milli > 0, "a weight is positive"
        self._weights_milli[path] = weight_milli
        self._ranked_version = -1

    def allocated(self, client: str, quantities: Quantities) -> None:
        self._shift(self._leaves[client], quantities, 1)

    def unallocated(self, client: str, quantities: Quantities) -> None:
        self._shift(self._leaves[client], {n: -amount for n, amount in quantities.items()}, 0)

    def held_by(self, client: str) -> Quantities:
        """What the client holds now."""
        return self._leaves[client].held

    def share_of(self, client: str) -> int:
        """The client's own weighted dominant share, in parts of SHARE_SCALE."""
        return self._share(self._leaves[client])

    # --- the order -------------------------------------------------------------------------

    def sort(self) -> Iterator[str]:
        if self._is_stale:
            self._rank_anew(self._root)
            self._ranked_version = self._pool.version
        return self._walk(self._root)

    def _walk(self, node: _Node) -> Iterator[str]:
        for _, key in node.order:
            child = node.children[key]
            if child.is_client:
                yield child.path if key != OWN_LEAF else node.path
            else:
                yield from self._walk(child)

    @property
    def _is_stale(self) -> bool:
        """Whether totals or weights changed, so that every rank is to be made anew."""
        return self._ranked_version != self._pool.version

    def _share(self, node: _Node) -> int:
        dominant = 0
        for name, amount in node.held.items():
            total = self._pool.totals.get(name, 0)
            if total > 0:
                dominant = max(dominant, amount * SHARE_SCALE // total)
        weight_milli = self._weights_milli.get(node.path, WEIGHT_DEFAULT_MILLI)
        return dominant * 1000 // weight_milli

    def _rank_anew(self, node: _Node) -> None:
        node.order = []
        for key, child in node.children.items():
            child.rank = None
            if child.active:
                child.rank = (self._share(child), child.grants, child.path)
                node.order.append((child.rank, key))
                self._rank_anew(child)
        node.order.sort()

    def _place(self, node: _Node) -> None:
        """Put the node where it belongs among its siblings now."""
        parent = node.parent
        if parent is None or self._is_stale:
            return
        key = node.name
        if node.rank is not None:
            place = bisect_left(parent.order, (node.rank, key))
            assert parent.order[place] == (node.rank, key), "the order of a level is broken"
            del parent.order[place]
            node.rank = None
        if node.active:
            node.rank = (self._share(node), node.grants, node.path)
            insort(parent.order, (node.rank, key))

    def _shift(self, leaf: _Node, quantities: Quantities, grants: int) -> None:
        node: _Node | None = leaf
        while node is not None:
            held = node.held
            for name, amount in quantities.items():
                left = held.get(name, 0) + amount
                assert left >= 0, f"{node.path or 'the root'} gives back {name} it does not hold"
                if left:
                    held[name] = left
                else:
                    held.pop(name, None)
            node.grants += grants
            self._place(node)
            node = node.parent

    def _count_active(self, leaf: _Node, step: int) -> None:
        node: _Node | None = leaf
        while node is not None:
            node.active += step
            self._place(node)
            node = node.parent

    # --- the hidden leaf -------------------------------------------------------------------

    def _make_room_below(self, node: _Node) -> None:
        """The client at this node moves into a hidden leaf, since it is to have children."""
        own = node.children[OWN_LEAF] = _Node(f"{node.path}/{OWN_LEAF}", node, is_client=True)
        own.held, own.grants, own.active = dict(node.held), node.grants, node.active
        node.is_client = False
        self._leaves[node.path] = own
        self._place(own)

    def _take_back_own_leaf(self, node: _Node) -> None:
        """The last child beside the hidden leaf has gone: the node is a leaf again."""
        del node.children[OWN_LEAF]
        node.order = []
        node.is_client = True
        self._leaves[node.path] = node

    def check_invariants(self) -> None:
        """Assert that sums, counts and orders agree."""
        self._check(self._root)

    def _check(self, node: _Node) -> None:
        assert all(amount > 0 for amount in node.held.values())
        if node.is_client:
            assert not node.children and node.active in (0, 1)
            return
        sums: dict[str, int] = {}
        for child in node.children.values():
            self._check(child)
            for name, amount in child.held.items():
                sums[name] = sums.get(name, 0) + amount
        assert sums == node.held, f"{node.path} holds {node.held}, its children {sums}"
        assert node.active == sum(child.active for child in node.children.values())
        if not self._is_stale:
            ranked = [key for _, key in node.order]
            expected = sorted(k for k, child in node.children.items() if child.active)
            assert sorted(ranked) == expected
            assert node.order == sorted(node.order)
