"""A JSON answer of many parts that were encoded before, sent without being joined at once.

A hundred thousand tasks make tens of megabytes: to join them would hold up whoever does it.
"""

from collections.abc import Iterable, Iterator, Sequence

from kernel.messages.codec import encode

ITEMS_AT_ONCE = 256

Part = bytes | Sequence[bytes]


class Pieces:
    """Bytes, and runs of array items that commas go between."""

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._parts: list[Part] = list(parts)

    def __len__(self) -> int:
        return sum(_length(part) for part in self._parts)

    def chunks(self) -> Iterator[bytes]:
        """Whole, in order, each of a few hundred items at most."""
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
                continue
            for start in range(0, len(part), ITEMS_AT_ONCE):
                comma = b"," if start else b""
                yield comma + b",".join(part[start : start + ITEMS_AT_ONCE])

    def __bytes__(self) -> bytes:
        return b"".join(self.chunks())

    def around(self, before: bytes, after: bytes) -> "Pieces":
        return Pieces([before, *self._parts, after])

    @property
    def parts(self) -> Sequence[Part]:
        return self._parts


def _length(part: Part) -> int:
    if isinstance(part, bytes):
        return len(part)
    return sum(map(len, part)) + max(0, len(part) - 1)


def array(items: Sequence[bytes]) -> Pieces:
    """Of items that are encoded already."""
    return Pieces([b"[", items, b"]"])


def obj(fields: Iterable[tuple[str, "Pieces | bytes"]], head: bytes = b"{}") -> Pieces:
    """An object: the fields of `head`, which is one, and these, whose values are encoded."""
    parts: list[Part] = [head[:-1]]
    is_first = len(head) == 2
    for name, value in fields:
        parts.append((b"" if is_first else b",") + encode(name) + b":")
        parts += [value] if isinstance(value, bytes) else value.parts
        is_first = False
    parts.append(b"}")
    return Pieces(parts)


def objects(each: Sequence[Pieces]) -> Pieces:
    """An array of objects that are pieces themselves."""
    parts: list[Part] = [b"["]
    for at, one in enumerate(each):
        parts += [b",", *one.parts] if at else one.parts
    return Pieces([*parts, b"]"])
