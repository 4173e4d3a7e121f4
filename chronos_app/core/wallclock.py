"""Turns clock-on-the-wall times of a zone into instants and back, across daylight saving.

Instants are milliseconds since 1970, wall times are naive datetimes. Gap: a wall time that a
spring change skips. Overlap: one that an autumn change shows twice. Source: RFC 5545 §3.3.5 (a
skipped time is read with the offset before the gap); Debian cron(8) for what `Crontab` does.
"""

from datetime import UTC, datetime, timedelta, tzinfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """The instant of an aware datetime, exactly (no float is involved)."""
    return (moment - EPOCH) // _MILLISECOND


def wall_at(instant_ms: int, rules: tzinfo) -> datetime:
    """What the clock on the wall shows; raises OverflowError outside years 1..9999."""
    moment = EPOCH + timedelta(milliseconds=instant_ms)
    return moment.astimezone(rules).replace(tzinfo=None, fold=0)


def instant_of(wall: datetime, rules: tzinfo) -> int:
    """The first instant that shows `wall`; in a gap, the one that the old offset would give."""
    return to_ms(wall.replace(tzinfo=rules, fold=0).astimezone(UTC))


def instants_of(wall: datetime, rules: tzinfo) -> tuple[int, ...]:
    """Every real instant that shows `wall`: none in a gap, two in an overlap, else one."""
    found: list[int] = []
    for fold in (0, 1):
        instant = to_ms(wall.replace(tzinfo=rules, fold=fold).astimezone(UTC))
        if instant not in found and wall_at(instant, rules) == wall:
            found.append(instant)
    return tuple(found)


def offset_ms_at(instant_ms: int, rules: tzinfo) -> int:
    """How far the wall clock is ahead of UTC."""
    moment = (EPOCH + timedelta(milliseconds=instant_ms)).astimezone(rules)
    offset = moment.utcoffset()
    assert offset is not None, "an aware datetime has an offset"
    return offset // _MILLISECOND


def transition_between(start_ms: int, end_ms: int, rules: tzinfo) -> int | None:
    """The first instant of the new offset when the offset differs at the two ends."""
    before = offset_ms_at(start_ms, rules)
    if offset_ms_at(end_ms, rules) == before:
        return None
    low, high = start_ms, end_ms
    while high - low > 1:
        middle = (low + high) // 2
        if offset_ms_at(middle, rules) == before:
            low = middle
        else:
            high = middle
    return high


def gap_around(wall: datetime, rules: tzinfo) -> tuple[int, int] | None:
    """For a skipped wall time: the first instant after the gap, and the gap's length in ms."""
    early = to_ms(wall.replace(tzinfo=rules, fold=1).astimezone(UTC))
    late = to_ms(wall.replace(tzinfo=rules, fold=0).astimezone(UTC))
    if late <= early:
        return None  # PEP 495: only in a gap is fold=0 the later instant
    end = transition_between(early - 1, late, rules)
    return None if end is None else (end, late - early)
