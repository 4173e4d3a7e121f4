"""Builds and runs Chronos's process: store, machine, master's connection, deliveries, API.

Start: take the store, restore the cron from it, subscribe, and serve. Everything on the loop but
the views. What the machine emits is carried out here.
"""

import asyncio
import logging
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn

from flask import Flask

from chronos_app.core import events
from chronos_app.core.cron import Cron
from chronos_app.runtime.api.desk import Desk
from chronos_app.runtime.api.pages import create_pages
from chronos_app.runtime.config import Config, modern_flags, problem_with
from chronos_app.runtime.handover import Handover
from chronos_app.runtime.logs import Log, read_log
from kernel.messages.scheduler import Event as MesosEvent
from kernel.runtime.authentication import authorization
from kernel.runtime.client import HttpClient
from kernel.runtime.clock import Clock
from kernel.runtime.config import parse
from kernel.runtime.driver import Driver
from kernel.runtime.election import EXIT_STORE, Candidate
from kernel.runtime.http import Application, Route
from kernel.runtime.leader_finder import master_urls
from kernel.runtime.leader_proxy import LeaderProxy
from kernel.runtime.scheduler_client import SchedulerClient
from kernel.runtime.serve import EXIT_USAGE, serve
from kernel.store import open_store
from kernel.store.interface import Records, Store, StoreError, Term

log = logging.getLogger(__name__)

LOG_TIMEOUT_S = 20


class Chronos:
    """One process's parts, from `start` to `stop`."""

    def __init__(
        self, config: Config, clock: Clock, store: Store, term: Term, records: Records
    ) -> None:
        self._config = config
        self._cron = Cron.restore(records, config.settings())
        self._driver: Driver[events.Event, events.Effect] = Driver(
            self._cron, self._perform, clock=clock, store=store, term=term
        )
        self._handover = Handover(
            config.deliveries, config.notify_webhook, config.mail_from, self._on_handed_over
        )
        self._desk = Desk(self._driver, config, clock, self._on_loop)
        self._running: list[asyncio.Task[None]] = []
        self._client: HttpClient | None = None
        self._scheduler: SchedulerClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.routes: Sequence[Route] = []
        self.pages: Flask | None = create_pages(self._desk, self._is_connected, self._read_log)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = HttpClient()
        self._scheduler = SchedulerClient(
            self._client,
            master_urls(self._config.master),
            subscribe=self._cron.scheduler.subscribe_call,
            on_event=self._on_event,
            on_connected=lambda: self._driver.post(events.SchedulerConnected()),
            on_disconnected=lambda: self._driver.post(events.SchedulerDisconnected()),
            authorization=(
                authorization(self._config.credential) if self._config.credential else ""
            ),
        )
        self._driver.start()
        self._driver.post(events.Started())
        self._running = [
            asyncio.ensure_future(self._scheduler.run()),
            asyncio.ensure_future(self._handover.run()),
        ]

    async def stop(self) -> None:
        for running in self._running:
            running.cancel()
        if self._client is not None:
            await self._client.close()
        await self._driver.settled()
        self._driver.stop()

    def _perform(self, effect: events.Effect) -> None:
        """Answers and Persist are the driver's."""
        if isinstance(effect, events.SendCall):
            assert self._scheduler is not None, "start() comes first"
            self._scheduler.send(effect.call)
        elif isinstance(effect, events.Notify):
            self._handover.put(effect.notice)

    def _on_event(self, event: MesosEvent) -> None:
        if event.error is not None:
            log.error("the master refuses this framework: %s", event.error.message)
        self._driver.post(events.SchedulerEventReceived(event))

    def _on_handed_over(self, notice_id: str) -> None:
        self._driver.post(events.NoticeHandedOver(notice_id))

    def _is_connected(self) -> bool:
        return self._scheduler is not None and self._scheduler.connected

    async def _read_log(self, agent_url: str, task_id: str, stream: str) -> Log:
        assert self._client is not None, "start() comes first"
        framework_id = self._cron.ledger.framework_id
        return await read_log(self._client, agent_url, framework_id, task_id, stream)

    def _on_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        assert self._loop is not None, "start() comes first"
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(LOG_TIMEOUT_S)


def build(config: Config) -> Application:
    """Runs in the worker. A store that cannot be had ends the whole server, with one sentence."""
    try:
        store = open_store(config.store_url, "chronos")
        candidate = Candidate(
            store,
            f"chronos {config.leader}",
            config.leader,
            lambda term, records: Chronos(config, Clock(), store, term, records),
        )
        application = Application(start=candidate.start, stop=candidate.stop)
        candidate.join(application, LeaderProxy(candidate, "X-Chronos-Via"))
        return application
    except StoreError as error:
        print(f"tepui chronos: {error} (--store, --work-dir)", file=sys.stderr)
        sys.exit(EXIT_STORE)


def main(argv: list[str]) -> NoReturn:
    config = parse(Config, "chronos", modern_flags(argv))
    problem = problem_with(config)
    if problem is not None:
        print(f"tepui chronos: {problem}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    serve(
        lambda: build(config),
        ip=config.ip,
        port=config.port,
        name="chronos",
        host_names=config.hostname,
    )
