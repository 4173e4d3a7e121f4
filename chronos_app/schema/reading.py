"""Reads single values out of a JSON object as leniently as Chronos did, and says what is wrong.

Chronos's JSON library turned numbers into text and text into numbers; old job files rely on it.
What can not be meant (a negative amount, text for a list) is refused by the field's name.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from chronos_app.schema.refusal import Refused

TEXT_LENGTH_MAX = 100_000
AMOUNT_MAX = 1_000_000_000
_TRUE, _FALSE = ("true",), ("false", "")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Body = Mapping[str, Any]


def text(body: Body, field: str, default: str = "") -> str:
    """Text, or a number written as one; null is the default."""
    return as_text(body.get(field), field, default)


def as_text(value: Any, field: str, default: str = "") -> str:
    if value is None:
        return default
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise Refused(field, f"must be text, not {_kind(value)}")
    if len(value) > TEXT_LENGTH_MAX:
        raise Refused(field, f"is longer than {TEXT_LENGTH_MAX} characters")
    if _CONTROL.search(value):
        raise Refused(field, "has a control character in it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(field, "has half a character (a lone surrogate) in it") from None
    return value


def flag(body: Body, field: str, default: bool = False) -> bool:
    """True or false, also as text; null is the default."""
    value = body.get(field)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE + _FALSE:
        return value.lower() in _TRUE
    raise Refused(field, f"must be true or false, not {_shown(value)}")


def amount(body: Body, field: str) -> float:
    """Zero or more; text such as "0.5" counts as a number; null and absence are zero."""
    value = body.get(field)
    if value is None or value == "":
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Refused(field, f"must be a number, not {_kind(value)}")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Refused(field, f"must be a number, not {_shown(value)}") from None
    if not math.isfinite(number) or number > AMOUNT_MAX:
        raise Refused(field, f"must be a number up to {AMOUNT_MAX}, not {_shown(value)}")
    if number < 0:
        raise Refused(field, f"must not be negative, but is {_shown(value)}")
    return number


def count(body: Body, field: str, default: int = 0) -> int:
    """A whole number, zero or more; null is zero, absence is the default."""
    if field not in body:
        return default
    number = amount(body, field)
    if number != int(number):
        raise Refused(field, f"must be a whole number, not {_shown(body[field])}")
    return int(number)


def items(body: Body, field: str) -> list[Any]:
    """A list; null and absence are the empty one."""
    value = body.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(field, f"must be a list, not {_kind(value)}")
    return value


def texts(body: Body, field: str) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(
        as_text(value, f"{field}[{index}]") for index, value in enumerate(items(body, field))
    )


def objects(body: Body, field: str) -> list[tuple[str, Body]]:
    """A list of objects, each with the name to use for it in a refusal."""
    found: list[tuple[str, Body]] = []
    for index, value in enumerate(items(body, field)):
        path = f"{field}[{index}]"
        if not isinstance(value, dict):
            raise Refused(path, f"must be an object, not {_kind(value)}")
        found.append((path, value))
    return found


def choice(value: str, field: str, choices: tuple[str, ...]) -> str:
    """One of a few words."""
    if value not in choices:
        raise Refused(field, f"must be one of {', '.join(choices)}, not {_shown(value)}")
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
