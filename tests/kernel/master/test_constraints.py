"""Offer constraints: what they admit and what is refused. Source: Mesos, scheduler.proto."""

from typing import Any

import pytest

from kernel.master.constraints import OfferConstraints, constraints_problem
from kernel.messages.quantities import parse_attributes
from kernel.messages.v1 import AgentInfo

AGENT = AgentInfo(hostname="h1", attributes=parse_attributes("rack:r1;level:10"))


def wire(*groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "role_constraints": {
            "r": {"groups": [{"attribute_constraints": group} for group in groups]}
        }
    }


def about(attribute: str, **predicate: Any) -> dict[str, Any]:
    return {"selector": {"attribute_name": attribute}, "predicate": predicate}


@pytest.mark.parametrize(
    ("constraint", "admitted"),
    [
        (about("rack", exists={}), True),
        (about("zone", exists={}), False),
        (about("zone", not_exists={}), True),
        (about("rack", text_equals={"value": "r1"}), True),
        (about("rack", text_equals={"value": "r2"}), False),
        (about("rack", text_not_equals={"value": "r2"}), True),
        (about("zone", text_not_equals={"value": "r2"}), True),
        (about("rack", text_matches={"regex": "r[0-9]"}), True),
        (about("rack", text_matches={"regex": "r"}), False),
        (about("rack", text_not_matches={"regex": "x.*"}), True),
        (about("level", text_equals={"value": "nonsense"}), True),
    ],
)
def test_a_predicate_about_an_attribute(constraint: dict[str, Any], admitted: bool) -> None:
    constraints = wire([constraint])

    assert constraints_problem(["r"], constraints) is None
    assert OfferConstraints(constraints).admit("r", AGENT) is admitted


def test_one_group_must_hold_with_all_its_constraints() -> None:
    rack, zone = about("rack", exists={}), about("zone", exists={})

    assert not OfferConstraints(wire([rack, zone])).admit("r", AGENT)
    assert OfferConstraints(wire([zone], [rack])).admit("r", AGENT)
    assert OfferConstraints(wire([zone])).admit("another role", AGENT)


def test_the_hostname_is_an_attribute_of_its_own() -> None:
    constraint = {
        "selector": {"pseudoattribute_type": "HOSTNAME"},
        "predicate": {"text_equals": {"value": "h1"}},
    }

    assert OfferConstraints(wire([constraint])).admit("r", AGENT)


@pytest.mark.parametrize(
    "regex",
    ["([", "(a+)+b", "(a|aa)*b", "((a+))+b", "(?=a)b", r"(a)\1", "a*a*a*a*b", "x" * 5_000],
)
def test_a_pattern_that_is_broken_or_could_take_for_ever_is_refused(regex: str) -> None:
    """Source: recording subscribe-rejected-bad-regex."""
    problem = constraints_problem(["r"], wire([about("rack", text_matches={"regex": regex})]))

    assert problem is not None
    assert problem.startswith("Offer constraints are not valid: A role r has an invalid")


@pytest.mark.parametrize(
    "garbage", [{}, {"role_constraints": []}, {"role_constraints": {"r": 1}}, wire([])]
)
def test_an_odd_shape_constrains_nothing(garbage: dict[str, Any]) -> None:
    assert constraints_problem(["r"], garbage) is None
    assert OfferConstraints(garbage).admit("r", AGENT)
