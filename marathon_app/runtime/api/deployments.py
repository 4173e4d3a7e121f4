"""`/v2/deployments` and `/v2/queue`: what is under way, and what waits for offers.

Source: Marathon, docs/docs/rest-api "Deployments", "Queue"; DeploymentsResource, QueueResource.
"""

from flask import Blueprint, Response, request

from marathon_app.core import views
from marathon_app.core.effects import ChangeAccepted, ChangeRefused
from marathon_app.core.events import DeploymentCancelRequested, QueueDelayReset
from marathon_app.runtime.api import outcome, parse, render
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.refusal import of_change
from marathon_app.schema import path


def blueprint(desk: Desk) -> Blueprint:
    deployments = Blueprint("deployments", __name__, url_prefix="/v2")

    @deployments.get("/deployments")
    def list_deployments() -> Response:
        now = desk.clock.now()
        found = desk.read(lambda machine: list(views.deployments(machine, now)))
        return render.answer([render.deployment(each) for each in found])

    @deployments.delete("/deployments/<deployment_id>")
    def cancel(deployment_id: str) -> Response:
        force = parse.flag(request, "force")
        answer = desk.ask(
            lambda _, request_id: DeploymentCancelRequested(request_id, deployment_id, force)
        )
        if isinstance(answer, ChangeRefused):
            raise of_change(answer)
        if isinstance(answer, ChangeAccepted):
            return outcome.accepted(answer)
        return Response(status=202)

    @deployments.get("/queue")
    def get_queue() -> Response:
        embedded, now = parse.embedded(request), desk.clock.now()
        found = desk.read(lambda machine: list(views.queue(machine, now)))
        return render.answer({"queue": [render.queue_item(each, embedded) for each in found]})

    @deployments.delete("/queue/<path:name>/delay")
    def reset_delay(name: str) -> Response:
        app_id = path.resolve(name)
        answer = desk.ask(lambda _, request_id: QueueDelayReset(request_id, app_id))
        if isinstance(answer, ChangeRefused):
            raise of_change(answer)
        return Response(status=204)

    return deployments
