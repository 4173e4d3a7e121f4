"""The two range checks that most fields need, worded alike."""

from collections.abc import Iterator

from marathon_app.schema.problem import Problem
from marathon_app.schema.quantity import Number


def not_below(path: str, value: Number, least: Number) -> Iterator[Problem]:
    if value < least:
        yield Problem(path, f"got {value}, expected {least} or more")


def within(path: str, value: Number, least: Number, most: Number) -> Iterator[Problem]:
    if not least <= value <= most:
        yield Problem(path, f"got {value}, must be between {least} and {most}")
