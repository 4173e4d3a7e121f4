"""Running deployments: steps, progress, what they wait for; stop and roll back."""

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from web.present.deployments import deployment_rows
from web.rendering import local_target, outcome, page, parts, tried, tried_all

blueprint = Blueprint("deployments", __name__)


@blueprint.get("/deployments")
def index() -> Response:
    deployments = tried(parts().marathon.deployments, None)
    apps = tried_all(parts().marathon.apps) if deployments else []
    search = request.args.get("q", "").lower()
    rows = [
        row
        for row in deployment_rows(deployments or [], apps)
        if search in f"{' '.join(row.apps)} {row.id}".lower()
    ]
    return page(
        "deployments/index.html",
        live=("apps", "deployments"),
        known=deployments is not None,
        deployments=rows,
        search=search,
    )


@blueprint.post("/do/deployments/stop")
def stop() -> AnyResponse:
    """Without force a rollback, with force a stop where it stands. Source: marathon.md §3.6."""
    deployment_id = request.form.get("id", "")
    force = request.form.get("force") == "1"
    reply = parts().marathon.stop_deployment(deployment_id, force=force)
    said = "Stopped where it stood." if force else "Rolling back what the deployment changed."
    return outcome(reply, said, local_target("/deployments"))
