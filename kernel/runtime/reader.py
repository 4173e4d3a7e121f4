"""Carries out long reads a little at a time on the loop, so that what is decided never waits long.

A reading is a generator that yields wherever others may run. Who asks gets what was read after it
asked, so it sees all that was answered before; readers that wait for the same thing share one
reading, and while nothing happens its result is given again.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

SLICE_S = 0.002  # shared by all readings that are under way
KEEP_READY_EVERY_S = 1.0
REST_RATIO = 4  # of keeping ready: rest to work

T = TypeVar("T")
Reading = Generator[None, None, T]


class _Shared:
    """The readings of one thing."""

    def __init__(self) -> None:
        self.begun = 0
        self.under_way: asyncio.Task[Any] | None = None
        self.result: Any = None
        self.steps = -1  # the machine's when the result's reading began


class Reader:
    """Belongs to the loop. `steps` tells whether anything can have changed."""

    def __init__(self, steps: Callable[[], int]) -> None:
        self._steps = steps
        self._shared: dict[object, _Shared] = {}
        self._active = 0

    async def share(self, key: object, make: Callable[[], Reading[T]]) -> T:
        """What `make` reads, together with all who ask under the same key."""
        shared = self._shared.setdefault(key, _Shared())
        asked_after = shared.begun
        while True:
            if shared.steps == self._steps():
                result: T = shared.result
                return result
            task = shared.under_way
            if task is None:
                shared.begun += 1
                task = shared.under_way = asyncio.create_task(self._read(shared, make))
            is_fresh = shared.begun > asked_after
            await asyncio.shield(task)  # a reader that leaves does not stop it for the others
            if is_fresh:
                result = task.result()
                return result

    async def _read(self, shared: _Shared, make: Callable[[], Reading[T]]) -> T:
        steps = self._steps()
        try:
            result = await self.run(make())
        finally:
            shared.under_way = None
        shared.result, shared.steps = result, steps
        return result

    async def run(self, reading: Reading[T]) -> T:
        """To its end, in slices. The last step is not interrupted, and nothing runs between it
        and the return."""
        self._active += 1
        try:
            while True:
                until = time.perf_counter() + SLICE_S / self._active
                while time.perf_counter() < until:
                    next(reading)
                await asyncio.sleep(0)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            self._active -= 1

    async def keep_ready(self, make: Callable[[], Reading[None]]) -> None:
        """Prepare in the background what readers will ask for; ends when it is cancelled."""
        seen = -1
        while True:
            await asyncio.sleep(KEEP_READY_EVERY_S)
            if seen == self._steps():
                continue
            seen = self._steps()
            reading = make()
            try:
                while True:
                    began = time.perf_counter()
                    while time.perf_counter() < began + SLICE_S / 2:
                        next(reading)
                    await asyncio.sleep(REST_RATIO * SLICE_S / 2)
            except StopIteration:
                continue
