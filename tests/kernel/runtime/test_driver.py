"""The driver keeps the order: nothing overtakes a Persist, and one commit serves all that wait."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Struct

from kernel.machine import Answer, DeadlineReached, Now, Operation, Persist, Put
from kernel.runtime.driver import Driver
from kernel.store.interface import CommitResult, Guard, StoreFull, Term
from kernel.store.memory import MemoryStore


class Asked(Struct, frozen=True, tag=True):
    request_id: int
    text: str


class Done(Answer, frozen=True, tag=True):
    text: str


class Said(Struct, frozen=True, tag=True):
    text: str


class Echo:
    """Persists what it is asked, says it, answers; wakes once at `wake_ms`."""

    def __init__(self, wake_ms: int | None = None) -> None:
        self.wake_ms = wake_ms

    def step(self, event: Any, now: Now) -> Sequence[Any]:
        if isinstance(event, DeadlineReached):
            self.wake_ms = None
            return [Said("woken")]
        return [
            Said(f"before {event.text}"),
            Persist((Put("asked", event.text, b""),)),
            Said(f"after {event.text}"),
            Done(event.request_id, event.text),
        ]

    def next_deadline_ms(self) -> int | None:
        return self.wake_ms

    def check_invariants(self) -> None:
        pass


class SlowStore(MemoryStore):
    """Commits when told to, and remembers how many records each commit had."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.full: str | None = None

    def commit(
        self, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        self.sizes.append(len(operations))
        return super().commit(term, operations, guards)

    def refusal(self) -> str | None:
        return self.full


def test_no_effect_leaves_before_the_persist_it_follows_is_durable() -> None:
    async def scenario() -> tuple[list[str], list[int]]:
        store = SlowStore()
        said: list[str] = []

        def say(effect: Said) -> None:
            for text in store.load().get("asked", {}):
                said.append(f"durable {text}")
            said.append(effect.text)

        driver: Driver[Any, Any] = Driver(Echo(), say, store=store, term=store.lead("x"))
        driver.start()
        answers = await asyncio.gather(
            *(driver.ask(lambda number, t=text: Asked(number, t)) for text in ("a", "b", "c"))
        )
        assert [answer.text for answer in answers if isinstance(answer, Done)] == ["a", "b", "c"]
        driver.stop()
        return said, store.sizes

    said, sizes = asyncio.run(scenario())

    assert said[0] == "before a"
    assert said.index("durable a") < said.index("after a")
    assert said.index("after a") < said.index("after b") < said.index("after c")
    assert sizes == [3], "three that waited together share one commit"


def test_a_deadline_comes_by_itself() -> None:
    async def scenario() -> str:
        woken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        driver: Driver[Any, Any] = Driver(Echo(wake_ms=0), lambda e: woken.set_result(e.text))
        driver.start()
        text = await asyncio.wait_for(woken, 5)
        driver.stop()
        return text

    assert asyncio.run(scenario()) == "woken"


def test_a_full_store_refuses_a_change_before_the_machine_sees_it() -> None:
    async def scenario() -> int:
        store = SlowStore()
        store.full = "the disk is full"
        driver: Driver[Any, Any] = Driver(Echo(), print, store=store, term=store.lead("x"))
        driver.start()
        with pytest.raises(StoreFull, match="the disk is full"):
            await driver.ask(lambda number: Asked(number, "a"))
        driver.stop()
        return len(store.sizes)

    assert asyncio.run(scenario()) == 0


def test_a_stopped_driver_hears_nothing_more_and_complains_of_nothing() -> None:
    async def scenario() -> tuple[list[str], list[str]]:
        store = SlowStore()
        said: list[str] = []
        complaints: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(str(context)))

        def say(effect: Said) -> None:
            said.append(effect.text)

        driver: Driver[Any, Any] = Driver(Echo(), say, store=store, term=store.lead("x"))
        driver.start()
        driver.post(Asked(1, "a"))  # its commit would begin at the end of this turn of the loop
        driver.stop()
        driver.post(Asked(2, "b"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return said, complaints

    assert asyncio.run(scenario()) == (["before a"], [])


def test_what_an_effect_causes_waits_for_the_effects_before_it() -> None:
    """A stream that closes while it is carried out posts at once; that must not overtake."""

    async def scenario() -> list[str]:
        said: list[str] = []

        def say(effect: Said) -> None:
            said.append(effect.text)
            if effect.text == "first":
                driver.post(Noted("caused"))

        store = MemoryStore()
        driver: Driver[Any, Any] = Driver(Two(), say, store=store, term=store.lead("x"))
        driver.start()
        driver.post(Noted("begin"))
        await driver.settled()
        driver.stop()
        return said

    assert asyncio.run(scenario()) == ["first", "second", "caused"]


class Noted(Struct, frozen=True, tag=True):
    text: str


class Two(Echo):
    """Two effects after one Persist; whatever else it is told it says."""

    def step(self, event: Any, now: Now) -> Sequence[Any]:
        if event.text != "begin":
            return [Said(event.text)]
        return [Persist((Put("asked", "x", b""),)), Said("first"), Said("second")]
