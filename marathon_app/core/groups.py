"""Decides what each requested change makes of the root group: it writes a `Draft`, or refuses.

Leaves comparing configurations to `draft`, locks and deployments to `deployment`.
Source: Marathon, docs/rest-api (apps, groups), AppsResource, GroupsResource.
"""

from math import ceil

from msgspec import structs

from marathon_app.core import events
from marathon_app.core.draft import Draft, Refusal, invalid
from marathon_app.core.effects import Detail, RefusedKind
from marathon_app.core.root import Delta, GroupRecord, Root
from marathon_app.schema import path, problem, quantity, request, timestamp
from marathon_app.schema.app import App
from marathon_app.schema.group import Group


def _no_app(app_id: str) -> Refusal:
    return Refusal(RefusedKind.NOT_FOUND, f"App '{app_id}' does not exist")


def _no_group(group_id: str) -> Refusal:
    return Refusal(RefusedKind.NOT_FOUND, f"Group '{group_id}' does not exist")


def write(root: Root, change: events.Change, at: Draft) -> Refusal | None:
    """Write `change` into the draft `at`."""
    match change:
        case events.PutApps():
            return _put_apps(change, at)
        case events.DeleteApps(app_ids):
            for app_id in app_ids:
                if at.app(app_id) is None:
                    return _no_app(app_id)
                at.remove_app(app_id)
            return None
        case events.RestartApps(app_ids):
            return _restart(app_ids, at)
        case events.RollbackApp(app_id, version):
            return _roll_back_app(root, app_id, version, at)
        case events.PutGroup(group, existing):
            return _put_group(root, group, existing, at)
        case events.PatchGroup(group_id, enforce_role):
            return _patch_group(group_id, enforce_role, at)
        case events.ScaleGroup(group_id, scale_by):
            return _scale_group(root, group_id, scale_by, at)
        case events.RollbackGroup(group_id, version):
            return _roll_back_group(root, group_id, version, at)
        case events.DeleteGroup(group_id):
            if at.group(group_id) is None:
                return _no_group(group_id)
            return _replace_below(root, group_id, {}, {}, at, is_gone=True)


def _put_apps(change: events.PutApps, at: Draft) -> Refusal | None:
    for index, update in enumerate(change.updates):
        app_id = update.app.id
        old = at.app(app_id)
        if change.existing is events.Existing.PRESENT and old is None:
            return _no_app(app_id)
        if change.existing is events.Existing.ABSENT and old is not None:
            text = f"An app with id [{app_id}] already exists."
            return Refusal(RefusedKind.CONFLICT, text)
        current = old.app if old is not None and change.partial else None
        merged = request.merge(current, update.app, update.given)
        if merged.problems:
            prefix = f"({index})" if len(change.updates) > 1 else ""
            found = problem.details(problem.under(prefix, merged.problems))
            return Refusal(
                RefusedKind.INVALID,
                "Object is not valid",
                tuple(Detail(detail.path, detail.errors) for detail in found),
            )
        refusal = at.set_app(merged.app)
        if refusal:
            return refusal
    return None


def _restart(app_ids: tuple[str, ...], at: Draft) -> Refusal | None:
    for app_id in app_ids:
        spec = at.app(app_id)
        if spec is None:
            return _no_app(app_id)
        refusal = at.set_app(spec.app, is_new_config=True)
        assert refusal is None, "the app was valid before"
    return None


def _roll_back_app(root: Root, app_id: str, version: str, at: Draft) -> Refusal | None:
    if at.app(app_id) is None:
        return _no_app(app_id)
    found = root.spec_at(app_id, timestamp.canonical(version) or version)
    if found is None:
        text = f"App '{app_id}' has no version '{version}'; see /v2/apps{app_id}/versions"
        return Refusal(RefusedKind.UNRESOLVABLE, text)
    return at.set_app(found.app)


def _put_group(root: Root, group: Group, existing: events.Existing, at: Draft) -> Refusal | None:
    if existing is events.Existing.ABSENT and group.id != path.ROOT:
        if at.group(group.id) is not None:
            text = f"Group {group.id} is already created. Use PUT to change this group."
            return Refusal(RefusedKind.CONFLICT, text)
        if at.app(group.id) is not None:
            text = f"An app with id [{group.id}] already exists."
            return Refusal(RefusedKind.CONFLICT, text)
    apps = {app.id: app for app in group.transitive_apps()}
    groups: dict[str, GroupRecord] = {}
    walk = [group]
    while walk:
        top = walk.pop(0)
        groups[top.id] = GroupRecord(top.id, at.version, top.dependencies, top.enforce_role)
        walk.extend(top.groups)
    return _replace_below(root, group.id, apps, groups, at)


def _replace_below(
    root: Root,
    group_id: str,
    apps: dict[str, App],
    groups: dict[str, GroupRecord],
    at: Draft,
    *,
    is_gone: bool = False,
) -> Refusal | None:
    for old_id in root.apps_below(group_id):
        if old_id not in apps:
            at.remove_app(old_id)
    for old_id in root.groups_below(group_id):
        if old_id not in groups:
            at.groups[old_id] = None
    if is_gone and group_id != path.ROOT:
        at.groups[group_id] = None
    for group in groups.values():
        refusal = at.make_group(group)
        if refusal:
            return refusal
    for app in apps.values():
        refusal = at.set_app(app)
        if refusal:
            return refusal
    return None


def _patch_group(group_id: str, enforce_role: bool, at: Draft) -> Refusal | None:
    group = at.group(group_id)
    if group is None:
        return _no_group(group_id)
    if group_id == path.ROOT or path.parent(group_id) != path.ROOT:
        return invalid("/enforceRole", "enforceRole can be set on top-level groups only")
    return at.make_group(structs.replace(group, enforce_role=enforce_role, version=at.version))


def _scale_group(root: Root, group_id: str, scale_by: float, at: Draft) -> Refusal | None:
    if at.group(group_id) is None:
        return _no_group(group_id)
    for app_id in root.apps_below(group_id):
        app = root.apps[app_id].app
        instances = ceil(app.instances * quantity.fraction(scale_by))
        refusal = at.set_app(structs.replace(app, instances=instances))
        assert refusal is None, "the app was valid before"
    return None


def _roll_back_group(root: Root, group_id: str, version: str, at: Draft) -> Refusal | None:
    if at.group(group_id) is None:
        return _no_group(group_id)
    found = root.at_version(timestamp.canonical(version) or version)
    if found is None or group_id not in found[1]:
        text = f"Group '{group_id}' has no version '{version}'"
        return Refusal(RefusedKind.UNRESOLVABLE, text)
    apps, groups = found
    kept_groups = {
        i: structs.replace(group, version=at.version)
        for i, group in groups.items()
        if i == group_id or path.is_below(i, group_id)
    }
    kept_apps = {i: s.app for i, s in apps.items() if path.is_below(i, group_id)}
    return _replace_below(root, group_id, kept_apps, kept_groups, at)


def write_undo(root: Root, delta: Delta, at: Draft) -> Refusal | None:
    """Write the inverse of a deployment's own change into `at`, on top of the current root."""
    for old_group in delta.old_groups.values():
        if old_group is not None:
            at.make_group(structs.replace(old_group, version=at.version))
    for app_id, old_spec in delta.old_apps.items():
        if old_spec is None:
            at.remove_app(app_id)
        else:
            refusal = at.set_app(old_spec.app)
            if refusal:
                return refusal
    created = sorted((i for i, old in delta.old_groups.items() if old is None), reverse=True)
    for group_id in created:
        members = [i for i in root.apps if path.is_below(i, group_id) and at.app(i) is not None]
        below = [i for i in root.groups_below(group_id) if at.group(i) is not None]
        if not members and not below:
            at.groups[group_id] = None
    return None
