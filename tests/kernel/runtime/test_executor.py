"""An executor's shell against an agent that comes and goes, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from kernel.messages import codec, v1
from kernel.messages.executor import Acknowledged, Call, CallType, Event, EventType, Launch
from kernel.messages.v1 import TaskInfo
from kernel.model.task import TaskState
from kernel.runtime.executor import PATH, Executor
from tests.kernel.runtime.stand_in import HOST, played


class StandIn:
    """An agent that launches one task on whoever subscribes, and stores what it is told."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.stores = True
        self._outbox: asyncio.Queue[Event | None] = asyncio.Queue()

    async def called(self, request: web.Request) -> web.StreamResponse:
        call = codec.decode(Call, await request.read())
        self.calls.append(call)
        if call.type is CallType.SUBSCRIBE:
            return await self._subscribed(request)
        if call.update is not None and self.stores and call.update.status.uuid:
            status = call.update.status
            found = Acknowledged(task_id=status.task_id, uuid=call.update.status.uuid)
            self.say(Event(type=EventType.ACKNOWLEDGED, acknowledged=found))
        return web.Response(status=202)

    async def _subscribed(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        self._outbox = outbox = asyncio.Queue()
        task = TaskInfo(name="a", task_id=v1.Id("a"), agent_id=v1.Id("S1"))
        self.say(Event(type=EventType.LAUNCH, launch=Launch(task=task)))
        while (event := await outbox.get()) is not None:
            await stream.write(codec.recordio(codec.encode(event)))
        return stream

    def say(self, event: Event | None) -> None:
        """None ends the stream, as the end of the agent does."""
        self._outbox.put_nowait(event)

    def said(self) -> list[TaskState]:
        return [call.update.status.state for call in self.calls if call.update is not None]


@asynccontextmanager
async def agent(**variables: str) -> AsyncIterator[tuple[StandIn, dict[str, str]]]:
    """It, and the environment that it would start an executor with."""
    stand_in = StandIn()
    application = web.Application()
    application.router.add_post(PATH, stand_in.called)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    environment = {
        "MESOS_FRAMEWORK_ID": "F1",
        "MESOS_EXECUTOR_ID": "E1",
        "MESOS_AGENT_ENDPOINT": f"{HOST}:{runner.addresses[0][1]}",
        "MESOS_CHECKPOINT": "1",
        "MESOS_RECOVERY_TIMEOUT": "15mins",
        **variables,
    }
    try:
        yield stand_in, environment
    finally:
        stand_in.say(None)
        await runner.cleanup()


class Obedient(Executor):
    """Runs what it is given until it is told to stop."""

    mistake: Exception | None = None

    def launched(self, task: TaskInfo) -> None:
        if self.mistake is not None:
            raise self.mistake
        self.update(task.task_id.value, TaskState.RUNNING)


def test_a_shutdown_ends_the_tasks_and_waits_until_that_is_stored() -> None:
    async def play() -> None:
        async with agent() as (stand_in, environment):
            executor = Obedient(environment)
            running = asyncio.ensure_future(executor.run())
            await said(stand_in, TaskState.RUNNING)
            stand_in.say(Event(type=EventType.SHUTDOWN))
            await running

            assert stand_in.said() == [TaskState.RUNNING, TaskState.KILLED]

    played(play)


def test_after_the_agents_restart_it_says_again_what_was_not_stored() -> None:
    async def play() -> None:
        async with agent() as (stand_in, environment):
            stand_in.stores = False
            running = asyncio.ensure_future(Obedient(environment).run())
            await said(stand_in, TaskState.RUNNING)
            stand_in.say(None)
            while [call.type for call in stand_in.calls].count(CallType.SUBSCRIBE) < 2:
                await asyncio.sleep(0.01)  # there is no event to wait for: the agent is ours
            running.cancel()

            subscribe = stand_in.calls[-1].subscribe
            assert subscribe is not None
            assert [one.name for one in subscribe.unacknowledged_tasks] == ["a"]
            states = [one.status.state for one in subscribe.unacknowledged_updates]
            assert states == [TaskState.RUNNING]
            assert stand_in.said() == [TaskState.RUNNING], "the task was not launched twice"

    played(play)


@pytest.mark.parametrize(
    "variables", [{"MESOS_CHECKPOINT": "0"}, {"MESOS_RECOVERY_TIMEOUT": "50ms"}]
)
def test_it_ends_when_its_agent_is_away_for_too_long(variables: dict[str, str]) -> None:
    """At once where the framework is not checkpointed."""

    async def play() -> None:
        async with agent(**variables) as (stand_in, environment):
            running = asyncio.ensure_future(Obedient(environment).run())
            await said(stand_in, TaskState.RUNNING)
            stand_in.say(None)
            await running

    played(play)


def test_a_mistake_of_the_executors_code_ends_it() -> None:
    async def play() -> None:
        async with agent() as (_, environment):
            executor = Obedient(environment)
            executor.mistake = ZeroDivisionError("a mistake")
            with pytest.raises(ZeroDivisionError):
                await executor.run()

    played(play)


def test_what_no_agent_started_says_so() -> None:
    with pytest.raises(KeyError, match="MESOS_EXECUTOR_ID"):
        Executor({})


async def said(stand_in: StandIn, state: TaskState) -> None:
    while state not in stand_in.said():
        await asyncio.sleep(0.01)  # there is no event to wait for: the agent is ours
