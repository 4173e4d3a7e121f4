"""Puts quantities and times into words that a person reads at a glance."""

from collections.abc import Sequence
from datetime import UTC, datetime

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


def ms_of(timestamp: str | None) -> int | None:
    """Milliseconds since the epoch of an ISO 8601 instant; None for none or a broken one."""
    if not timestamp:
        return None
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def duration(seconds: float) -> str:
    """One or two units, the larger first: `45 s`, `3 min`, `1 h 5 min`, `4 days`."""
    whole = max(0, int(seconds))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < DAY_S:
        hours, minutes = whole // HOUR_S, whole % HOUR_S // MINUTE_S
        return f"{hours} h {minutes} min" if minutes and hours < 2 else f"{hours} h"
    days = whole // DAY_S
    return counted(days, "day")


def span(milliseconds: float) -> str:
    """How long a run took: finer than `duration` where it is short."""
    if milliseconds < 1_000:
        return f"{max(0, int(milliseconds))} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    seconds = int(milliseconds // 1000)
    if seconds < HOUR_S:
        return f"{seconds // 60} min {seconds % 60} s"
    return duration(seconds)


def ago(at_ms: int | None, now_ms: int) -> str:
    """`just now`, `5 min ago`, `in 3 h`; an empty text for no time."""
    if at_ms is None:
        return ""
    seconds = (now_ms - at_ms) / 1000
    if -1.5 < seconds < 5:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def instant(at_ms: int | None) -> str:
    """`2026-11-20 18:05:12 UTC`."""
    if at_ms is None:
        return ""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def wall_clock(timestamp: str) -> str:
    """`Fri 2026-11-20 18:05:12 +01:00`, in the zone that the timestamp is in."""
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return timestamp
    offset = at.strftime("%z")
    zone = "UTC" if offset in ("", "+0000") else f"{offset[:3]}:{offset[3:5]}"
    return f"{at:%a %Y-%m-%d %H:%M:%S} {zone}"


def iso(at_ms: int | None) -> str:
    """For the `datetime` attribute."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def number(value: float) -> str:
    """Three decimals at most and no trailing zeros: `1`, `0.25`, `1,024`."""
    text = f"{value:,.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def mebibytes(value: float) -> str:
    """`512 MiB`, `1.5 GiB`, `2 TiB`."""
    size, unit = float(value), "MiB"
    if not size:
        return "0"
    for larger in ("GiB", "TiB", "PiB"):
        if abs(size) < 1024:
            break
        size, unit = size / 1024, larger
    return (
        f"{size:,.0f} {unit}"
        if unit == "MiB" or size >= 100
        else f"{number(round(size, 1))} {unit}"
    )


def sentence(text: str) -> str:
    """With a capital letter; the rest as it is."""
    return text[:1].upper() + text[1:]


def ports(text: str) -> str:
    """`[31000-31000, 31005-31009]` as people write it: `31000, 31005-31009`."""
    ranges = [part.strip().partition("-") for part in text.strip("[]").split(",") if part.strip()]
    return ", ".join(begin if begin == end else f"{begin}-{end}" for begin, _, end in ranges)


def counted(count: int, singular: str, plural: str = "") -> str:
    """`1 app`, `2 apps`, `1,000 apps`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def listed(items: Sequence[str], limit: int = 3) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 4 more`."""
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def percent(part: float, whole: float) -> int:
    """A whole percentage between 0 and 100; anything above nothing shows as at least 1."""
    if whole <= 0:
        return 0
    share = min(100.0, max(0.0, 100 * part / whole))
    return max(1, round(share)) if share > 0 else 0
