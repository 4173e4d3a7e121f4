"""A store that lasts as long as its process: for tests, simulation and throw-away clusters."""

from collections.abc import Sequence

from kernel.machine import Operation, Put
from kernel.store.interface import (
    CommitResult,
    Committed,
    Conflict,
    Fenced,
    Guard,
    Holder,
    OnLost,
    Records,
    Snapshot,
    Term,
)
from kernel.store.schema import SCHEMA, Schema


class MemoryStore:
    """Keeps every promise but durability; several terms may share one, to test fencing."""

    is_shared = False

    def __init__(self, schema: Schema = SCHEMA) -> None:
        self._schema = schema
        self._records: Records = {}
        self._term = Term(0, "")
        self._version = 0
        self._holder: Holder | None = None

    def lead(
        self, leader: str, *, address: str = "", on_lost: OnLost | None = None, above: int = 0
    ) -> Term:
        self._term = Term(max(self._term.epoch, above) + 1, leader)
        self._holder = Holder(leader, address)
        return self._term

    def holder(self) -> Holder | None:
        return self._holder

    def announce(self, value: bytes) -> None:
        """Nobody looks here for a leader."""

    def load(self) -> Records:
        return {
            collection: dict(sorted(records.items()))
            for collection, records in sorted(self._records.items())
            if records
        }

    def snapshot(self) -> Snapshot:
        return Snapshot(self._term.epoch, self._schema.version, self.load())

    def commit(
        self, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        if term != self._term:
            return Fenced(self._term.epoch)
        for guard in guards:
            if self._records.get(guard.collection, {}).get(guard.key) != guard.value:
                return Conflict(guard.collection, guard.key)
        for operation in operations:
            records = self._records.setdefault(operation.collection, {})
            if isinstance(operation, Put):
                records[operation.key] = operation.value
            else:
                records.pop(operation.key, None)
        self._version += 1
        return Committed(self._version)

    def refusal(self) -> str | None:
        return None

    def close(self) -> None:
        pass
