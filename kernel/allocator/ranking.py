"""Keeps two rankings in step: of the roles, and within each role of its frameworks.

A role is known while one of its frameworks is, a framework while it is subscribed or holds
something. What is given to whoever comes first is `allocator`'s. Source: Mesos,
allocator/mesos/hierarchical.cpp (roleSorter, frameworkSorters).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from kernel.allocator.drf import DrfSorter
from kernel.allocator.sorter import Sorter
from kernel.allocator.tree import Pool
from kernel.model.ids import FrameworkId
from kernel.model.roles import is_within


class Ranking:
    """Invariants: a role holds what its frameworks hold; it is active while one of them is."""

    def __init__(self, *, excluded: Collection[str] = ()) -> None:
        self.pool = Pool(excluded)
        self._roles: Sorter = DrfSorter(self.pool)
        self._frameworks: dict[str, Sorter] = {}  # by role
        self._subscribed: dict[tuple[FrameworkId, str], bool] = {}  # whether it wants offers
        self._wanting = 0

    @property
    def has_wanting(self) -> bool:
        """Whether anyone wants anything."""
        return self._wanting > 0

    def subscribe(self, framework_id: FrameworkId, role: str) -> None:
        """Know it from now on; it wants nothing yet."""
        self._know(framework_id, role)
        self._subscribed.setdefault((framework_id, role), False)

    def unsubscribe(self, framework_id: FrameworkId, role: str) -> None:
        """Rank it no longer; what it holds stays in the books."""
        self.set_wanting(framework_id, role, False)
        del self._subscribed[framework_id, role]
        self._forget_if_idle(framework_id, role)

    def wants(self, framework_id: FrameworkId, role: str) -> bool:
        return self._subscribed.get((framework_id, role), False)

    def set_wanting(self, framework_id: FrameworkId, role: str, is_wanting: bool) -> None:
        """Rank it, or pass it over."""
        if self._subscribed[framework_id, role] is is_wanting:
            return
        self._subscribed[framework_id, role] = is_wanting
        self._wanting += 1 if is_wanting else -1
        sorter = self._frameworks[role]
        if is_wanting:
            sorter.activate(framework_id)
            self._roles.activate(role)
        else:
            sorter.deactivate(framework_id)
            if not sorter.has_active:
                self._roles.deactivate(role)

    def set_weight(self, role: str, weight_milli: int) -> None:
        """Divide the role's share by this; counts from the next grant on."""
        self._roles.set_weight(role, weight_milli)

    def has_frameworks(self, role: str) -> bool:
        """Whether anyone at the role or below it is subscribed or holds something."""
        return any(is_within(known, role) for known in self._frameworks)

    def set_aside(self, role: str) -> None:
        """Pass the role over until it is taken up again; its frameworks want what they want."""
        self._roles.deactivate(role)

    def take_up(self, role: str) -> None:
        """Rank it again."""
        self._roles.activate(role)

    def held_below(self, role: str) -> Mapping[str, int]:
        """What the frameworks of the role and of all below it hold."""
        return self._roles.held_below(role)

    def allocated(self, framework_id: FrameworkId, role: str, amounts: Mapping[str, int]) -> None:
        if not amounts:
            return  # mere ranges and sets have no share
        self._know(framework_id, role)
        self._roles.allocated(role, amounts)
        self._frameworks[role].allocated(framework_id, amounts)

    def unallocated(self, framework_id: FrameworkId, role: str, amounts: Mapping[str, int]) -> None:
        if not amounts:
            return
        self._roles.unallocated(role, amounts)
        self._frameworks[role].unallocated(framework_id, amounts)
        self._forget_if_idle(framework_id, role)

    def roles(self) -> Iterator[str]:
        """Those with frameworks that want something, the poorest first."""
        return self._roles.sort()

    def frameworks(self, role: str) -> Iterator[FrameworkId]:
        """Those of a role that want something, the poorest first."""
        return cast(Iterator[FrameworkId], self._frameworks[role].sort())

    def in_order(self, whos: Sequence[tuple[FrameworkId, str]]) -> list[tuple[FrameworkId, str]]:
        """Those of these that want something, the poorest first."""
        wanting = [who for who in whos if self.wants(*who)]
        if len(wanting) > 1:
            wanting.sort(key=self._place)
        return wanting

    def _place(self, who: tuple[FrameworkId, str]) -> tuple[Sequence[object], Sequence[object]]:
        framework_id, role = who
        return self._roles.place_of(role), self._frameworks[role].place_of(framework_id)

    def _know(self, framework_id: FrameworkId, role: str) -> None:
        if role not in self._frameworks:
            self._roles.add(role)
            self._frameworks[role] = DrfSorter(self.pool)
        if framework_id not in self._frameworks[role]:
            self._frameworks[role].add(framework_id)

    def _forget_if_idle(self, framework_id: FrameworkId, role: str) -> None:
        sorter = self._frameworks[role]
        if (framework_id, role) in self._subscribed or sorter.held_by(framework_id):
            return
        sorter.remove(framework_id)
        if sorter.is_empty:
            del self._frameworks[role]
            self._roles.remove(role)

    def check_invariants(self) -> None:
        """Assert that the rankings agree."""
        self._roles.check_invariants()
        for role, sorter in self._frameworks.items():
            sorter.check_invariants()
            assert self._roles.is_active(role) == sorter.has_active, role
            assert self._roles.held_by(role) == sorter.held(), role
        assert self._wanting == sum(self._subscribed.values())
