"""Keeps the root group: apps and groups flat by id, their versions, and how to go back in time.

A change arrives as a `Delta` (see `groups`) and costs what it changes, not what there is: nothing
rewrites the whole tree. Old roots are rebuilt by undoing deltas, newest first. Leaves what a change
means to `groups`. Source: Marathon, docs/application-groups.md; zk_max_versions 50.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from marathon_app.core.outbox import Outbox
from marathon_app.schema import path, timestamp
from marathon_app.schema.app import App

APPS, APP_VERSIONS, GROUPS, CHANGES = "apps", "app_versions", "groups", "root_changes"
VERSIONS_KEPT_MAX = 50  # Marathon: --zk_max_versions

T = TypeVar("T")


class Spec(Struct, frozen=True):
    """An app as it is to run. `config` names its configuration: equal for apps that differ in
    `instances` and version only, so that scaling restarts nothing."""

    app: App
    config: str


class GroupRecord(Struct, frozen=True):
    """What a group has besides its members, which follow from their ids."""

    id: str
    version: str
    dependencies: tuple[str, ...] = ()
    enforce_role: bool = False


class Delta(Struct, frozen=True):
    """One change of the root; None means: is not there."""

    version: str
    old_apps: dict[str, Spec | None] = {}
    new_apps: dict[str, Spec | None] = {}
    old_groups: dict[str, GroupRecord | None] = {}
    new_groups: dict[str, GroupRecord | None] = {}
    old_version: str = ""  # of the root, before


class Root:
    """`apps` and `groups` hold what is current; `history` the deltas that led there, oldest
    first."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.apps: dict[str, Spec] = {}
        self.groups: dict[str, GroupRecord] = {path.ROOT: GroupRecord(path.ROOT, "")}
        self.history: list[Delta] = []
        self._versions: dict[str, dict[str, Spec]] = {}  # by app, oldest first
        self._port_uses: dict[int, int] = {}

    @property
    def version(self) -> str:
        return self.history[-1].version if self.history else timestamp.format_ms(0)

    def next_version(self, wall_ms: int) -> str:
        """Later than every version before, also when the clock went back."""
        last_ms = timestamp.parse_ms(self.version)
        assert last_ms is not None
        return timestamp.format_ms(max(wall_ms, last_ms + 1))

    # --- reading ---------------------------------------------------------------------------------
    def apps_below(self, group_id: str) -> list[str]:
        return sorted(app_id for app_id in self.apps if path.is_below(app_id, group_id))

    def groups_below(self, group_id: str) -> list[str]:
        return sorted(found for found in self.groups if path.is_below(found, group_id))

    def versions_of(self, app_id: str) -> Mapping[str, Spec]:
        return self._versions.get(app_id, {})

    def spec_at(self, app_id: str, version: str) -> Spec | None:
        """Also of versions that are no longer listed, as long as somebody keeps them."""
        return self._versions.get(app_id, {}).get(version)

    def is_port_used(self, port: int) -> bool:
        return port in self._port_uses

    def at_version(self, version: str) -> tuple[dict[str, Spec], dict[str, GroupRecord]] | None:
        """The whole root as of then, or None when that is not known (any more)."""
        apps, groups = dict(self.apps), dict(self.groups)
        for delta in reversed(self.history):
            if delta.version == version:
                return apps, groups
            _overlay(apps, delta.old_apps)
            _overlay(groups, delta.old_groups)
        oldest = self.history[0].old_version if self.history else self.version
        return (apps, groups) if version == oldest else None

    # --- changing --------------------------------------------------------------------------------
    def apply(self, delta: Delta) -> None:
        self._take(delta)
        self.history.append(delta)
        self._outbox.put(CHANGES, delta.version, delta)
        for app_id, spec in delta.new_apps.items():
            if spec is None:
                self._outbox.delete(APPS, app_id)
            else:
                self._outbox.put(APPS, app_id, spec)
                self._outbox.put(APP_VERSIONS, f"{app_id}@{spec.app.version}", spec)
        for group_id, group in delta.new_groups.items():
            if group is None:
                self._outbox.delete(GROUPS, group_id)
            else:
                self._outbox.put(GROUPS, group_id, group)
        while len(self.history) > VERSIONS_KEPT_MAX:
            self._outbox.delete(CHANGES, self.history.pop(0).version)

    def _take(self, delta: Delta) -> None:
        for app_id, spec in delta.new_apps.items():
            self._count_ports(self.apps.get(app_id), -1)
            self._count_ports(spec, 1)
            if spec is not None:
                self._versions.setdefault(app_id, {})[spec.app.version] = spec
        _overlay(self.apps, delta.new_apps)
        _overlay(self.groups, delta.new_groups)

    def forget_versions(self, app_id: str, used: dict[str, None]) -> None:
        """Drop versions beyond the newest 50, and all of an app that is gone, save `used` ones."""
        versions = self._versions.get(app_id, {})
        kept_max = VERSIONS_KEPT_MAX if app_id in self.apps else 0
        surplus = list(versions)[: max(0, len(versions) - kept_max)]
        for version in surplus:
            if version not in used:
                del versions[version]
                self._outbox.delete(APP_VERSIONS, f"{app_id}@{version}")
        if not versions:
            self._versions.pop(app_id, None)

    def _count_ports(self, spec: Spec | None, by: int) -> None:
        for port in spec.app.service_ports if spec is not None else ():
            left = self._port_uses.get(port, 0) + by
            if left:
                self._port_uses[port] = left
            else:
                del self._port_uses[port]

    def load(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        """Take in what `apply` wrote."""
        for value in collections.get(GROUPS, {}).values():
            group = msgspec.json.decode(value, type=GroupRecord)
            self.groups[group.id] = group
        for value in collections.get(APPS, {}).values():
            spec = msgspec.json.decode(value, type=Spec)
            self.apps[spec.app.id] = spec
            self._count_ports(spec, 1)
        found = [
            msgspec.json.decode(value, type=Spec)
            for value in collections.get(APP_VERSIONS, {}).values()
        ]
        for spec in sorted(found, key=lambda spec: spec.app.version):
            self._versions.setdefault(spec.app.id, {})[spec.app.version] = spec
        changes = collections.get(CHANGES, {}).values()
        deltas = [msgspec.json.decode(value, type=Delta) for value in changes]
        self.history = sorted(deltas, key=lambda delta: delta.version)

    def check_invariants(self) -> None:
        for app_id, spec in self.apps.items():
            assert app_id == spec.app.id, f"{app_id} is filed under a wrong id"
            assert app_id not in self.groups, f"{app_id} is an app and a group"
            assert path.parent(app_id) in self.groups, f"{app_id} lies in no group"
            assert spec.app.version in self._versions[app_id], f"{app_id}: version not kept"


def _overlay(current: dict[str, T], changes: Mapping[str, T | None]) -> None:
    for key, value in changes.items():
        if value is None:
            current.pop(key, None)
        else:
            current[key] = value
