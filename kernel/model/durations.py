"""Durations and rates as people write them: `30s`, `10mins`, `1/10mins`.

The long units are Mesos's (3rdparty/stout, duration.hpp), the short ones everybody's.
"""

import re

from msgspec import Struct

_UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "secs": 1_000_000,
    "m": 60_000_000,
    "mins": 60_000_000,
    "h": 3_600_000_000,
    "hrs": 3_600_000_000,
    "d": 86_400_000_000,
    "days": 86_400_000_000,
    "weeks": 604_800_000_000,
}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([a-z]+)")
_RATE = re.compile(r"(\d{1,9})\s*/\s*(.+)")


class DurationMalformed(ValueError):
    """The text is no duration or rate; it says what would be one."""


class Rate(Struct, frozen=True):
    """So many in so many milliseconds."""

    count: int
    per_ms: int

    @property
    def gap_ms(self) -> int:
        """Between one and the next."""
        return max(1, self.per_ms // self.count)


def parse_duration_ms(text: str) -> int:
    """In milliseconds, rounded. Raises `DurationMalformed`."""
    found = _DURATION.fullmatch(text.strip().lower())
    unit = _UNITS_US.get(found[2]) if found is not None else None
    if found is None or unit is None:
        units = ", ".join(_UNITS_US)
        raise DurationMalformed(f"write a number and a unit, as 30s or 10mins (units: {units})")
    return round(float(found[1]) * unit / 1_000)


def parse_rate(text: str) -> Rate:
    """As `N/duration`. Raises `DurationMalformed`."""
    found = _RATE.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise DurationMalformed("write N/duration, as 1/10mins or 2/3hrs")
    rate = Rate(int(found[1]), parse_duration_ms(found[2]))
    if rate.per_ms == 0:
        raise DurationMalformed("write N/duration with a duration that is not 0, as 1/10mins")
    return rate
