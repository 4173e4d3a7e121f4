"""Reads an ISO 8601 duration as what it means for a schedule: months, days, and milliseconds.

The three stay apart because they are applied differently: months and days move the clock on the
wall, time parts move the instant. Source: ISO 8601 §4.4.3; Joda-Time, ISOPeriodFormat.
"""

import re
from decimal import Decimal

from msgspec import Struct

from chronos_app.schema.refusal import Refused

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_PERIOD = re.compile(
    rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?P<time>T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII | re.IGNORECASE,
)
PERIOD_YEARS_MAX = 9_000  # the calendar of Python ends with the year 9999
_MS_PER_DAY = 86_400_000


class Period(Struct, frozen=True):
    """A duration in the three parts that matter; all are zero or more."""

    months: int = 0
    days: int = 0
    ms: int = 0

    @property
    def is_zero(self) -> bool:
        return not (self.months or self.days or self.ms)

    @property
    def is_calendar(self) -> bool:
        """Does it move the clock on the wall (and so mind daylight saving)?"""
        return bool(self.months or self.days)

    @property
    def about_ms(self) -> int:
        """An estimate that is good enough to start a search from."""
        return self.months * 2_629_746_000 + self.days * _MS_PER_DAY + self.ms


def parse_period(text: str, field: str = "schedule") -> Period:
    """Read `P1Y2M3W4DT5H6M7.008S` in any subset, in either case; a bare `P` is zero."""
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise Refused(field, f"{text!r} is not an ISO 8601 period{_hint(text)}")
    if match["time"] is not None and len(match["time"]) == 1:
        raise Refused(field, f"{text!r} ends with a T that no time follows; write P1DT2H or P1D")
    parts = [match[index] for index in (1, 2, 3, 4, 6, 7, 8)]
    years, months, weeks, days, hours, minutes, seconds = (
        Decimal(part.replace(",", ".")) if part else Decimal(0) for part in parts
    )
    for amount, unit in ((years, "years"), (months, "months"), (weeks, "weeks"), (days, "days")):
        if amount != int(amount):
            raise Refused(
                field, f"{text!r} has a fraction of {unit}; write it in hours, such as PT12H"
            )
    period = Period(
        months=int(years) * 12 + int(months),
        days=int(weeks) * 7 + int(days),
        ms=int(hours * 3_600_000 + minutes * 60_000 + seconds * 1_000),
    )
    if period.about_ms > PERIOD_YEARS_MAX * 12 * Period(months=1).about_ms:
        raise Refused(field, f"the period {text!r} is longer than {PERIOD_YEARS_MAX} years")
    return period


def _hint(text: str) -> str:
    if "-" in text:
        return "; a period can not be negative"
    if text and text[0] not in "Pp":
        return "; a period starts with P, as in P1D or PT15M"
    if re.search(r"\d[HhSs]", text) and "T" not in text.upper():
        return "; hours, minutes and seconds follow a T, as in PT1H"
    return ", such as P1D, PT15M or P1Y2M3DT4H5M6S"
