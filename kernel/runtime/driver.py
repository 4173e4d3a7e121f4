"""Runs any pure machine on the event loop: events in, effects out, deadlines kept.

The order rule of `kernel.machine` is kept here: effects are carried out in the order they came,
and none overtakes a `Persist`. While a commit is under way, what follows waits; all `Persist`s that
gather meanwhile go into the next commit together, so one fsync serves all that wait. A commit
that fails ends the process: the store knows the truth, and the next start recovers from it.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from kernel.machine import Answer, DeadlineReached, Machine, Operation, Persist
from kernel.runtime.clock import Clock
from kernel.runtime.timings import Timings
from kernel.store.interface import CommitResult, Committed, Store, StoreFull, Term

log = logging.getLogger(__name__)

EXIT_STORE_LOST = 70  # EX_SOFTWARE; the supervisor starts us anew and we recover

EventT = TypeVar("EventT")
EffectT = TypeVar("EffectT")
T = TypeVar("T")


class Driver(Generic[EventT, EffectT]):
    """One machine's shell. All methods but the `…_from_thread` ones belong to the loop."""

    def __init__(
        self,
        machine: Machine[Any, EffectT],
        perform: Callable[[EffectT], None],
        *,
        clock: Clock | None = None,
        store: Store | None = None,
        term: Term | None = None,
        timings: Timings | None = None,
    ) -> None:
        self._timings = timings or Timings()  # of commits
        self._machine = machine
        self._perform = perform
        self._clock = clock or Clock()
        self._store = store
        self._term = term
        self._queue: deque[Any] = deque()
        self._draining = False
        self._committing = False
        self._commit_scheduled = False
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._last_request_id = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rearm_scheduled = False
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def start(self) -> None:
        """Bind to the running loop; from now on deadlines are kept."""
        self._loop = asyncio.get_running_loop()
        self._rearm()

    def stop(self) -> None:
        """Keep no more deadlines, hear no more events: what was not durable did not happen."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        self._writer.shutdown(wait=True)

    def post(self, event: EventT | DeadlineReached) -> None:
        """Step the machine now; its effects follow in order."""
        if self._stopped:
            return  # connections that end with us still say so
        try:
            effects: Sequence[Any] = self._machine.step(event, self._clock.now())
        except Exception:
            log.critical("our own mistake; ending, to recover from the store", exc_info=True)
            os._exit(EXIT_STORE_LOST)
        log.debug("%s -> %s", event, effects)
        self._queue.extend(effects)
        self._drain()
        self._schedule_rearm()

    async def ask(
        self, make: Callable[[int], EventT], *, changes: bool = True, timeout_s: float = 30
    ) -> Answer:
        """Post `make(request_id)`; return the `Answer` with that id, once it is durable.

        Raises `StoreFull` when `changes` and the store has no room: nothing was changed then.
        """
        if changes and self._store is not None and (refusal := self._store.refusal()):
            raise StoreFull(refusal)
        self._last_request_id += 1
        request_id = self._last_request_id
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = future
        try:
            self.post(make(request_id))
            return await asyncio.wait_for(future, timeout_s)
        finally:
            self._answers.pop(request_id, None)

    def ask_from_thread(
        self, make: Callable[[int], EventT], *, changes: bool = True, timeout_s: float = 30
    ) -> Answer:
        """`ask`, for a thread that is not the loop's (Flask views)."""
        asking = self.ask(make, changes=changes, timeout_s=timeout_s)
        return asyncio.run_coroutine_threadsafe(asking, self._bound_loop()).result(timeout_s + 5)

    async def read(self, query: Callable[[Any], T]) -> T:
        """A consistent look at the machine. The query must not keep references to its state."""
        return query(self._machine)

    def read_from_thread(self, query: Callable[[Any], T], *, timeout_s: float = 30) -> T:
        reading = self.read(query)
        return asyncio.run_coroutine_threadsafe(reading, self._bound_loop()).result(timeout_s)

    def post_from_thread(self, event: EventT) -> None:
        self._bound_loop().call_soon_threadsafe(self.post, event)

    async def settled(self) -> None:
        """Wait until every effect that is queued now has been carried out."""
        while self._queue or self._committing:
            await asyncio.sleep(0.001)

    def _bound_loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None, "start() comes first"
        return self._loop

    def _drain(self) -> None:
        if self._draining or self._committing:
            return
        self._draining = True
        try:
            while self._queue:
                if isinstance(self._queue[0], Persist) and self._store is not None:
                    self._schedule_commit()
                    return
                self._carry_out(self._queue.popleft())
        finally:
            self._draining = False

    def _carry_out(self, effect: Any) -> None:
        if isinstance(effect, Persist):
            return  # no store: a machine in a test, or one whose state is soft
        if isinstance(effect, Answer):
            future = self._answers.get(effect.request_id)
            if future is not None and not future.done():
                future.set_result(effect)
            return
        try:
            self._perform(effect)
        except Exception:
            log.exception("could not carry out %s", type(effect).__name__)

    def _schedule_commit(self) -> None:
        # At the end of this turn of the loop: what else this turn brings joins the commit.
        if not self._commit_scheduled:
            self._commit_scheduled = True
            self._bound_loop().call_soon(self._begin_commit)

    def _begin_commit(self) -> None:
        self._commit_scheduled = False
        if self._stopped:
            return
        self._committing = True
        batch = list(self._queue)
        self._queue.clear()
        operations = [
            operation
            for effect in batch
            if isinstance(effect, Persist)
            for operation in effect.operations
        ]
        future = self._bound_loop().run_in_executor(self._writer, self._commit, operations)
        future.add_done_callback(lambda done: self._committed(done, batch))

    def _commit(self, operations: list[Operation]) -> CommitResult:
        assert self._store is not None and self._term is not None
        with self._timings.around():
            return self._store.commit(self._term, operations)

    def _committed(self, done: "asyncio.Future[CommitResult]", batch: list[Any]) -> None:
        error = done.exception()
        if error is not None or not isinstance(done.result(), Committed):
            self._give_up(error or RuntimeError(f"the store answered {done.result()}"))
            return
        self._committing = False
        # Back to the front of the queue: an effect may post while it is carried out, and what
        # that causes comes after the rest of this batch.
        durable = [effect for effect in batch if not isinstance(effect, Persist)]
        self._queue.extendleft(reversed(durable))
        self._drain()

    def _give_up(self, error: BaseException) -> None:
        log.critical("a commit failed (%s); ending, to recover from the store", error)
        for future in self._answers.values():
            if not future.done():
                future.set_exception(error)
        # The answers that tell people so get a moment to leave; nothing else happens meanwhile,
        # because `_committing` stays set.
        self._bound_loop().call_later(0.3, os._exit, EXIT_STORE_LOST)

    def _schedule_rearm(self) -> None:
        if not self._rearm_scheduled and self._loop is not None:
            self._rearm_scheduled = True
            self._loop.call_soon(self._rearm)

    def _rearm(self) -> None:
        self._rearm_scheduled = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stopped:
            return
        deadline_ms = self._machine.next_deadline_ms()
        if deadline_ms is not None:
            delay_s = max(1, deadline_ms - self._clock.now().mono_ms) / 1000
            self._timer = self._bound_loop().call_later(delay_s, self._on_deadline)

    def _on_deadline(self) -> None:
        self._timer = None
        self.post(DeadlineReached())
