"""Every refusal of the API as one exception, with Marathon's statuses and bodies.

Source: Marathon's error bodies (§2.2 of the project's digest): `message`, `details`, `deployments`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from marathon_app.core.effects import ChangeRefused, Detail, RefusedKind
from marathon_app.schema.problem import Details, Problem, details

STATUS_BY_KIND: Mapping[RefusedKind, int] = {
    RefusedKind.INVALID: 422,
    RefusedKind.UNRESOLVABLE: 422,
    RefusedKind.NOT_FOUND: 404,
    RefusedKind.CONFLICT: 409,
    RefusedKind.LOCKED: 409,
    RefusedKind.LIMIT: 403,
}


class Refused(Exception):
    """Raised by a handler; the pages turn it into the answer. Nothing was changed."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, **more}


def not_found(kind: str, name: str) -> Refused:
    return Refused(404, f"{kind} '{name}' does not exist")


def invalid_types(problems: Sequence[Problem]) -> Refused:
    """What has the wrong JSON type."""
    return Refused(422, "Invalid JSON", details=details(problems))


def invalid(problems: Sequence[Problem]) -> Refused:
    """What breaks a rule."""
    return Refused(422, "Object is not valid", details=details(problems))


def of_change(refused: ChangeRefused) -> Refused:
    """What the core refused."""
    more: dict[str, object] = {}
    if refused.kind is RefusedKind.INVALID:
        more["details"] = [_detail(detail) for detail in refused.details]
    if refused.kind is RefusedKind.LOCKED:
        # go-marathon tells a lock from a taken id by this key.
        more["deployments"] = [{"id": found} for found in refused.deployments]
    return Refused(STATUS_BY_KIND[refused.kind], refused.message, **more)


def _detail(detail: Detail) -> Details:
    return Details(detail.path, detail.errors)
