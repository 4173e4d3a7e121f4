"""Floors and ceilings of roles: what a role consumes, what is still owed to it, what it may have.

A role with quota is a node in a tree; what it consumes is what is allocated to it and all below it
from the unreserved, plus all that is reserved to it and below, used or not.

DIFFERS: in Mesos only top-level roles have quota. Here it nests:

- a limit binds everything below its role: a grant must fit every limit on the way to the root;
- what is *required* for a role is what its guarantee lacks, or what is required for its children
  together if that is more: a parent's guarantee is first its children's, the rest anyone's below;
- what is given beyond guarantees must leave as much spare in the cluster as is required.

What is given to whom is `allocator`'s; which configurations are sensible is the master's. Source:
Mesos, docs/quota.md and hierarchical.cpp; MESOS-8299 (nested quota).
"""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from kernel.model.roles import ancestors

Amounts = Mapping[str, int]  # thousandths by scalar name


class Quota(Struct, frozen=True):
    """What is named has a guarantee, or a limit; what is not has none."""

    guarantees: Amounts = {}
    limits: Amounts = {}

    @property
    def is_empty(self) -> bool:
        return not self.guarantees and not self.limits


NO_QUOTA = Quota()


class QuotaNode:
    """A role that has quota, or one above such a role."""

    __slots__ = ("below", "children", "consumed", "parent", "quota", "required", "role")

    def __init__(self, role: str, parent: "QuotaNode | None") -> None:
        self.role = role
        self.parent = parent
        self.quota = NO_QUOTA
        self.children: dict[str, QuotaNode] = {}
        self.consumed: dict[str, int] = {}
        self.required: dict[str, int] = {}  # what is to be kept for this role and below
        self.below: dict[str, int] = {}  # the part of it that is the children's

    def change(self, name: str, amount: int) -> None:
        """Consume more or (negative) less; tell the parent what is required now."""
        self.consumed[name] = self.consumed.get(name, 0) + amount
        self.require(name)

    def require(self, name: str) -> None:
        """What must be kept has changed, here and as far up as it makes a difference."""
        node = self
        while node.parent is not None:
            lacking = node.quota.guarantees.get(name, 0) - node.consumed.get(name, 0)
            wanted = max(lacking, node.below.get(name, 0), 0)
            more = wanted - node.required.get(name, 0)
            if not more:
                return
            node.required[name] = wanted
            node.parent.below[name] = node.parent.below.get(name, 0) + more
            node = node.parent

    def lacks(self, name: str) -> int:
        """What of its guarantee is nobody's in particular below it."""
        return self.required.get(name, 0) - self.below.get(name, 0)


class QuotaTree:
    """Invariant: every node consumes what `consumed_by` says, and requires accordingly."""

    def __init__(self, consumed_by: Callable[[str], Mapping[str, int]]) -> None:
        self._consumed_by = consumed_by
        self._root = QuotaNode("", None)
        self._nodes: dict[str, QuotaNode] = {}
        self._paths: dict[str, tuple[QuotaNode, ...]] = {}  # by any role, the deepest first
        self._guarantees = 0

    # --- configuration ---------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return not self._nodes

    @property
    def has_guarantees(self) -> bool:
        return self._guarantees > 0

    def get(self, role: str) -> Quota:
        node = self._nodes.get(role)
        return node.quota if node is not None else NO_QUOTA

    def set(self, role: str, quota: Quota) -> None:
        """From now on; an empty one is none."""
        self._paths.clear()
        node = self._make(role)
        self._guarantees += bool(quota.guarantees) - bool(node.quota.guarantees)
        names = dict.fromkeys((*node.quota.guarantees, *quota.guarantees))
        node.quota = quota
        for name in names:
            node.require(name)
        while node.parent is not None and node.quota.is_empty and not node.children:
            del node.parent.children[node.role], self._nodes[node.role]
            node = node.parent

    def _make(self, role: str) -> QuotaNode:
        node = self._root
        for path in (*ancestors(role), role):
            child = self._nodes.get(path)
            if child is None:
                child = self._nodes[path] = node.children[path] = QuotaNode(path, node)
                child.consumed = dict(self._consumed_by(path))
            node = child
        return node

    # --- the books -------------------------------------------------------------------------

    def consume(self, role: str, amounts: Amounts, sign: int = 1) -> None:
        """Unreserved resources are allocated under the role, or resources reserved to it."""
        for node in self.path(role):
            for name, amount in amounts.items():
                node.change(name, sign * amount)

    def path(self, role: str) -> tuple[QuotaNode, ...]:
        """The nodes that the role's grants count in, from itself up."""
        path = self._paths.get(role)
        if path is None:
            roles = (role, *reversed(ancestors(role)))
            path = tuple(self._nodes[each] for each in roles if each in self._nodes)
            if self._nodes:
                self._paths[role] = path
        return path

    @property
    def required(self) -> Amounts:
        """What must stay spare in the cluster for all guarantees together."""
        return self._root.below

    # --- bounds ----------------------------------------------------------------------------

    def owed(self, role: str, name: str) -> int:
        """How much the role's grants would still lower what is required."""
        return sum(node.lacks(name) for node in self.path(role))

    def is_owed(self, role: str) -> bool:
        """Whether a guarantee of the role, or of one above it, is not met yet."""
        return any(
            node.lacks(name) > 0 for node in self.path(role) for name in node.quota.guarantees
        )

    def guarantees(self, role: str, name: str) -> bool:
        """Whether a guarantee for this is on the role's way to the root."""
        return any(name in node.quota.guarantees for node in self.path(role))

    def limit_room(self, role: str, name: str) -> int | None:
        """How much more the role may consume under every limit above it; None for no limit."""
        rooms = [
            node.quota.limits[name] - node.consumed.get(name, 0)
            for node in self.path(role)
            if name in node.quota.limits
        ]
        return max(0, min(rooms)) if rooms else None

    def room(self, role: str, name: str, spare: int) -> int | None:
        """How much more may be granted when so much is spare; None when nothing binds."""
        limit = self.limit_room(role, name)
        required = self._root.below.get(name, 0)
        if required <= 0:
            return limit
        room = self.owed(role, name) + max(0, spare - required)
        return room if limit is None else min(limit, room)

    def nodes(self) -> Iterator[QuotaNode]:
        return iter(self._nodes.values())

    def check_invariants(self) -> None:
        """Assert that what is consumed and required agrees with the books it is drawn from."""
        for node in self._nodes.values():
            expected = {n: a for n, a in self._consumed_by(node.role).items() if a}
            consumed = {n: a for n, a in node.consumed.items() if a}
            assert consumed == expected, f"{node.role} consumes {expected}, not {consumed}"
        for node in (self._root, *self._nodes.values()):
            for name in node.below:
                sums = sum(child.required.get(name, 0) for child in node.children.values())
                assert node.below[name] == sums, f"{node.role or 'the root'}: {name}"
