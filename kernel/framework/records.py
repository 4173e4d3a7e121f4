"""Where each task of a framework stands, and what of that is not written down yet.

Leaves when to write to `workload`, which puts it before all that rests on it.
"""

from collections.abc import Mapping

import msgspec
from msgspec import structs

from kernel.framework.matching import Taken
from kernel.framework.task import Task, TaskRecord
from kernel.machine import Delete, Operation, Persist, Put
from kernel.messages.v1 import Offer
from kernel.model.task import TaskState

FRAMEWORK, TASKS = "framework", "tasks"  # collections
Collections = Mapping[str, Mapping[str, bytes]]


class Records:
    """`by_id` is in the order of submission; `waiting` are those that have met no offer, the oldest
    first, and `shortages` says of some why not."""

    def __init__(self) -> None:
        self.by_id: dict[str, TaskRecord] = {}
        self.waiting: dict[str, None] = {}
        self.shortages: dict[str, str] = {}
        self.submitted_count = 0
        self._operations: dict[tuple[str, str], Operation] = {}

    def load(self, collections: Collections) -> str | None:
        """What an earlier process wrote down; the framework's id of then."""
        found = [
            msgspec.json.decode(value, type=TaskRecord)
            for value in collections.get(TASKS, {}).values()
        ]
        for record in sorted(found, key=lambda record: record.number):
            self.by_id[record.id] = record
            self.submitted_count = record.number
            if record.state is None:
                self.waiting[record.id] = None
        return collections.get(FRAMEWORK, {}).get("id", b"").decode() or None

    def launched(self) -> dict[str, str]:
        """The agent of each that may be running."""
        return {one.id: one.agent_id for one in self.by_id.values() if one.is_launched}

    # --- changes ---------------------------------------------------------------------------------
    def submit(self, task: Task) -> None:
        """One whose id is known changes nothing."""
        if task.id in self.by_id:
            return
        self.submitted_count += 1
        self.put(TaskRecord(task=task, number=self.submitted_count))
        self.waiting[task.id] = None

    def put(self, record: TaskRecord) -> None:
        """Once it has a state, a task no longer waits."""
        self.by_id[record.id] = record
        self._operations[TASKS, record.id] = Put(TASKS, record.id, msgspec.json.encode(record))
        if record.state is not None:
            self.waiting.pop(record.id, None)
            self.shortages.pop(record.id, None)

    def launch(self, task: Task, offer: Offer, taken: Taken) -> None:
        """It has met an offer."""
        launched = structs.replace(
            self.by_id[task.id],
            state=TaskState.STAGING,
            agent_id=offer.agent_id.value,
            hostname=offer.hostname,
            ports=taken.ports,
        )
        self.put(launched)

    def forget(self, task_id: str) -> None:
        del self.by_id[task_id]
        self.waiting.pop(task_id, None)
        self.shortages.pop(task_id, None)
        self._operations[TASKS, task_id] = Delete(TASKS, task_id)

    def keep_framework_id(self, framework_id: str | None) -> None:
        """Who we are to the master; None when that is over."""
        if framework_id is None:
            self._operations[FRAMEWORK, "id"] = Delete(FRAMEWORK, "id")
        else:
            self._operations[FRAMEWORK, "id"] = Put(FRAMEWORK, "id", framework_id.encode())

    def flush(self) -> list[Persist]:
        """All that changed since the last flush, as one write; none if nothing did."""
        if not self._operations:
            return []
        persist = Persist(tuple(self._operations.values()))
        self._operations = {}
        return [persist]

    def check_invariants(self) -> None:
        for task_id, record in self.by_id.items():
            assert record.id == task_id
            assert (record.state is None) == (task_id in self.waiting), task_id
        assert all(task_id in self.by_id for task_id in self.waiting)
        assert all(task_id in self.waiting for task_id in self.shortages)
        assert not self._operations, "a step left a write behind"
