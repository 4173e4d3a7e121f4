"""The store of several machines: ZooKeeper, which loses nothing while most of its servers live.

Leadership is an ephemeral node; the term is a node whose version every commit checks in the same
multi as its writes, so a deposed leader's commit is refused whatever its session believes. How
records lie in nodes is `records`'s; losing the session is `session`'s.
Source: ZooKeeper, Recipes; the project's reliability notes §3c, §3d.
"""

import json
from collections.abc import Sequence
from uuid import uuid4

from kernel.machine import Operation
from kernel.store.interface import (
    CommitResult,
    Committed,
    Conflict,
    Fenced,
    Guard,
    Holder,
    OnLost,
    Records,
    StoreError,
    StoreHeld,
    StoreMalformed,
    StoreUnreachable,
    Term,
    Unknown,
)
from kernel.store.lease import Lease
from kernel.store.urls import read, redacted
from kernel.store.zookeeper.announced import OPTIONS, announce
from kernel.store.zookeeper.nodes import last_of_each
from kernel.store.zookeeper.records import NodeRecords
from kernel.store.zookeeper.session import REQUEST_ERRORS, CheckFailed, Session

SCHEMA_VERSION = 1


class ZooKeeperStore:
    """One namespace in one ensemble. Used from one thread at a time; kazoo has its own."""

    is_shared = True

    def __init__(self, url: str, name: str) -> None:
        parts = read(url, options=OPTIONS)
        self._shown = redacted(url)
        self._base = "/" + (parts.path or "tepui")
        self._root = f"{self._base}/{name}"
        self._session = Session(parts, self._shown)
        self._records = NodeRecords(self._session, self._root)
        self._term: Term | None = None
        self._version = 0

    # -- leading ----------------------------------------------------------------------------

    def lead(self, leader: str, *, address: str = "", on_lost: OnLost | None = None) -> Term:
        unique = f"{leader}#{uuid4()}"
        try:
            self._session.start()
            self._make_root()
            began_s = Lease.clock_s()
            self._take(json.dumps({"leader": leader, "address": address}).encode())
            self._session.watch(on_lost, f"{self._root}/leader", began_s)
            self._term = Term(self._begin_term(unique), unique)
        except REQUEST_ERRORS as error:
            raise StoreUnreachable(f"{self._shown} can't be used: {_text(error)}") from error
        return self._term

    def holder(self) -> Holder | None:
        try:
            self._session.start()
            data = self._session.get(f"{self._root}/leader")
        except REQUEST_ERRORS as error:
            raise StoreUnreachable(f"{self._shown}: {_text(error)}") from error
        return None if data is None else _holder(data)

    def announce(self, value: bytes) -> None:
        try:
            announce(self._session, self._base, value)
        except REQUEST_ERRORS as error:
            raise StoreUnreachable(f"{self._shown}: {_text(error)}") from error

    def _make_root(self) -> None:
        self._records.make_root()
        first = {"epoch": 0, "leader": "", "schema": SCHEMA_VERSION}
        self._session.create(f"{self._root}/term", json.dumps(first).encode())

    def _take(self, holder: bytes) -> None:
        path = f"{self._root}/leader"
        if self._session.create(path, holder, ephemeral=True) or self._session.owns(path):
            return
        data = self._session.get(path) or b""
        raise StoreHeld(f"{self._shown} is held by {_holder(data).leader}")

    def _begin_term(self, unique: str) -> int:
        data, stat = self._session.client.get(f"{self._root}/term")
        term = json.loads(data)
        if term.get("schema") != SCHEMA_VERSION:
            raise StoreMalformed(
                f"{self._shown} has schema {term.get('schema')}; this Tepui knows"
                f" {SCHEMA_VERSION}: upgrade Tepui"
            )
        epoch = int(term["epoch"]) + 1
        value = {"epoch": epoch, "leader": unique, "schema": SCHEMA_VERSION}
        self._records.term_version = stat.version
        try:
            self._records.send([("set", f"{self._root}/term", json.dumps(value).encode())])
        except CheckFailed:
            raise self._begun_by_another() from None
        self._records.term_version += 1
        return epoch

    def _begun_by_another(self) -> StoreHeld:
        return StoreHeld(f"{self._shown}: another process began to lead at once")

    # -- records ----------------------------------------------------------------------------

    def load(self) -> Records:
        try:
            return self._records.load()
        except CheckFailed:
            raise self._begun_by_another() from None
        except REQUEST_ERRORS as error:
            raise StoreError(f"{self._shown} can't be read: {_text(error)}") from error

    def commit(
        self, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        if term != self._term:
            return self._fenced()
        try:
            return self._commit(last_of_each(operations), guards)
        except CheckFailed:
            return self._fenced()
        except REQUEST_ERRORS as error:
            return Unknown(_text(error))

    def _commit(self, operations: list[Operation], guards: Sequence[Guard]) -> CommitResult:
        # Every writer's multi checks the term, and we are the only one in this term; so what is
        # read here still holds when our own multi passes the check.
        for guard in guards:
            if self._records.get(guard.collection, guard.key) != guard.value:
                return Conflict(guard.collection, guard.key)
        self._records.write(operations)
        self._version += 1
        return Committed(self._version)

    def _fenced(self) -> Fenced:
        try:
            data = self._session.get(f"{self._root}/term")
            return Fenced(int(json.loads(data or b"{}").get("epoch", 0)))
        except REQUEST_ERRORS:
            return Fenced(0)

    # -- the rest ---------------------------------------------------------------------------

    def refusal(self) -> str | None:
        if self._session.is_silent:
            return f"{self._shown}: no server answers; nothing was changed: try again in a moment"
        return None

    def close(self) -> None:
        self._session.close()


def _text(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def _holder(data: bytes) -> Holder:
    try:
        found = json.loads(data)
        return Holder(str(found["leader"]), str(found.get("address", "")))
    except (ValueError, KeyError, TypeError):
        return Holder("another process")
