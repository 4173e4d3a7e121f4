"""Knows time zones by name; refuses a name that nobody knows, with the nearest known ones.

Where a name goes wrong Java falls back to GMT in silence, and so did Chronos; here that is a
refusal (DIFFERS). Java's own three-letter names are accepted where old job files come in, each
with a warning, because some surprise: "BST" is Bangladesh. Source: Java, java.util.TimeZone.
"""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

from chronos_app.schema.refusal import Refused

# Source: Java, TimeZone.getTimeZone and ZoneId.SHORT_IDS.
JAVA_SHORT_NAMES = {
    "ACT": "Australia/Darwin",
    "AET": "Australia/Sydney",
    "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo",
    "AST": "America/Anchorage",
    "BET": "America/Sao_Paulo",
    "BST": "Asia/Dhaka",
    "CAT": "Africa/Harare",
    "CNT": "America/St_Johns",
    "CST": "America/Chicago",
    "CTT": "Asia/Shanghai",
    "EAT": "Africa/Addis_Ababa",
    "ECT": "Europe/Paris",
    "IET": "America/Indiana/Indianapolis",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "MIT": "Pacific/Apia",
    "NET": "Asia/Yerevan",
    "NST": "Pacific/Auckland",
    "PLT": "Asia/Karachi",
    "PNT": "America/Phoenix",
    "PRT": "America/Puerto_Rico",
    "PST": "America/Los_Angeles",
    "SST": "Pacific/Guadalcanal",
    "VST": "Asia/Ho_Chi_Minh",
}
JAVA_FIXED_OFFSETS_HOURS = {"EST": -5, "MST": -7, "HST": -10}
OFFSET_MINUTES_MAX = 18 * 60  # Java: an offset is within ±18 hours

_CUSTOM_OFFSET = re.compile(r"(?:GMT|UTC)([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII)


class Zone(Struct, frozen=True):
    """A zone that was understood: how it was written, what it means, and what to be warned of."""

    name: str
    rules: tzinfo
    warning: str = ""


UTC_ZONE = Zone("UTC", UTC)


@cache
def _known_names() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


@cache
def _known_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in _known_names()}


def find_zone(name: str, *, java_names: bool, field: str = "scheduleTimeZone") -> Zone:
    """Look a zone up; `java_names` is for the compatible paths, where old job files arrive."""
    if name in ("", "Z", "UTC", "GMT"):
        return UTC_ZONE
    if java_names and name in JAVA_SHORT_NAMES:
        meaning = JAVA_SHORT_NAMES[name]
        warning = f"the zone {name} means {meaning}, as in Java; write {meaning} to be clear"
        return Zone(name, ZoneInfo(meaning), warning)
    if java_names and name in JAVA_FIXED_OFFSETS_HOURS:
        hours = JAVA_FIXED_OFFSETS_HOURS[name]
        warning = f"the zone {name} is fixed at {hours:+03d}:00 all year, as in Java"
        return Zone(name, timezone(timedelta(hours=hours)), warning)
    if custom := _CUSTOM_OFFSET.fullmatch(name):
        return _fixed(name, custom, field)
    if name in _known_by_lower_case().values():
        return Zone(name, ZoneInfo(name))
    raise Refused(field, f"unknown time zone {name!r}{_suggestion(name)}")


def _fixed(name: str, custom: "re.Match[str]", field: str) -> Zone:
    minutes = int(custom[2]) * 60 + int(custom[3] or 0)
    if minutes > OFFSET_MINUTES_MAX:
        raise Refused(field, f"the offset in {name!r} is more than 18 hours")
    return Zone(name, timezone(timedelta(minutes=-minutes if custom[1] == "-" else minutes)))


def _suggestion(name: str) -> str:
    wanted = name.strip().lower().replace(" ", "_")
    by_lower_case = _known_by_lower_case()
    if wanted in by_lower_case:
        return f"; did you mean {by_lower_case[wanted]}?"
    same_city = [known for lower, known in by_lower_case.items() if lower.split("/")[-1] == wanted]
    near = same_city or [
        by_lower_case[lower] for lower in get_close_matches(wanted, list(by_lower_case), 3, 0.6)
    ]
    if near:
        return f"; did you mean {' or '.join(near[:3])}?"
    return "; use an IANA name such as Europe/Berlin, or UTC"
