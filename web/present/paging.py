"""Cuts long lists into pages and keeps what was asked (search, sort, filter) in every link."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar
from urllib.parse import urlencode

from msgspec import Struct

T = TypeVar("T")
ROWS_PER_PAGE = 50


class Page(Struct, Generic[T], frozen=True):
    rows: Sequence[T]
    number: int
    count: int
    total: int
    first: int
    last: int


def page_of(rows: Sequence[T], number: int, size: int = ROWS_PER_PAGE) -> Page[T]:
    """A number beyond the end gives the last page, so that a shrinking list never shows nothing."""
    count = max(1, -(-len(rows) // size))
    number = min(max(1, number), count)
    start = (number - 1) * size
    shown = rows[start : start + size]
    return Page(shown, number, count, len(rows), start + 1 if shown else 0, start + len(shown))


def link(path: str, query: Mapping[str, str], **changes: str | int | None) -> str:
    """The same page with some parameters changed; empty ones are left out, `page` starts anew."""
    merged: dict[str, str | int | None] = {**query}
    if "page" not in changes:
        merged.pop("page", None)
    merged.update(changes)
    kept = {key: value for key, value in merged.items() if value not in ("", None)}
    return path + ("?" + urlencode(kept) if kept else "")


def sorting(asked: str, allowed: Sequence[str]) -> tuple[str, bool]:
    """The column and whether downwards, of `name` or `-name`; the first allowed one otherwise."""
    column = asked.removeprefix("-")
    if column not in allowed:
        return allowed[0], False
    return column, asked.startswith("-")
