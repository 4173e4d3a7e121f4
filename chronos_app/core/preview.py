"""What a schedule would do, before anybody submits it: its next runs, and it in English."""

from typing import Any

from chronos_app.core.crontab import Crontab
from chronos_app.core.repeating import Repeating
from chronos_app.core.schedule import Schedule, iso_in_zone, next_runs, parse_schedule
from chronos_app.core.wallclock import gap_around, instants_of, wall_at
from chronos_app.core.words import in_words

COUNT_MAX = 100


def preview(schedule_text: str, zone: str, now_ms: int, count: int, name: str) -> dict[str, Any]:
    """Raises `Refused` that names the field."""
    schedule = parse_schedule(schedule_text, zone, now_ms, name=name)
    after_ms = now_ms - 1
    runs = next_runs(schedule, after_ms, count)
    notes = [schedule.zone.warning] if schedule.zone.warning else []
    if isinstance(schedule, Repeating) and schedule.count == 0:
        notes.append("R0 never runs by itself")
    elif not runs:
        notes.append("this schedule has no run left in the future")
    notes += [note for run_ms in runs if (note := _note(schedule, run_ms))]
    return {
        "runs": [iso_in_zone(run_ms, schedule.zone) for run_ms in runs],
        "inWords": in_words(schedule),
        "notes": notes,
    }


def _note(schedule: Schedule, run_ms: int) -> str:
    """Why a run is not at the time that one would expect."""
    rules = schedule.zone.rules
    wall = wall_at(run_ms, rules)
    if len(instants_of(wall, rules)) > 1 and not _is_wild(schedule):
        return f"{wall:%Y-%m-%d %H:%M} comes twice that day; it runs the first time only"
    if isinstance(schedule, Repeating) and schedule.period.is_calendar:
        expected = schedule.anchor.time()
        skipped = wall.replace(hour=expected.hour, minute=expected.minute)
        if not schedule.period.ms and wall.time() != expected and gap_around(skipped, rules):
            return f"{skipped:%Y-%m-%d %H:%M} does not exist that day (the clock is set forward)"
    return ""


def _is_wild(schedule: Schedule) -> bool:
    if isinstance(schedule, Crontab):
        return not schedule.is_fixed
    return bool(schedule.period.ms)
