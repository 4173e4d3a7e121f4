"""The deploy form: fields and JSON of one app, kept in step; errors at the fields they are about.

Which of the two views counts when both came says `source`: what was edited last. A page script
asks `/apps/form/json` and `/apps/form/fields` as one types, so that the rules live here only.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, abort, flash, redirect, request
from msgspec import Struct
from werkzeug.wrappers import Response as AnyResponse

from web.present import agents, app_form, diff
from web.present.app_form import ConstraintRow, Pair, PortRow, Values
from web.present.errors import Refusal, refusal_of
from web.present.words import counted
from web.rendering import page, parts, tried_all
from web.shapes import mesos
from web.views.addresses import app_address

blueprint = Blueprint("app_form", __name__, url_prefix="/apps")


class Draft(Struct, frozen=True):
    """What stands on the screen, whatever is wrong with it."""

    values: Values
    json_text: str
    app: Mapping[str, Any]
    errors: Mapping[str, str] = {}
    json_error: str = ""


@blueprint.get("/new")
def new() -> Response:
    """Empty, the first example, or a copy of an app or of one of its versions."""
    origin = request.args.get("from", "")
    if origin:
        app = dict(_definition(origin, request.args.get("version", "")))
        app["id"] = f"{app.get('id', '')}-copy"
    else:
        app = dict(app_form.FIRST_APP if "example" in request.args else app_form.NEW_APP)
    return _screen(_draft_of(app), app_id="", base_version="")


@blueprint.get("/edit/<path:app_id>")
def edit(app_id: str) -> Response:
    app_id = "/" + app_id.strip("/")
    version = request.args.get("version", "")
    app = _definition(app_id, version)
    current = parts().marathon.app(app_id, max_age_s=0)
    base_version = current.version if current else ""
    return _screen(_draft_of(app), app_id=app_id, base_version=base_version, from_version=version)


@blueprint.post("/new")
def create() -> AnyResponse:
    draft = _posted_draft()
    if draft.errors or draft.json_error:
        return _screen(draft, app_id="", base_version="", refusal=_unsent(draft), status=422)
    reply = parts().marathon.create(draft.app)
    if not reply.is_success:
        refusal = refusal_of(reply.status, reply.json(), reply.body.decode("utf-8", "replace"))
        return _screen(draft, app_id="", base_version="", refusal=refusal, status=422)
    answer = reply.json()
    app_id = str(answer.get("id", "") if isinstance(answer, dict) else "") or str(draft.app["id"])
    flash(f"Deploying {app_id}.", "done")
    return redirect(app_address(app_id), 303)


@blueprint.post("/edit/<path:app_id>")
def save(app_id: str) -> AnyResponse:
    app_id = "/" + app_id.strip("/")
    draft = _posted_draft()
    base_version = request.form.get("base_version", "")
    refusal = _unsent(draft) if draft.errors or draft.json_error else _overtaken(app_id)
    if refusal is None:
        force = request.form.get("force") == "1"
        reply = parts().marathon.replace(app_id, draft.app, force=force)
        if reply.is_success:
            flash(f"Deploying the new configuration of {app_id}.", "done")
            return redirect(app_address(app_id), 303)
        refusal = refusal_of(reply.status, reply.json(), reply.body.decode("utf-8", "replace"))
    return _screen(draft, app_id=app_id, base_version=base_version, refusal=refusal, status=422)


@blueprint.post("/form/json")
def as_json() -> Response:
    """The JSON of what the fields say now, and the errors of the fields."""
    draft = _draft_from_fields()
    body = {"json": draft.json_text, "errors": draft.errors, "fit": _fit(draft.app)}
    return Response(msgspec.json.encode(body), content_type="application/json")


@blueprint.post("/form/fields")
def as_fields() -> Response:
    """The fields of what the JSON says now; 422 with a sentence when it is no JSON."""
    draft = _draft_from_json()
    if draft.json_error:
        body = msgspec.json.encode({"error": draft.json_error})
        return Response(body, status=422, content_type="application/json")
    return page("app_form/_fields.html", draft=draft, **_choices(draft))


def _definition(app_id: str, version: str) -> Mapping[str, Any]:
    app = parts().marathon.definition(app_id, version)
    if app is None:
        abort(404, f"The app “{app_id}” {'has no such version' if version else 'does not exist'}.")
    return diff.definition_of(app)


def _draft_of(app: Mapping[str, Any]) -> Draft:
    return Draft(app_form.values_of(app), diff.pretty(app), app)


def _posted_draft() -> Draft:
    return _draft_from_json() if request.form.get("source") == "json" else _draft_from_fields()


def _draft_from_fields() -> Draft:
    """The fields over the JSON they belong to; that JSON is what the page last showed."""
    base = _decoded(request.form.get("json", "")) or _decoded(request.form.get("base", "")) or {}
    values = _posted_values()
    app, errors = app_form.app_of(values, base)
    return Draft(values, diff.pretty(app), app, errors)


def _draft_from_json() -> Draft:
    text = request.form.get("json", "")
    try:
        app = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return Draft(_posted_values(), text, {}, json_error=f"This is not JSON: {error}")
    if not isinstance(app, dict):
        said = "An app is a JSON object: it begins with { and ends with }."
        return Draft(_posted_values(), text, {}, json_error=said)
    return Draft(app_form.values_of(app), text, app)


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _posted_values() -> Values:
    form = request.form
    ports = zip(
        form.getlist("port.name"),
        form.getlist("port.port"),
        form.getlist("port.container"),
        form.getlist("port.protocol"),
        form.getlist("port.origin"),
        strict=False,
    )
    constraints = zip(
        form.getlist("constraint.field"),
        form.getlist("constraint.operator"),
        form.getlist("constraint.value"),
        strict=False,
    )
    return Values(
        scalars={name: form.get(name, "").strip() for name in app_form.SCALARS},
        health_protocol=form.get("healthProtocol", ""),
        health={name: form.get(name, "") for name in (*app_form.HEALTH, "healthCommand")},
        env=_posted_pairs("env"),
        labels=_posted_pairs("labels"),
        ports=[
            PortRow(name, port, container, protocol, _index(origin))
            for name, port, container, protocol, origin in ports
        ],
        constraints=[ConstraintRow(*row) for row in constraints],
        dependencies=form.get("dependencies", ""),
        require_ports=form.get("requirePorts") == "1",
    )


def _posted_pairs(name: str) -> list[Pair]:
    keys, values = request.form.getlist(f"{name}.key"), request.form.getlist(f"{name}.value")
    pairs = zip(keys, values, strict=False)
    return [Pair(key.strip(), value) for key, value in pairs if key.strip()]


def _index(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else -1


def _unsent(draft: Draft) -> Refusal:
    if draft.json_error:
        return Refusal(draft.json_error)
    return Refusal("Nothing was sent: some fields hold no usable value.", draft.errors)


def _overtaken(app_id: str) -> Refusal | None:
    """Someone else deployed while this form was open: say so once, and let the person decide."""
    base_version = request.form.get("base_version", "")
    if not base_version or request.form.get("overwrite") == "1":
        return None
    current = parts().marathon.app(app_id, max_age_s=0)
    if current is None or current.version == base_version:
        return None
    return Refusal(
        f"{app_id} was changed since you opened this form (now {current.version})."
        " Your edit is still here; tick “overwrite” to deploy it over the newer one."
    )


def _fit(app: Mapping[str, Any]) -> str:
    """One sentence on whether the free resources hold the app now; empty when unknown."""
    values = app_form.values_of(app).scalars
    wanted = [app_form.parse_number(values[name] or "0") or 0 for name in ("cpus", "mem", "disk")]
    instances = app_form.parse_number(values["instances"] or "1")
    slaves = tried_all(lambda: parts().mesos.state().slaves)
    if not slaves or not isinstance(instances, int) or instances < 1:
        return ""
    amounts = mesos.Amounts(cpus=wanted[0], mem=wanted[1], disk=wanted[2])
    fits = agents.fitting(slaves, amounts, instances)
    if fits == instances:
        return f"{counted(instances, 'instance')} would fit on the agents' free resources now."
    return (
        f"Only {fits} of {counted(instances, 'instance')} would fit on the agents' free resources"
        " now. The app is accepted all the same, and the others wait."
    )


def _screen(
    draft: Draft,
    *,
    app_id: str,
    base_version: str,
    from_version: str = "",
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    overtaken = bool(refusal and "overwrite" in refusal.message)
    return page(
        "app_form/show.html",
        status=status,
        draft=draft,
        app_id=app_id,
        base_version=base_version,
        from_version=from_version,
        refusal=refusal,
        overtaken=overtaken,
        fit=_fit(draft.app),
        **_choices(draft, refusal),
    )


def _choices(draft: Draft, refusal: Refusal | None = None) -> dict[str, Any]:
    errors = {**draft.errors, **(refusal.by_field if refusal else {})}
    return {
        "errors": errors,
        "health_protocols": [("", "None"), *((name, name) for name in app_form.HEALTH_PROTOCOLS)],
        "constraint_operators": app_form.CONSTRAINTS,
        "has_container_ports": app_form.has_container_ports(draft.app),
        "secrets": app_form.other_values(draft.app),
    }
