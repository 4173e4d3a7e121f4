"""Stands for leader: a standby answers as one until it is elected, then what it leads is built.

A store that several processes share has one leader. The others ask again a few times a second, so
that one follows within the lease. Who loses the lease ends at once, without a word to the store:
the process that comes after it begins from what is written. A store of one machine knows no
standbys; there a second process is a mistake, told in one sentence.
Source: the project's reliability notes §3d.3; Marathon's experience with demotion in one process.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from kernel.runtime.driver import EXIT_STORE_LOST
from kernel.runtime.http import Application, Handler, Route
from kernel.store.interface import (
    Holder,
    Records,
    Store,
    StoreError,
    StoreHeld,
    StoreUnreachable,
    Term,
)

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

EXIT_STORE = 3  # gunicorn's word for "do not start this worker again"
POLL_S = 0.25
COMPLAINT_INTERVAL_S = 10.0


class Part(Protocol):
    """What a leader is: what it serves, and its life on the loop."""

    routes: Sequence[Route]
    pages: "Flask | None"

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


Lead = Callable[[Term, Records], Part]


class Candidate:
    """One process that may lead. `leader` says in words who it is, `address` where it answers."""

    def __init__(self, store: Store, leader: str, address: str, lead: Lead) -> None:
        self.address = address
        self.holder: Holder | None = None  # who leads now, as we last saw
        self._store = store
        self._leader = leader
        self._lead = lead
        self._part: Part | None = None
        self._application: Application | None = None
        self._campaign: asyncio.Task[None] | None = None
        self._complained_s = -COMPLAINT_INTERVAL_S
        self._changed = asyncio.Event()

    async def until_changed(self) -> None:
        """Return once another leads than now, perhaps we."""
        await self._changed.wait()

    @property
    def leads(self) -> bool:
        return self._part is not None

    def join(self, application: Application, standby: Handler) -> None:
        """Serve there: as `standby` says until elected. Call it in the worker, before the loop.

        Raises `StoreError` when the store is of one machine and can't be had.
        """
        self._application = application
        application.gate = standby
        if not self._store.is_shared:
            term = self._store.lead(self._leader, address=self.address)
            self._install(self._lead(term, self._store.load()))

    async def start(self) -> None:
        if self._part is not None:
            await self._part.start()
        else:
            self._campaign = asyncio.ensure_future(self._stand())

    async def stop(self) -> None:
        if self._campaign is not None:
            self._campaign.cancel()
            await asyncio.gather(self._campaign, return_exceptions=True)
        if self._part is not None:
            await self._part.stop()
        await asyncio.to_thread(self._store.close)

    async def _stand(self) -> None:
        try:
            term = await self._win()
            log.info("elected: %s leads in epoch %d", self._leader, term.epoch)
            part = self._lead(term, await asyncio.to_thread(self._store.load))
            await part.start()
            self._install(part)
        except (StoreHeld, StoreUnreachable) as error:
            # It passes: the arbiter starts us anew, and we stand again.
            log.critical("could not begin to lead (%s); ending, to stand again", error)
            os._exit(EXIT_STORE_LOST)
        except StoreError as error:
            # Standing outside of a start: gunicorn takes this status for "not again".
            print(f"tepui: {error} (--store)", file=sys.stderr)
            os._exit(EXIT_STORE)
        except Exception:
            log.critical("could not begin to lead; ending", exc_info=True)
            os._exit(EXIT_STORE_LOST)

    async def _win(self) -> Term:
        while True:
            try:
                return await asyncio.to_thread(
                    self._store.lead, self._leader, address=self.address, on_lost=_end
                )
            except StoreHeld:
                self._see(await self._ask_holder())
            except StoreUnreachable as error:
                self._complain(error)
            await asyncio.sleep(POLL_S)

    async def _ask_holder(self) -> Holder | None:
        try:
            return await asyncio.to_thread(self._store.holder)
        except StoreUnreachable as error:
            self._complain(error)
            return None

    def _see(self, holder: Holder | None) -> None:
        if holder is not None and holder != self.holder:
            log.info("standing by: %s leads", holder.leader)
        if holder != self.holder:
            self._tell_change()
        self.holder = holder

    def _complain(self, error: StoreError) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._complained_s >= COMPLAINT_INTERVAL_S:
            self._complained_s = now_s
            log.warning("%s; asking again", error)

    def _install(self, part: Part) -> None:
        assert self._application is not None, "join() comes first"
        self._part = part
        self._application.install(part.routes, part.pages)
        self._application.gate = None
        self._tell_change()

    def _tell_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _end(reason: str) -> None:
    """Called by the store's own thread: the loop may be the thing that hangs."""
    log.critical("no longer the leader (%s); ending, to stand again", reason)
    os._exit(EXIT_STORE_LOST)
