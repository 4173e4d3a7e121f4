"""A framework that remembers everything it was told, and tasks that say which process they are."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from kernel.cli import state
from kernel.framework.task import Task, TaskRecord
from kernel.messages.v1 import Offer, TaskStatus
from kernel.model.task import TaskState
from kernel.runtime.framework import Framework

CPUS, MEM_MIB = 0.05, 8


class Witness(Framework):
    """Its tasks append their pid to a file; `go` ends those that wait for it."""

    def __init__(self, name: str, master: str, directory: Path) -> None:
        super().__init__(name, masters=master, state=directory / f"{name}.sqlite")
        self.name = name
        self.pids = directory / f"{name}-pids"
        self.pids.mkdir(exist_ok=True)
        self.go = directory / "go"
        self.told: list[tuple[str, TaskState]] = []
        self.last: dict[str, TaskState] = {}
        self.ids: list[str | None] = []  # ours, at each subscription
        self.offered_s: list[float] = []

    def subscribed(self) -> None:
        self.ids.append(self.framework_id)

    def accepts(self, task: Task, offer: Offer) -> bool:
        self.offered_s.append(time.monotonic())
        return True

    def updated(self, task: TaskRecord, status: TaskStatus | None) -> None:
        assert status is not None
        self.told.append((task.id, status.state))
        self.last[task.id] = status.state

    # --- tasks -----------------------------------------------------------------------------------
    def launch(self, kind: str, count: int, *, ends_at_go: bool = False) -> list[str]:
        """Ids of `count` new tasks."""
        rest = f"while ! [ -e {self.go} ]; do sleep 0.2; done" if ends_at_go else "exec sleep 1000"
        names = [f"{self.name}-{kind}-{number}" for number in range(count)]
        for name in names:
            command = f"echo $$ >> {self.pids}/{name}; {rest}"
            self.submit(Task(name, command, cpus=CPUS, mem=MEM_MIB))
        return names

    def state_of(self, task_id: str) -> TaskState | None:
        """As told last."""
        return self.last.get(task_id)

    def are(self, wanted: TaskState, task_ids: list[str]) -> bool:
        return all(self.state_of(task_id) is wanted for task_id in task_ids)

    def history(self, task_id: str) -> list[TaskState]:
        """What was told of a task, in the order in which it came."""
        return [what for whom, what in self.told if whom == task_id]

    def processes(self, task_id: str) -> list[tuple[int, str]]:
        """Each process that ever ran it, with its birth; empty birth: it is no more."""
        path = self.pids / task_id
        pids = [int(word) for word in path.read_text().split()] if path.exists() else []
        return [(pid, state.born(pid)) for pid in pids]

    def launched_count(self) -> int:
        """How many have met an offer, told or not."""
        return sum(task.state is not None for task in self.tasks.values())


async def until(holds: Callable[[], object], timeout_s: float, what: Callable[[], object]) -> None:
    """Lets the frameworks work until it holds."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, what()
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def witnesses(master: str, directory: Path) -> AsyncIterator[tuple[Witness, Witness]]:
    """Two frameworks, subscribed."""
    both = Witness("red", master, directory), Witness("blue", master, directory)
    running = [asyncio.ensure_future(one.run()) for one in both]
    try:
        await until(lambda: all(one.ids for one in both), 20, lambda: "not subscribed")
        yield both
        assert not [task for task in running if task.done()], "a framework ended"
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
