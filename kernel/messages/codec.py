"""Framing (RecordIO, server-sent events) and JSON bodies with Mesos's leniency.

Leaves the meaning of a message to its conversation's module. Source: Mesos,
docs/recordio.md, 3rdparty/stout/include/stout/{recordio,protobuf}.hpp.
"""

from typing import Any, TypeVar

import msgspec

RECORD_BYTES_MAX = 64 * 1024 * 1024  # no honest peer sends more; a bound keeps memory ours
_LENGTH_DIGITS_MAX = len(str(RECORD_BYTES_MAX))

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoders: dict[object, "msgspec.json.Decoder[Any]"] = {}


class Malformed(ValueError):
    """The peer's bytes are not what they should be; the text says what is wrong and where."""


def encode(message: object) -> bytes:
    """One message as compact JSON."""
    return _encoder.encode(message)


def decode(kind: type[T], body: bytes) -> T:
    """Read a JSON body as `kind`; numbers and booleans may come as text, `null` means absent.

    Raises `Malformed` with the path of what is wrong.
    """
    read: T = decode_union(kind, body)
    return read


def decode_union(kind: object, body: bytes) -> Any:
    """As `decode`, for a union of tagged messages, which no `type[T]` can name."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, strict=False)
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from None


def recordio(record: bytes) -> bytes:
    """Frame one record: its length in ASCII decimal, a line feed, its bytes."""
    return b"%d\n%b" % (len(record), record)


class RecordDecoder:
    """Takes chunks as they come, gives whole records; chunk borders carry no meaning."""

    def __init__(self, record_bytes_max: int = RECORD_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._record_bytes_max = record_bytes_max

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add a chunk; return the records that are complete. Raises `Malformed`."""
        self._buffer += chunk
        records: list[bytes] = []
        start = 0
        while True:
            newline = self._buffer.find(b"\n", start, start + _LENGTH_DIGITS_MAX + 1)
            if newline < 0:
                if len(self._buffer) - start > _LENGTH_DIGITS_MAX:
                    raise Malformed("a record's length is too long")
                break
            length = self._length(bytes(self._buffer[start:newline]))
            if len(self._buffer) < newline + 1 + length:
                break
            records.append(bytes(self._buffer[newline + 1 : newline + 1 + length]))
            start = newline + 1 + length
        del self._buffer[:start]
        return records

    def _length(self, digits: bytes) -> int:
        if not digits.isdigit():
            raise Malformed(f"a record's length is not a decimal number: {digits[:20]!r}")
        length = int(digits)
        if length > self._record_bytes_max:
            raise Malformed(f"a record of {length} bytes exceeds {self._record_bytes_max}")
        return length


def sse(event: str, data: bytes, event_id: str | None = None) -> bytes:
    """Frame one server-sent event; `data` must be one line. Source: WHATWG HTML §9.2."""
    head = f"event: {event}\n" + (f"id: {event_id}\n" if event_id is not None else "")
    return head.encode() + b"data: " + data + b"\n\n"
