"""Decimals of the wire become exact integers and fractions."""

from fractions import Fraction

from marathon_app.schema import quantity


def test_a_tenth_is_a_tenth() -> None:
    assert quantity.fraction(0.1) == Fraction(1, 10)
    assert int(100 * (1 + quantity.fraction(0.15))) == 115  # Marathon's floats say 114
    assert quantity.milli(0.1) == 100


def test_thousandths_are_rounded_half_to_even() -> None:
    assert quantity.milli(0.0005) == 0
    assert quantity.milli(0.0015) == 2
    assert quantity.milli(1e-9) == 0
