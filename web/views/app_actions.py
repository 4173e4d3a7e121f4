"""Orders to Marathon from buttons: each a plain POST that ends in a redirect."""

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response as AnyResponse

from web.present.app_form import parse_number
from web.present.words import counted
from web.rendering import local_target, outcome, parts
from web.views.addresses import app_address

blueprint = Blueprint("app_actions", __name__, url_prefix="/do/apps")


@blueprint.post("/scale")
def scale() -> AnyResponse:
    app_id = _app_id()
    instances = parse_number(request.form.get("instances", ""))
    if not isinstance(instances, int) or instances < 0:
        abort(400, "The number of instances is a whole number, 0 or more.")
    reply = parts().marathon.change(app_id, {"instances": instances}, force=_force())
    return outcome(reply, f"Scaling {app_id} to {counted(instances, 'instance')}.", _back(app_id))


@blueprint.post("/suspend")
def suspend() -> AnyResponse:
    app_id = _app_id()
    reply = parts().marathon.change(app_id, {"instances": 0}, force=_force())
    return outcome(reply, f"Suspending {app_id}: it keeps its configuration.", _back(app_id))


@blueprint.post("/restart")
def restart() -> AnyResponse:
    app_id = _app_id()
    reply = parts().marathon.restart(app_id, force=_force())
    said = f"Restarting {app_id}: each instance is replaced by a new one."
    return outcome(reply, said, _back(app_id))


@blueprint.post("/delete")
def delete() -> AnyResponse:
    app_id = _app_id()
    reply = parts().marathon.delete(app_id, force=_force())
    target = "/apps" if reply.is_success else _back(app_id)
    return outcome(reply, f"Deleting {app_id}.", target)


@blueprint.post("/rollback")
def rollback() -> AnyResponse:
    app_id = _app_id()
    version = request.form.get("version", "")
    reply = parts().marathon.change(app_id, {"version": version}, force=_force())
    return outcome(reply, f"Rolling {app_id} back to {version}.", app_address(app_id))


@blueprint.post("/kill")
def kill() -> AnyResponse:
    app_id = _app_id()
    tasks = request.form.getlist("task")
    if not tasks:
        abort(400, "Choose at least one instance.")
    scale = request.form.get("scale") == "1"
    reply = parts().marathon.kill(tasks, scale=scale)
    ended = counted(len(tasks), "instance")
    said = f"Killing {ended}; {'it is not' if scale else 'each is'} replaced."
    return outcome(reply, said, _back(app_id))


@blueprint.post("/retry")
def retry() -> AnyResponse:
    app_id = _app_id()
    reply = parts().marathon.reset_delay(app_id)
    return outcome(reply, f"The pause is over: {app_id} is tried again at once.", _back(app_id))


def _app_id() -> str:
    app_id = request.form.get("id", "")
    if not app_id.startswith("/"):
        abort(400, "The form names no app.")
    return app_id


def _force() -> bool:
    return request.form.get("force") == "1"


def _back(app_id: str) -> str:
    return local_target(app_address(app_id))
