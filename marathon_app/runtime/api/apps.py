"""`/v2/apps`: read, create, update, restart and delete apps; their versions.

Source: Marathon, docs/docs/rest-api "Apps"; AppsResource.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from msgspec import structs

from marathon_app.core import views
from marathon_app.core.effects import ChangeAccepted
from marathon_app.core.events import (
    AppUpdate,
    Change,
    DeleteApps,
    Existing,
    PutApps,
    RestartApps,
    RollbackApp,
)
from marathon_app.core.supervisor import Supervisor
from marathon_app.runtime.api import app_views, outcome, parse, render
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.refusal import Refused, invalid, not_found
from marathon_app.schema import path, timestamp
from marathon_app.schema.app import App
from marathon_app.schema.problem import Problem
from marathon_app.schema.request import AppReading, read_app, read_update

Chosen = Callable[[App], bool]


def blueprint(desk: Desk) -> Blueprint:
    apps = Blueprint("apps", __name__, url_prefix="/v2/apps")
    _add_reading(apps, desk)
    _add_creating(apps, desk)
    _add_updating(apps, desk)
    _add_ending(apps, desk)
    _add_versions(apps, desk)
    return apps


def _add_reading(apps: Blueprint, desk: Desk) -> None:
    @apps.get("")
    def list_apps() -> Response:
        return render.answer(desk.rendered(request.full_path, lambda: _listed(desk)))

    @apps.get("/<path:name>")
    def get_app(name: str) -> Response:
        if name == "*" or name.endswith("/*"):
            return render.answer({"*": _below(desk, path.resolve(name[:-1]))})
        return render.answer({"app": _one(desk, path.resolve(name))})


def _add_creating(apps: Blueprint, desk: Desk) -> None:
    @apps.post("")
    def create_app() -> Response:
        reading = read_app(parse.json_body(request), role=desk.config.mesos_role)
        parse.require_sound(reading)
        done = _put(desk, (reading,), Existing.ABSENT, is_partial=False)
        app = _current(desk, done, reading)
        extras = {**render.counts(views.Counts()), "deployments": [{"id": done.deployment_id}]}
        return render.answer(
            render.joined(structs.replace(app, version_info=None), extras),
            201,
            outcome.headers(done, f"/v2/apps{app.id}"),
        )


def _add_updating(apps: Blueprint, desk: Desk) -> None:
    @apps.put("")
    def put_apps() -> Response:
        is_partial = parse.flag(request, "partialUpdate", True)
        done = _put(desk, _read_all(desk, is_partial), Existing.ANY, is_partial)
        return outcome.accepted(done)

    @apps.patch("")
    def patch_apps() -> Response:
        return outcome.accepted(_put(desk, _read_all(desk, True), Existing.PRESENT, True))

    @apps.put("/<path:name>")
    def put_app(name: str) -> Response:
        app_id, is_partial = path.resolve(name), parse.flag(request, "partialUpdate", True)
        body = parse.json_body(request)
        if is_partial and isinstance(body, dict) and "version" in body:
            return outcome.accepted(_roll_back(desk, app_id, body))
        reading = _read_one(desk, body, app_id, is_partial)
        done = _put(desk, (reading,), Existing.ANY, is_partial)
        if app_id in done.created:
            return outcome.accepted(done, 201, f"/v2/apps{app_id}")
        return outcome.accepted(done)

    @apps.patch("/<path:name>")
    def patch_app(name: str) -> Response:
        reading = _read_one(desk, parse.json_body(request), path.resolve(name), True)
        return outcome.accepted(_put(desk, (reading,), Existing.PRESENT, True))


def _add_ending(apps: Blueprint, desk: Desk) -> None:
    @apps.delete("/<path:name>")
    def delete_app(name: str) -> Response:
        # [Q] of Marathon: here, and only here, force is the default; clients rely on it.
        force = parse.flag(request, "force", True)
        change = DeleteApps((path.resolve(name),))
        return outcome.accepted(desk.accepted(lambda _: change, force=force))

    @apps.post("/<path:name>/restart")
    def restart_app(name: str) -> Response:
        change = RestartApps((path.resolve(name),))
        return outcome.accepted(desk.accepted(lambda _: change, force=_force()))


def _add_versions(apps: Blueprint, desk: Desk) -> None:
    @apps.get("/<path:name>/versions")
    def list_versions(name: str) -> Response:
        app_id = path.resolve(name)

        def query(machine: Supervisor) -> list[str] | None:
            known = views.app(machine, app_id) is not None
            return views.app_versions(machine, app_id) if known else None

        found = desk.read(query)
        if found is None:
            raise not_found("App", app_id)
        return render.answer({"versions": found})

    @apps.get("/<path:name>/versions/<version>")
    def get_version(name: str, version: str) -> Response:
        app_id, moment = path.resolve(name), timestamp.canonical(version)
        if moment is None:
            raise Refused(422, f"'{version}' is no version; it looks like 2026-01-31T12:00:00.000Z")
        found = desk.read(lambda machine: views.app_version(machine, app_id, moment))
        if found is None:
            raise not_found("App", app_id)
        return render.answer(found)


def _listed(desk: Desk) -> bytes:
    embedded = app_views.expanded(app_views.LIST_DEFAULTS | parse.embedded(request))
    return render.encode({"apps": _looked(desk, path.ROOT, embedded, _chosen())})


def _below(desk: Desk, group_id: str) -> list[msgspec.Raw]:
    embedded = app_views.expanded(app_views.LIST_DEFAULTS | parse.embedded(request))
    return _looked(desk, group_id, embedded, lambda _app: True)


def _looked(
    desk: Desk, group_id: str, embedded: frozenset[str], chosen: Chosen
) -> list[msgspec.Raw]:
    now = desk.clock.now()

    def query(machine: Supervisor) -> list[app_views.AppLook]:
        return [
            app_views.look(machine, app, embedded, now)
            for app in views.apps(machine, group_id)
            if chosen(app)
        ]

    return app_views.rendered_list(desk.read(query))


def _chosen() -> Chosen:
    """The filters `cmd`, `id` (both substrings) and `label`."""
    command, name = request.args.get("cmd"), request.args.get("id")
    labels = parse.label_selector(request)

    def holds(app: App) -> bool:
        return (
            (command is None or command.lower() in (app.cmd or "").lower())
            and (name is None or name.lower() in app.id)
            and (labels is None or labels.matches(app.labels))
        )

    return holds


def _one(desk: Desk, app_id: str) -> msgspec.Raw:
    embedded = app_views.expanded(app_views.ONE_DEFAULTS | parse.embedded(request))
    now = desk.clock.now()

    def query(machine: Supervisor) -> app_views.AppLook | None:
        app = views.app(machine, app_id)
        return None if app is None else app_views.look(machine, app, embedded, now)

    found = desk.read(query)
    if found is None:
        raise not_found("App", app_id)
    return app_views.rendered(found)


def _read_one(desk: Desk, body: object, app_id: str, is_partial: bool) -> AppReading:
    given_id = body.get("id") if isinstance(body, dict) else None
    if isinstance(given_id, str) and path.resolve(given_id) != app_id:
        text = f"is '{given_id}', but the URL names '{app_id}'; leave it out, or make them equal"
        raise invalid([Problem("/id", text)])
    role = desk.config.mesos_role
    if is_partial:
        reading = read_update(body, app_id=app_id, role=role)
    else:
        named = {**body, "id": app_id} if isinstance(body, dict) else body
        reading = read_app(named, role=role)
    parse.require_sound(reading)
    return reading


def _read_all(desk: Desk, is_partial: bool) -> tuple[AppReading, ...]:
    readings, role = [], desk.config.mesos_role
    for index, body in enumerate(parse.json_list(request)):
        reading = _read_listed(body, role, is_partial)
        parse.require_sound(reading, f"/({index})")
        readings.append(reading)
    return tuple(readings)


def _read_listed(body: object, role: str, is_partial: bool) -> AppReading:
    if is_partial:
        return read_update(body, is_id_required=True, role=role)
    return read_app(body, role=role)


def _put(
    desk: Desk, readings: Sequence[AppReading], existing: Existing, is_partial: bool
) -> ChangeAccepted:
    updates = tuple(
        AppUpdate(reading.app, reading.given) for reading in readings if reading.app is not None
    )
    change = PutApps(updates, existing, is_partial)
    done = desk.accepted(lambda _: change, force=_force())
    for reading in readings:
        _publish_definition(desk, _current(desk, done, reading))
    return done


def _roll_back(desk: Desk, app_id: str, body: dict[str, Any]) -> ChangeAccepted:
    """`{"version": …}` alone brings back that configuration."""
    if set(body) - {"id", "version"}:
        text = "The 'version' field may only be combined with the 'id' field."
        raise invalid([Problem("/version", text)])
    version = timestamp.canonical(body["version"]) if isinstance(body["version"], str) else None
    if version is None:
        text = f"'{body['version']}' is no version; it looks like 2026-01-31T12:00:00.000Z"
        raise invalid([Problem("/version", text)])
    if "id" in body:
        _read_one(desk, {"id": body["id"]}, app_id, True)
    change: Change = RollbackApp(app_id, version)
    return desk.accepted(lambda _: change, force=_force())


def _current(desk: Desk, done: ChangeAccepted, reading: AppReading) -> App:
    """The app as it is now; gone already when somebody deleted it since."""
    assert reading.app is not None
    app_id = reading.app.id
    found = desk.read(lambda machine: views.app(machine, app_id))
    return found or structs.replace(reading.app, version=done.version)


def _publish_definition(desk: Desk, app: App) -> None:
    desk.publish(
        "api_post_event",
        {"clientIp": request.remote_addr or "", "uri": request.path, "appDefinition": app},
    )


def _force() -> bool:
    return parse.flag(request, "force")
