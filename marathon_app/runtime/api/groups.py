"""`/v2/groups`: the tree of apps, read at any depth, replaced, scaled, rolled back, deleted.

Source: Marathon, docs/docs/rest-api "Groups"; GroupsResource.
"""

from collections.abc import Mapping

import msgspec
from flask import Blueprint, Response, request
from msgspec import structs

from marathon_app.core import views
from marathon_app.core.effects import ChangeAccepted
from marathon_app.core.events import (
    Change,
    DeleteGroup,
    Existing,
    PatchGroup,
    PutGroup,
    RollbackGroup,
    ScaleGroup,
)
from marathon_app.core.supervisor import Supervisor
from marathon_app.runtime.api import app_views, outcome, parse, render
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.refusal import Refused, invalid, not_found
from marathon_app.schema import path, timestamp
from marathon_app.schema.group import Group
from marathon_app.schema.group_request import ONE_ROLE, GroupReading, read_group
from marathon_app.schema.problem import Problem

ALONE = "may not be combined with any other field but 'id'"
SCALE_MAX = 1000  # a factor beyond it is a slip of the finger
GROUP_EMBEDS = frozenset(("group.groups", "group.apps", "group.pods"))


def blueprint(desk: Desk) -> Blueprint:
    groups = Blueprint("groups", __name__, url_prefix="/v2/groups")
    _add_reading(groups, desk)
    _add_versions(groups, desk)
    _add_writing(groups, desk)
    _add_small_changes(groups, desk)
    return groups


def _add_reading(groups: Blueprint, desk: Desk) -> None:
    @groups.get("")
    @groups.get("/<path:name>")
    def get_group(name: str = "") -> Response:
        body = desk.rendered(request.full_path, lambda: _rendered_now(desk, path.resolve(name)))
        return render.answer(body)

    @groups.get("/apps")
    @groups.get("/<path:name>/apps")
    def list_apps(name: str = "") -> Response:
        group_id = path.resolve(name)
        found = desk.read(lambda machine: views.group(machine, group_id))
        if found is None:
            raise not_found("Group", group_id)
        return render.answer(found.transitive_apps())


def _add_versions(groups: Blueprint, desk: Desk) -> None:
    @groups.get("/versions")
    @groups.get("/<path:name>/versions")
    def list_versions(name: str = "") -> Response:
        group_id = path.resolve(name)

        def query(machine: Supervisor) -> list[str] | None:
            known = views.group(machine, group_id) is not None
            return views.group_versions(machine, group_id) if known else None

        found = desk.read(query)
        if found is None:
            raise not_found("Group", group_id)
        return render.answer(found)

    @groups.get("/versions/<version>")
    @groups.get("/<path:name>/versions/<version>")
    def get_version(version: str, name: str = "") -> Response:
        group_id, moment = path.resolve(name), _version(version)
        found = desk.read(lambda machine: views.group_version(machine, group_id, moment))
        if found is None:
            raise not_found("Group", f"{group_id}' of version '{moment}")
        return render.answer(_group_json(found, GROUP_EMBEDS, {}))

    @groups.put("/versions/<version>")
    @groups.put("/<path:name>/versions/<version>")
    def roll_back(version: str, name: str = "") -> Response:
        """Of older clients; Marathon itself has it no more."""
        change = RollbackGroup(path.resolve(name), _version(version))
        return outcome.accepted(desk.accepted(lambda _: change, force=_force()))


def _add_writing(groups: Blueprint, desk: Desk) -> None:
    @groups.post("")
    @groups.post("/<path:name>")
    def create_group(name: str = "") -> Response:
        base = path.resolve(name)
        own_id = "" if base == path.ROOT else base
        role = desk.config.mesos_role
        reading = read_group(parse.json_body(request), own_id, base, role=role)
        parse.require_sound(reading)
        assert reading.group is not None
        group = reading.group
        done = desk.accepted(lambda _: PutGroup(group, Existing.ABSENT), force=_force())
        return outcome.accepted(done, 201, f"/v2/groups{group.id}")

    @groups.put("")
    @groups.put("/<path:name>")
    def put_group(name: str = "") -> Response:
        group_id, dry_run = path.resolve(name), parse.flag(request, "dryRun")
        body = parse.json_body(request)
        change = _change(body, group_id)
        if change is not None:
            done = desk.change(lambda _: change, force=_force(), dry_run=dry_run)
        else:
            reading = _read_named(body, group_id, desk.config.mesos_role)
            done = desk.change(
                lambda machine: PutGroup(_filled(machine, reading)), force=_force(), dry_run=dry_run
            )
        if isinstance(done, ChangeAccepted):
            return outcome.accepted(done)
        return outcome.planned(done)


def _add_small_changes(groups: Blueprint, desk: Desk) -> None:
    @groups.patch("/<path:name>")
    def patch_group(name: str) -> Response:
        body = parse.json_body(request)
        if not isinstance(body, dict) or set(body) - {"id"} != {"enforceRole"}:
            raise invalid([Problem("/", "a PATCH of a group may change 'enforceRole' only")])
        if not isinstance(body["enforceRole"], bool):
            raise invalid([Problem("/enforceRole", "error.expected.jsboolean")])
        if body["enforceRole"]:
            raise invalid([Problem("/enforceRole", ONE_ROLE)])
        change = PatchGroup(path.resolve(name), body["enforceRole"])
        return outcome.accepted(desk.accepted(lambda _: change, force=_force()))

    @groups.delete("")
    @groups.delete("/<path:name>")
    def delete_group(name: str = "") -> Response:
        change = DeleteGroup(path.resolve(name))
        return outcome.accepted(desk.accepted(lambda _: change, force=_force()))


def _change(body: object, group_id: str) -> Change | None:
    """What the body asks for when it is not a definition."""
    if not isinstance(body, dict) or not {"scaleBy", "version"} & set(body):
        return None
    more = set(body) - {"id"}
    if "scaleBy" in body:
        if more != {"scaleBy"}:
            raise invalid([Problem("/scaleBy", ALONE)])
        factor = body["scaleBy"]
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            raise invalid([Problem("/scaleBy", "error.expected.jsnumber")])
        if not 0 <= factor <= SCALE_MAX:
            raise invalid([Problem("/scaleBy", f"got {factor}, must be from 0 to {SCALE_MAX}")])
        return ScaleGroup(group_id, float(factor))
    if more != {"version"}:
        # A group as read has its version, and clients send it back with a new definition.
        return None
    return RollbackGroup(group_id, _version(body["version"]))


def _read_named(body: object, group_id: str, role: str) -> GroupReading:
    """The id in the body may be left out, equal or relative; at the root it says which group."""
    given = body.get("id") if isinstance(body, dict) else None
    if isinstance(given, str) and group_id != path.ROOT:
        if path.resolve(given, group_id) != group_id and path.resolve(given) != group_id:
            text = f"is '{given}', but the URL names '{group_id}'; leave it out, or make them equal"
            raise invalid([Problem("/id", text)])
        body = {**body, "id": group_id} if isinstance(body, dict) else body
    reading = read_group(body, group_id, path.parent(group_id), role=role)
    parse.require_sound(reading)
    return reading


def _filled(machine: Supervisor, reading: GroupReading) -> Group:
    """The new tree, with the present members where the client did not mention any."""
    assert reading.group is not None

    def fill(group: Group) -> Group:
        current = views.group(machine, group.id)
        apps = group.apps
        groups = tuple(fill(member) for member in group.groups)
        if current is not None and group.id in reading.keeps_apps:
            apps = current.apps
        if current is not None and group.id in reading.keeps_groups:
            groups = current.groups
        return structs.replace(group, apps=apps, groups=groups)

    return fill(reading.group)


def _rendered_now(desk: Desk, group_id: str) -> bytes:
    named = parse.raw_embedded(request)
    embeds = named & GROUP_EMBEDS if named else GROUP_EMBEDS
    for_apps = _app_embeds(named)
    if for_apps:
        embeds |= {"group.apps"}
    now = desk.clock.now()

    def query(machine: Supervisor) -> tuple[Group | None, dict[str, app_views.AppLook]]:
        found = views.group(machine, group_id)
        if found is None or not for_apps:
            return found, {}
        apps = found.transitive_apps() if "group.groups" in embeds else found.apps
        return found, {app.id: app_views.look(machine, app, for_apps, now) for app in apps}

    found, looks = desk.read(query)
    if found is None:
        raise not_found("Group", group_id)
    rendered = {app_id: app_views.rendered(look) for app_id, look in looks.items()}
    return render.encode(_group_json(found, embeds, rendered))


def _app_embeds(named: frozenset[str]) -> frozenset[str]:
    prefix = "group.apps."
    found = frozenset(name.removeprefix(prefix) for name in named if name.startswith(prefix))
    return app_views.expanded(found)


def _group_json(
    group: Group, embeds: frozenset[str], rendered: Mapping[str, msgspec.Raw]
) -> render.JsonObject:
    made: render.JsonObject = {
        "id": group.id,
        "dependencies": group.dependencies,
        "version": group.version,
    }
    if group.enforce_role:
        # Only when somebody set it: marathon-python refuses a group with a key it does not know.
        made["enforceRole"] = True
    if "group.apps" in embeds:
        made["apps"] = [rendered.get(app.id, app) for app in group.apps]
    if "group.pods" in embeds:
        made["pods"] = []
    if "group.groups" in embeds:
        made["groups"] = [_group_json(member, embeds, rendered) for member in group.groups]
    return made


def _version(text: object) -> str:
    found = timestamp.canonical(text) if isinstance(text, str) else None
    if found is None:
        raise Refused(422, f"'{text}' is no version; it looks like 2026-01-31T12:00:00.000Z")
    return found


def _force() -> bool:
    return parse.flag(request, "force")
