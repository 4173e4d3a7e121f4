"""What only the SQLite store promises: its lock, its reserve, its schema."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.machine import Put
from kernel.store.interface import Committed, StoreError, StoreFull, StoreHeld, StoreMalformed
from kernel.store.sqlite import SqliteStore

_HOLD = """
import sys, time
from kernel.store.sqlite import SqliteStore
from kernel.machine import Put
store = SqliteStore(sys.argv[1])
term = store.lead("holder")
for i in range(1_000_000):
    store.commit(term, [Put("n", "last", str(i).encode())])
    print(i, flush=True)
"""


def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    holder = SqliteStore(f"{tmp_path}/store.sqlite")
    holder.lead("marathon")

    with pytest.raises(StoreHeld, match=rf"pid {os.getpid()} \(marathon\)"):
        SqliteStore(f"{tmp_path}/store.sqlite").lead("other")
    holder.close()


def test_a_place_that_takes_no_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="store.sqlite can't be kept there"):
        SqliteStore(f"{tmp_path}/file/store.sqlite").lead("marathon")


def test_a_killed_holder_loses_nothing_it_was_promised_and_frees_the_lock(tmp_path: Path) -> None:
    path = f"{tmp_path}/store.sqlite"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, path], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    promised = [holder.stdout.readline() for _ in range(50)]
    holder.send_signal(signal.SIGKILL)
    rest = holder.stdout.read().splitlines()
    holder.wait()
    holder.stdout.close()

    store = SqliteStore(path)
    store.lead("next")

    last = int(([line for line in rest if line] or promised)[-1])
    assert int(store.load()["n"]["last"]) in (last, last + 1)
    store.close()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"not a database at all, but long enough" * 40)

    with pytest.raises(StoreMalformed, match="is not a store of Tepui"):
        SqliteStore(f"{tmp_path}/store.sqlite").lead("one")


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(StoreMalformed, match="schema 99"):
        SqliteStore(str(path)).lead("one")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_refuses_changes_first_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=True)
    try:
        store = SqliteStore(f"{disk}/store.sqlite")
        term = store.lead("one")
        store.commit(term, [Put("apps", "kept", b"1")])
        assert store.refusal() is None
        filler = disk / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free)

        assert "is full" in (store.refusal() or "")
        # What is already promised still fits into the reserve …
        assert isinstance(store.commit(term, [Put("apps", "late", b"x" * 100_000)]), Committed)
        # … and when that is used up, the commit fails whole.
        with pytest.raises(StoreFull):
            store.commit(term, [Put("apps", str(i), os.urandom(500_000)) for i in range(20)])
        assert sorted(store.load()["apps"]) == ["kept", "late"]

        filler.unlink()
        assert store.refusal() is None
        assert isinstance(store.commit(term, [Put("apps", "after", b"2")]), Committed)
        store.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
