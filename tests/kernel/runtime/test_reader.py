"""Reads are carried out in slices, shared, and never older than the question."""

import asyncio
from collections.abc import Generator

from kernel.runtime.reader import Reader


class World:
    """Something that is read in three slices, and changes."""

    def __init__(self) -> None:
        self.steps = 0
        self.readings = 0

    def read(self) -> Generator[None, None, int]:
        self.readings += 1
        for _ in range(3):
            yield
        return self.steps

    def reader(self) -> Reader:
        return Reader(lambda: self.steps)


def test_those_who_ask_together_share_one_reading() -> None:
    world = World()

    async def ask() -> list[int]:
        reader = world.reader()
        return list(await asyncio.gather(*(reader.share("k", world.read) for _ in range(5))))

    assert asyncio.run(ask()) == [0] * 5
    assert world.readings == 1


def test_nothing_is_read_again_while_nothing_happens() -> None:
    world = World()

    async def ask() -> None:
        reader = world.reader()
        for _ in range(3):
            await reader.share("k", world.read)
        world.steps += 1
        assert await reader.share("k", world.read) == 1

    asyncio.run(ask())
    assert world.readings == 2


def test_who_asks_later_is_never_given_what_was_read_before() -> None:
    """A change that was answered before the question is in the answer."""
    world = World()

    async def ask() -> None:
        reader = world.reader()
        began = asyncio.Event()

        def slow() -> Generator[None, None, int]:
            seen = world.steps
            began.set()
            for _ in range(5_000):
                yield
            return seen

        first = asyncio.create_task(reader.share("k", slow))
        await began.wait()
        world.steps = 1
        later = await asyncio.gather(*(reader.share("k", slow) for _ in range(3)))
        assert (await first, later) == (0, [1, 1, 1])

    asyncio.run(ask())


def test_a_reader_that_leaves_does_not_stop_the_others() -> None:
    world = World()

    async def ask() -> None:
        reader = world.reader()
        impatient = asyncio.create_task(reader.share("k", world.read))
        patient = asyncio.create_task(reader.share("k", world.read))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await patient == 0

    asyncio.run(ask())
