"""The master's pages for people and tools: Mesos's v0 endpoints, those that change included.

What they show is `kernel.master.reads`'s and `kernel.master.views`'.
Source: Mesos, docs/endpoints.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kernel.master import role_views, views
from kernel.master.master import Master
from kernel.master.reads import Reads
from kernel.messages.codec import Malformed, encode
from kernel.messages.endpoints import CHANGING, Posted
from kernel.messages.operator import Call, call_problem
from kernel.messages.pieces import Pieces
from kernel.runtime.call_form import refuse
from kernel.runtime.http import Request, Response
from kernel.runtime.master.metrics import Metrics
from kernel.runtime.reader import Reader, Reading
from kernel.runtime.system import system_stats

BUILD = {"git_sha": "", "build_date": "", "build_time": 0.0, "build_user": ""}
TEPUI_VERSION = "0.1.0"

View = Callable[[Request], Awaitable[Response]]


def json_response(request: Request, body: bytes | Pieces) -> Response:
    """JSON, or a script that calls `?jsonp=` with it, as Mesos does."""
    callback = request.first("jsonp")
    if not callback:
        return Response(200, body)
    if not re.fullmatch(r"[A-Za-z_$][\w$.]{0,100}", callback):
        return refuse(400, "'jsonp' must be the name of a function")
    pieces = body if isinstance(body, Pieces) else Pieces([body])
    return Response(200, pieces.around(callback.encode() + b"(", b")"), "text/javascript")


def may(machine: Master, request: Request, action: str, objects: list[str] | None) -> bool:
    """Whether who asks may do it."""
    return machine.cluster.settings.acls.allows(action, request.principal, objects)


def guarded(machine: Master, endpoint: str, view: View) -> View:
    """An endpoint that Mesos's `get_endpoints` is about."""

    async def asked(request: Request) -> Response:
        if not may(machine, request, "get_endpoints", [endpoint]):
            return refuse(403, "403 Forbidden.")
        return await view(request)

    return asked


class Pages:
    """One per process; `head` is what `/state` begins with."""

    def __init__(
        self,
        machine: Master,
        reader: Reader,
        metrics: Metrics,
        ask: Callable[[Call, str | None], Awaitable[Response]],
        *,
        head: Mapping[str, Any],
        flags: Mapping[str, str],
        hostname: str,
        port: int,
    ) -> None:
        self._machine = machine
        self._reads = machine.reads
        self._reader = reader
        self._metrics = metrics
        self._ask = ask
        self._head = head
        self._flags = flags
        self._hostname = hostname
        self._port = port

    def views(self) -> dict[str, View]:
        """By path, without its prefix."""
        return {
            "/state": self.state,
            "/state-summary": self.state_summary,
            "/slaves": self.slaves,
            "/frameworks": self.frameworks,
            "/tasks": self.tasks,
            "/roles": self.roles,
            "/flags": self.flags,
            "/health": self.health,
            "/version": self.version,
            "/metrics/snapshot": guarded(self._machine, "/metrics/snapshot", self.metrics),
            "/redirect": self.redirect,
            "/system/stats.json": self.stats,
            "/files": self.files,
            "/files/debug": guarded(self._machine, "/files/debug", self.files),
            **{path: self._page(path) for path in self._machine.operators.pages},
            **{path: self._change(path) for path in CHANGING},
        }

    def _page(self, endpoint: str) -> View:
        async def view(request: Request) -> Response:
            return self._shown(request, endpoint)

        return view

    def _change(self, endpoint: str) -> View:
        return lambda request: self.changing(request, endpoint)

    async def state(self, request: Request) -> Response:
        head = dict(self._head)
        if may(self._machine, request, "view_flags", None):
            head["flags"] = self._flags
        key = ("/state", "flags" in head)
        return json_response(request, await self._read(request, key, lambda r: r.state(head)))

    async def _read(
        self, request: Request, key: object, make: Callable[[Reads], Reading[Pieces]]
    ) -> Pieces:
        """Shared by all who see everything; who does not has a reading of his own."""
        reads = self._reads.seen_by(request.principal)
        if reads is self._reads:
            return await self._reader.share(key, lambda: make(reads))
        return await self._reader.run(make(reads))

    async def state_summary(self, request: Request) -> Response:
        pieces = await self._read(
            request, "/state-summary", lambda r: r.state_summary(self._hostname)
        )
        return json_response(request, pieces)

    async def slaves(self, request: Request) -> Response:
        agent_id = request.first("slave_id") or None
        if agent_id is not None:
            return json_response(request, await self._reader.run(self._reads.slaves(agent_id)))
        return json_response(request, await self._reader.share("/slaves", self._reads.slaves))

    async def frameworks(self, request: Request) -> Response:
        framework_id = request.first("framework_id") or None
        if framework_id is not None:
            reading = self._reads.seen_by(request.principal).frameworks(framework_id)
            return json_response(request, await self._reader.run(reading))
        pieces = await self._read(request, "/frameworks", Reads.frameworks)
        return json_response(request, pieces)

    async def tasks(self, request: Request) -> Response:
        numbers: dict[str, int] = {}
        for name, default in (("limit", 100), ("offset", 0)):
            text = request.first(name) or str(default)
            if not re.fullmatch(r"\d{1,9}", text):
                return refuse(400, f"Failed to parse {name}: '{text}' is no whole number")
            numbers[name] = int(text)
        page = self._reads.seen_by(request.principal).tasks(
            limit=numbers["limit"],
            offset=numbers["offset"],
            ascending=request.first("order") == "asc",
            framework_id=request.first("framework_id") or None,
            task_id=request.first("task_id") or None,
        )
        return json_response(request, await self._reader.run(page))

    async def roles(self, request: Request) -> Response:
        sight = self._reads.seen_by(request.principal).sight
        return json_response(request, encode(role_views.roles(self._machine.cluster, sight)))

    async def flags(self, request: Request) -> Response:
        if not may(self._machine, request, "view_flags", None):
            return refuse(403, "403 Forbidden.")
        return json_response(request, encode({"flags": self._flags}))

    async def health(self, request: Request) -> Response:
        return Response(200)

    async def version(self, request: Request) -> Response:
        shown = {**BUILD, "version": views.MESOS_VERSION, "tepui_version": TEPUI_VERSION}
        return json_response(request, encode(shown))

    async def metrics(self, request: Request) -> Response:
        shown = await self._reader.share("metrics", self._metrics.read)
        return json_response(request, encode(shown))

    async def stats(self, request: Request) -> Response:
        return json_response(request, encode(system_stats()))

    async def redirect(self, request: Request) -> Response:
        return Response(307, headers={"Location": f"//{self._hostname}:{self._port}"})

    async def files(self, request: Request) -> Response:
        """The master has no files to show; sandboxes are the agents'."""
        if request.path.rstrip("/").endswith("/debug"):
            return json_response(request, b"{}")
        if not request.first("path"):
            return refuse(400, "Expecting 'path=value' in query.\n")
        return refuse(404, "No such file or directory: the master keeps no files.\n")

    async def changing(self, request: Request, endpoint: str) -> Response:
        """A v0 endpoint that changes something, or shows it when it is asked with GET."""
        read = CHANGING[endpoint].get(request.method)
        if read is None:
            return self._shown(request, endpoint)
        rest = request.path.partition(endpoint)[2]
        try:
            call = read(Posted(rest, request.body))
        except Malformed as error:
            return refuse(400, str(error))
        problem = call_problem(call)
        return (
            refuse(400, problem)
            if problem is not None
            else await self._ask(call, request.principal)
        )

    def _shown(self, request: Request, endpoint: str) -> Response:
        page = self._machine.operators.pages.get(endpoint)
        if request.method == "GET" and page is not None:
            return json_response(request, encode(page()))
        methods = [*(["GET"] if page is not None else []), *CHANGING.get(endpoint, {})]
        if not methods:
            return refuse(404, "404 Not Found.")
        named = ", ".join(f"'{method}'" for method in methods)
        text = f"Expecting one of {{ {named} }}, but received '{request.method}'."
        return refuse(405, f"405 Method Not Allowed. {text}", Allow=", ".join(methods))
