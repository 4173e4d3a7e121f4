"""An executor made with pymesos, for an agent to start: runs all tasks, echoes all messages."""

from threading import Event
from typing import Any

import pymesos


class Echo(pymesos.Executor):  # type: ignore[misc]
    """A task runs until it is killed; a message goes back as it came."""

    def __init__(self) -> None:
        self.is_over = Event()

    def launchTask(self, driver: Any, task: Any) -> None:
        self._say(driver, task["task_id"], "TASK_RUNNING")

    def killTask(self, driver: Any, task_id: Any) -> None:
        self._say(driver, task_id, "TASK_KILLED")

    def frameworkMessage(self, driver: Any, message: Any) -> None:
        driver.sendFrameworkMessage(message)

    def shutdown(self, driver: Any) -> None:
        self.is_over.set()

    def _say(self, driver: Any, task_id: Any, state: str) -> None:
        driver.sendStatusUpdate({"task_id": task_id, "state": state})


if __name__ == "__main__":
    echo = Echo()
    pymesos.MesosExecutorDriver(echo).run()
