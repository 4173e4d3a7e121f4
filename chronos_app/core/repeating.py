"""ISO 8601 repeating intervals, `R[n]/start/period`: occurrence k counts from the anchor.

Chronos rewrote its start after each run and so drifted (January 31st became the 28th for ever).
Here the anchor never moves: occurrence k is anchor ⊕ k·period, months clamped to the month's end,
calendar parts on the wall clock of the zone, time parts on the instant. What to do about missed
occurrences is `lateness`'s. Source: ISO 8601 §4.5; Chronos, docs (schedule); RFC 5545 §3.3.10.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from msgspec import Struct

from chronos_app.core.periods import Period, parse_period
from chronos_app.core.wallclock import instant_of, wall_at
from chronos_app.core.zones import UTC_ZONE, Zone
from chronos_app.schema.refusal import Refused

_REPEAT = re.compile(r"R(\d*)", re.ASCII | re.IGNORECASE)
_START = re.compile(
    r"(?P<date>[^T]*?)(?:T(?P<time>\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d{1,9})?)?)?)"
    r"(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII | re.IGNORECASE,
)
_DATES = (
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})", re.ASCII),
    re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})", re.ASCII),
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})", re.ASCII),
    re.compile(r"(?P<year>\d{4})-?(?P<ordinal>\d{3})", re.ASCII),
    re.compile(r"(?P<year>\d{4})-?W(?P<week>\d{2})(?:-?(?P<weekday>[1-7]))?", re.IGNORECASE),
    re.compile(r"(?P<year>\d{4})", re.ASCII),
)
COUNT_MAX = 10**9
_PERIOD_MS_MIN = 1_000  # a faster job would be a loop, not a schedule


class Occurrence(Struct, frozen=True):
    """One nominal time of a schedule; an index is issued once and never again."""

    index: int
    instant_ms: int


class Repeating(Struct, frozen=True):
    """An anchored repetition; `count` is the number of runs in total, None for no end.

    Occurrences never go backwards as the index grows, which the searches rely on.
    """

    count: int | None
    anchor: datetime  # naive: the wall clock of `zone`
    period: Period
    zone: Zone

    @property
    def is_anchored(self) -> bool:
        """Does it say itself when it begins?"""
        return True

    def anchor_ms(self) -> int:
        """The instant of the anchor itself, whether or not it is ever run."""
        return instant_of(self.anchor, self.zone.rules)

    def at(self, index: int) -> Occurrence | None:
        """Occurrence `index`, or None past the last one (or past the year 9999)."""
        if index < 0 or (self.count is not None and index >= self.count):
            return None
        try:
            return Occurrence(index, self._instant_ms(index))
        except (OverflowError, ValueError):
            return None

    def _instant_ms(self, index: int) -> int:
        wall = _plus_months(self.anchor, self.period.months * index)
        wall += timedelta(days=self.period.days * index)
        instant = instant_of(wall, self.zone.rules) + self.period.ms * index
        wall_at(instant, UTC)  # raises when the calendar ends
        return instant

    def first_after(self, instant_ms: int, from_index: int = 0) -> Occurrence | None:
        """The first occurrence later than `instant_ms` with at least this index."""
        first = self.at(from_index)
        if first is None or first.instant_ms > instant_ms:
            return first
        if self.period.is_zero:
            return None
        low, high = from_index, self._guess(instant_ms, from_index)
        while (found := self.at(high)) is not None and found.instant_ms <= instant_ms:
            low, high = high, high + max(1, high - low)
        while high - low > 1:
            middle = (low + high) // 2
            found = self.at(middle)
            if found is not None and found.instant_ms <= instant_ms:
                low = middle
            else:
                high = middle
        return self.at(high)

    def _guess(self, instant_ms: int, from_index: int) -> int:
        start = self.at(from_index)
        assert start is not None, "asked only where an occurrence is"
        return from_index + 1 + max(0, instant_ms - start.instant_ms) // self.period.about_ms

    def latest_until(self, instant_ms: int, first: Occurrence) -> Occurrence:
        """The last occurrence not later than `instant_ms`, which `first` is not either.

        Of several at one instant (a day that a zone skipped) it is the last, so that none doubles.
        """
        after_first = self.at(first.index + 1)
        if after_first is None or after_first.instant_ms > instant_ms:
            return first  # as almost always
        following = self.first_after(instant_ms, first.index)
        if following is not None:
            latest = self.at(following.index - 1)
        elif self.count is not None and (last := self.at(self.count - 1)) is not None:
            latest = last
        else:
            latest = first  # the calendar ends here
        assert latest is not None and latest.index >= first.index, "the search went backwards"
        return latest


def _plus_months(wall: datetime, months: int) -> datetime:
    if not months:
        return wall
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    if year > 9999:
        raise OverflowError("the calendar ends with the year 9999")
    return wall.replace(
        year=year, month=month + 1, day=min(wall.day, monthrange(year, month + 1)[1])
    )


def looks_repeating(text: str) -> bool:
    """Is this meant as `R…/…/…` (rather than as a cron expression)?"""
    return "/" in text and text.lstrip()[:1] in ("R", "r") and " " not in text.strip()


def parse_repeating(
    text: str, zone: Zone | None, now_ms: int, field: str = "schedule"
) -> Repeating:
    """Read `R[n]/start/period`; `zone` replaces an offset in the start, keeping its fields."""
    parts = text.strip().split("/")
    if len(parts) != 3:
        raise Refused(
            field,
            f"{text!r} needs three parts, R[n]/start/period, such as R/2030-01-31T08:00:00Z/P1D",
        )
    count = _parse_count(parts[0], text, field)
    period = parse_period(parts[2], field)
    if period.is_zero and (count is None or count > 1):
        raise Refused(field, f"{text!r} would never stop running: its period is zero")
    if not period.is_zero and not period.is_calendar and period.ms < _PERIOD_MS_MIN:
        raise Refused(field, f"the period of {text!r} is shorter than a second")
    if not parts[1]:
        rules = zone or UTC_ZONE
        return Repeating(count, wall_at(now_ms, rules.rules), period, rules)
    wall, offset = parse_start(parts[1], field)
    if zone is None:
        zone = UTC_ZONE if offset is None else Zone(str(offset), offset)
    repeating = Repeating(count, wall, period, zone)
    if wall.year < 1970 or (first := _first_instant(repeating)) is None or first < 0:
        raise Refused(field, f"the start {parts[1]!r} is before 1970 or after 9998")
    return repeating


def _first_instant(repeating: Repeating) -> int | None:
    first = Repeating(1, repeating.anchor, repeating.period, repeating.zone).at(0)
    return None if first is None or repeating.anchor.year > 9998 else first.instant_ms


def _parse_count(text: str, whole: str, field: str) -> int | None:
    match = _REPEAT.fullmatch(text)
    if match is None:
        raise Refused(field, f"{whole!r} must start with R (for ever) or R and a number of runs")
    if not match[1]:
        return None
    if len(match[1]) > 12 or int(match[1]) > COUNT_MAX:
        raise Refused(field, f"{match[1]} runs are too many; R without a number repeats for ever")
    return int(match[1])


def parse_start(text: str, field: str = "schedule") -> tuple[datetime, tzinfo | None]:
    """Read an ISO 8601 start as wall fields and, if it has one, the offset in it."""
    match = _START.fullmatch(text)
    if match is None or not (match["date"] or match["time"]):
        raise Refused(field, f"the start {text!r} is not ISO 8601, such as 2030-01-31T08:00:00Z")
    day = _parse_date(match["date"], text, field) if match["date"] else date(1970, 1, 1)
    hour, minute, second, microsecond = _parse_time(match["time"] or "00", text, field)
    wall = datetime(day.year, day.month, day.day, hour, minute, second, microsecond)
    return wall, _parse_offset(match["offset"], text, field)


def _parse_date(text: str, whole: str, field: str) -> date:
    for shape in _DATES:
        if (match := shape.fullmatch(text)) is None:
            continue
        fields = {name: int(value) for name, value in match.groupdict().items() if value}
        try:
            if "ordinal" in fields:
                found = date(fields["year"], 1, 1) + timedelta(days=fields["ordinal"] - 1)
                if found.year != fields["year"] or not fields["ordinal"]:
                    raise ValueError("no such day of the year")
                return found
            if "week" in fields:
                return date.fromisocalendar(
                    fields["year"], fields["week"], fields.get("weekday", 1)
                )
            return date(fields["year"], fields.get("month", 1), fields.get("day", 1))
        except (ValueError, OverflowError) as error:
            raise Refused(field, f"the start {whole!r} is no date: {error}") from None
    raise Refused(field, f"the start {whole!r} is not ISO 8601, such as 2030-01-31T08:00:00Z")


def _parse_time(text: str, whole: str, field: str) -> tuple[int, int, int, int]:
    clock, _, fraction = text.replace(",", ".").replace(":", "").partition(".")
    hour, minute, second = (int(clock[at : at + 2] or 0) for at in (0, 2, 4))
    if hour > 23 or minute > 59 or second > 59:
        raise Refused(field, f"the start {whole!r} has no such time of day (00:00:00 to 23:59:59)")
    return hour, minute, second, int(fraction[:3].ljust(3, "0")) * 1_000 if fraction else 0


def _parse_offset(text: str | None, whole: str, field: str) -> tzinfo | None:
    if text is None:
        return None
    if text in ("Z", "z"):
        return UTC
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    if minutes > 18 * 60 or int(digits[2:] or 0) > 59:
        raise Refused(field, f"the start {whole!r} has no such offset (at most ±18:00)")
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
