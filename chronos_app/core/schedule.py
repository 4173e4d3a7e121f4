"""A schedule of either kind behind one face, and the next runs of it.

An ISO 8601 repetition is anchored where it was submitted; a cron expression needs no anchor. What
of a schedule is due, late or over is `lateness`'s.
"""

from collections.abc import Iterator
from datetime import timedelta

from chronos_app.core.crontab import Crontab, parse_crontab
from chronos_app.core.repeating import Occurrence, Repeating, looks_repeating, parse_repeating
from chronos_app.core.wallclock import EPOCH
from chronos_app.core.zones import UTC_ZONE, Zone, find_zone
from chronos_app.schema.refusal import Refused

Schedule = Repeating | Crontab
SCHEDULE_LENGTH_MAX = 500


def parse_schedule(
    text: str, zone_name: str, now_ms: int, *, name: str = "", java_names: bool = True
) -> Schedule:
    """Read a schedule as submitted at `now_ms`; raises `Refused` that names the field."""
    zone = find_zone(zone_name, java_names=java_names) if zone_name else None
    if not text.strip():
        raise Refused(
            "schedule", "the schedule is empty; write one such as R/2030-01-31T08:00Z/P1D"
        )
    if len(text) > SCHEDULE_LENGTH_MAX:
        raise Refused("schedule", f"the schedule is longer than {SCHEDULE_LENGTH_MAX} characters")
    if looks_repeating(text) or "/P" in text.upper():
        return parse_repeating(text, zone, now_ms)
    return parse_crontab(text, zone or UTC_ZONE, name=name)


def next_runs(schedule: Schedule, after_ms: int, count: int, from_index: int = 0) -> list[int]:
    """The next `count` nominal times later than `after_ms`, fewer when the schedule ends."""
    return [found.instant_ms for found in _following(schedule, after_ms, count, from_index)]


def _following(
    schedule: Schedule, after_ms: int, count: int, from_index: int
) -> Iterator[Occurrence]:
    found = schedule.first_after(after_ms, from_index)
    for _ in range(count):
        if found is None:
            return
        yield found
        found = schedule.first_after(found.instant_ms, found.index + 1)


def iso_utc(instant_ms: int) -> str:
    """As Chronos prints a time: `2013-03-15T13:02:14.243Z`."""
    moment = EPOCH + timedelta(milliseconds=instant_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant_ms % 1000:03d}Z"


def iso_in_zone(instant_ms: int, zone: Zone) -> str:
    """The same instant as the zone's clock shows it, with its offset."""
    moment = (EPOCH + timedelta(milliseconds=instant_ms)).astimezone(zone.rules)
    return moment.isoformat(timespec="seconds" if instant_ms % 1000 == 0 else "milliseconds")
