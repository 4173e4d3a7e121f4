"""Who may do what: Mesos's local ACLs, read from its JSON.

Entries of an action are looked at in order; the first whose principals and objects both concern the
question decides. What no entry concerns is allowed while `permissive`. Which call asks for what is
`permissions`'. Source: Mesos, docs/authorization.md, include/mesos/authorizer/acls.proto.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from kernel.messages.codec import Malformed

#: Action -> what its entries call the objects. Others are refused: a typing error would allow all.
OBJECTS: Mapping[str, str] = {
    "register_frameworks": "roles",
    "run_tasks": "users",
    "teardown_frameworks": "framework_principals",
    "reserve_resources": "roles",
    "unreserve_resources": "reserver_principals",
    "create_volumes": "roles",
    "destroy_volumes": "creator_principals",
    "resize_volumes": "roles",
    "get_quotas": "roles",
    "update_quotas": "roles",
    "update_weights": "roles",
    "view_roles": "roles",
    "view_flags": "flags",
    "view_frameworks": "users",
    "view_tasks": "users",
    "view_executors": "users",
    "get_endpoints": "paths",
    "set_log_level": "level",
    "update_maintenance_schedules": "machines",
    "get_maintenance_schedules": "machines",
    "get_maintenance_statuses": "machines",
    "start_maintenances": "machines",
    "stop_maintenances": "machines",
    "mark_agents_gone": "agents",
    "drain_agents": "agents",
    "deactivate_agents": "agents",
    "reactivate_agents": "agents",
    "register_agents": "agents",
}


class Entity(Struct, frozen=True):
    """These values, or everyone (ANY), or nobody (NONE)."""

    type: str = "SOME"
    values: tuple[str, ...] = ()

    def concerns(self, values: Sequence[str] | None) -> bool:
        """Whether the entry speaks of these; None asks for all there are."""
        if self.type != "SOME" or values is None:
            return self.type != "SOME"
        return all(value in self.values for value in values)

    @property
    def allows(self) -> bool:
        return self.type != "NONE"


class Entry(Struct, frozen=True):
    principals: Entity
    objects: Entity


class Acls(Struct, frozen=True):
    permissive: bool = True
    entries: Mapping[str, tuple[Entry, ...]] = {}

    def allows(self, action: str, principal: str | None, objects: Sequence[str] | None) -> bool:
        """Whether `principal` (None: nobody in particular) may do it to all of `objects`."""
        who = [principal] if principal is not None else None
        for entry in self.entries.get(action, ()):
            if entry.principals.concerns(who) and entry.objects.concerns(objects):
                return entry.principals.allows and entry.objects.allows
        return self.permissive

    def allows_all(self, action: str, principal: str | None) -> bool:
        """Whether there is nothing at all that `principal` may not do it to."""
        who = [principal] if principal is not None else None
        for entry in self.entries.get(action, ()):
            if entry.principals.concerns(who):
                if not (entry.principals.allows and entry.objects.allows):
                    return False
                if entry.objects.type == "ANY":
                    return True
        return self.permissive


EVERYTHING = Acls()


def read_acls(text: bytes) -> Acls:
    """Mesos's JSON. Raises `Malformed`."""
    try:
        found = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"ACLs are a JSON object: {error}") from None
    permissive = found.pop("permissive", True)
    entries: dict[str, tuple[Entry, ...]] = {}
    for action, value in found.items():
        name = OBJECTS.get(action)
        if name is None:
            raise Malformed(f"there is no action {action!r}; there are {', '.join(OBJECTS)}")
        try:
            raw = msgspec.convert(value, list[dict[str, Entity]])
            entries[action] = tuple(Entry(each["principals"], each[name]) for each in raw)
        except (msgspec.ValidationError, KeyError) as error:
            raise Malformed(
                f"{action}: each entry has 'principals' and '{name}', with 'values' or 'type'"
                f" ({error})"
            ) from None
        for entry in entries[action]:
            for entity in (entry.principals, entry.objects):
                if entity.type not in ("SOME", "ANY", "NONE"):
                    raise Malformed(f"{action}: type {entity.type!r} is not SOME, ANY or NONE")
    return Acls(bool(permissive), entries)
