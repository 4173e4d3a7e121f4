"""Stores with one guard taken out each, to see that the tests of the promises notice.

Each is planted from outside for as long as its `with` lasts; the product's code stays as it is.
Source: the project's reliability notes §6, mutation check of the fences.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

from kernel.agent.registration import Registration
from kernel.machine import Now, Operation
from kernel.messages.agent import Subscribed
from kernel.store import redis, sqlite
from kernel.store.interface import CommitResult, Guard, Term
from kernel.store.lease import Lease
from kernel.store.memory import MemoryStore
from kernel.store.zookeeper.records import NodeRecords
from kernel.store.zookeeper.session import Request, Session
from kernel.store.zookeeper.store import ZooKeeperStore

Plant = Callable[[], AbstractContextManager[object]]


@contextmanager
def planted(target: Any, name: str, instead: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, name, instead)
        yield


def without(script: str, words: str, instead: str = "") -> Plant:
    """A script of Redis's with some words replaced."""
    before: str = getattr(redis, script)
    assert words in before, f"{script} has changed: plant the mutant anew"
    return lambda: planted(redis, script, before.replace(words, instead))


@contextmanager
def memory_takes_any_term() -> Iterator[None]:
    honest = MemoryStore.commit

    def commit(
        self: MemoryStore, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        return honest(self, self._term, operations, guards)

    with planted(MemoryStore, "commit", commit):
        yield


@contextmanager
def sqlite_takes_any_term(*, epoch_counts: bool = False) -> Iterator[None]:
    honest = sqlite.SqliteStore._commit

    def commit(
        self: sqlite.SqliteStore,
        term: Term,
        operations: Sequence[Operation],
        guards: Sequence[Guard],
    ) -> CommitResult:
        there = Term(*self._opened().execute("SELECT epoch, leader FROM term").fetchone())
        planted = Term(term.epoch, there.leader) if epoch_counts else there
        return honest(self, planted, operations, guards)

    with planted(sqlite.SqliteStore, "_commit", commit):
        yield


def sqlite_takes_no_lock() -> AbstractContextManager[object]:
    return planted(sqlite.fcntl, "flock", lambda *_: None)


@contextmanager
def zookeeper_takes_any_term() -> Iterator[None]:
    honest = ZooKeeperStore.commit

    def commit(
        self: ZooKeeperStore,
        term: Term,
        operations: Sequence[Operation],
        guards: Sequence[Guard] = (),
    ) -> CommitResult:
        assert self._term is not None
        return honest(self, self._term, operations, guards)

    with planted(ZooKeeperStore, "commit", commit):
        yield


@contextmanager
def zookeeper_checks_no_version() -> Iterator[None]:
    """-1 is ZooKeeper's word for any version."""

    def send(self: NodeRecords, requests: Sequence[Request]) -> None:
        self._session.send((f"{self._root}/term", -1), requests)

    with planted(NodeRecords, "send", send):
        yield


@contextmanager
def nobody_is_told() -> Iterator[None]:
    """Whoever loses the lease or the session hears nothing of it."""
    with (
        planted(Lease, "_lose", lambda self, reason: None),
        planted(Session, "lose", lambda self, reason: None),
    ):
        yield


@contextmanager
def guards_are_skipped() -> Iterator[None]:
    """Of all stores at once."""
    kinds: list[tuple[Any, str]] = [
        (MemoryStore, "commit"), (sqlite.SqliteStore, "commit"), (redis.RedisStore, "commit"),
        (ZooKeeperStore, "commit"),
    ]  # fmt: skip
    with ExitStack() as all_planted:
        for kind, name in kinds:
            all_planted.enter_context(planted(kind, name, _guardless(getattr(kind, name))))
        yield


def _guardless(honest: Callable[..., CommitResult]) -> Callable[..., CommitResult]:
    def commit(
        self: object, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        return honest(self, term, operations)

    return commit


COMPARE = "if term[1] ~= ARGV[1] or term[2] ~= ARGV[2] then"
IS_OURS = "if redis.call('GET', KEYS[1]) == ARGV[1] then"

REDIS_UNFENCED = without("_COMMIT", COMPARE, "if false then")
REDIS_ASKS_NO_NAME = without("_COMMIT", COMPARE, "if term[1] ~= ARGV[1] then")
REDIS_LEAD_TAKES_ALL = without("_LEAD", "'NX', ")
REDIS_EPOCH_STAYS = without("_LEAD", "redis.call('HINCRBY', KEYS[2], 'epoch', 1)", "1")
REDIS_RENEWS_ANY = without("_RENEW", IS_OURS, "if true then")
REDIS_RELEASES_ANY = without("_RELEASE", IS_OURS, "if true then")

#: What a zombie in a process of its own can be made of.
OF_ZOMBIES: dict[str, Plant] = {
    "redis-unfenced": REDIS_UNFENCED,
    "zookeeper-unfenced": zookeeper_checks_no_version,
    "untold": nobody_is_told,
}


def make_agents_obey_all() -> AbstractContextManager[object]:
    """An agent that keeps no term: every master is as new as the last."""
    honest = Registration.subscribed

    def subscribed(self: Registration, event: Subscribed, now: Now) -> Any:
        self.keep(epoch=min(event.epoch, self.standing.epoch))
        return honest(self, event, now)

    return planted(Registration, "subscribed", subscribed)
