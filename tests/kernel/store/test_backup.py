"""A backup's file: what is written is read, and nothing else is taken for it."""

import hashlib
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.store.backup import Backup, BackupMalformed, Saved, read, written
from kernel.store.interface import Snapshot

RECORDS = {"apps": {"/a": b"{}", "/b": bytes(range(256))}, "versions": {"/a@1": b""}}
BACKUP = Backup(
    "2026-11-20T12:00:00+00:00",
    "0.1.0",
    (
        Saved("master", Snapshot(7, 1, {})),
        Saved("marathon", Snapshot(3, 1, RECORDS)),
        Saved("chronos", Snapshot(1, 2, {"jobs": {"nightly": b"x" * 5_000}})),
    ),
)

names = st.text(min_size=1, max_size=8)
records = st.dictionaries(names, st.dictionaries(names, st.binary(max_size=30), min_size=1))
stores = st.builds(Saved, names, st.builds(Snapshot, st.integers(0, 2**60), st.just(1), records))


@given(st.builds(Backup, names, names, st.lists(stores, min_size=1, max_size=3).map(tuple)))
def test_what_is_written_is_read(backup: Backup) -> None:
    assert read(written(backup)) == backup


def test_a_file_that_is_changed_in_any_byte_is_refused() -> None:
    content = written(BACKUP)
    for at in range(len(content)):
        for change in (0x01, 0x80, 0xFF):
            damaged = content[:at] + bytes([content[at] ^ change]) + content[at + 1 :]
            with pytest.raises(BackupMalformed, match="damaged|no backup|format"):
                read(damaged)


def test_a_file_that_is_cut_short_or_grew_is_refused() -> None:
    content = written(BACKUP)
    for length in range(len(content)):
        with pytest.raises(BackupMalformed, match="cut short|no backup"):
            read(content[:length])
    with pytest.raises(BackupMalformed, match="cut short or damaged"):
        read(content + b"\0")


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    with pytest.raises(BackupMalformed, match="has format 2; this Tepui knows 1: upgrade Tepui"):
        read(written(BACKUP).replace(b"backup 1\n", b"backup 2\n", 1))


@pytest.mark.parametrize("content", [b"", b"\n", b"PK\x03\x04", b"tepui-backup \n", b"{}" * 99])
def test_another_file_is_no_backup(content: bytes) -> None:
    with pytest.raises(BackupMalformed, match="is no backup of Tepui"):
        read(content)


def test_an_entry_that_was_wrong_before_the_file_was_summed_up_is_named() -> None:
    """As bad memory would do it: the checksum of the whole holds, that of one record does not."""
    content = written(BACKUP)
    line, _, rest = content.partition(b"\n")
    data = zlib.decompress(rest[:-32]).replace(b"/b", b"/c", 1)
    body = line + b"\n" + zlib.compress(data)
    with pytest.raises(BackupMalformed, match=re.escape("the checksum of entry 5 does not hold")):
        read(body + hashlib.sha256(body).digest())
