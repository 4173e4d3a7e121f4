"""Turns the API's decimal numbers into exact integers and fractions; nothing is rounded twice.

`0.1` in JSON means one tenth, not its nearest binary double, so every conversion goes through the
shortest decimal text. That is what makes 100 * 1.15 be 115 (Marathon's floats say 114).
"""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

Number = int | float


def fraction(value: Number) -> Fraction:
    """The decimal that the client wrote, exactly."""
    return Fraction(str(value))


def milli(value: Number) -> int:
    """Thousandths: cpus to milli-cpus, seconds to milliseconds."""
    scaled = Decimal(str(value)) * 1000
    return int(scaled.to_integral_value(rounding=ROUND_HALF_EVEN))
