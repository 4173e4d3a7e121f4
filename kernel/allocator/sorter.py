"""The interface of a ranking: who comes next when something is to be given away.

A sorter is told who holds what, as milli quantities by resource name, and answers with an order.
What is given, and whether, is the allocator's. Source: Mesos,
src/master/allocator/mesos/sorter/sorter.hpp.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

#: Thousandths by resource name, scalars only: ranges and sets have no share.
Quantities = Mapping[str, int]


class Sorter(Protocol):
    """Clients are paths (`eng/web`) or plain ids; only active ones are ranked."""

    def add(self, client: str) -> None:
        """Know a client, inactive at first and holding nothing."""

    def remove(self, client: str) -> None:
        """Forget a client and what it holds."""

    def activate(self, client: str) -> None:
        """Rank it from now on."""

    def deactivate(self, client: str) -> None:
        """Keep what it holds in the books, but do not rank it."""

    def set_weight(self, path: str, weight_milli: int) -> None:
        """Divide the share of this client or inner node by weight_milli / 1000."""

    def allocated(self, client: str, quantities: Quantities) -> None:
        """The client got these; counts as one more grant."""

    def unallocated(self, client: str, quantities: Quantities) -> None:
        """The client gave these back."""

    def sort(self) -> Iterator[str]:
        """The active clients, the poorest first; not to be changed while it is walked."""

    def place_of(self, client: str) -> Sequence[tuple[int, int, str]]:
        """What orders an active client among the others as `sort` does."""

    def __contains__(self, client: str) -> bool:
        """Whether the client is known."""

    @property
    def is_empty(self) -> bool:
        """Whether no client is known."""

    @property
    def has_active(self) -> bool:
        """Whether anyone is ranked."""

    def is_active(self, client: str) -> bool:
        """Whether the client is ranked."""

    def held_by(self, client: str) -> Quantities:
        """What the client holds now."""

    def held_below(self, path: str) -> Quantities:
        """What the client or inner node and all below it hold."""

    def held(self) -> Quantities:
        """What all clients hold together."""

    def check_invariants(self) -> None:
        """Assert that sums, counts and orders agree."""
