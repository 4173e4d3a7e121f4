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
    Snapshot,
    StoreHeld,
    StoreUnreachable,
    Term,
    Unknown,
)
from kernel.store.lease import Lease
from kernel.store.schema import SCHEMA, Schema
from kernel.store.urls import read, redacted
from kernel.store.zookeeper.announced import OPTIONS, announce
from kernel.store.zookeeper.nodes import last_of_each
from kernel.store.zookeeper.records import NodeRecords
from kernel.store.zookeeper.session import REQUEST_ERRORS, CheckFailed, Session
from kernel.store.zookeeper.watching import Watcher


class ZooKeeperStore:
    """One namespace in one ensemble. Used from one thread at a time; kazoo has its own."""

    is_shared = True

    def __init__(self, url: str, name: str, schema: Schema = SCHEMA) -> None:
        self._name = name
        self._schema = schema
        parts = read(url, options=OPTIONS)
        self._shown = redacted(url)
        self._base = "/" + (parts.path or "tepui")
        self._root = f"{self._base}/{name}"
        self._session = Session(parts, self._shown)
        self._records = NodeRecords(self._session, self._root)
        self._term: Term | None = None
        self._version = 0

    # -- leading ----------------------------------------------------------------------------

    def lead(
        self, leader: str, *, address: str = "", on_lost: OnLost | None = None, above: int = 0
    ) -> Term:
        unique = f"{leader}#{uuid4()}"
        try:
            self._session.start()
            self._make_root()
            began_s = Lease.clock_s()
            self._take(json.dumps({"leader": leader, "address": address}).encode())
            self._session.watch(on_lost, f"{self._root}/leader", began_s)
            self._term = Term(self._begin_term(unique, above), unique)
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
        self._session.create(f"{self._root}/term", _term(0, "", self._schema.version))

    def _take(self, holder: bytes) -> None:
        path = f"{self._root}/leader"
        if self._session.create(path, holder, ephemeral=True) or self._session.owns(path):
            return
        data = self._session.get(path) or b""
        raise StoreHeld(f"{self._shown} is held by {_holder(data).leader}")

    def _begin_term(self, unique: str, above: int) -> int:
        data, stat = self._session.client.get(f"{self._root}/term")
        last = json.loads(data)
        found = int(last["schema"])
        self._schema.refuse_newer(found, self._shown)
        epoch = max(int(last["epoch"]), above) + 1
        self._records.term_version = stat.version
        try:
            self._records.write([], _term(epoch, unique, found))
            if found < self._schema.version:
                operations = self._schema.upgrade(self._name, self._records.load(), found)
                self._records.write(operations, _term(epoch, unique, self._schema.version))
        except CheckFailed:
            raise self._begun_by_another() from None
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
            raise StoreUnreachable(f"{self._shown} can't be read: {_text(error)}") from error

    def snapshot(self) -> Snapshot:
        watcher = Watcher(self._session, self._root, self._shown)
        try:
            self._session.start()
            term, records = watcher.read()
        except REQUEST_ERRORS as error:
            raise StoreUnreachable(f"{self._shown} can't be read: {_text(error)}") from error
        last = json.loads(term or b'{"epoch": 0}')
        if last["epoch"] == 0:
            return Snapshot(0, self._schema.version, {})
        self._schema.refuse_newer(int(last["schema"]), self._shown)
        return Snapshot(int(last["epoch"]), int(last["schema"]), records)

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


def _term(epoch: int, leader: str, schema: int) -> bytes:
    return json.dumps({"epoch": epoch, "leader": leader, "schema": schema}).encode()


def _text(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def _holder(data: bytes) -> Holder:
    try:
        found = json.loads(data)
        return Holder(str(found["leader"]), str(found.get("address", "")))
    except (ValueError, KeyError, TypeError):
        return Holder("another process")
