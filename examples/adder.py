"""A framework with an executor of its own: one process per agent adds up numbers for all its tasks.

Run by you it is the framework, run by an agent it is the executor:
python examples/adder.py --master 127.0.0.1:5050 1,2,3 40,2
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from msgspec import structs

from kernel.framework.matching import Taken
from kernel.framework.task import Task, TaskRecord
from kernel.messages.v1 import (
    CommandInfo,
    Environment,
    ExecutorInfo,
    Id,
    Offer,
    TaskInfo,
    TaskStatus,
    Variable,
)
from kernel.model.task import TaskState
from kernel.runtime.executor import Executor
from kernel.runtime.framework import Framework


class Adding(Executor):
    def launched(self, task: TaskInfo) -> None:
        self.update(task.task_id.value, TaskState.RUNNING)
        total = sum(int(word) for word in (task.data or b"").split(b","))
        self.update(task.task_id.value, TaskState.FINISHED, data=str(total).encode())


class Adder(Framework):
    def __init__(self, flags: argparse.Namespace) -> None:
        super().__init__("adder", masters=flags.master)
        self.sums = flags.sums

    def subscribed(self) -> None:
        for index, numbers in enumerate(self.sums):
            self.submit(Task(f"sum-{index}", numbers, cpus=0.1, mem=16))

    def task_info(self, task: Task, offer: Offer, taken: Taken) -> TaskInfo:
        path = Variable(name="PYTHONPATH", value=os.pathsep.join(sys.path))  # imports what we do
        value = f"exec {sys.executable} {Path(__file__).resolve()}"
        command = CommandInfo(value=value, environment=Environment(variables=[path]))
        executor = ExecutorInfo(type="CUSTOM", executor_id=Id("adding"), command=command)
        info = super().task_info(task, offer, taken)
        return structs.replace(info, command=None, executor=executor, data=task.command.encode())

    def updated(self, task: TaskRecord, status: TaskStatus | None) -> None:
        if task.is_over:
            answer = status.data.decode() if status and status.data else task.message
            print(f"{task.task.command} = {answer}", flush=True)
        if all(each.is_over for each in self.tasks.values()):
            self.stop(teardown=True)


if __name__ == "__main__":
    if "MESOS_EXECUTOR_ID" in os.environ:
        asyncio.run(Adding().run())
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("sums", nargs="+", help="numbers with commas")
        parser.add_argument("--master", default="127.0.0.1:5050")
        asyncio.run(Adder(parser.parse_args()).run())
