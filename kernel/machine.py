"""What every pure machine is: events and a time go in, effects come out.

A machine has no clock, socket, disk, thread, logger or chance. Its shell (`kernel.runtime.driver`)
turns the world into events, carries the effects out in order, and calls the machine again when its
next deadline has come. *Nothing overtakes a Persist*: an effect that follows a `Persist` leaves
only when that `Persist` is durable. Source: etcd-io/raft, doc.go (the Ready loop); aioquic
(time as an argument).
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from msgspec import Struct


class Now(Struct, frozen=True):
    """Both clocks, in milliseconds: `mono_ms` for durations, `wall_ms` (since 1970) for people."""

    mono_ms: int
    wall_ms: int


class DeadlineReached(Struct, frozen=True, tag=True):
    """The instant that the machine asked for with `next_deadline_ms` has come (or passed)."""


class Put(Struct, frozen=True, tag=True):
    """Write one record; `collection` and `key` name it, `value` replaces what was there."""

    collection: str
    key: str
    value: bytes


class Delete(Struct, frozen=True, tag=True):
    """Remove one record; removing what is not there is no error."""

    collection: str
    key: str


Operation = Put | Delete


class Persist(Struct, frozen=True, tag=True):
    """Make these operations durable, all or none, before any effect that follows."""

    operations: tuple[Operation, ...]


class Answer(Struct, frozen=True):
    """Base of the effects that answer one request; subclass with `frozen=True, tag=True`."""

    request_id: int


EventT = TypeVar("EventT", contravariant=True)
EffectT = TypeVar("EffectT", covariant=True)


class Machine(Protocol[EventT, EffectT]):
    """The one signature. `step` never raises for a peer's mistake: a refusal is an effect."""

    def step(self, event: EventT, now: Now) -> Sequence[EffectT]:
        """Take one event at one time; return what must be done, in order."""

    def next_deadline_ms(self) -> int | None:
        """The monotonic time at which `DeadlineReached` must come, or None."""

    def check_invariants(self) -> None:
        """Assert what must hold after every step; the tests and the simulation call it."""
