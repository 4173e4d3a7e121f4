"""Constraints over agents. Source: Chronos, EqualsConstraintSpec and siblings."""

import pytest

from chronos_app.core.constraints import satisfies
from chronos_app.schema.job import Constraint


@pytest.mark.parametrize(
    ("attributes", "constraint", "expected"),
    [
        ({"rack": "r1"}, ("rack", "EQUALS", "r1"), True),
        ({"rack": "r1"}, ("rack", "EQUALS", "r2"), False),
        ({}, ("rack", "EQUALS", "r1"), False),
        ({"rack": "r1"}, ("rack", "LIKE", "r[0-9]"), True),
        ({"rack": "xr1"}, ("rack", "LIKE", "r[0-9]"), False),
        ({}, ("rack", "LIKE", ".*"), False),
        ({"rack": "r1"}, ("rack", "UNLIKE", "r1"), False),
        ({}, ("rack", "UNLIKE", "r1"), True),
    ],
)
def test_constraints(
    attributes: dict[str, str], constraint: tuple[str, str, str], expected: bool
) -> None:
    assert satisfies(attributes, [Constraint(*constraint)]) is expected
