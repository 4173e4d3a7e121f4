"""What the records mean has a version, and pure steps lead from each to the next.

Every store keeps the version beside its term. `lead` brings older records to ours under the new
term, together with the version, so a crash in between changes nothing; newer ones are refused.
One version counts for all stores, because Tepui's processes are installed, saved and restored
together. How records lie in a file or a server is each store's own.
Source: Fowler and Sadalage, Evolutionary Database Design.
"""

from collections.abc import Callable

from msgspec import Struct

from kernel.machine import Delete, Operation, Put
from kernel.store.interface import Records, StoreMalformed

#: From the records of one version to those of the next, whole, for the store of that name
#: ("master", "marathon", "chronos", "agent"); what a step does not know it leaves as it is.
Step = Callable[[str, Records], Records]


class Schema(Struct, frozen=True):
    """`steps[0]` leads from version 1 to 2, and so on; a step is never changed or removed."""

    steps: tuple[Step, ...] = ()

    @property
    def version(self) -> int:
        return len(self.steps) + 1

    def refuse_newer(self, version: int, shown: str) -> None:
        """Raises `StoreMalformed` for what a newer Tepui wrote; `shown` says where it lies."""
        if version > self.version:
            raise StoreMalformed(
                f"{shown} has schema {version}; this Tepui knows {self.version}: upgrade Tepui"
            )

    def upgraded(self, name: str, records: Records, version: int) -> Records:
        """The records of that version as ours has them."""
        for step in self.steps[version - 1 :]:
            records = step(name, records)
        return records

    def upgrade(self, name: str, records: Records, version: int) -> list[Operation]:
        """What to write so that a store of that version has ours."""
        return changes(records, self.upgraded(name, records, version))


#: What this Tepui writes. To change what records mean, append a step.
SCHEMA = Schema()


def changes(before: Records, after: Records) -> list[Operation]:
    """What to write so that a store that holds `before` holds `after`."""
    gone = [
        Delete(collection, key)
        for collection, records in before.items()
        for key in records
        if key not in after.get(collection, {})
    ]
    written = [
        Put(collection, key, value)
        for collection, records in after.items()
        for key, value in records.items()
        if before.get(collection, {}).get(key) != value
    ]
    return [*gone, *written]
