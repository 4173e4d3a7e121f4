"""What a store promises, whatever is behind it. The conformance suite holds each to it.

* A record is named by (collection, key) and holds bytes. A commit is all or nothing, and durable
  when it returns `Committed`.
* There is no write without a term. `lead` takes the lock and bumps the epoch; from then on every
  commit under an older term is answered `Fenced` and changes nothing.
* `Unknown` means that the commit may or may not have happened: read again, never just retry.
* `load` gives the records of each collection in the order of their keys.
* `snapshot` needs no lock and no term: it gives one moment of the store, with every commit whole
  or absent and none lost that was answered before it began, also while another leads and writes;
  and it changes nothing.
* The records' schema has a version; `lead` brings an older one to ours, and refuses a newer one.
* A record may hold at least 16 MiB, whatever the server behind it can take in one piece.
* Leadership is a lease where several machines share a store: who can't renew it is told by
  `on_lost` *before* another can lead, and must end. The epoch fences who was not told in time.

Source: the minimal safe design of the project's reliability notes §3d; ZooKeeper's multi.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from kernel.machine import Operation

Records = dict[str, dict[str, bytes]]


class StoreError(Exception):
    """Base of what a store raises; the text is a sentence for the operator."""


class StoreMalformed(StoreError):
    """The URL names no store, or what lies there is none of ours."""


class StoreHeld(StoreError):
    """Another process leads with this store; the text says who."""


class StoreUnreachable(StoreError):
    """No server answers now; one may later."""


class StoreFull(StoreError):
    """There is no room; nothing of the commit was written."""


class Term(Struct, frozen=True):
    """Who leads and since which epoch; epochs only grow."""

    epoch: int
    leader: str


class Holder(Struct, frozen=True):
    """Who leads with a store: in words, and at which `host:port` it answers ("" if unknown)."""

    leader: str
    address: str = ""


class Guard(Struct, frozen=True):
    """The commit counts only if the record still has this value (None: is absent)."""

    collection: str
    key: str
    value: bytes | None


class Committed(Struct, frozen=True):
    version: int


class Fenced(Struct, frozen=True):
    """A newer term exists; whoever reads this must stop acting."""

    epoch: int


class Conflict(Struct, frozen=True):
    """A guard did not hold."""

    collection: str
    key: str


class Unknown(Struct, frozen=True):
    """Nobody can say whether it was written."""

    reason: str


class Snapshot(Struct, frozen=True):
    """One moment of a store. Epoch 0: nobody ever led with it, and there is nothing in it."""

    epoch: int
    schema: int
    records: Records


CommitResult = Committed | Fenced | Conflict | Unknown
OnLost = Callable[[str], None]  # called once, from any thread, with the reason


class Store(Protocol):
    """See the module's docstring for the promises."""

    is_shared: bool  # whether several processes may stand for it; else a second one is a mistake

    def lead(
        self, leader: str, *, address: str = "", on_lost: OnLost | None = None, above: int = 0
    ) -> Term:
        """Take the lock for life and begin a new term. Raises `StoreHeld`, `StoreError`.

        A standby calls it again until it succeeds. `address` is what standbys elsewhere are told.
        The epoch is higher than any before in this store, and than `above`.
        """

    def holder(self) -> Holder | None:
        """Who leads now, as far as the store can tell; also before `lead`. Raises `StoreError`."""

    def announce(self, value: bytes) -> None:
        """Tell clients that look for the leader in the store's own way who it is, while it leads;
        a store that has no such way says nothing. Raises `StoreError`."""

    def load(self) -> Records:
        """Everything, read after `lead` so that it is the last term's final word."""

    def snapshot(self) -> Snapshot:
        """One moment, without leading; also before `lead`. Raises `StoreError`."""

    def commit(
        self, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        """Write all operations or none. Raises `StoreFull` when there is no room."""

    def refusal(self) -> str | None:
        """Why a new change should not be accepted now (the disk is nearly full), or None."""

    def close(self) -> None:
        """Give the lock back. The store can't be used afterwards."""
