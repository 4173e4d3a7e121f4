"""`/v3`: what Marathon does not have. Why an app waits, what a deployment waits for, drains.

Nothing here may be needed by a client of Marathon, and nothing in `/v2` points here.
"""

from typing import Any

from flask import Blueprint, Response, request

from marathon_app.core import views
from marathon_app.core.events import DrainedReported
from marathon_app.core.supervisor import Supervisor
from marathon_app.runtime.api import parse, render
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.refusal import invalid, not_found
from marathon_app.runtime.api.system import Process
from marathon_app.schema import path
from marathon_app.schema.problem import Problem


def blueprint(desk: Desk, process: Process) -> Blueprint:
    extras = Blueprint("extras", __name__, url_prefix="/v3")
    _add_drains(extras, desk)
    _add_reasons(extras, desk)

    @extras.get("/summary")
    def summary() -> Response:
        found: dict[str, Any] = dict(desk.read(views.summary))
        found["master"] = {"url": desk.config.master, "connected": process.is_connected()}
        return render.answer(found)

    return extras


def _add_drains(extras: Blueprint, desk: Desk) -> None:
    @extras.post("/drained")
    def drained() -> Response:
        body = parse.json_body(request)
        name = body.get("lb") if isinstance(body, dict) else None
        ids = body.get("taskIds") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            raise invalid([Problem("/lb", "must name the load balancer, as in ?drain=<name>")])
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise invalid([Problem("/taskIds", "must be a list of task ids")])
        desk.post(DrainedReported(name, tuple(ids)))
        return Response(status=204)


def _add_reasons(extras: Blueprint, desk: Desk) -> None:
    @extras.get("/apps/<path:name>/why")
    def why(name: str) -> Response:
        app_id, now = path.resolve(name), desk.clock.now()

        def query(machine: Supervisor) -> list[str] | None:
            known = views.app(machine, app_id) is not None
            return list(views.why(machine, app_id, now)) if known else None

        found = desk.read(query)
        if found is None:
            raise not_found("App", app_id)
        return render.answer({"waiting": [{"reason": sentence} for sentence in found]})

    @extras.get("/deployments")
    def deployments() -> Response:
        now = desk.clock.now()
        found = desk.read(lambda machine: list(views.deployments(machine, now)))
        made = [{**render.deployment(each), "waitingFor": each.waiting_for} for each in found]
        return render.answer(made)
