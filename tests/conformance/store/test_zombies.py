"""A leader that slept through its lease and wakes: it writes nothing more, and ends.

Source: the fault matrix, rows M2 and S5; measured without a fence, 80 to 120 stale writes counted.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from kernel.machine import Put
from kernel.store import Store, open_store
from kernel.store.interface import Committed, StoreHeld, Term
from tests.conformance.store.zombie import EXIT_LOST
from tests.processes import wait_until
from tests.servers import redis_server, zookeepers

LEASE_S = 1.0


@pytest.fixture(scope="module", params=["redis", "zookeeper"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "redis":
        with redis_server(directory) as server:
            yield f"redis://127.0.0.1:{server.port}?lease={LEASE_S}"
    else:
        with zookeepers(directory) as servers:
            hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
            yield f"zk://{hosts}/tepui?session={LEASE_S}"


class Zombie:
    """The other process, and what it has said so far."""

    def __init__(self, url: str, name: str, directory: Path) -> None:
        self._said = directory / "said"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.conformance.store.zombie", url, name],
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> list[str]:
        return self._said.read_text(errors="replace").splitlines()

    def wrote(self) -> int:
        return sum(line.startswith("wrote ") for line in self.said())


@pytest.fixture
def zombie(url: str, tmp_path: Path) -> Iterator[tuple[Zombie, Store]]:
    name = uuid4().hex
    other, store = Zombie(url, name, tmp_path), open_store(url, name)
    wait_until(lambda: other.wrote() > 10, timeout_s=20)
    yield other, store
    if other.process.poll() is None:
        os.kill(other.process.pid, signal.SIGCONT)
        other.process.kill()
        other.process.wait()
    store.close()


def succeed(store: Store, terms: list[Term]) -> bool:
    try:
        terms.append(store.lead("successor"))
    except StoreHeld:
        return False
    return True


def test_a_leader_that_slept_through_its_lease_writes_nothing_and_ends(
    zombie: tuple[Zombie, Store],
) -> None:
    other, store = zombie
    os.kill(other.process.pid, signal.SIGSTOP)
    began_s = time.monotonic()
    terms: list[Term] = []
    wait_until(lambda: succeed(store, terms), timeout_s=30)
    print(f"time without a leader: {time.monotonic() - began_s:.2f} s, lease {LEASE_S} s")
    before = store.load()["zombie"]["last"]
    wrote = other.wrote()

    os.kill(other.process.pid, signal.SIGCONT)
    woken_s = time.monotonic()
    assert other.process.wait(timeout=20) == EXIT_LOST
    print(f"the deposed leader ended {time.monotonic() - woken_s:.2f} s after it woke")

    assert other.wrote() <= wrote + 1  # it may say what it had written before it slept
    assert store.load()["zombie"]["last"] == before
    assert isinstance(store.commit(terms[0], [Put("a", "b", b"c")]), Committed)


def test_a_leader_that_is_killed_is_followed_within_its_lease(
    zombie: tuple[Zombie, Store],
) -> None:
    other, store = zombie
    other.process.kill()
    other.process.wait()
    began_s = time.monotonic()

    wait_until(lambda: succeed(store, []), timeout_s=30)

    print(f"time without a leader: {time.monotonic() - began_s:.2f} s, lease {LEASE_S} s")
    # All that it was told to be written is there.
    last = int(store.load()["zombie"]["last"])
    assert last >= max(int(line.split()[1]) for line in other.said() if line.startswith("wrote"))
