"""Ranks clients by weighted dominant share, as a tree of roles.

The share of a node is the largest, over resource names, of what it and all below it hold divided
by the cluster's total, divided by its weight. The order is a walk that enters the poorest child
first; ties go to whoever got fewer grants, then by path. A node that is a client and has children
holds its own part in a hidden leaf `.` that competes with them. A flat set of frameworks is such a
tree of depth one. The sums and orders are `tree`'s; what is given is the allocator's.
Source: Ghodsi et al., "Dominant Resource Fairness", NSDI 2011; Mesos, sorter/drf/sorter.cpp.
"""

from collections.abc import Iterator, Sequence

from kernel.allocator.sorter import Quantities
from kernel.allocator.tree import OWN_LEAF, Node, Pool, Scales


class DrfSorter:
    """Invariants: a node holds the sum of its children; only leaves are clients."""

    def __init__(self, pool: Pool) -> None:
        self._scales = Scales(pool)
        self._root = Node("", None)
        self._leaves: dict[str, Node] = {}

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
                child = node.children[part] = Node("/".join(parts[: depth + 1]), node)
            node = child
        if node.children:
            own = Node(f"{client}/{OWN_LEAF}", node)
            node.children[OWN_LEAF] = own
            node = own
        node.is_client = True
        self._leaves[client] = node

    def remove(self, client: str) -> None:
        self.deactivate(client)
        leaf = self._leaves.pop(client)
        back = {name: -amount for name, amount in leaf.held.items()}
        leaf.shift(back, -leaf.grants, self._scales)
        node: Node = leaf
        while node.parent is not None and not node.children:
            del node.parent.children[node.name]
            node = node.parent
        if list(node.children) == [OWN_LEAF]:
            self._take_back_own_leaf(node)

    def activate(self, client: str) -> None:
        leaf = self._leaves[client]
        if not leaf.active:
            leaf.count_active(+1, self._scales)

    def deactivate(self, client: str) -> None:
        leaf = self._leaves[client]
        if leaf.active:
            leaf.count_active(-1, self._scales)

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
        self._scales.weights_milli[path] = weight_milli
        self._scales.ranked_version = -1

    def allocated(self, client: str, quantities: Quantities) -> None:
        self._leaves[client].shift(quantities, 1, self._scales)

    def unallocated(self, client: str, quantities: Quantities) -> None:
        back = {name: -amount for name, amount in quantities.items()}
        self._leaves[client].shift(back, 0, self._scales)

    def held_by(self, client: str) -> Quantities:
        """What the client holds now."""
        return self._leaves[client].held

    def held_below(self, path: str) -> Quantities:
        """What the client or inner node and all below it hold."""
        node = self._root
        for part in path.split("/"):
            child = node.children.get(part)
            if child is None:
                return {}
            node = child
        return node.held

    def held(self) -> Quantities:
        """What all clients hold together."""
        return self._root.held

    # --- the order -------------------------------------------------------------------------

    def sort(self) -> Iterator[str]:
        self._root.refresh(self._scales)
        return self._root.walk()

    def place_of(self, client: str) -> Sequence[tuple[int, int, str]]:
        self._root.refresh(self._scales)
        return self._leaves[client].place_below_root()

    # --- the hidden leaf -------------------------------------------------------------------

    def _make_room_below(self, node: Node) -> None:
        """The client at this node moves into a hidden leaf, since it is to have children."""
        own = node.children[OWN_LEAF] = Node(f"{node.path}/{OWN_LEAF}", node, is_client=True)
        own.held, own.grants, own.active = dict(node.held), node.grants, node.active
        node.is_client = False
        self._leaves[node.path] = own
        own.place(self._scales)

    def _take_back_own_leaf(self, node: Node) -> None:
        """The last child beside the hidden leaf has gone: the node is a leaf again."""
        del node.children[OWN_LEAF]
        node.order = []
        node.is_client = True
        self._leaves[node.path] = node

    def check_invariants(self) -> None:
        """Assert that sums, counts and orders agree."""
        self._root.check(self._scales)
