"""A framework's shell against masters that behave as Mesos's do, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kernel.framework.task import Task, TaskInvalid, TaskRecord
from kernel.messages import v1
from kernel.messages.scheduler import Call, CallType
from kernel.messages.v1 import TaskStatus
from kernel.model.task import TaskState
from kernel.runtime.framework import Framework, FrameworkRefused
from kernel.store.interface import StoreHeld
from tests.kernel.runtime.master.live import live_master
from tests.kernel.runtime.stand_in import StandIn, played
from tests.processes import free_port

UUID = b"0123456789abcdef"


class One(Framework):
    """Runs one task and stops when it has ended."""

    def __init__(self, masters: str, state: Path | None = None) -> None:
        super().__init__("one", masters=masters, state=state, role="web", user="me")
        self.told: list[TaskState | None] = []
        self.mistake: Exception | None = None
        self.is_torn_down_at_the_end = False

    def subscribed(self) -> None:
        self.submit(Task("a", "true"))

    def updated(self, task: TaskRecord, status: TaskStatus | None) -> None:
        self.told.append(task.state)
        if self.mistake is not None:
            raise self.mistake
        if task.is_over:
            self.stop(teardown=self.is_torn_down_at_the_end)


@asynccontextmanager
async def leader() -> AsyncIterator[tuple[StandIn, str]]:
    """A master that leads, offers what is asked for, and says that what is launched finished."""
    master = StandIn()
    address = await master.start()

    def on_call(call: Call) -> None:
        if call.type is CallType.REVIVE:
            master.offer()
        elif call.accept is not None:
            ended = TaskStatus(
                task_id=v1.Id("a"), state=TaskState.FINISHED, agent_id=v1.Id("S1"), uuid=UUID
            )
            master.update(ended)

    master.on_call = on_call
    try:
        yield master, address
    finally:
        await master.stop()


def test_the_leader_is_found_from_any_of_several_addresses() -> None:
    """One is dead, one knows of no leader, one points at it. Source: mesos-observed.md row 11."""

    async def play() -> None:
        lost, standby = StandIn(), StandIn()
        lost.has_leader = False
        lost_address, standby_address = await lost.start(), await standby.start()
        async with leader() as (master, address):
            standby.location = address
            dead = f"127.0.0.1:{free_port()}"
            one = One(f"http://me:secret@{dead},{lost_address},http://me:secret@{standby_address}/")
            await one.run()

            assert one.told == [TaskState.FINISHED]
            assert master.authorizations[0].login == "me"
            assert master.authorizations[0].password == "secret"
        await lost.stop()
        await standby.stop()

    played(play)


def test_what_is_told_is_acknowledged_after_that() -> None:
    async def play() -> None:
        async with leader() as (master, address):
            one = One(address)
            one.is_torn_down_at_the_end = True
            await one.run()

            kinds = master.kinds()
            assert kinds.index(CallType.ACCEPT) < kinds.index(CallType.ACKNOWLEDGE)
            assert kinds[-1] is CallType.TEARDOWN

    played(play)


def test_a_mistake_of_the_frameworks_code_ends_it_and_the_update_comes_again(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        async with leader() as (master, address):
            one = One(address, tmp_path / "state")
            one.mistake = ZeroDivisionError("a mistake")
            with pytest.raises(ZeroDivisionError):
                await one.run()
            assert CallType.ACKNOWLEDGE not in master.kinds()

            again = One(address, tmp_path / "state")
            running = asyncio.ensure_future(again.run())
            while master.kinds().count(CallType.RECONCILE) < 3:
                await asyncio.sleep(0.01)  # there is no event to wait for: the master is ours
            master.update(
                TaskStatus(
                    task_id=v1.Id("a"), state=TaskState.FINISHED, agent_id=v1.Id("S1"), uuid=UUID
                )
            )
            await running

            assert again.framework_id == "F1"
            assert again.told == [TaskState.FINISHED]
            assert master.kinds()[-1] is CallType.ACKNOWLEDGE, "said before it ended"

    played(play)


def test_an_event_that_nobody_knows_is_passed_over() -> None:
    """A newer master's: the stream goes on, and so does what comes after it."""

    async def play() -> None:
        async with leader() as (master, address):
            answer = master.on_call

            def on_call(call: Call) -> None:
                if call.type is CallType.REVIVE:
                    master.say({"type": "SOMETHING_NEW", "something_new": {}})
                answer(call)

            master.on_call = on_call
            one = One(address)
            await one.run()

            assert one.told == [TaskState.FINISHED]
            assert master.kinds().count(CallType.SUBSCRIBE) == 1

    played(play)


def test_a_refusal_is_raised_with_the_masters_words() -> None:
    async def play() -> None:
        async with leader() as (master, address):
            master.refusal = "Not authorized to register framework  with roles { web }"
            with pytest.raises(FrameworkRefused, match="Not authorized"):
                await One(address).run()

    played(play)


def test_wrong_credentials_are_said_and_not_tried_for_ever() -> None:
    async def play() -> None:
        async with leader() as (master, address):
            master.is_locked = True
            with pytest.raises(FrameworkRefused, match="401: who are you"):
                await One(address).run()

    played(play)


def test_a_real_master_knows_who_subscribes_by_the_address_alone(tmp_path: Path) -> None:
    """One that asks frameworks for credentials takes the right ones, and turns others away."""
    credentials = tmp_path / "credentials"
    credentials.write_text("me secret\n")
    credentials.chmod(0o600)
    flags = ["--credentials", str(credentials), "--authenticate-http-frameworks"]
    with live_master(tmp_path / "master", *flags) as master:

        async def play() -> None:
            with pytest.raises(FrameworkRefused, match="401"):
                await One(f"me:wrong@127.0.0.1:{master.port}").run()

            one = One(f"me:secret@127.0.0.1:{master.port}")
            one.subscribed = one.stop  # type: ignore[method-assign]
            await one.run()
            assert one.framework_id

        played(play)


def test_one_state_is_for_one_process(tmp_path: Path) -> None:
    async def play() -> None:
        async with leader() as (master, address):
            master.on_call = lambda call: None  # nothing is offered, so it goes on
            running = asyncio.ensure_future(One(address, tmp_path / "state").run())
            while not master.calls:
                await asyncio.sleep(0.01)

            with pytest.raises(StoreHeld):
                await One(address, tmp_path / "state").run()

            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    played(play)


def test_what_comes_too_early_or_makes_no_sense_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="names no master"):
        Framework("one", masters=" , ")
    with pytest.raises(RuntimeError, match="run\\(\\) comes first"):
        Framework("one", masters="127.0.0.1:5050").submit(Task("a", "true"))
    with pytest.raises(TaskInvalid, match="nothing to run"):
        Framework("one", masters="127.0.0.1:5050").submit(Task("a", ""))
