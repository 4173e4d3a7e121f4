"""Versions and times on the wire: `YYYY-MM-DDThh:mm:ss.mmmZ`, always three digits and `Z`.

Whose clock it is, is the caller's business. Source: Marathon clients parse no other form (C4).
"""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_ms(wall_ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=wall_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ms % 1000:03d}Z"


def parse_ms(text: str) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 time with a zone, or None when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - EPOCH) // timedelta(milliseconds=1)


def canonical(text: str) -> str | None:
    """The same moment in our form, or None: what a client sent as a version, ready to compare."""
    moment_ms = parse_ms(text)
    return None if moment_ms is None else format_ms(moment_ms)
