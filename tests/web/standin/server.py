"""Serves a `World` over HTTP: `/master`, `/marathon`, `/chronos`, `/lb`, an agent at the root."""

import json
import queue
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.web.standin import answers
from tests.web.standin.world import World, stamp

Body = dict[str, Any] | list[Any] | str | bytes | None


class StandIn:
    """`down` names parts that answer nothing, as if their process were gone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.down: set[str] = set()
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.port}/{part}"

    def close(self) -> None:
        for each in self.world.events:
            each.put(None)
        self._server.shutdown()
        self._server.server_close()


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def do_PUT(self) -> None:
            self._do("PUT")

        def do_DELETE(self) -> None:
            self._do("DELETE")

        def log_message(self, *_: Any) -> None:
            return

        def _do(self, method: str) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            part, _, path = split.path.lstrip("/").partition("/")
            stand_in.requests.append(f"{method} {self.path}")
            if part in stand_in.down:
                self.close_connection = True
                return
            query = {k: v[-1] for k, v in parse_qs(split.query, keep_blank_values=True).items()}
            if part == "marathon" and path == "v2/events":
                self._stream()
                return
            with stand_in.world.lock:
                status, body = _route(stand_in, method, part, unquote(path), query, content)
            self._answer(status, body)

        def _answer(self, status: int, body: Body) -> None:
            is_text = isinstance(body, str | bytes)
            data = (
                body
                if isinstance(body, bytes)
                else (body.encode() if isinstance(body, str) else json.dumps(body).encode())
            )
            data = b"" if body is None else data
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self) -> None:
            mine: queue.Queue[str | None] = queue.Queue()
            stand_in.world.events.append(mine)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.close_connection = True
            try:
                while (event := mine.get()) is not None:
                    self.wfile.write(f"event: {event}\ndata: {{}}\n\n".encode())
                    self.wfile.flush()
            except OSError:
                pass
            finally:
                stand_in.world.events.remove(mine)

    return Handler


def _route(
    stand_in: StandIn, method: str, part: str, path: str, query: dict[str, str], content: bytes
) -> tuple[int, Body]:
    world = stand_in.world
    if part == "master":
        if path == "state":
            return 200, answers.master_state(world, stand_in.port)
        if path == "maintenance/schedule":
            return 200, {"windows": world.windows}
        if path == "maintenance/status":
            return 200, {"down_machines": world.down_machines}
        roles = [{"name": n, "weight": 1.0, "resources": {}, "frameworks": []} for n in ("*",)]
        return (200, {"roles": roles}) if path == "roles" else (404, None)
    if part == "lb":
        return 200, answers.services(world)
    if part == "chronos":
        return _chronos(world, method, path.removeprefix("v1/scheduler/"), query, content)
    if part == "marathon":
        return _marathon(world, method, path, query, content)
    if part == "state":
        return 200, answers.agent_state(world)
    if part == "files":
        return _files(world, path, query)
    return 404, None


def _files(world: World, path: str, query: dict[str, str]) -> tuple[int, Body]:
    content = world.files.get(query.get("path", ""))
    if content is None:
        return 404, ""
    if path == "download":
        return 200, content
    offset = int(query.get("offset", -1))
    if offset == -1:
        return 200, {"data": "", "offset": len(content)}
    piece = content[offset : offset + int(query.get("length", 65536))]
    return 200, {"data": piece.decode("utf-8", "replace"), "offset": offset}


def _marathon(
    world: World, method: str, path: str, query: dict[str, str], content: bytes
) -> tuple[int, Body]:
    body = json.loads(content) if content else {}
    if path == "v2/apps" and method == "GET":
        return 200, {"apps": [_listed(world, app) for app in world.apps.values()]}
    if path == "v2/apps" and method == "POST":
        return _create(world, body)
    if path == "v2/queue":
        entries = [{**q, "app": {"id": app_id}} for app_id, q in world.queue.items()]
        return 200, {"queue": entries}
    if path.startswith("v2/queue/"):
        return 204, None
    if path == "v2/tasks/delete":
        return 200, _kill(world, body["ids"])
    if path in ("v2/deployments", "v3/deployments"):
        return 200, list(world.deployments.values())
    if path.startswith("v2/deployments/"):
        world.deployments.pop(path.removeprefix("v2/deployments/"), None)
        world.tell("deployment_failed")
        return 200, {"deploymentId": "x", "version": "x"}
    if path.startswith("v3/apps/"):
        return 200, {"waiting": []}
    if path.startswith("v2/apps/"):
        return _one_app(world, method, "/" + path.removeprefix("v2/apps/"), query, body)
    return 404, {"message": "URI not found"}


def _listed(world: World, app: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in world.answer(app).items() if k != "tasks"}


def _kill(world: World, ids: list[str]) -> dict[str, Any]:
    killed = [t for app in world.apps.values() for t in app["tasks"] if t["id"] in ids]
    for app in world.apps.values():
        app["tasks"] = [task for task in app["tasks"] if task["id"] not in ids]
    world.tell("status_update_event")
    return {"tasks": killed}


def _refused(path: str, said: str) -> tuple[int, Body]:
    details = [{"path": path, "errors": [said]}]
    return 422, {"message": "Object is not valid", "details": details}


def _problem(app: dict[str, Any]) -> tuple[int, Body] | None:
    if not str(app.get("id", "")).strip("/"):
        return _refused("/id", "must not be empty")
    if float(app.get("cpus", 1)) < 0:
        return _refused("/cpus", "got -1, expected 0 or more")
    return None


def _create(world: World, body: dict[str, Any]) -> tuple[int, Body]:
    problem = _problem(body)
    if problem:
        return problem
    app_id = "/" + str(body["id"]).strip("/")
    if app_id in world.apps:
        return 409, {"message": f"An app with id [{app_id}] already exists."}
    world.now += timedelta(milliseconds=1)
    defaults = {"cpus": 1, "mem": 128, "disk": 0, "instances": 1, "labels": {}}
    world.put_app({**defaults, **body, "id": app_id, "version": stamp(world.now)}, running=False)
    world.deploy([app_id], "StartApplication")
    return 201, _listed(world, world.apps[app_id])


def _one_app(
    world: World, method: str, path: str, query: dict[str, str], body: dict[str, Any]
) -> tuple[int, Body]:
    app_id, _, rest = path.partition("/versions")
    is_restart = method == "POST" and path.endswith("/restart")
    app_id = path.removesuffix("/restart") if is_restart else app_id
    app = world.apps.get(app_id)
    if app is None:
        return 404, {"message": f"App '{app_id}' does not exist"}
    if "/versions" in path:
        known = world.versions[app_id]
        if not rest:
            return 200, {"versions": [v["version"] for v in known]}
        found = [v for v in known if v["version"] == rest.strip("/")]
        return (200, found[0]) if found else (404, {"message": "no such version"})
    if method == "GET":
        return 200, {"app": world.answer(app)}
    if any(app_id in d["affectedApps"] for d in world.deployments.values()) and not query.get(
        "force"
    ):
        ids = [{"id": d["id"]} for d in world.deployments.values()]
        return 409, {"message": "App is locked by one or more deployments.", "deployments": ids}
    if method == "DELETE":
        del world.apps[app_id]
        return 200, {"deploymentId": world.deploy([app_id], "StopApplication")}
    problem = None if is_restart else _problem({"id": app_id, **body})
    if problem:
        return problem
    whole = query.get("partialUpdate") == "false"
    return 200, {"deploymentId": world.change(app_id, body, whole=whole), "version": "x"}


def _chronos(
    world: World, method: str, path: str, query: dict[str, str], content: bytes
) -> tuple[int, Body]:
    body = json.loads(content) if content else {}
    if path == "tepui/jobs":
        return 200, answers.jobs(world)
    if path == "tepui/preview":
        return _preview(world, body)
    if path.startswith("tepui/job/"):
        name, _, rest = path.removeprefix("tepui/job/").partition("/runs")
        if rest.endswith("/log"):
            return 200, f"log of run {rest.split('/')[1]} of {name} ({query.get('stream')})\n"
        if not path.endswith("/runs"):
            return _one_job(world, name)
        return 200, {"runs": world.runs.get(name, [])}
    if path in ("iso8601", "dependency"):
        if "/" in str(body.get("name", "")):
            return 400, {"status": "Bad Request", "message": "the name may not hold a slash"}
        world.jobs[body["name"]] = {"disabled": False, **body}
        return 204, None
    name = path.removeprefix("job/")
    if name not in world.jobs:
        return 400, {"status": "Bad Request", "message": f"Job '{name}' not found"}
    if method == "DELETE":
        del world.jobs[name]
    elif method == "PUT":
        world.add_run(name, 0, None)
    else:
        return 200, world.jobs[name]
    return 204, None


def _one_job(world: World, name: str) -> tuple[int, Body]:
    job = next((each for each in answers.jobs(world) if each["name"] == name), None)
    if job is None:
        return 400, {"status": "Bad Request", "message": f"Job '{name}' not found"}
    has_schedule = bool(job.get("schedule"))
    runs = [stamp(world.now + timedelta(minutes=7 * k)) for k in range(1, 6)]
    return 200, {**job, "nextRuns": runs if has_schedule else [], "inWords": "by its anchor"}


def _preview(world: World, body: dict[str, Any]) -> tuple[int, Body]:
    schedule = body.get("schedule", "")
    if "/" not in schedule and len(schedule.split()) != 5:
        said = f"the schedule “{schedule}” has {len(schedule.split())} fields, and a cron line 5"
        return 400, {"status": "Bad Request", "message": said}
    runs = [stamp(world.now + timedelta(minutes=5 * k)) for k in range(1, 6)]
    return 200, {"runs": runs, "inWords": f"By “{schedule}” (words of the stand-in)"}
