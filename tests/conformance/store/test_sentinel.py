"""Redis watched by Sentinel: who is promoted has all that was confirmed; the rest is refused.

Source: the fault matrix, row S8; the project's reliability notes §3b; redis.io, Sentinel, WAIT.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from kernel.machine import Put
from kernel.store import Store, open_store
from kernel.store.interface import Committed, StoreError, Term, Unknown
from tests.processes import free_port, wait_until
from tests.servers import Server, redis_server

LEASE_S = 1.5
DOWN_AFTER_MS = 1_000


class Trio:
    """A primary with two replicas, and one Sentinel that is enough to decide."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.nodes: list[Server] = []
        for number in range(3):
            home = directory / f"node-{number}"
            home.mkdir()
            words = ["--repl-diskless-sync-delay", "0"]
            if self.nodes:
                words += ["--replicaof", "127.0.0.1", str(self.nodes[0].port)]
            self.nodes.append(stack.enter_context(redis_server(home, *words)))
        home = directory / "sentinel"
        home.mkdir()
        port = free_port()
        (home / "sentinel.conf").write_text(
            f"port {port}\nbind 127.0.0.1\n"
            f"sentinel monitor tepui 127.0.0.1 {self.nodes[0].port} 1\n"
            f"sentinel down-after-milliseconds tepui {DOWN_AFTER_MS}\n"
            "sentinel failover-timeout tepui 5000\n"
        )
        program = shutil.which("redis-server")
        assert program
        self.sentinel = Server([program, "sentinel.conf", "--sentinel"], port, home)
        stack.callback(self.sentinel.stop)
        self.url = f"redis+sentinel://127.0.0.1:{port}/tepui?lease={LEASE_S}"
        wait_until(lambda: self.knows(2), 20, "the Sentinel knows both replicas")

    def knows(self, replicas: int) -> bool:
        try:
            (row,) = redis.Redis(port=self.sentinel.port).sentinel_masters().values()  # type: ignore[no-untyped-call]
            primary = redis.Redis(port=self.nodes[0].port).info("replication")
            states = [primary.get(f"slave{each}", {}).get("state") for each in range(replicas)]
            return bool(row["num-slaves"] == replicas) and states == ["online"] * replicas
        except redis.RedisError:
            return False


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Trio]:
    with ExitStack() as stack:
        yield Trio(tmp_path, stack)


def leads(store: Store, terms: list[Term]) -> bool:
    try:
        terms.append(store.lead("successor"))
    except StoreError:
        return False
    return True


def test_after_a_promotion_all_that_was_confirmed_is_there(trio: Trio) -> None:
    lost: list[str] = []
    first, second = open_store(trio.url), open_store(trio.url)
    old = first.lead("first", on_lost=lost.append)
    for number in range(200):
        assert isinstance(first.commit(old, [Put("a", f"{number:03d}", b"1")]), Committed)

    trio.nodes[0].kill()
    assert isinstance(first.commit(old, [Put("a", "after", b"1")]), Unknown)
    wait_until(lambda: lost, 5, "who led is told")
    terms: list[Term] = []
    wait_until(lambda: leads(second, terms), 30, "another leads at the promoted one")

    assert terms[0].epoch > old.epoch
    assert {f"{number:03d}" for number in range(200)} <= set(second.load()["a"])
    assert not isinstance(first.commit(old, [Put("a", "stale", b"1")]), Committed)
    assert "stale" not in second.load()["a"]
    first.close()
    second.close()


def test_what_no_replica_confirms_is_not_acknowledged(trio: Trio) -> None:
    lost: list[str] = []
    store = open_store(trio.url)
    term = store.lead("first", on_lost=lost.append)
    assert isinstance(store.commit(term, [Put("a", "x", b"1")]), Committed)

    for replica in trio.nodes[1:]:
        replica.pause()

    result = store.commit(term, [Put("a", "x", b"2")])
    assert isinstance(result, Unknown)
    assert "0 of 1 replicas confirmed" in result.reason
    wait_until(lambda: lost, 5, "who led is told that its lease is not confirmed either")
    store.close()
