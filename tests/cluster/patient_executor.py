"""An executor for tests: each task runs until a file of its name appears; it says which process
it is, answers messages, and notes in a file that it was shut down.

Its arguments: the directory of these files.
"""

import asyncio
import os
import sys
from pathlib import Path

from kernel.messages.executor import Subscribed
from kernel.messages.v1 import TaskInfo
from kernel.model.task import TaskState
from kernel.runtime.executor import Executor

WHERE = Path(sys.argv[1])


class Patient(Executor):
    def subscribed(self, subscribed: Subscribed) -> None:
        with (WHERE / "subscriptions").open("a") as file:
            file.write(f"{os.getpid()}\n")

    def launched(self, task: TaskInfo) -> None:
        self.update(task.task_id.value, TaskState.RUNNING, message=str(os.getpid()))

    def received(self, data: bytes) -> None:
        self.send(b"heard " + data)

    def shutting_down(self) -> None:
        (WHERE / "shut-down").touch()
        super().shutting_down()

    async def watch(self) -> None:
        while True:
            for task_id in list(self.tasks):
                if (WHERE / task_id).exists():
                    self.update(task_id, TaskState.FINISHED, data=b"done")
            await asyncio.sleep(0.02)


async def main() -> None:
    patient = Patient()
    watching = asyncio.ensure_future(patient.watch())
    await patient.run()
    watching.cancel()


if __name__ == "__main__":
    asyncio.run(main())
