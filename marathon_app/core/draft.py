"""Builds the next root group on top of the current one, and finds out whether it is sound.

Configurations are compared here: an app that differs in `instances` alone keeps its configuration;
one that returns to a configuration which still has running instances gets that one back (DIFFERS:
upstream restarts those too). Leaves the meaning of each change to `groups`. Source: Marathon,
GroupVersioningUtil.
"""

from collections.abc import Callable

from msgspec import Struct, structs

from marathon_app.core import service_ports
from marathon_app.core.dependencies import Dependencies
from marathon_app.core.effects import Detail, RefusedKind
from marathon_app.core.root import Delta, GroupRecord, Root, Spec
from marathon_app.core.settings import Settings
from marathon_app.schema import path
from marathon_app.schema.app import App, VersionInfo


class Refusal(Struct, frozen=True):
    kind: RefusedKind
    message: str
    details: tuple[Detail, ...] = ()
    deployments: tuple[str, ...] = ()


class Draft:
    """A root in the making: the current one, with what the change has set so far on top."""

    def __init__(
        self,
        root: Root,
        settings: Settings,
        version: str,
        live_config: Callable[[str, str], bool],
    ) -> None:
        self._root, self._settings, self.version = root, settings, version
        self._live_config = live_config  # (app, config): does an instance still run it?
        self.apps: dict[str, Spec | None] = {}
        self.groups: dict[str, GroupRecord | None] = {}
        self._ports: dict[int, None] = {}  # service ports that this draft gave out

    def app(self, app_id: str) -> Spec | None:
        return self.apps[app_id] if app_id in self.apps else self._root.apps.get(app_id)

    def group(self, group_id: str) -> GroupRecord | None:
        found = self.groups.get(group_id)
        return found if group_id in self.groups else self._root.groups.get(group_id)

    def remove_app(self, app_id: str) -> None:
        self.apps[app_id] = None

    def set_app(self, app: App, *, is_new_config: bool = False) -> Refusal | None:
        """Set a complete and valid app; no change when it is what it was."""
        if self.group(app.id) is not None:
            text = f"a group with the id [{app.id}] already exists; choose another id"
            return invalid("/id", text)
        old = self.app(app.id)
        assigned = service_ports.assign(
            app,
            old.app if old else None,
            self._is_port_used,
            self._settings.local_port_min,
            self._settings.local_port_max,
        )
        if assigned is None:
            first, last = self._settings.local_port_min, self._settings.local_port_max
            text = f"no service port is free in {first}-{last}; raise --local-port-max"
            return invalid("/portDefinitions", text)
        self._ports |= dict.fromkeys(assigned.service_ports)
        if old is None:
            plain = structs.replace(assigned, version=self.version, version_info=None)
            self.apps[app.id] = Spec(plain, self.version)
            return self._make_parents(app.id)
        if is_new_config or not _is_same_config(assigned, old.app):
            self.apps[app.id] = self._reconfigured(assigned, old, is_fresh=is_new_config)
        elif assigned.instances != old.app.instances:
            self.apps[app.id] = Spec(self._scaled(assigned, old.app), old.config)
        return None

    def _reconfigured(self, app: App, old: Spec, *, is_fresh: bool) -> Spec:
        info = old.app.version_info
        scaled_at = info.last_scaling_at if info else old.app.version
        if app.instances != old.app.instances:
            scaled_at = self.version
        stamped = structs.replace(
            app,
            version=self.version,
            version_info=VersionInfo(last_scaling_at=scaled_at, last_config_change_at=self.version),
        )
        config = None if is_fresh else self._known_config(app)
        return Spec(stamped, config or self.version)

    def _known_config(self, app: App) -> str | None:
        """The name of this very configuration, if an instance of it is still alive."""
        for spec in reversed(list(self._root.versions_of(app.id).values())):
            if self._live_config(app.id, spec.config) and _is_same_config(app, spec.app):
                return spec.config
        return None

    def _scaled(self, app: App, old: App) -> App:
        info = old.version_info
        changed_at = info.last_config_change_at if info else old.version
        return structs.replace(
            app,
            version=self.version,
            version_info=VersionInfo(
                last_scaling_at=self.version, last_config_change_at=changed_at
            ),
        )

    def _make_parents(self, member_id: str) -> Refusal | None:
        group_id = path.parent(member_id)
        while self.group(group_id) is None:
            if self.app(group_id) is not None:
                text = f"an app with the id [{group_id}] already exists, so nothing can be below it"
                return invalid("/id", text)
            self.groups[group_id] = GroupRecord(group_id, self.version)
            group_id = path.parent(group_id)
        return None

    def make_group(self, group: GroupRecord) -> Refusal | None:
        if self.app(group.id) is not None:
            text = f"an app with the id [{group.id}] already exists; choose another id"
            return invalid("/id", text)
        old = self.group(group.id)
        if old is None or structs.replace(group, version=old.version) != old:
            self.groups[group.id] = group
        return self._make_parents(group.id) if group.id != path.ROOT else None

    def _is_port_used(self, port: int) -> bool:
        return port in self._ports or self._root.is_port_used(port)

    def finish(self) -> Delta | Refusal:
        """The difference to the current root, if the whole is sound."""
        new_apps = {i: s for i, s in self.apps.items() if s != self._root.apps.get(i)}
        new_groups = {i: g for i, g in self.groups.items() if g != self._root.groups.get(i)}
        apps = {**self._root.apps, **new_apps}
        groups = {**self._root.groups, **new_groups}
        graph = Dependencies(
            {i: spec for i, spec in apps.items() if spec is not None},
            {i: group for i, group in groups.items() if group is not None},
        )
        if new_groups:  # a group's dependencies concern all below it
            starts = [i for i, spec in apps.items() if spec is not None]
        else:
            starts = [i for i, spec in new_apps.items() if spec is not None]
        circle = graph.cycle(starts)
        if circle:
            text = "There are cyclic dependencies: " + " -> ".join(circle)
            return Refusal(RefusedKind.UNRESOLVABLE, text, (Detail("/dependencies", (text,)),))
        return Delta(
            version=self.version,
            old_apps={i: self._root.apps.get(i) for i in new_apps},
            new_apps=new_apps,
            old_groups={i: self._root.groups.get(i) for i in new_groups},
            new_groups=new_groups,
            old_version=self._root.version,
        )


def _is_same_config(one: App, other: App) -> bool:
    return (
        structs.replace(
            one, instances=other.instances, version=other.version, version_info=other.version_info
        )
        == other
    )


def invalid(where: str, text: str) -> Refusal:
    return Refusal(RefusedKind.INVALID, "Object is not valid", (Detail(where, (text,)),))
