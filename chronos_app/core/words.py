"""Says a schedule in plain English: "every weekday at 09:00, Berlin time".

For people only; nothing decides by these words. What an expression means is `crontab`'s and
`repeating`'s.
"""

from datetime import datetime

from chronos_app.core.crontab import Crontab
from chronos_app.core.periods import Period
from chronos_app.core.repeating import Repeating
from chronos_app.core.schedule import Schedule
from chronos_app.core.zones import Zone

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_NAMES = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_MONTHS = (
    "", "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_MONTH_NAMES = {name[:3].lower(): number for number, name in enumerate(_MONTHS) if name}


def in_words(schedule: Schedule) -> str:
    """One sentence without a full stop."""
    if isinstance(schedule, Repeating):
        return _repeating(schedule)
    return _crontab(schedule)


def _repeating(schedule: Repeating) -> str:
    if schedule.count == 0:
        return "never (R0)"
    start = f"{_date(schedule.anchor)} at {_clock(schedule.anchor)}{_zone(schedule.zone)}"
    if schedule.count == 1:
        return f"once, on {start}"
    times = f", {schedule.count} times in total" if schedule.count is not None else ""
    period = schedule.period
    if period.is_calendar and not period.ms:
        every = f"{_every(period, schedule.anchor)}{_zone(schedule.zone)}"
        return f"{every}, from {_date(schedule.anchor)} on{times}"
    return f"{_every(period, schedule.anchor)}, from {start} on{times}"


def _every(period: Period, anchor: datetime) -> str:
    at = f" at {_clock(anchor)}"
    match period:
        case Period(months=0, days=0):
            return f"every {_duration(period.ms).removeprefix('1 ')}"
        case Period(months=0, days=1, ms=0):
            return f"every day{at}"
        case Period(months=0, days=7, ms=0):
            return f"every {_DAYS[anchor.isoweekday()]}{at}"
        case Period(months=0, ms=0) if period.days % 7 == 0:
            return f"every {period.days // 7} weeks on {_DAYS[anchor.isoweekday()]}{at}"
        case Period(months=0, ms=0):
            return f"every {period.days} days{at}"
        case Period(months=12, days=0, ms=0):
            return f"every year on {_MONTHS[anchor.month]} {anchor.day}{at}"
        case Period(days=0, ms=0) if period.months % 12 == 0:
            return f"every {period.months // 12} years on {_MONTHS[anchor.month]} {anchor.day}{at}"
        case Period(days=0, ms=0):
            months = "month" if period.months == 1 else f"{period.months} months"
            shorter = " (or its last day)" if anchor.day > 28 else ""
            return f"every {months} on the {_ordinal(anchor.day)}{shorter}{at}"
    parts = [_count(period.months, "month"), _count(period.days, "day"), _duration(period.ms)]
    return "every " + " and ".join(part for part in parts if part)


def _crontab(schedule: Crontab) -> str:
    minute, hour, day, month, weekday, *rest = schedule.fields.lower().split()
    when = _time_of_day(minute, hour, rest[0] if rest else "0")
    on = [part for part in (_days(day, weekday), _month_list(month)) if part]
    if not on and ":" in when:
        on = ["every day"]
    year = f"in {rest[1]}" if len(rest) > 1 and rest[1] != "*" else ""
    sentence = " ".join(part for part in (when, *on, year) if part)
    return sentence + _zone(schedule.zone)


def _time_of_day(minute: str, hour: str, second: str) -> str:
    if minute.isdigit() and all(part.isdigit() for part in hour.split(",")):
        clocks = [f"{int(part):02d}:{int(minute):02d}" for part in hour.split(",")]
        if second.isdigit() and int(second):
            clocks = [f"{clock}:{int(second):02d}" for clock in clocks]
        if second.isdigit():
            return f"at {_join(clocks)}"
    parts = [_seconds(second), _minutes(minute), _hours(hour, minute)]
    return " ".join(part for part in parts if part)


def _seconds(second: str) -> str:
    if second == "0":
        return ""
    if second.startswith("*"):
        return f"every {_nth(_step(second))}second of"
    return f"at second {second} of"


def _minutes(minute: str) -> str:
    if minute.startswith("*"):
        step = _step(minute)
        return "every minute" if step == 1 else f"every {step} minutes"
    if minute == "0":
        return "on the hour,"
    if minute == "h":
        return "at a minute of its own,"
    return f"at minute {_join(minute.split(','))}"


def _hours(hour: str, minute: str) -> str:
    if hour.startswith("*"):
        step = _step(hour)
        if step == 1:
            return "" if minute.startswith("*") else "every hour"
        return f"every {step} hours" if not minute.startswith("*") else f"of every {_nth(step)}hour"
    if hour == "h":
        return "in an hour of its own"
    return f"in hour {_join(hour.split(','))}"


def _days(day: str, weekday: str) -> str:
    parts = []
    if day not in ("*", "?"):
        parts.append(
            "on the last day of the month"
            if day == "l"
            else f"on day {_join(day.split(','))} of the month"
        )
    if weekday not in ("*", "?"):
        parts.append(f"on {_weekday_list(weekday)}")
    return " or ".join(parts)


def _weekday_list(weekday: str) -> str:
    if weekday in ("1-5", "mon-fri"):
        return "weekdays"
    return _join([_weekday(item) for item in weekday.split(",")])


def _weekday(item: str) -> str:
    item, _, nth = item.partition("#")
    if item.startswith("l") and item[1:].isdigit():
        return f"the last {_DAYS[int(item[1:]) % 7]} of the month"
    first, _, last = item.partition("-")
    if (name := _day_name(first)) is None:
        return item
    if last and (last_name := _day_name(last)) is not None:
        return f"{name} to {last_name}"
    if nth.isdigit():
        return f"the {_ordinal(int(nth))} {name} of the month"
    return name


def _day_name(text: str) -> str | None:
    number = _DAY_NAMES.get(text, int(text) if text.isdigit() else -1)
    return _DAYS[number] if 0 <= number <= 7 else None


def _month_list(month: str) -> str:
    if month in ("*", "?"):
        return ""
    if month.startswith("*"):
        return f"in every {_nth(_step(month))}month"
    return "in " + _join(["-".join(map(_month, item.split("-"))) for item in month.split(",")])


def _month(text: str) -> str:
    number = _MONTH_NAMES.get(text, int(text) if text.isdigit() else 0)
    return _MONTHS[number] if 1 <= number <= 12 else text


def _step(field: str) -> int:
    step = field.partition("/")[2]
    return int(step) if step.isdigit() else 1


def _nth(step: int) -> str:
    return "" if step == 1 else f"{_ordinal(step)} "


def _duration(ms: int) -> str:
    if not ms:
        return ""
    seconds, rest = divmod(ms, 1_000)
    hours, minutes, seconds = seconds // 3_600, seconds // 60 % 60, seconds % 60
    if rest:
        return f"{ms / 1_000:g} seconds"
    parts = [(hours, "hour"), (minutes, "minute"), (seconds, "second")]
    return " and ".join(_count(amount, unit) for amount, unit in parts if amount)


def _count(amount: int, unit: str) -> str:
    return "" if not amount else f"{amount} {unit}" + ("s" if amount != 1 else "")


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _join(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _date(wall: datetime) -> str:
    return f"{_MONTHS[wall.month]} {wall.day}, {wall.year}"


def _clock(wall: datetime) -> str:
    return wall.strftime("%H:%M:%S" if wall.second else "%H:%M")


def _zone(zone: Zone) -> str:
    return f" ({zone.name})"
