"""The store of one machine: a SQLite file in WAL mode with synchronous=FULL.

The leader holds a `flock` on `<file>.lock` for life, so a second process is told who holds it; the
epoch row fences what a lock can't (a copy of the file, a lost lock). `lockf` would be dropped by
any close of the file in this process, so it is not used; nor may the owner fork without exec,
since the child would share the lock. A reserve file keeps some room: when the disk fills, the
reserve is given up so that what is already promised can still be written, while `refusal` turns
new changes away. Source: SQLite, wal.html, lockingv3.html; the project's reliability notes §3a.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from kernel.machine import Operation, Put
from kernel.store.interface import (
    CommitResult,
    Committed,
    Conflict,
    Fenced,
    Guard,
    Holder,
    OnLost,
    Records,
    Snapshot,
    StoreError,
    StoreFull,
    StoreHeld,
    StoreMalformed,
    Term,
    Unknown,
)
from kernel.store.schema import SCHEMA, Schema

RESERVE_BYTES = 1024 * 1024  # a few hundred commits of ours
FREE_BYTES_MIN = 1024 * 1024  # below this a new change is refused

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    collection TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (collection, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS term (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL, leader TEXT NOT NULL, version INTEGER NOT NULL
);
INSERT OR IGNORE INTO term VALUES (1, 0, '', 0);
"""


class SqliteStore:
    """One file, one leader. Used from one thread at a time."""

    is_shared = False

    def __init__(self, path: str, name: str = "tepui", schema: Schema = SCHEMA) -> None:
        self._name = name
        self._schema = schema
        self._path = Path(path)
        self._reserve = Path(f"{path}.reserve")
        self._lock: int | None = None
        self._db: sqlite3.Connection | None = None

    def lead(
        self, leader: str, *, address: str = "", on_lost: OnLost | None = None, above: int = 0
    ) -> Term:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._take_lock(leader, address)
        except OSError as error:
            raise StoreError(f"{self._path} can't be kept there: {error}") from error
        self._make_reserve()
        try:
            db = self._open(above)
        except sqlite3.OperationalError as error:
            if not _is_full(error) or not self._give_up_reserve():
                raise StoreError(f"{self._path} can't be opened: {error}") from error
            db = self._open(above)
        except sqlite3.DatabaseError as error:
            raise StoreMalformed(f"{self._path} is not a store of Tepui: {error}") from error
        self._db = db
        (epoch,) = db.execute("SELECT epoch FROM term").fetchone()
        return Term(epoch, leader)

    def holder(self) -> Holder | None:
        try:
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            return _holder(lock)
        finally:
            os.close(lock)

    def announce(self, value: bytes) -> None:
        """Nobody looks here for a leader."""

    def load(self) -> Records:
        return _load(self._opened())

    def snapshot(self) -> Snapshot:
        if not self._path.exists():
            return Snapshot(0, self._schema.version, {})
        try:
            # A connection of its own; it may write, since a reader of a WAL needs its index.
            with closing(
                sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=rw", uri=True)
            ) as db:
                return self._read(db)
        except sqlite3.OperationalError as error:
            raise StoreError(f"{self._path} can't be read: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreMalformed(f"{self._path} is not a store of Tepui: {error}") from error

    def _read(self, db: sqlite3.Connection) -> Snapshot:
        db.isolation_level = None
        db.execute("BEGIN")  # what is read until the end is of one moment, whoever writes
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found == 0:  # nobody led yet
            return Snapshot(0, self._schema.version, {})
        self._schema.refuse_newer(found, str(self._path))
        (epoch,) = db.execute("SELECT epoch FROM term").fetchone()
        return Snapshot(epoch, found, _load(db))

    def commit(
        self, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        try:
            return self._commit(term, operations, guards)
        except sqlite3.OperationalError as error:
            self._roll_back()
            if not _is_full(error):
                return Unknown(str(error))
            if not self._give_up_reserve():
                raise StoreFull(self._full_sentence()) from error
        try:
            return self._commit(term, operations, guards)
        except sqlite3.OperationalError as error:
            self._roll_back()
            if _is_full(error):
                raise StoreFull(self._full_sentence()) from error
            return Unknown(str(error))

    def refusal(self) -> str | None:
        free = shutil.disk_usage(self._path.parent).free
        if self._reserve.exists():
            return None if free >= FREE_BYTES_MIN else self._full_sentence()
        if free >= FREE_BYTES_MIN + RESERVE_BYTES and self._make_reserve():
            return None
        return self._full_sentence()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _commit(
        self, term: Term, operations: Sequence[Operation], guards: Sequence[Guard]
    ) -> CommitResult:
        db = self._opened()
        db.execute("BEGIN IMMEDIATE")
        epoch, leader, version = db.execute("SELECT epoch, leader, version FROM term").fetchone()
        if (epoch, leader) != (term.epoch, term.leader):
            db.execute("ROLLBACK")
            return Fenced(epoch)
        for guard in guards:
            row = db.execute(
                "SELECT value FROM record WHERE collection = ? AND key = ?",
                (guard.collection, guard.key),
            ).fetchone()
            if (row[0] if row else None) != guard.value:
                db.execute("ROLLBACK")
                return Conflict(guard.collection, guard.key)
        for operation in operations:
            _apply(db, operation)
        db.execute("UPDATE term SET version = version + 1")
        db.execute("COMMIT")
        return Committed(version + 1)

    def _open(self, above: int) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        (found,) = db.execute("PRAGMA user_version").fetchone()
        self._schema.refuse_newer(found, str(self._path))
        db.executescript(_SCHEMA)
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE term SET epoch = max(epoch, ?) + 1, leader = ?", (above, self._leader))
        if 0 < found < self._schema.version:
            for operation in self._schema.upgrade(self._name, _load(db), found):
                _apply(db, operation)
        db.execute(f"PRAGMA user_version={self._schema.version}")
        db.execute("COMMIT")
        return db

    def _opened(self) -> sqlite3.Connection:
        assert self._db is not None, "lead() comes first"
        return self._db

    def _roll_back(self) -> None:
        db = self._opened()
        if db.in_transaction:
            db.execute("ROLLBACK")

    def _take_lock(self, leader: str, address: str) -> None:
        self._leader = leader
        lock_path = Path(f"{self._path}.lock")
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(lock).leader
            os.close(lock)
            raise StoreHeld(f"{self._path} is held by {holder}; stop it first") from None
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"pid {os.getpid()} ({leader})\n{address}\n".encode(), 0)
        except OSError:
            pass  # the text is a courtesy; on a full disk the lock holds without it
        self._lock = lock

    def _make_reserve(self) -> bool:
        if self._reserve.exists():
            return True
        try:
            with self._reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self._reserve.unlink(missing_ok=True)
            return False
        return True

    def _give_up_reserve(self) -> bool:
        if not self._reserve.exists():
            return False
        self._reserve.unlink()
        return True

    def _full_sentence(self) -> str:
        return f"the disk that holds {self._path} is full; nothing was changed: free some space"


def _load(db: sqlite3.Connection) -> Records:
    records: Records = {}
    rows = db.execute("SELECT collection, key, value FROM record ORDER BY collection, key")
    for collection, key, value in rows:
        records.setdefault(collection, {})[key] = value
    return records


def _apply(db: sqlite3.Connection, operation: Operation) -> None:
    if isinstance(operation, Put):
        db.execute(
            "INSERT INTO record VALUES (?, ?, ?)"
            " ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value",
            (operation.collection, operation.key, operation.value),
        )
    else:
        db.execute(
            "DELETE FROM record WHERE collection = ? AND key = ?",
            (operation.collection, operation.key),
        )


def _holder(lock: int) -> Holder:
    """What the holder wrote into the lock file: who it is, and where it answers."""
    lines = os.pread(lock, 1000, 0).decode(errors="replace").split("\n")
    return Holder(lines[0].strip() or "another process", lines[1] if len(lines) > 1 else "")


def _is_full(error: sqlite3.OperationalError) -> bool:
    # SQLITE_IOERR_* too: writing the WAL index into a full tmpfs shows up as an I/O error.
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
