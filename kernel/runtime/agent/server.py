"""The agent's routes. Each also answers under /slave(1)/, as Mesos's agents have it.

What is shown is made by `views` and `files`; what is decided, by `kernel.agent`.
"""

from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address

from kernel.agent.executor_calls import RECOVERING
from kernel.messages.codec import encode
from kernel.runtime.agent import executor_views, views
from kernel.runtime.agent.config import (
    READONLY,
    READWRITE,
    AgentConfig,
    credentials_of,
    realms_of,
)
from kernel.runtime.agent.executor_api import ExecutorApi
from kernel.runtime.agent.files import Files
from kernel.runtime.agent.node import Node
from kernel.runtime.agent.operator_api import OperatorApi
from kernel.runtime.authentication import Authenticator
from kernel.runtime.call_form import refuse
from kernel.runtime.http import Application, Request, Response, Route, Streaming
from kernel.runtime.serve import stop_serving
from kernel.runtime.system import LoggingLevel, system_stats

Handler = Callable[[Request], Awaitable[Response | Streaming]]

OPEN = ("/", "/health", "/version")  # nobody is asked there who he is
SHUTDOWN_PATH = "/tepui/v1/shutdown"


def build(config: AgentConfig) -> Application:
    """The application of one agent process, with its node."""
    node = Node(config, on_end=stop_serving)
    return Application(
        routes=list(_routes(node)),
        start=node.start,
        stop=node.stop,
        on_usr1=lambda: node.shut_down("SIGUSR1"),
    )


def _routes(node: Node) -> Iterator[Route]:
    files = Files(node.work_dir, lambda: _sandboxes(node))
    logging_level = LoggingLevel()
    pages: dict[str, Handler] = {
        "/health": _health,
        "/version": _shown(views.version),
        "/state": _recovered(node, _shown(lambda: views.state(node))),
        "/state.json": _recovered(node, _shown(lambda: views.state(node))),
        "/flags": _shown(lambda: {"flags": views.flags(node)}),
        "/metrics/snapshot": _shown(lambda: views.metrics(node)),
        "/system/stats.json": _shown(system_stats),
        "/monitor/statistics": _recovered(node, _shown(lambda: executor_views.statistics(node))),
        "/monitor/statistics.json": _recovered(
            node, _shown(lambda: executor_views.statistics(node))
        ),
        "/containers": _recovered(node, _shown(lambda: executor_views.containers(node))),
        "/files/browse": files.browse,
        "/files/browse.json": files.browse,
        "/files/read": files.read,
        "/files/read.json": files.read,
        "/files/download": files.download,
        "/files/debug": files.debug,
        "/": _index,
    }
    gate = Authenticator(credentials_of(node.config), realms_of(node.config))
    for path, page in pages.items():
        handler = page if path in OPEN else _admitted(gate, READONLY, page)
        for prefix in ("", "/slave(1)"):
            yield Route("GET", prefix + path, handler)
            yield Route("HEAD", prefix + path, handler)
    operators = OperatorApi(node, files, logging_level)
    operators_asked = _admitted(gate, READWRITE, _recovered(node, operators))
    executors = ExecutorApi(lambda: node.driver, lambda: node.executors)
    toggle = _admitted(gate, READWRITE, logging_level.toggle)
    for prefix in ("", "/slave(1)"):
        yield Route("*", prefix + "/logging/toggle", toggle)
        for path in ("/api/v1", "/api/v1/", "/api/v1/operator", "/api/v1/operator/"):
            yield Route("*", prefix + path, operators_asked)
        for path in ("/api/v1/executor", "/api/v1/executor/"):
            yield Route("*", prefix + path, executors)
    yield Route("POST", SHUTDOWN_PATH, lambda request: _shut_down(node, request))


def _sandboxes(node: Node) -> Iterator[tuple[str, str]]:
    tasks, executors = node.machine.tasks, node.machine.books.executors
    records = [*tasks.live.values(), *(done.record for done in tasks.completed.values())]
    places = [each.record.place for each in executors.live.values()]
    places += [done.record.place for done in executors.completed.values()]
    places += [record.place for record in records if record.has_process]
    for place in places:
        directory = place.sandbox(node.work_dir)
        for path in (directory, place.latest(node.work_dir), place.virtual()):
            yield path, directory
    for directory in node.containers.sandboxes():
        yield directory, directory


def _recovered(node: Node, handler: Handler) -> Handler:
    """Not before the executors of an earlier life have had their time to come back."""

    async def guarded(request: Request) -> Response | Streaming:
        if node.is_recovering:
            return refuse(503, RECOVERING)
        return await handler(request)

    return guarded


def _admitted(gate: Authenticator, realm: str, handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response | Streaming:
        admitted = gate.admitted(request, realm)
        return admitted if isinstance(admitted, Response) else await handler(admitted)

    return guarded


def _shown(view: Callable[[], object]) -> Handler:
    async def handler(_request: Request) -> Response:
        return Response(200, encode(view()))

    return handler


async def _health(_request: Request) -> Response:
    return Response(200)


async def _index(_request: Request) -> Response:
    text = b"Tepui's agent. Its state: /state. Its sandboxes: /files/debug.\n"
    return Response(200, text, "text/plain; charset=utf-8")


async def _shut_down(node: Node, request: Request) -> Response:
    """End all tasks, the runner and this agent; only for who is on this machine."""
    if not _is_local(request.client):
        text = b"Only a process on this machine may end the agent; or send it SIGUSR1.\n"
        return Response(403, text, "text/plain; charset=utf-8")
    if "origin" in request.headers:
        text = b"A browser may not end the agent.\n"
        return Response(403, text, "text/plain; charset=utf-8")
    node.shut_down(f"POST {SHUTDOWN_PATH}")
    return Response(202)


def _is_local(client: str) -> bool:
    try:
        return ip_address(client).is_loopback
    except ValueError:
        return False
