"""One load balancer process: the machine, its effects, and the admin endpoints.

Leaves deciding to `lb.watch`, HAProxy to `lb.runtime.haproxy`, Marathon to `lb.runtime.follow`.
Source: marathon-lb (paths of the admin endpoints).
"""

import asyncio
import json
import logging
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from kernel.runtime.client import HttpClient
from kernel.runtime.driver import Driver
from kernel.runtime.http import Application, Request, Response, Route
from lb import events as e
from lb import present
from lb.runtime.config import LbConfig, instance_name, options_of, render_settings_of
from lb.runtime.follow import Follower
from lb.runtime.haproxy import Haproxy
from lb.runtime.process import find_program
from lb.runtime.sockets import METRICS_SOCKET, TROUBLE
from lb.stats import parse_stat
from lb.watch import Watch

log = logging.getLogger(__name__)

ADMIN_PATIENCE_S = 0.2
TEXT = "text/plain; charset=utf-8"


class Balancer:
    """Everything of one process that lives on the loop."""

    def __init__(self, config: LbConfig) -> None:
        self._directory = Path(config.work_dir).absolute()
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = render_settings_of(config, has_exporter(config.haproxy))
        self.watch = Watch(options_of(config), settings)
        self._config = config
        self._driver: Driver[e.Event, e.Effect] = Driver(self.watch, self._perform)
        self._haproxy = Haproxy(self._directory, config.haproxy, settings, self._post)
        self._client: HttpClient | None = None
        self._follower: Follower | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._stopping = False
        self._said = ""

    async def start(self) -> None:
        self._client = HttpClient()
        name = instance_name(self._config)
        self._follower = Follower(self._config.marathon, name, self._client, self._post)
        self._driver.start()
        await self._haproxy.look()
        self._spawn(self._follower.run())

    async def stop(self) -> None:
        self._stopping = True
        for task in list(self._tasks):
            task.cancel()
        await self._haproxy.stop()
        if self._client is not None:
            await self._client.close()
        self._driver.stop()

    def application(self) -> Application:
        routes = (
            Route("GET", "/health", self._health),
            Route("GET", "/_haproxy_health_check", self._health_check),
            Route("GET", "/_haproxy_getconfig", self._config_text),
            Route("GET", "/_haproxy_getpids", self._pids),
            Route("GET", "/_haproxy_getvhostmap", self._vhost_map),
            Route("GET", "/_haproxy_getappmap", self._app_map),
            Route("GET", "/haproxy*", self._stats),
            Route("GET", "/metrics", self._metrics),
            Route("GET", "/v1/services", self._services),
        )
        return Application(routes=routes, start=self.start, stop=self.stop)

    def _post(self, event: e.Event) -> None:
        if not self._stopping:
            self._driver.post(event)
            self._say()

    def _say(self) -> None:
        """Tell people what changed for them, once."""
        error = self.watch.haproxy.report.last_error
        sentence = error[1] if error else ""
        if sentence != self._said:
            self._said = sentence
            log.warning("%s", sentence)

    def _perform(self, effect: e.Effect) -> None:
        assert self._follower is not None
        match effect:
            case e.FetchApps(fetch):
                self._spawn(self._follower.fetch(fetch))
            case e.Acknowledge(task_ids):
                self._spawn(self._follower.acknowledge(task_ids))
            case e.ApplyConfig(model):
                self._spawn(self._haproxy.apply(model))
            case e.StartLastGood():
                self._spawn(self._haproxy.start_last_good())
            case e.ChangeServers(changes):
                self._spawn(self._haproxy.change(changes))
            case e.ReadServers():
                self._spawn(self._haproxy.read_servers())
            case e.ReadSessions(keys):
                self._spawn(self._haproxy.read_sessions(keys))
            case e.SaveConfig(model):
                self._haproxy.save(model)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._stopping:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """A full disk or the like must not leave the machine waiting for an answer."""
        try:
            await work
        except OSError as problem:
            log.warning("could not do what was decided: %s", problem)
            if self._haproxy.process.is_alive:
                self._post(e.HaproxyUnreachable(str(problem)))
            else:
                self._post(e.StartFailed(str(problem)))

    async def _health(self, _request: Request) -> Response:
        watch = self.watch
        body = {
            "status": "ok",
            "haproxy": watch.haproxy.report.haproxy,
            "marathon": watch.fetching.is_following,
        }
        if (
            watch.haproxy.report.haproxy != "running"
            and watch.haproxy.report.last_error is not None
        ):
            body["reason"] = watch.haproxy.report.last_error[1]
        return _json(body)

    async def _health_check(self, _request: Request) -> Response:
        if self.watch.haproxy.running is None:
            return Response(503, b"HAProxy does not run\n", TEXT)
        return Response(200, b"OK\n", TEXT)

    async def _config_text(self, _request: Request) -> Response:
        return Response(200, self._haproxy.files.text.encode(), TEXT)

    async def _pids(self, _request: Request) -> Response:
        try:
            processes = await self._haproxy.processes(ADMIN_PATIENCE_S)
        except TROUBLE:
            return Response(200, b"\n", TEXT)
        pids = (processes.master, *processes.workers, *processes.leaving)
        return Response(200, f"{' '.join(map(str, pids))}\n".encode(), TEXT)

    async def _vhost_map(self, _request: Request) -> Response:
        return Response(200, present.vhost_map(self.watch.wish.model).encode(), TEXT)

    async def _app_map(self, _request: Request) -> Response:
        return Response(200, present.app_map(self.watch.wish.model).encode(), TEXT)

    async def _stats(self, request: Request) -> Response:
        """`/haproxy?stats;csv`, as HAProxy's own page would give it."""
        if request.path != "/haproxy":
            return Response(404, b'{"message":"there is nothing at this path"}')
        try:
            return Response(200, (await self._haproxy.stat()).encode() + b"\n", TEXT)
        except TROUBLE:
            return Response(503, b"HAProxy does not run\n", TEXT)

    async def _metrics(self, _request: Request) -> Response:
        own = present.own_metrics(self.watch)
        try:
            answer = await self._haproxy.sockets.exchange(
                METRICS_SOCKET, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n"
            )
        except TROUBLE:
            answer = ""
        head, _, body = answer.partition("\r\n\r\n")
        theirs = body if " 200 " in head.partition("\r\n")[0] else ""
        return Response(200, (own + theirs).encode(), "text/plain; version=0.0.4; charset=utf-8")

    async def _services(self, _request: Request) -> Response:
        config, rows, about = self._config, [], dict[str, Any]()
        try:
            rows = parse_stat(await self._haproxy.stat())
            processes = await self._haproxy.processes(ADMIN_PATIENCE_S)
            about = {
                "pid": processes.master,
                "workers": list(processes.workers),
                "leavingWorkers": list(processes.leaving),
            }
        except TROUBLE:
            pass
        body = present.services(self.watch, rows, about)
        body["httpPort"] = config.http_port
        body["http"] = {"bind": config.bind, "port": config.http_port}
        body["marathon"]["urls"] = list(config.marathon)
        return _json(body)


def has_exporter(program: str) -> bool:
    """Whether this HAProxy was built with its Prometheus exporter."""
    path = find_program(program)
    if path is None:
        return True  # not there yet: Debian's and everybody's builds have it
    try:
        done = subprocess.run([path, "-vv"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"prometheus-exporter" in done.stdout


def _json(body: dict[str, Any]) -> Response:
    return Response(200, json.dumps(body).encode())
