"""Keeps what an executor owes its agent: tasks taken on and updates said, until acknowledged.

An agent that restarts asks for both in the next SUBSCRIBE, and takes what is not listed there for
lost. Running the tasks is the executor's. Source: Mesos, docs/executor-http-api.md,
docs/agent-recovery.md.
"""

import re

from kernel.messages.executor import (
    Call,
    CallType,
    Event,
    Message,
    Subscribe,
    Update,
)
from kernel.messages.v1 import Id, TaskInfo, TaskStatus

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|secs|mins|hrs|days|weeks)")
_UNIT_MS = {
    "ns": 1e-6,
    "us": 1e-3,
    "ms": 1,
    "secs": 1_000,
    "mins": 60_000,
    "hrs": 3_600_000,
    "days": 86_400_000,
    "weeks": 604_800_000,
}  # as stout writes durations; Source: 3rdparty/stout/include/stout/duration.hpp


def read_duration_ms(text: str) -> int:
    """`15mins`, as an agent puts it into an executor's environment. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is no duration such as 15mins or 2secs")
    return round(float(found[1]) * _UNIT_MS[found[2]])


class ExecutorSession:
    """`live` are the tasks of which no end was said."""

    def __init__(self, framework_id: str, executor_id: str) -> None:
        self._framework_id, self._executor_id = Id(framework_id), Id(executor_id)
        self.live: dict[str, TaskInfo] = {}
        self._tasks: dict[str, TaskInfo] = {}  # of which the agent has stored no update
        self._updates: dict[bytes, TaskStatus] = {}  # not stored by the agent, in order

    @property
    def owes(self) -> bool:
        """Whether the agent has yet to store an update."""
        return bool(self._updates)

    def subscribe_call(self) -> Call:
        """What opens the stream, each time anew."""
        subscribe = Subscribe(
            unacknowledged_tasks=list(self._tasks.values()),
            unacknowledged_updates=[Update(status=status) for status in self._updates.values()],
        )
        return self._call(CallType.SUBSCRIBE, subscribe=subscribe)

    def received(self, event: Event) -> list[TaskInfo]:
        """Each event of the stream; answers the tasks that are new by it."""
        if event.acknowledged is not None:
            self._updates.pop(event.acknowledged.uuid, None)
            self._tasks.pop(event.acknowledged.task_id.value, None)
        found: list[TaskInfo] = []
        if event.launch is not None:
            found = [event.launch.task]
        elif event.launch_group is not None:
            found = event.launch_group.task_group.tasks
        new = [task for task in found if task.task_id.value not in self.live]
        for task in new:
            self.live[task.task_id.value] = self._tasks[task.task_id.value] = task
        return new

    def update_call(self, status: TaskStatus) -> Call:
        """Say an update, and keep it until the agent has stored it."""
        assert status.uuid is not None, "an executor's update has a uuid"
        self._updates[status.uuid] = status
        if status.state.is_terminal:
            self.live.pop(status.task_id.value, None)
        return self._call(CallType.UPDATE, update=Update(status=status))

    def message_call(self, data: bytes) -> Call:
        """Tell the framework something, at most once."""
        return self._call(CallType.MESSAGE, message=Message(data=data))

    def _call(
        self,
        kind: CallType,
        *,
        subscribe: Subscribe | None = None,
        update: Update | None = None,
        message: Message | None = None,
    ) -> Call:
        return Call(
            executor_id=self._executor_id,
            framework_id=self._framework_id,
            type=kind,
            subscribe=subscribe,
            update=update,
            message=message,
        )
