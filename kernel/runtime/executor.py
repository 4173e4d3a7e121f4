"""An executor of your own: subclass `Executor`, run the tasks you are given, say how they fare.

The agent starts it, once for all tasks that name it, and tells it by its environment where to
subscribe. It comes back after the agent restarts, and ends when it is told to, or when the agent
stays away for longer than the recovery timeout. Runs under Tepui's agent and under Mesos's.
Source: Mesos, docs/executor-http-api.md. See docs/framework-sdk.md.
"""

import asyncio
import os
import time
import uuid
from collections.abc import Mapping

from kernel.framework.executor import ExecutorSession, read_duration_ms
from kernel.messages import codec
from kernel.messages.executor import Call, Event, EventType, Subscribed
from kernel.messages.v1 import Id, TaskInfo, TaskStatus
from kernel.model.task import Source, TaskState
from kernel.runtime.client import Conversation, HttpClient

PATH = "/api/v1/executor"
LAST_WORDS_TIMEOUT_S = 5.0
DAY_S = 86_400.0  # an executor's heartbeats come each 30 minutes, and not from every agent


class Executor:
    """One executor, for the life of one process. Everything here belongs to the event loop."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Raises `KeyError` when no agent started us: a variable is missing."""
        given = os.environ if environment is None else environment
        self._executor_id = given["MESOS_EXECUTOR_ID"]
        self._session = ExecutorSession(given["MESOS_FRAMEWORK_ID"], self._executor_id)
        self._url = f"http://{given['MESOS_AGENT_ENDPOINT']}{PATH}"
        self._away_max_s = 0.0  # without checkpointing we end with our agent
        if given.get("MESOS_CHECKPOINT") == "1":
            self._away_max_s = (
                read_duration_ms(given.get("MESOS_RECOVERY_TIMEOUT", "15mins")) / 1000
            )
        grace = given.get("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs")
        self._grace_s = read_duration_ms(grace) / 1000
        self._conversation: Conversation[bytes] | None = None
        self._done: asyncio.Future[None] | None = None
        self._end_timer: asyncio.TimerHandle | None = None

    # --- for you to override; none may block -----------------------------------------------------
    def subscribed(self, subscribed: Subscribed) -> None:
        """The agent knows us: at first, and again after each of its restarts."""

    def launched(self, task: TaskInfo) -> None:
        """Run this, once; say so with `update`."""

    def killed(self, task_id: str, grace_ms: int | None) -> None:
        """End this task, and say so; within `grace_ms` where that is given."""
        self.update(task_id, TaskState.KILLED)

    def received(self, data: bytes) -> None:
        """The framework's scheduler sent us a message."""

    def shutting_down(self) -> None:
        """End every task; after the grace period this process is killed."""
        for task_id in list(self.tasks):
            self.update(task_id, TaskState.KILLED, message="the executor was shut down")
        self.stop()

    # --- what you can say ------------------------------------------------------------------------
    @property
    def tasks(self) -> Mapping[str, TaskInfo]:
        """Those of which no end was said."""
        return self._session.live

    def update(
        self,
        task_id: str,
        state: TaskState,
        *,
        message: str | None = None,
        data: bytes | None = None,
        healthy: bool | None = None,
    ) -> None:
        """Say how a task fares; said again until the agent has stored it."""
        status = TaskStatus(
            task_id=Id(task_id),
            state=state,
            message=message,
            data=data,
            healthy=healthy,
            source=Source.EXECUTOR,
            executor_id=Id(self._executor_id),
            timestamp=time.time(),
            uuid=uuid.uuid4().bytes,
        )
        self._say(self._session.update_call(status))

    def send(self, data: bytes) -> None:
        """Tell the framework's scheduler something, at most once."""
        self._say(self._session.message_call(data))

    def stop(self) -> None:
        """End `run`, once the agent has stored what was said."""
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    # --- life ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Until `stop`, or until the agent has been away for too long. What a callback raises
        ends it: the agent then says that the tasks have failed."""
        self._done = asyncio.get_running_loop().create_future()
        client = HttpClient()
        self._conversation = Conversation(
            client,
            [self._url],
            subscribe=lambda: codec.encode(self._session.subscribe_call()),
            on_subscribed=self._on_subscribed,
            on_record=self._on_record,
            on_disconnected=lambda reason: self._end_in(self._away_max_s),
            silence_timeout_s=DAY_S,
        )
        talking = asyncio.ensure_future(self._conversation.run())
        try:
            await self._done
            await self._said()
        finally:
            talking.cancel()
            await client.close()

    async def _said(self) -> None:
        """Bounded: an agent that is away hears it from nobody."""
        end_s = time.monotonic() + LAST_WORDS_TIMEOUT_S
        while self._session.owes and time.monotonic() < end_s:
            await asyncio.sleep(0.005)

    def _say(self, call: Call) -> None:
        if self._conversation is None:
            raise RuntimeError("run() comes first")
        self._conversation.send(codec.encode(call))

    def _on_subscribed(self) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()

    def _end_in(self, delay_s: float) -> None:
        self._end_timer = asyncio.get_running_loop().call_later(delay_s, self.stop)

    def _on_record(self, record: bytes) -> None:
        event = codec.decode(Event, record)
        try:
            self._take(event)
        except Exception as error:
            if self._done is not None and not self._done.done():
                self._done.set_exception(error)

    def _take(self, event: Event) -> None:
        for task in self._session.received(event):
            self.launched(task)
        if event.subscribed is not None:
            self.subscribed(event.subscribed)
        elif event.kill is not None and event.kill.task_id.value in self.tasks:
            policy = event.kill.kill_policy
            grace = policy.grace_period if policy is not None else None
            self.killed(event.kill.task_id.value, grace.nanoseconds // 1_000_000 if grace else None)
        elif event.message is not None:
            self.received(event.message.data)
        elif event.type is EventType.SHUTDOWN:
            self._end_in(self._grace_s)
            self.shutting_down()
