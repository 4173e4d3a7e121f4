"""How records lie in ZooKeeper: names of nodes, values in pieces, commits in slices.

A node takes less than a megabyte, and so does one multi. A value is kept as it is, compressed, or
as a pointer to a blob of several nodes; a commit that is too large for one multi becomes a redo
log. The conversation with the servers is `session`'s.
Source: ZooKeeper, Administrator's Guide (jute.maxbuffer); Marathon's compression threshold.
"""

import zlib
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct

from kernel.machine import Delete, Operation, Put

PIECE_BYTES = 512 * 1024  # of a blob, per node
MULTI_BYTES = 700 * 1024  # of all values and paths in one multi; the server's limit is 1 MiB
MULTI_OPERATIONS = 1_000
COMPRESS_FROM_BYTES = 64 * 1024  # Marathon: --zk_compression_threshold
OPERATION_BYTES = 200  # what an operation weighs beside its value and its path

_PLAIN, _PACKED, _POINTER = b"\x00", b"\x01", b"\x02"


class Blob(Struct, frozen=True):
    """A value that lies in `pieces` nodes below `name`."""

    name: str
    pieces: int


class _Write(Struct, frozen=True, array_like=True):
    """One operation of a redo log; no value means that the record goes."""

    collection: str
    key: str
    value: bytes | None


def node_name(text: str) -> str:
    """Any text as the name of a node: never empty, never `.`, no slash."""
    return "=" + quote(text, safe="")


def text_of(name: str) -> str:
    return unquote(name.removeprefix("="))


def packed(value: bytes) -> bytes:
    """As it is stored, if one node takes it."""
    if len(value) >= COMPRESS_FROM_BYTES:
        smaller = zlib.compress(value, 1)
        if len(smaller) < len(value):
            return _PACKED + smaller
    return _PLAIN + value


def pointer(blob: Blob) -> bytes:
    return _POINTER + msgspec.json.encode(blob)


def blob_of(data: bytes) -> Blob | None:
    """The blob that a node points to, if it does."""
    if data[:1] == _POINTER:
        return msgspec.json.decode(data[1:], type=Blob)
    return None


def unpacked(data: bytes) -> bytes:
    return zlib.decompress(data[1:]) if data[:1] == _PACKED else data[1:]


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


def weight(operation: Operation) -> int:
    value = len(operation.value) if isinstance(operation, Put) else 0
    return OPERATION_BYTES + 3 * len(operation.key) + len(operation.collection) + value


def fits_one_multi(operations: Sequence[Operation]) -> bool:
    return len(operations) <= MULTI_OPERATIONS and sum(map(weight, operations)) <= MULTI_BYTES


def slices(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """In order, each small enough for one multi."""
    part: list[Operation] = []
    load = 0
    for operation in operations:
        weighs = weight(operation)
        if part and (load + weighs > MULTI_BYTES or len(part) == MULTI_OPERATIONS):
            yield part
            part, load = [], 0
        part.append(operation)
        load += weighs
    if part:
        yield part


def last_of_each(operations: Sequence[Operation]) -> list[Operation]:
    """A multi may not touch a node twice in ways that depend on each other: the last word wins."""
    last: dict[tuple[str, str], Operation] = {}
    for operation in operations:
        last.pop((operation.collection, operation.key), None)
        last[(operation.collection, operation.key)] = operation
    return list(last.values())


def write_redo(operations: Sequence[Operation]) -> bytes:
    writes = [
        _Write(each.collection, each.key, each.value if isinstance(each, Put) else None)
        for each in operations
    ]
    return packed(msgspec.msgpack.encode(writes))


def read_redo(data: bytes) -> list[Operation]:
    writes = msgspec.msgpack.decode(unpacked(data), type=list[_Write])
    return [
        Delete(each.collection, each.key)
        if each.value is None
        else Put(each.collection, each.key, each.value)
        for each in writes
    ]
