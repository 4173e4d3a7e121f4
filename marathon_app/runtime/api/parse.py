"""Reads what a request says: its JSON body, its flags, what to embed, what it warns about."""

from collections.abc import Sequence

import msgspec
from flask import Request, g

from marathon_app.runtime.api.refusal import Refused, invalid, invalid_types
from marathon_app.schema import selector
from marathon_app.schema.group_request import GroupReading
from marathon_app.schema.problem import under
from marathon_app.schema.reading import NestedTooDeeply, UnknownField, without_nulls
from marathon_app.schema.request import AppReading
from marathon_app.schema.selector import Selector

JSON_TYPES = ("application/json", "text/json")
EMBED_PREFIXES = ("group.apps.", "group.", "apps.", "app.")
WARNINGS_COUNT_MAX = 10


def json_body(request: Request) -> object:
    """The body without nulls (C7: null means absent)."""
    content_type = (request.mimetype or "").lower()
    raw = request.get_data()
    if not raw.strip():
        raise Refused(400, "The request has no body; a JSON object is needed")
    if content_type and content_type not in JSON_TYPES and not content_type.endswith("+json"):
        text = f"The body is sent as '{content_type}'; send it as 'Content-Type: application/json'"
        raise Refused(415, text)
    try:
        return without_nulls(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "Invalid JSON", details=str(error)) from None
    except (NestedTooDeeply, RecursionError):
        raise Refused(400, "Invalid JSON", details="it is nested too deeply") from None


def json_list(request: Request) -> list[object]:
    body = json_body(request)
    if not isinstance(body, list):
        raise Refused(
            422, "Invalid JSON", details=[{"path": "/", "errors": ["error.expected.jsarray"]}]
        )
    return body


def flag(request: Request, name: str, default: bool = False) -> bool:
    """A query boolean, in any case (C5)."""
    text = request.args.get(name)
    if text is None:
        return default
    if text.lower() not in ("true", "false"):
        raise Refused(400, f"The query parameter '{name}' must be true or false, not '{text}'")
    return text.lower() == "true"


def embedded(request: Request) -> frozenset[str]:
    """The names of `embed`, without the prefixes under which clients know them."""
    return frozenset(_without_prefix(name) for name in request.args.getlist("embed"))


def raw_embedded(request: Request) -> frozenset[str]:
    """As written: for groups the prefix says which level is meant."""
    return frozenset(request.args.getlist("embed"))


def label_selector(request: Request) -> Selector | None:
    text = request.args.get("label")
    if not text:
        return None
    try:
        return selector.parse(text)
    except selector.Malformed as error:
        raise Refused(422, str(error)) from None


def require_sound(reading: AppReading | GroupReading, prefix: str = "") -> None:
    """Refuse with all problems; `prefix` is where in the body the reading began."""
    warn(reading.unknown)
    if reading.invalid_types:
        raise invalid_types(under(prefix, reading.invalid_types))
    if reading.problems:
        raise invalid(under(prefix, reading.problems))


def warn(unknown: Sequence[UnknownField]) -> None:
    """Name ignored fields in a header of this request's answer."""
    for field in unknown[:WARNINGS_COUNT_MAX]:
        meant = f"; did you mean '{field.meant}'?" if field.meant else ""
        text = f"unknown field '{field.path}' was ignored{meant}"
        g.setdefault("warnings", []).append(ascii(text)[1:-1])


def _without_prefix(name: str) -> str:
    for prefix in EMBED_PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
