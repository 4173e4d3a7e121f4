"""The master as a process: leads its store, builds the machine and serves its conversations."""

import asyncio
import logging
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

from flask import Flask
from msgspec.structs import asdict

from kernel.allocator.chance import SeededChance
from kernel.allocator.clients import parse_minima
from kernel.machine import Now
from kernel.master.cluster import Settings
from kernel.master.events import (
    CloseAgentStream,
    CloseOperatorStream,
    CloseSchedulerStream,
    EndMaster,
    Event,
    HostsListed,
    SendToAgent,
    SendToOperators,
    SendToScheduler,
)
from kernel.master.master import Master
from kernel.master.rate_limits import Throttle
from kernel.master.views import MASTER_CAPABILITIES, MESOS_VERSION
from kernel.messages.codec import encode
from kernel.messages.domains import parse_domain
from kernel.messages.endpoints import CHANGING
from kernel.messages.v1 import Address, Capability, MasterInfo
from kernel.runtime.authentication import Authenticator
from kernel.runtime.call_form import refuse
from kernel.runtime.clock import Clock
from kernel.runtime.config import EXIT_USAGE, parse
from kernel.runtime.driver import Driver
from kernel.runtime.election import EXIT_STORE, Candidate
from kernel.runtime.http import Application, Request, Response, Route, Streaming
from kernel.runtime.master.agent_api import AgentApi
from kernel.runtime.master.config import (
    AGENT,
    READONLY,
    READWRITE,
    SCHEDULER,
    MasterConfig,
    acls_of,
    credentials_of,
    hosts_file_of,
    problem_with,
    rate_limits_of,
    realms_of,
    removal_limit,
    removal_rate,
    roles_of,
)
from kernel.runtime.master.host_list import keep_reading, read_hosts
from kernel.runtime.master.metrics import Metrics
from kernel.runtime.master.operator_api import OperatorApi
from kernel.runtime.master.pages import BUILD, TEPUI_VERSION, Pages, guarded
from kernel.runtime.master.scheduler_api import SchedulerApi
from kernel.runtime.master.standby import Standby
from kernel.runtime.master.streams import Streams
from kernel.runtime.reader import Reader
from kernel.runtime.serve import serve
from kernel.runtime.system import LoggingLevel
from kernel.runtime.timings import Timings
from kernel.store import open_store
from kernel.store.interface import Records, Store, StoreError, Term
from kernel.store.urls import redacted

log = logging.getLogger(__name__)

EXIT_GIVEN_UP = 70  # as the driver ends when it can't go on

Handler = Callable[[Request], Awaitable[Response | Streaming]]


class Leader:
    """What the elected master is, from `start` to `stop`."""

    def __init__(self, config: MasterConfig, store: Store, term: Term, records: Records) -> None:
        self._authenticator = Authenticator(credentials_of(config), realms_of(config))
        clock = Clock()
        self._config = config
        self._clock = clock
        self._store = store
        self._started = clock.now()
        self._info = master_info(config, str(uuid4()))
        self._streams = Streams()
        self._passes, self._commits = Timings(), Timings()
        self._machine = Master(
            _settings(config, self._info, term.epoch),
            SeededChance(secrets.randbits(63)),
            self._started,
            records=records,
            allocation_interval_ms=round(config.allocation_interval * 1000),
        )
        self._machine.timed = self._passes.around
        self._driver: Driver[Event, object] = Driver(
            self._machine, self._perform, clock=clock, store=store, term=term, timings=self._commits
        )
        self._reading_hosts: asyncio.Task[None] | None = None
        self._handlers: dict[str, Handler] = {}
        self.routes: Sequence[Route] = [Route("*", "/*", self._handle)]
        self.pages: Flask | None = None

    async def start(self) -> None:
        self._driver.start()
        self._reader = Reader(lambda: self._machine.steps)
        self._keeping_ready = asyncio.create_task(
            self._reader.keep_ready(self._machine.reads.v0.prepare)
        )
        if (file := hosts_file_of(self._config)) is not None:
            # Before anybody can subscribe: no offer may leave while the list is unknown.
            self._driver.post(HostsListed(await asyncio.to_thread(read_hosts, file)))
            self._reading_hosts = asyncio.create_task(keep_reading(file, self._list_hosts))
        self._handlers = self._make_handlers(self._info, self._started)
        await asyncio.to_thread(self._store.announce, encode(self._info))

    async def stop(self) -> None:
        self._keeping_ready.cancel()
        if self._reading_hosts is not None:
            self._reading_hosts.cancel()
        self._driver.stop()

    def _list_hosts(self, hosts: tuple[str, ...]) -> None:
        self._driver.post(HostsListed(hosts))

    def _make_metrics(self, throttle: Throttle) -> Metrics:
        return Metrics(
            self._machine,
            self._streams,
            throttle,
            self._clock,
            self._started,
            {
                "allocator/mesos/allocation_run_ms": self._passes,
                "registrar/state_store_ms": self._commits,
            },
        )

    def _make_handlers(self, info: MasterInfo, started: Now) -> dict[str, Handler]:
        config = self._config
        leader = {
            "id": info.id,
            "pid": info.pid,
            "port": info.port,
            "hostname": info.hostname,
        }
        flags = {name: redacted(str(value)) for name, value in asdict(config).items()}
        logging_level = LoggingLevel()
        throttle = Throttle(rate_limits_of(config))
        metrics = self._make_metrics(throttle)
        operators = OperatorApi(
            self._driver,
            self._machine,
            self._streams,
            self._reader,
            logging_level,
            metrics,
            info=info,
            flags=flags,
            started_s=started.wall_ms / 1000,
        )
        pages = Pages(
            self._machine,
            self._reader,
            metrics,
            operators.ask,
            head={
                "version": MESOS_VERSION,
                "tepui_version": TEPUI_VERSION,
                **BUILD,
                "start_time": started.wall_ms / 1000,
                "elected_time": started.wall_ms / 1000,
                "id": info.id,
                "pid": info.pid,
                "hostname": info.hostname,
                "cluster": config.cluster,
                "leader": info.pid,
                "leader_info": leader,
            },
            flags=flags,
            hostname=info.hostname or config.ip,
            port=info.port,
        )
        return {
            "/api/v1": operators,
            "/api/v1/scheduler": SchedulerApi(
                self._driver, self._streams, self._machine.cluster, throttle, self._clock
            ),
            "/tepui/v1/agent": AgentApi(self._driver, self._streams, self._store, self._machine),
            "/logging/toggle": guarded(self._machine, "/logging/toggle", logging_level.toggle),
            **pages.views(),
            "": _index,
        }

    async def _handle(self, request: Request) -> Response | Streaming:
        """By the longest path that is a parent of the request's, as libprocess does."""
        path = request.path.rstrip("/")
        if path == "/master" or path.startswith("/master/"):
            path = path.removeprefix("/master")
        if path == "":
            return await _index(request)
        admitted = self._authenticator.admitted(request, realm_of(path))
        if isinstance(admitted, Response):
            return admitted
        request = admitted
        while path:
            handler = self._handlers.get(path)
            if handler is not None:
                return await handler(request)
            path = path.rpartition("/")[0]
        return refuse(404, "404 Not Found.")

    def _perform(self, effect: object) -> None:
        match effect:
            case SendToScheduler(stream_id, event):
                self._streams.send(stream_id, event)
            case SendToAgent(stream_id, message):
                self._streams.send(stream_id, message)
            case SendToOperators(stream_ids, event):
                self._streams.send_all(stream_ids, event)
            case (
                CloseSchedulerStream(stream_id)
                | CloseAgentStream(stream_id)
                | CloseOperatorStream(stream_id)
            ):
                self._streams.close(stream_id)
            case EndMaster(reason):
                log.critical("ending: %s", reason)
                os._exit(EXIT_GIVEN_UP)
            case _:
                raise AssertionError(f"nobody carries out {effect}")


def realm_of(path: str) -> str | None:
    """Who is asked there for credentials; None is for what everyone may know. Source: Mesos,
    src/master/master.cpp (route)."""
    if path in ("/health", "/version", "/redirect"):
        return None
    for prefix, realm in _REALMS:
        if path == prefix or path.startswith(f"{prefix}/"):
            return realm
    return READONLY


_REALMS = (
    ("/api/v1/scheduler", SCHEDULER),
    ("/tepui/v1/agent", AGENT),
    ("/api/v1", READWRITE),
    ("/logging/toggle", READWRITE),
    *((endpoint, READWRITE) for endpoint in CHANGING),
)


async def _index(request: Request) -> Response:
    text = b"Tepui's master. Its state: /state. The dashboard is a process of its own: tepui web.\n"
    return Response(200, text, "text/plain; charset=utf-8")


def advertised_ip(config: MasterConfig) -> str:
    """Where others reach us: nobody can dial 0.0.0.0, which only says to listen everywhere."""
    if config.advertise_ip:
        return config.advertise_ip
    if not ip_address(config.ip).is_unspecified:
        return config.ip
    try:
        return socket.gethostbyname(config.hostname or socket.gethostname())
    except OSError:
        return config.ip


def master_info(config: MasterConfig, master_id: str) -> MasterInfo:
    """Who we are, for schedulers; `ip` is packed in network order, as Mesos has it."""
    ip = advertised_ip(config)
    hostname = config.hostname or ("localhost" if ip.startswith("127.") else ip)
    address = ip_address(ip)
    packed = int.from_bytes(address.packed, "little") if address.version == 4 else 0
    return MasterInfo(
        id=master_id,
        ip=packed,
        port=config.port,
        pid=f"master@{ip}:{config.port}",
        hostname=hostname,
        version=MESOS_VERSION,
        address=Address(hostname=hostname, ip=ip, port=config.port),
        domain=parse_domain(config.domain),
        capabilities=[Capability(type=name) for name in MASTER_CAPABILITIES],
    )


def _settings(config: MasterConfig, info: MasterInfo, epoch: int) -> Settings:
    return Settings(
        master_info=info,
        epoch=epoch,
        ping_interval_ms=round(config.agent_ping_timeout * 1000),
        ping_misses_max=config.max_agent_ping_timeouts,
        agent_reregister_timeout_ms=round(config.agent_reregister_timeout * 1000),
        completed_frameworks_max=config.max_completed_frameworks,
        completed_tasks_max=config.max_completed_tasks_per_framework,
        unreachable_tasks_max=config.max_unreachable_tasks_per_framework,
        operator_subscribers_max=config.max_operator_event_stream_subscribers,
        acls=acls_of(config),
        roles=roles_of(config),
        takes_root=config.root_submissions,
        offer_timeout_ms=round(config.offer_timeout * 1000) or None,
        agent_recovery_percent=round(config.allocator_agent_recovery_factor * 100),
        agent_recovery_timeout_ms=round(config.allocator_recovery_timeout * 1000),
        minima=parse_minima(config.min_allocatable_resources),
        names_without_share=tuple(
            name.strip() for name in config.fair_sharing_excluded_resource_names.split(",")
        ),
        keeps_gpus_apart=config.filter_gpu_resources,
        removal_rate=removal_rate(config),
        recovery_removal_limit=removal_limit(config),
        registry_gc_interval_ms=round(config.registry_gc_interval * 1000),
        registry_max_agent_age_ms=round(config.registry_max_agent_age * 1000),
        registry_max_agent_count=config.registry_max_agent_count,
    )


def build(config: MasterConfig) -> Application:
    """Runs in the worker. A store that can't be had ends the whole server, with one sentence."""
    try:
        store = open_store(_store_url(config), "master")
        address = f"{config.hostname or advertised_ip(config)}:{config.port}"
        candidate = Candidate(
            store,
            f"master at {address}",
            address,
            lambda term, records: Leader(config, store, term, records),
        )
        application = Application(start=candidate.start, stop=candidate.stop)
        flags = {name: redacted(str(value)) for name, value in asdict(config).items()}
        candidate.join(application, Standby(candidate, flags))
        return application
    except StoreError as error:
        print(f"tepui master: {error} (--store, --work-dir)", file=sys.stderr)
        sys.exit(EXIT_STORE)


def _store_url(config: MasterConfig) -> str:
    if config.store:
        return config.store
    work_dir = Path(config.work_dir).absolute()
    work_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{work_dir / 'master.sqlite'}"


def main(argv: Sequence[str]) -> NoReturn:
    """`tepui master`."""
    config = parse(MasterConfig, "master", argv)
    problem = problem_with(config)
    if problem is not None:
        print(f"tepui master: {problem}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    serve(
        lambda: build(config),
        ip=config.ip,
        port=config.port,
        name="master",
        host_names=config.hostname,
    )
