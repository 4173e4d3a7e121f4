"""Runs a shell command N times to completion, however often the master or this very program dies.

python examples/batch.py --master 127.0.0.1:5050 --count 20 'echo $NUMBER; sleep 1'
"""

import argparse
import asyncio

from kernel.framework.task import Task, TaskRecord
from kernel.messages.v1 import TaskStatus
from kernel.runtime.framework import Framework


class Batch(Framework):
    """One run is `<number>.<attempt>`; what ends badly is tried again."""

    def __init__(self, flags: argparse.Namespace) -> None:
        super().__init__("batch", masters=flags.master, state=flags.state)
        self.flags = flags

    def subscribed(self) -> None:
        print(f"subscribed as {self.framework_id}", flush=True)
        for number in range(self.flags.count):
            self.attempt(number, 0)  # known already? then nothing happens
        for task in list(self.tasks.values()):
            self.go_on(task)

    def attempt(self, number: int, attempt: int) -> None:
        environment = {"NUMBER": str(number)}
        self.submit(Task(f"{number}.{attempt}", self.flags.command, environment=environment))

    def updated(self, task: TaskRecord, status: TaskStatus | None) -> None:
        print(f"{task.id} {task.state} {task.message}", flush=True)
        self.go_on(task)

    def go_on(self, task: TaskRecord) -> None:
        if task.is_over and not task.is_finished:
            number, attempt = map(int, task.id.split("."))
            self.attempt(number, attempt + 1)
        if sum(each.is_finished for each in self.tasks.values()) == self.flags.count:
            self.stop(teardown=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command")
    parser.add_argument("--master", default="127.0.0.1:5050")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--state", default="batch.sqlite", help="what survives this program")
    asyncio.run(Batch(parser.parse_args()).run())
