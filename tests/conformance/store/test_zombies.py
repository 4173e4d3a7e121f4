"""A leader that slept through its lease and wakes: it writes nothing more, and ends.

Source: the fault matrix, row M2; measured without a fence, 80 to 120 stale writes counted.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from kernel.machine import Put
from kernel.store import Store, open_store
from kernel.store.interface import Committed, StoreHeld, Term
from tests.conformance.store.zombie import EXIT_LOST
from tests.processes import wait_until

LEASE_S = 1.0
END_S = 3.0  # aimed at: one; the rest is for a machine that is busy with other tests


@pytest.fixture(params=["redis", "zookeeper"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    option = "lease" if kind == "redis" else "session"
    return f"{request.getfixturevalue(f'{kind}_address')}?{option}={LEASE_S}"


class Zombie:
    """The other process, and what it has said so far."""

    def __init__(self, url: str, name: str, directory: Path, *words: str) -> None:
        self._said = directory / "said"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.conformance.store.zombie", url, name, *words],
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> list[str]:
        return self._said.read_text(errors="replace").splitlines()

    def wrote(self) -> int:
        return sum(line.startswith("wrote ") for line in self.said())

    def refused(self) -> int:
        return sum(line.startswith("refused Fenced") for line in self.said())

    def end(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()


@contextmanager
def awake(url: str, directory: Path, *words: str) -> Iterator[tuple[Zombie, Store]]:
    """One that leads and writes, and the store as the next leader opens it."""
    name = uuid4().hex
    other, store = Zombie(url, name, directory, *words), open_store(url, name)
    try:
        wait_until(lambda: other.wrote() > 10, timeout_s=20)
        yield other, store
    finally:
        other.end()
        store.close()


@pytest.fixture
def zombie(url: str, tmp_path: Path) -> Iterator[tuple[Zombie, Store]]:
    with awake(url, tmp_path) as both:
        yield both


def succeed(store: Store, terms: list[Term]) -> bool:
    try:
        terms.append(store.lead("successor"))
    except StoreHeld:
        return False
    return True


def test_a_leader_that_slept_through_its_lease_writes_nothing_and_ends(
    zombie: tuple[Zombie, Store],
) -> None:
    it_writes_nothing_and_ends(*zombie)


def it_writes_nothing_and_ends(other: Zombie, store: Store) -> None:
    terms = sleep_through(other, store)
    before = store.load()["zombie"]["last"]
    wrote = other.wrote()

    os.kill(other.process.pid, signal.SIGCONT)
    woken_s = time.monotonic()
    wait_until(lambda: other.process.poll() is not None, timeout_s=END_S, what="it ended")
    print(f"the deposed leader ended {time.monotonic() - woken_s:.2f} s after it woke")

    assert other.process.returncode == EXIT_LOST
    assert other.wrote() <= wrote + 1  # it may say what it had written before it slept
    assert store.load()["zombie"]["last"] == before
    assert isinstance(store.commit(terms[0], [Put("a", "b", b"c")]), Committed)


def sleep_through(other: Zombie, store: Store) -> list[Term]:
    """Stop it until another leads; whose term that is."""
    os.kill(other.process.pid, signal.SIGSTOP)
    began_s = time.monotonic()
    terms: list[Term] = []
    wait_until(lambda: succeed(store, terms), timeout_s=30)
    print(f"time without a leader: {time.monotonic() - began_s:.2f} s, lease {LEASE_S} s")
    return terms


def test_a_deposed_leader_that_does_not_hear_of_it_is_refused_at_every_attempt(
    url: str, tmp_path: Path
) -> None:
    with awake(url, tmp_path, "deaf") as both:
        every_attempt_is_refused(*both)


def every_attempt_is_refused(other: Zombie, store: Store) -> None:
    sleep_through(other, store)
    before = store.load()["zombie"]["last"]
    wrote = other.wrote()

    os.kill(other.process.pid, signal.SIGCONT)
    wait_until(lambda: other.refused() > 20 or other.wrote() > wrote + 1, timeout_s=20)

    print(f"{other.refused()} attempts refused, {other.wrote() - wrote} said to be written")
    assert other.wrote() <= wrote + 1  # it may say what it had written before it slept
    assert store.load()["zombie"]["last"] == before


def test_without_the_term_in_the_commit_stale_writes_are_seen(
    kind: str, url: str, tmp_path: Path
) -> None:
    """A mutant: the test of the fence fails when there is none."""
    with (
        awake(url, tmp_path, "deaf", f"{kind}-unfenced") as both,
        pytest.raises(AssertionError, match="wrote"),
    ):
        every_attempt_is_refused(*both)


def test_without_a_word_to_the_deposed_leader_it_is_seen_to_live_on(
    url: str, tmp_path: Path
) -> None:
    """A mutant: the test of the end fails when nobody is told."""
    with awake(url, tmp_path, "untold") as both, pytest.raises(AssertionError, match="it ended"):
        it_writes_nothing_and_ends(*both)


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
