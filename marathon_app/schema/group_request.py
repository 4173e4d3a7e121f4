"""Reads a client's group: the whole tree, each app completed and checked, paths named from the top.

`scaleBy`, `version` and `enforceRole` bodies are told apart by the API before; here a body is a
definition. A group that does not mention `apps` (or `groups`) keeps those it has: their ids are
listed in `keeps_apps` and `keeps_groups`, and whoever applies the group fills them in.
"""

from msgspec import Struct

from marathon_app.schema import path
from marathon_app.schema.app import DEFAULT_ROLE, App
from marathon_app.schema.group import Group
from marathon_app.schema.problem import Problem, under
from marathon_app.schema.reading import Reader, UnknownField
from marathon_app.schema.request import read_app


class GroupReading(Struct, frozen=True):
    """`group` is None when there are invalid types or problems."""

    group: Group | None
    keeps_apps: tuple[str, ...]
    keeps_groups: tuple[str, ...]
    invalid_types: tuple[Problem, ...]
    problems: tuple[Problem, ...]
    unknown: tuple[UnknownField, ...]


class OwnFields(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a group itself has; its members are read one by one."""

    id: str = ""
    dependencies: tuple[str, ...] = ()
    enforce_role: bool = False
    version: str = ""


ONE_ROLE = "roles of groups are not supported yet: everything runs in one role"
MEMBERS = frozenset(("apps", "groups", "pods"))


def read_group(
    body: object, group_id: str = "", base: str = path.ROOT, *, role: str = DEFAULT_ROLE
) -> GroupReading:
    """`group_id` is the id in the URL (absolute), which a body without id gets."""
    gathering = _Gathering(role)
    group = gathering.read(body, "", base, group_id)
    is_sound = not gathering.invalid and not gathering.problems
    return GroupReading(
        group if is_sound else None,
        tuple(gathering.keeps_apps),
        tuple(gathering.keeps_groups),
        tuple(gathering.invalid),
        tuple(gathering.problems),
        tuple(gathering.unknown),
    )


class _Gathering:
    """One descent through the tree; the lists fill as it goes."""

    def __init__(self, role: str) -> None:
        self._role = role
        self.keeps_apps: list[str] = []
        self.keeps_groups: list[str] = []
        self.invalid: list[Problem] = []
        self.problems: list[Problem] = []
        self.unknown: list[UnknownField] = []

    def read(self, body: object, prefix: str, base: str, group_id: str) -> Group:
        reader = Reader({OwnFields: MEMBERS})
        own = reader.read(OwnFields, body, prefix)
        self.unknown.extend(reader.unknown)
        if own is None or not isinstance(body, dict):
            self.invalid.extend(reader.problems)
            return Group(id=base)
        own_id = path.resolve(own.id, base) if own.id else group_id
        self._check_id(own.id, own_id, prefix, base)
        if body.get("pods"):
            self.problems.append(Problem(f"{prefix}/pods", "pods are not supported yet"))
        if own.enforce_role:
            self.problems.append(Problem(f"{prefix}/enforceRole", ONE_ROLE))
        return Group(
            id=own_id,
            apps=self._apps(body, prefix, own_id),
            groups=self._groups(body, prefix, own_id),
            dependencies=tuple(path.resolve(item, own_id) for item in own.dependencies),
        )

    def _check_id(self, written: str, own_id: str, prefix: str, base: str) -> None:
        if not own_id:
            self.invalid.append(Problem(f"{prefix}/id", "error.path.missing"))
        elif text := path.problem_with(written):
            self.problems.append(Problem(f"{prefix}/id", text))
        elif base != own_id and not path.is_below(own_id, base):
            text = f"identifier {own_id} is not child of {base}. Hint: use relative paths."
            self.problems.append(Problem(f"{prefix}/id", text))

    def _apps(self, body: dict[str, object], prefix: str, own_id: str) -> tuple[App, ...]:
        members = self._members(body, "apps", prefix)
        if members is None:
            self.keeps_apps.append(own_id)
            return ()
        found: dict[str, App] = {}
        for index, member in enumerate(members):
            reading = read_app(member, own_id, role=self._role)
            at = f"{prefix}/apps({index})"
            self.invalid.extend(under(at, reading.invalid_types))
            self.problems.extend(under(at, reading.problems))
            self.unknown.extend(UnknownField(at + u.path, u.meant) for u in reading.unknown)
            if reading.app is None:
                continue
            if path.parent(reading.app.id) != own_id:
                text = f"identifier {reading.app.id} is not child of {own_id}."
                self.problems.append(Problem(f"{at}/id", f"{text} Hint: use relative paths."))
            elif reading.app.id in found:
                self.problems.append(Problem(f"{at}/id", f"'{reading.app.id}' is there twice"))
            found[reading.app.id] = reading.app
        return tuple(found[app_id] for app_id in sorted(found))

    def _groups(self, body: dict[str, object], prefix: str, own_id: str) -> tuple[Group, ...]:
        members = self._members(body, "groups", prefix)
        if members is None:
            self.keeps_groups.append(own_id)
            return ()
        found: dict[str, Group] = {}
        for index, member in enumerate(members):
            at = f"{prefix}/groups({index})"
            group = self.read(member, at, own_id, "")
            if group.id in found:
                self.problems.append(Problem(f"{at}/id", f"'{group.id}' is there twice"))
            found[group.id] = group
        return tuple(found[group_id] for group_id in sorted(found))

    def _members(self, body: dict[str, object], key: str, prefix: str) -> list[object] | None:
        if key not in body:
            return None
        members = body[key]
        if isinstance(members, list):
            return members
        self.invalid.append(Problem(f"{prefix}/{key}", "error.expected.jsarray"))
        return []
