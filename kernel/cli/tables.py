"""Shows things to people: aligned tables, sizes and times in human units. Programs get `--json`
instead.
"""

import datetime
import json
from collections.abc import Sequence

import click


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> str:
    """Columns as wide as their widest cell; numbers to the right. `empty` is the sentence for no
    rows.
    """
    if not rows:
        return empty
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[n]) for line in [list(heads), *texts]) for n in range(len(heads))]
    right = [all(isinstance(row[n], int | float) for row in rows) for n in range(len(heads))]
    lines = [_line(heads, widths, right)]
    lines += [_line(line, widths, right) for line in texts]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def mebibytes(amount: float) -> str:
    """Memory and disk are counted in MiB on the wire."""
    if amount >= 1024:
        return f"{amount / 1024:.1f} GiB"
    return f"{amount:g} MiB"


def moment(iso: str | None, now: datetime.datetime | None = None) -> str:
    """An ISO time as people say it: '12 s ago', 'in 3 min', or date and time if it is far."""
    if not iso:
        return "-"
    try:
        at = datetime.datetime.fromisoformat(iso.replace("Z", "+00:00"))
    except ValueError:
        return iso
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    seconds = (at - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    if abs(seconds) >= 86_400:
        return at.astimezone().strftime("%Y-%m-%d %H:%M")
    return f"in {span(seconds)}" if seconds > 0 else f"{span(abs(seconds))} ago"


def instant(nanoseconds: int | None) -> str | None:
    """A time of the wire, in nanoseconds since 1970, as people read it here."""
    if nanoseconds is None:
        return None
    try:
        at = datetime.datetime.fromtimestamp(nanoseconds // 10**9, datetime.UTC)
    except (ValueError, OverflowError):
        return "never"  # further away than a calendar goes
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


def show_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
