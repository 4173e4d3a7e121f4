"""Placement constraints: `[field, OPERATOR, value?]`, their operators and what values they take.

Whether an offer meets one is decided in `core`. Source: Marathon, docs/docs/constraints.md.
"""

import re
from enum import StrEnum

from msgspec import Struct

CONSTRAINT_PARTS = (2, 3)


class Operator(StrEnum):
    UNIQUE = "UNIQUE"
    CLUSTER = "CLUSTER"
    GROUP_BY = "GROUP_BY"
    LIKE = "LIKE"
    UNLIKE = "UNLIKE"
    MAX_PER = "MAX_PER"
    IS = "IS"


class Constraint(Struct, frozen=True):
    """One constraint, taken apart. `value` is as written; `IS` and `CLUSTER` compare it as text."""

    field: str
    operator: Operator
    value: str | None = None


def parse(parts: tuple[str, ...]) -> Constraint:
    """Of a validated array only."""
    assert problem_with(parts) is None, f"an unchecked constraint: {parts}"
    return Constraint(parts[0], Operator(parts[1]), parts[2] if len(parts) > 2 else None)


def problem_with(parts: tuple[str, ...]) -> str | None:
    """What is wrong with the array form, as one sentence, or None."""
    if len(parts) not in CONSTRAINT_PARTS:
        return 'must be [field, OPERATOR] or [field, OPERATOR, value], as ["hostname", "UNIQUE"]'
    if not parts[0]:
        return "the field must not be empty; use 'hostname' or the name of an agent attribute"
    if parts[1] not in Operator.__members__:
        return (
            "Constraint Operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, "
            f"MAX_PER, UNLIKE, or IS; it is '{parts[1]}'"
        )
    return _problem_with_value(Operator(parts[1]), parts[2] if len(parts) > 2 else None)


def _problem_with_value(operator: Operator, value: str | None) -> str | None:
    match operator:
        case Operator.UNIQUE if value is not None:
            return "UNIQUE takes no value; remove the third element"
        case Operator.LIKE | Operator.UNLIKE:
            return _problem_with_pattern(operator, value)
        case Operator.MAX_PER if value is None or not is_count(value):
            return "MAX_PER needs a whole number of at least 1 as value, written as a string"
        case Operator.GROUP_BY if value is not None and not is_count(value):
            return "GROUP_BY takes the number of groups, a whole number of at least 1, or no value"
        case Operator.IS if value is None:
            return "IS needs a value to compare with"
    return None


def _problem_with_pattern(operator: Operator, value: str | None) -> str | None:
    if value is None:
        return f"{operator} needs a regular expression as value"
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{operator} needs a regular expression, but '{value}' is none: {error}"
    return None


def is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1
