"""Placement constraints. Source: Marathon, docs/docs/constraints.md."""

import pytest

from marathon_app.schema import constraint
from marathon_app.schema.constraint import Constraint, Operator


@pytest.mark.parametrize(
    "parts",
    [
        ("hostname", "UNIQUE"),
        ("rack", "CLUSTER"),
        ("rack", "CLUSTER", "r1"),
        ("rack", "GROUP_BY"),
        ("rack", "GROUP_BY", "3"),
        ("rack", "MAX_PER", "2"),
        ("rack", "LIKE", "r[1-3]"),
        ("rack", "UNLIKE", "r.*"),
        ("rack", "IS", "r1"),
    ],
)
def test_every_operator_takes_its_values(parts: tuple[str, ...]) -> None:
    assert constraint.problem_with(parts) is None
    assert constraint.parse(parts).operator is Operator(parts[1])


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (("hostname",), "must be"),
        (("hostname", "UNIQUE", "x", "y"), "must be"),
        (("", "UNIQUE"), "empty"),
        (("hostname", "NEAR"), "must be one of the following UNIQUE"),
        (("hostname", "UNIQUE", "x"), "no value"),
        (("rack", "LIKE"), "regular expression"),
        (("rack", "LIKE", "("), "regular expression"),
        (("rack", "MAX_PER"), "whole number"),
        (("rack", "MAX_PER", "0"), "whole number"),
        (("rack", "GROUP_BY", "x"), "number of groups"),
        (("rack", "IS"), "value"),
    ],
)
def test_what_an_operator_cannot_use_is_said(parts: tuple[str, ...], word: str) -> None:
    assert word in (constraint.problem_with(parts) or "")


def test_a_parsed_constraint_has_names() -> None:
    assert constraint.parse(("rack", "MAX_PER", "2")) == Constraint("rack", Operator.MAX_PER, "2")
