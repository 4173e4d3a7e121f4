"""Tasks of jobs: kill, report, forget. Source: Chronos 2.4, TaskManagementResource.scala."""

from flask import Blueprint, Response, request

from chronos_app.core import events
from chronos_app.runtime.api import render
from chronos_app.runtime.api.desk import Desk
from chronos_app.schema.job import Dialect
from chronos_app.schema.refusal import Refused
from chronos_app.schema.submission import parse_object


def add_views(blueprint: Blueprint, desk: Desk, dialect: Dialect) -> None:
    @blueprint.delete("/task/kill/<name>")
    def kill_tasks(name: str) -> Response:
        desk.ask(lambda request_id: events.KillRequested(request_id, name))
        return render.nothing()

    if dialect is Dialect.V2:  # 3.x has neither
        _add_old_views(blueprint, desk)


def _add_old_views(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.put("/task/<task_id>")
    def complete_task(task_id: str) -> Response:
        body = parse_object(request.get_data(cache=False))
        status_code = body.get("statusCode")
        if isinstance(status_code, bool) or not isinstance(status_code, int):
            raise Refused("statusCode", "must be a whole number; 0 means that it succeeded")
        desk.ask(lambda asked: events.CompletionReported(asked, task_id, status_code))
        return render.nothing()

    @blueprint.delete("/task/all")
    def clear_queue() -> Response:
        desk.ask(events.QueueCleared)
        return render.nothing()
