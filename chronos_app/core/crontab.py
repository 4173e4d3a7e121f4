"""Cron expressions: croniter knows the syntax, the daylight-saving rules are here.

A job whose minute and hour are both fixed (neither starts with `*`) runs once: at the first
instant after a gap, at the first of two in an overlap. Any other runs at each real instant that
matches: none in a gap, both in an overlap. Five fields; a sixth is seconds, a seventh the year.
Source: Debian cron(8), "Notes"; croniter, README.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from croniter import croniter
from croniter.croniter import CroniterError
from msgspec import Struct

from chronos_app.core.repeating import Occurrence
from chronos_app.core.wallclock import (
    gap_around,
    instant_of,
    instants_of,
    transition_between,
    wall_at,
)
from chronos_app.core.zones import Zone
from chronos_app.schema.refusal import Refused

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = ("minute", "hour", "day of month", "month", "day of week", "second", "year")
_WIDTHS = {"minute": 60, "hour": 24, "day of month": 31, "month": 12, "second": 60}
_RANGE = re.compile(r"(\w+)-(\w+)(?:/\d+)?", re.ASCII)
_STEP = re.compile(r"[^/]+/(\d+)", re.ASCII)
_HASHED = re.compile(r"(?<![A-Za-z])H(?![A-Za-z])")
_DAY_MS = 86_400_000
_SHIFT_MS_MAX = 3 * 3_600_000  # no zone repeats more than three hours since 1970, but for days
# Windows to look back into for the latest past match, so that a fast job stays cheap to catch up.
_WINDOWS_MS = (120_000, 3_600_000, _DAY_MS, 32 * _DAY_MS, 400 * _DAY_MS, 3_660 * _DAY_MS)
_YEARS_MAX = 50  # an expression with no match for so long has none; croniter's own bound


class Crontab(Struct, frozen=True):
    """A cron expression in a zone; `fields` is what croniter gets (macros and H expanded)."""

    fields: str
    zone: Zone
    hash_id: str = ""

    @property
    def is_anchored(self) -> bool:
        """It matches for ever back; a job begins when it was submitted."""
        return False

    @property
    def is_fixed(self) -> bool:
        """Does it name its minutes and hours (and so run once in a repeated hour)?"""
        minute, hour = self.fields.split()[:2]
        return not minute.startswith("*") and not hour.startswith("*")

    def at_or_after(self, instant_ms: int) -> int | None:
        """The first instant to run at that is not before `instant_ms`."""
        return self.next_instant(instant_ms - 1)

    def next_instant(self, after_ms: int) -> int | None:
        """The first instant to run at that is later than `after_ms`."""
        return _next_instant(self, after_ms)

    def search_after(self, after_ms: int) -> int | None:
        """What `next_instant` remembers, worked out."""
        try:
            return self._next_fixed(after_ms) if self.is_fixed else self._next_wild(after_ms)
        except (CroniterError, OverflowError, ValueError):
            return None  # no match within croniter's bound, or the calendar ended

    def first_after(self, instant_ms: int, from_index: int = 0) -> Occurrence | None:
        """Like `Repeating.first_after`; the index only counts, it does not name a time."""
        found = self.next_instant(instant_ms)
        return None if found is None else Occurrence(from_index, found)

    def latest_until(self, instant_ms: int, first: Occurrence) -> Occurrence:
        """The last match not later than `instant_ms`; those skipped over share one index."""
        if instant_ms - first.instant_ms < 1_000:
            return first  # as almost always; no expression is faster than each second
        for window_ms in _WINDOWS_MS:
            start_ms = max(first.instant_ms, instant_ms - window_ms)
            latest = None
            found = self.at_or_after(start_ms)
            while found is not None and found <= instant_ms:
                latest, found = found, self.next_instant(found)
            if latest is not None and latest > first.instant_ms:
                return Occurrence(first.index + 1, latest)
            if start_ms == first.instant_ms:
                break
        return first

    def _walls(self, start: datetime) -> "croniter[datetime]":
        return croniter(
            self.fields,
            start,
            ret_type=datetime,
            hash_id=self.hash_id.encode() if self.hash_id else None,
            max_years_between_matches=_YEARS_MAX,
        )

    def _next_fixed(self, after_ms: int) -> int:
        start_ms = after_ms
        if transition_between(after_ms - _SHIFT_MS_MAX, after_ms, self.zone.rules) is not None:
            start_ms -= _SHIFT_MS_MAX  # the clock may just have been set: look at all around it
        walls = self._walls(wall_at(start_ms, self.zone.rules))
        while True:
            wall = walls.get_next()
            gap = gap_around(wall, self.zone.rules)
            if gap is None:
                instant = instant_of(wall, self.zone.rules)
            elif gap[1] >= _DAY_MS:
                continue  # a whole day does not exist: no extra run on the next one
            else:
                instant = gap[0]
            if instant > after_ms:
                return instant

    def _next_wild(self, after_ms: int) -> int:
        rules = self.zone.rules
        change_ms = transition_between(after_ms, after_ms + _SHIFT_MS_MAX, rules)
        found = self._next_wild_forward(after_ms)
        if change_ms is not None and change_ms <= found:
            # The clock may be set back here: look again from where it then stands.
            again = self._walls(wall_at(change_ms, rules) - timedelta(microseconds=1))
            for instant in instants_of(again.get_next(), rules):
                if change_ms <= instant < found:
                    return instant
        return found

    def _next_wild_forward(self, after_ms: int) -> int:
        rules = self.zone.rules
        walls = self._walls(wall_at(after_ms, rules))
        while True:
            wall = walls.get_next()
            for instant in instants_of(wall, rules):
                if instant > after_ms:
                    return instant
            gap = gap_around(wall, rules)
            if gap is not None:  # jump over what the clock skips
                after = wall_at(gap[0], rules) - timedelta(microseconds=1)
                walls = self._walls(max(after, wall))


@lru_cache(maxsize=20_000)
def _next_instant(crontab: Crontab, after_ms: int) -> int | None:
    """Many jobs share one expression, and come due together."""
    return crontab.search_after(after_ms)


def parse_crontab(text: str, zone: Zone, *, name: str = "", field: str = "schedule") -> Crontab:
    """Read an expression; `name` spreads an `H` field, the same for ever for one job."""
    fields = text.strip()
    if fields.startswith("@"):
        if fields.lower() not in MACROS:
            raise Refused(field, f"unknown macro {fields!r}; known are {', '.join(MACROS)}")
        fields = MACROS[fields.lower()]
    _check_shape(fields, text, field)
    hashed = bool(_HASHED.search(fields))
    hash_id = (name or "job") if hashed else ""
    try:
        croniter.expand(fields, hash_id=hash_id.encode() if hashed else None, strict=True)
    except (CroniterError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Refused(field, f"the cron expression {text!r} is not valid: {error}") from None
    return Crontab(fields, zone, hash_id)


def _check_shape(fields: str, text: str, field: str) -> None:
    """Refuse what croniter would accept with a meaning that nobody intends."""
    if not fields.isascii() or len(fields) > 500:
        raise Refused(field, f"the cron expression {text[:80]!r} has characters that cron has not")
    parts = fields.split()
    if len(parts) not in (5, 6, 7):
        raise Refused(
            field,
            f"{text!r} is neither an ISO 8601 repetition (R/2030-01-31T08:00:00Z/P1D) nor a cron "
            f"expression of 5 fields (minute hour day month weekday, then second and year)",
        )
    for what, part in zip(_FIELDS, parts, strict=False):
        for item in part.split(","):
            _check_item(what, item, text, field)


def _rises(first: str, last: str) -> bool:
    if first.isdigit() and last.isdigit():
        return int(first) < int(last)
    return first.lower() != last.lower()  # names: croniter wraps Friday to Monday rightly


def _check_item(what: str, item: str, text: str, field: str) -> None:
    if item.upper().startswith("R"):
        raise Refused(field, f"{text!r}: R picks a random {what}; use H, which stays the same")
    bounds = _RANGE.fullmatch(item)
    if bounds and not _rises(bounds[1], bounds[2]):
        raise Refused(
            field,
            f"{text!r}: the {what} range {bounds[1]}-{bounds[2]} does not rise; "
            f"write {bounds[1]} alone, or two ranges",
        )
    step = _STEP.fullmatch(item)
    if step and (width := _WIDTHS.get(what)) and not 0 < int(step[1]) <= width:
        raise Refused(field, f"{text!r}: a step of {step[1]} does not fit the {what} field")
