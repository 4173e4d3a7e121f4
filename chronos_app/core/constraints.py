"""Decides whether an agent satisfies a job's constraints: EQUALS, LIKE, UNLIKE.

An agent without the attribute satisfies UNLIKE only. `hostname` is an attribute of every agent
unless it has one of its own of that name. Source: Chronos, EqualsConstraint.scala and siblings.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from chronos_app.schema.job import Constraint


@lru_cache(maxsize=10_000)
def _pattern(text: str) -> "re.Pattern[str]":
    return re.compile(text)


def satisfies(attributes: Mapping[str, str], constraints: Iterable[Constraint]) -> bool:
    """`attributes` by name, as text."""
    return all(_satisfies(attributes.get(each.attribute), each) for each in constraints)


def _satisfies(value: str | None, constraint: Constraint) -> bool:
    if constraint.operator == "EQUALS":
        return value == constraint.value
    matches = value is not None and _pattern(constraint.value).fullmatch(value) is not None
    return matches if constraint.operator == "LIKE" else not matches


def in_words(constraints: Iterable[Constraint]) -> str:
    """For the sentence that says why a run waits."""
    return " and ".join(f"{c.attribute} {c.operator} {c.value}" for c in constraints)
