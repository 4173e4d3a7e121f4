"""Builds and runs Marathon's process: store, machine, master's connection, probes, API.

Start: take the store, restore the supervisor from it, subscribe, and serve. Everything on the loop
but the handlers of the REST API. What the machine emits is carried out here, in one table.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from flask import Flask

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
from kernel.runtime.serve import EXIT_USAGE, serve, stop_serving
from kernel.store import open_store
from kernel.store.interface import Records, Store, StoreError, Term
from marathon_app.core import effects, events
from marathon_app.core.supervisor import Supervisor
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.pages import create_pages
from marathon_app.runtime.api.system import Process
from marathon_app.runtime.application import MarathonApplication, event_route
from marathon_app.runtime.config import Config, modern_flags, problem_with
from marathon_app.runtime.feed import KEEPALIVE_INTERVAL_S, Feed
from marathon_app.runtime.probes import Prober
from marathon_app.runtime.watched import Watched

log = logging.getLogger(__name__)

ABDICATION_DELAY_S = 0.5  # Marathon's: the answer leaves first


class Marathon:
    """One process's parts, from `start` to `stop`."""

    def __init__(
        self, config: Config, clock: Clock, store: Store, term: Term, records: Records
    ) -> None:
        self._config = config
        supervisor = Supervisor.restore(records, config.settings())
        self._supervisor = supervisor
        watched = Watched(supervisor)
        self._driver: Driver[events.Event, effects.Effect] = Driver(
            watched, self._perform, clock=clock, store=store, term=term
        )
        self._feed = Feed(str(term.epoch), config.event_stream_max_outstanding_messages)
        self._desk = Desk(self._driver, watched, config, clock, self._publish_from_thread)
        self._running: list[asyncio.Task[None]] = []
        self._prober: Prober | None = None
        self._client: HttpClient | None = None
        self._scheduler: SchedulerClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._table: dict[type, Callable[[Any], None]] = {}
        process = Process(self._is_connected, clock.now().mono_ms, self._abdicate)
        self.routes: Sequence[Route] = [event_route(self._feed, clock, self._driver.post)]
        self.pages: Flask | None = create_pages(self._desk, process)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = HttpClient()
        self._prober = Prober(
            self._driver.post,
            concurrency_max=self._config.max_concurrent_marathon_health_checks,
        )
        self._scheduler = SchedulerClient(
            self._client,
            master_urls(self._config.master),
            subscribe=self._supervisor.subscribe_call,
            on_event=self._on_event,
            on_connected=lambda: self._driver.post(events.SchedulerConnected()),
            on_disconnected=lambda: self._driver.post(events.SchedulerDisconnected()),
            authorization=(
                authorization(self._config.credential) if self._config.credential else ""
            ),
        )
        self._table = _performers(self._scheduler, self._prober, self._feed)
        self._driver.start()
        self._driver.post(events.Started())
        self._running = [
            asyncio.ensure_future(self._scheduler.run()),
            asyncio.ensure_future(self._keep_alive()),
        ]

    async def stop(self) -> None:
        for running in self._running:
            running.cancel()
        if self._prober is not None:
            await self._prober.close()
        if self._client is not None:
            await self._client.close()
        await self._driver.settled()
        self._driver.stop()

    def _perform(self, effect: effects.Effect) -> None:
        self._table[type(effect)](effect)

    def _on_event(self, event: MesosEvent) -> None:
        self._driver.post(events.SchedulerEventReceived(event))

    def _is_connected(self) -> bool:
        return self._scheduler is not None and self._scheduler.connected

    def _publish_from_thread(self, event_type: str, data: Any, timestamp: str) -> None:
        assert self._loop is not None, "start() comes first"
        self._loop.call_soon_threadsafe(self._feed.publish, event_type, data, timestamp)

    def _abdicate(self) -> None:
        """The supervisor of processes, if there is one, starts us anew."""
        assert self._loop is not None, "start() comes first"
        self._loop.call_soon_threadsafe(self._loop.call_later, ABDICATION_DELAY_S, stop_serving)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEPALIVE_INTERVAL_S)
            self._feed.keep_alive()


def _performers(
    scheduler: SchedulerClient, prober: Prober, feed: Feed
) -> dict[type, Callable[[Any], None]]:
    """How each effect is carried out. Answers and Persist are the driver's."""

    def publish(effect: effects.PublishEvent) -> None:
        feed.publish(effect.event_type, effect.data, effect.timestamp)

    return {
        effects.SendCall: lambda effect: scheduler.send(effect.call),
        effects.PublishEvent: publish,
        effects.StartProbing: prober.start,
        effects.StopProbing: lambda effect: prober.stop(effect.task_id),
        effects.StartReadiness: prober.start_readiness,
        effects.StopReadiness: lambda effect: prober.stop_readiness(effect.task_id),
    }


def build(config: Config) -> Application:
    """Runs in the worker. A store that cannot be had ends the whole server, with one sentence."""
    try:
        store = open_store(config.store_url, "marathon")
        candidate = Candidate(
            store,
            f"marathon {config.leader}",
            config.leader,
            lambda term, records: Marathon(config, Clock(), store, term, records),
        )
        standby = LeaderProxy(candidate, "X-Marathon-Via", streams=("/v2/events",))
        application = MarathonApplication(start=candidate.start, stop=candidate.stop)
        candidate.join(application, standby)
        return application
    except StoreError as error:
        print(f"tepui marathon: {error} (--store, --work-dir)", file=sys.stderr)
        sys.exit(EXIT_STORE)


def main(argv: list[str]) -> NoReturn:
    config = parse(Config, "marathon", modern_flags(argv))
    problem = problem_with(config)
    if problem is not None:
        print(f"tepui marathon: {problem}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    serve(
        lambda: build(config),
        ip=config.ip,
        port=config.port,
        name="marathon",
        host_names=config.hostname,
    )
