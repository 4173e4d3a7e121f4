"""A backup: what the records of several stores were, as one file says it.

A first line with the format's version, then one compressed stream of frames, each with its length
and checksum (a head, then for each store its name, epoch, schema and records, then an end), and
at last the checksum of all before it. So a file that was cut short, changed in any byte, or made
by a newer Tepui is known for what it is before anything is done with it. Writing it to a disk and
into stores is left to others. Source: PNG specification, §5 (signature, chunks with checksums).
"""

import hashlib
import zlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from kernel.store.interface import Records, Snapshot, StoreMalformed

FORMAT = 1
_SIGNATURE = b"tepui-backup "
_LENGTH_BYTES, _CHECK_BYTES = 4, 4
_SUM_BYTES = hashlib.sha256().digest_size


class BackupMalformed(StoreMalformed):
    """No backup, a damaged one, or one of a newer Tepui; the text is a sentence."""


class Saved(Struct, frozen=True):
    """One store's part. `name` is whose records they are: "master", "marathon" or "chronos"."""

    name: str
    snapshot: Snapshot

    @property
    def count(self) -> int:
        return sum(map(len, self.snapshot.records.values()))


class Backup(Struct, frozen=True):
    """`made_at` is ISO 8601 in UTC; `tepui` is the version of the program that made it."""

    made_at: str
    tepui: str
    stores: tuple[Saved, ...]


class _Head(Struct, frozen=True, tag=True):
    made_at: str
    tepui: str


class _Store(Struct, frozen=True, tag=True):
    name: str
    epoch: int
    schema: int


class _Record(Struct, frozen=True, tag=True):
    collection: str
    key: str
    value: bytes


class _End(Struct, frozen=True, tag=True):
    frames: int


_Frame = _Head | _Store | _Record | _End


def written(backup: Backup) -> bytes:
    """The file's content."""
    squeeze = zlib.compressobj(6)
    parts = [b"%s%d\n" % (_SIGNATURE, FORMAT)]
    for frame in _frames(backup):
        data = msgspec.msgpack.encode(frame)
        parts.append(squeeze.compress(len(data).to_bytes(_LENGTH_BYTES)))
        parts.append(squeeze.compress(zlib.crc32(data).to_bytes(_CHECK_BYTES)))
        parts.append(squeeze.compress(data))
    parts.append(squeeze.flush())
    content = b"".join(parts)
    return content + hashlib.sha256(content).digest()


def _frames(backup: Backup) -> Iterator[_Frame]:
    count = 2
    yield _Head(backup.made_at, backup.tepui)
    for store in backup.stores:
        yield _Store(store.name, store.snapshot.epoch, store.snapshot.schema)
        for collection, records in store.snapshot.records.items():
            for key, value in records.items():
                yield _Record(collection, key, value)
        count += 1 + store.count
    yield _End(count)


def read(content: bytes) -> Backup:
    """What was saved. Raises `BackupMalformed` unless every byte is as it was written."""
    line, newline, _ = content[:40].partition(b"\n")
    version = line.removeprefix(_SIGNATURE)
    if not newline or not line.startswith(_SIGNATURE) or not version.isdigit():
        raise BackupMalformed("is no backup of Tepui, or its beginning is damaged")
    if version != b"%d" % FORMAT:
        raise BackupMalformed(
            f"has format {version.decode()}; this Tepui knows {FORMAT}: upgrade Tepui"
        )
    body, checksum = content[:-_SUM_BYTES], content[-_SUM_BYTES:]
    if hashlib.sha256(body).digest() != checksum:
        raise BackupMalformed("is cut short or damaged: its checksum does not hold")
    try:
        return _assembled(_unframed(zlib.decompress(body[len(line) + 1 :])))
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise BackupMalformed(f"was not written whole: {error}") from error


def _unframed(data: bytes) -> list[_Frame]:
    """Raises `ValueError`, naming the frame that is wrong."""
    decoder = msgspec.msgpack.Decoder(_Frame)
    frames: list[_Frame] = []
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + _LENGTH_BYTES])
        begins = at + _LENGTH_BYTES + _CHECK_BYTES
        frame = data[begins : begins + length]
        if zlib.crc32(frame).to_bytes(_CHECK_BYTES) != data[begins - _CHECK_BYTES : begins]:
            raise ValueError(f"the checksum of entry {len(frames) + 1} does not hold")
        frames.append(decoder.decode(frame))
        at = begins + length
    return frames


def _assembled(frames: list[_Frame]) -> Backup:
    match frames:
        case [_Head(made_at, tepui), *between, _End(count)] if between and count == len(frames):
            return Backup(made_at, tepui, tuple(_stores(between)))
    raise ValueError(f"{len(frames)} entries without their head or end")


def _stores(frames: list[_Frame]) -> Iterator[Saved]:
    current: _Store | None = None
    records: Records = {}
    for frame in frames:
        if isinstance(frame, _Record) and current is not None:
            records.setdefault(frame.collection, {})[frame.key] = frame.value
        elif isinstance(frame, _Store):
            if current is not None:
                yield Saved(current.name, Snapshot(current.epoch, current.schema, records))
            current, records = frame, {}
        else:
            raise ValueError("an entry stands where none may")
    if current is not None:
        yield Saved(current.name, Snapshot(current.epoch, current.schema, records))
