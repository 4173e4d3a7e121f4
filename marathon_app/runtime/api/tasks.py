"""Tasks, by app and all of them: listing (JSON and the old text form) and killing.

Source: Marathon, docs/docs/rest-api "Tasks"; AppTasksResource, TasksResource.
"""

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request

from kernel.machine import Answer
from marathon_app.core import views
from marathon_app.core.effects import ChangeAccepted, ChangeRefused
from marathon_app.core.events import Event, TasksKillRequested
from marathon_app.core.supervisor import Supervisor
from marathon_app.runtime.api import outcome, parse, render
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.refusal import Refused, not_found, of_change
from marathon_app.schema import path

STATUS_BY_NAME = {
    "running": ("TASK_RUNNING",),
    "staging": ("TASK_STAGING", "TASK_STARTING"),
}
Pick = Callable[[Supervisor], list[views.TaskView]]


def blueprint(desk: Desk) -> Blueprint:
    tasks = Blueprint("tasks", __name__, url_prefix="/v2")
    _add_listing(tasks, desk)
    _add_killing(tasks, desk)
    return tasks


def _add_listing(tasks: Blueprint, desk: Desk) -> None:
    @tasks.get("/tasks")
    def list_all() -> Response:
        names = request.args.getlist("status") + request.args.getlist("status[]")
        states = [state for name in names for state in STATUS_BY_NAME.get(name, ())]
        found = desk.read(lambda machine: list(views.all_tasks(machine)))
        if names:
            found = [each for each in found if each.state in states]
        if _wants_text():
            return _as_text(found)
        return render.answer({"tasks": [render.task(e, with_service_ports=True) for e in found]})

    @tasks.get("/apps/<path:name>/tasks")
    def list_of_app(name: str) -> Response:
        found = desk.read(_picked_by_name(name))
        if _wants_text():
            return _as_text(found)
        return render.answer({"tasks": [render.task(each) for each in found]})


def _add_killing(tasks: Blueprint, desk: Desk) -> None:
    @tasks.delete("/apps/<path:name>/tasks")
    def kill_of_app(name: str) -> Response:
        host = request.args.get("host", "*")
        pick = _picked_by_name(name)
        # Whether the app exists must be said outside of the machine's turn.
        desk.read(pick)
        return _kill(desk, lambda machine: [e for e in pick(machine) if host in ("*", e.host)])

    @tasks.delete("/apps/<path:name>/tasks/<task_id>")
    def kill_one(name: str, task_id: str) -> Response:
        desk.read(_picked_by_name(name))
        app_id = path.resolve(name)

        def pick(machine: Supervisor) -> list[views.TaskView]:
            found = views.task(machine, task_id)
            return [found] if found is not None and found.app_id == app_id else []

        if not desk.read(pick):
            raise not_found("Task", task_id)
        return _kill(desk, pick, is_one=True)

    @tasks.post("/tasks/delete")
    def kill_listed() -> Response:
        ids = _listed_ids(parse.json_body(request))

        def pick(machine: Supervisor) -> list[views.TaskView]:
            found = [views.task(machine, task_id) for task_id in ids]
            return [each for each in found if each is not None]

        return _kill(desk, pick)


def _kill(desk: Desk, pick: Pick, *, is_one: bool = False) -> Response:
    """`scale` answers with a deployment, a plain kill with the tasks that it kills."""
    scale, wipe = parse.flag(request, "scale"), parse.flag(request, "wipe")
    force = parse.flag(request, "force")
    if scale and wipe:
        raise Refused(400, "You cannot use scale and wipe at the same time.")
    picked: list[views.TaskView] = []

    def make(machine: Supervisor, request_id: int) -> Event:
        picked[:] = pick(machine)
        ids = tuple(each.id for each in picked)
        return TasksKillRequested(request_id, ids, scale, wipe, force)

    answer: Answer = desk.ask(make)
    if isinstance(answer, ChangeRefused):
        raise of_change(answer)
    if isinstance(answer, ChangeAccepted):
        return outcome.accepted(answer)
    killed = [render.task(each) for each in picked]
    if is_one:
        return render.answer({"task": killed[0] if killed else None})
    return render.answer({"tasks": killed})


def _picked_by_name(name: str) -> Pick:
    """Of one app, or with `group/*` of all apps below; unknown apps are refused."""
    is_group = name == "*" or name.endswith("/*")
    wanted = path.resolve(name[:-1] if is_group else name)

    def pick(machine: Supervisor) -> list[views.TaskView]:
        if is_group:
            return [e for a in views.apps(machine, wanted) for e in views.tasks(machine, a.id)]
        if views.app(machine, wanted) is None:
            raise not_found("App", wanted)
        return list(views.tasks(machine, wanted))

    return pick


def _listed_ids(body: object) -> list[str]:
    ids = body.get("ids") if isinstance(body, dict) else None
    if not isinstance(ids, list):
        raise Refused(400, 'The body must be {"ids": ["<task id>", …]}')
    wrong = [each for each in ids if not isinstance(each, str) or not _is_task_id(each)]
    if wrong:
        raise Refused(400, f"Invalid task id: {wrong[0]!r}")
    return list(dict.fromkeys(ids))


def _is_task_id(text: str) -> bool:
    """Every id that Marathon ever made has the app's name, a dot and more."""
    name, dot, rest = text.rpartition(".")
    return bool(name and dot and rest) and text.isprintable() and "/" not in text


def _wants_text() -> bool:
    best = request.accept_mimetypes.best_match(("application/json", "text/plain"))
    return best == "text/plain"


def _as_text(found: Sequence[views.TaskView]) -> Response:
    """One line per app and service port: id, port, then host:port of each running task."""
    lines: dict[tuple[str, str], list[str]] = {}
    for each in found:
        name = each.app_id[1:].replace("/", "_")
        places = list(zip(each.service_ports, each.ports, strict=False))
        for service_port, port in places:
            line = lines.setdefault((name, str(service_port)), [])
            if each.state == "TASK_RUNNING":
                line.append(f"{each.host}:{port}")
        if not places:
            lines.setdefault((name, " "), []).append(each.host)
    text = "".join("\t".join([*key, *hosts]) + "\n" for key, hosts in lines.items())
    return Response(text, content_type="text/plain")
