"""A leader whose store is far away: slow, silent, or gone before it answered.

Source: the fault matrix, rows M3, M10, S11 and S12.
"""

import re
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from kernel.machine import Put
from kernel.store import Store, open_store
from kernel.store.interface import CommitResult, Committed, StoreError, StoreHeld, Term, Unknown
from tests.conformance.store import mutants
from tests.links import Links, links_to
from tests.processes import wait_until

LEASE_S = 1.5
BUSY_S = 0.7  # what a machine that is busy with other tests may add


class Far:
    """One store reached over links, and the same one reached straight."""

    def __init__(self, far_url: str, near_url: str, links: Links) -> None:
        name = uuid4().hex
        self.links = links
        self.lost_s: list[float] = []
        self.far = open_store(far_url, name)
        self.near = open_store(near_url, name)

    def lead(self) -> Term:
        return self.far.lead("far", on_lost=self._end)

    def _end(self, _: str) -> None:
        """As the end of a process does."""
        self.lost_s.append(time.monotonic())
        self.links.cut()

    def close(self) -> None:
        self.links.heal()
        self.far.close()
        self.near.close()


@pytest.fixture(params=["redis", "zookeeper"])
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    address: str = request.getfixturevalue(f"{request.param}_address")
    option = "lease" if request.param == "redis" else "session"
    ports = re.findall(r":(\d+)", address)
    with links_to(*map(int, ports)) as links:
        scheme, path = address.partition("://")[0], address.rpartition("/")[2]
        found = Far(
            f"{scheme}://{links.hosts}/{path}?{option}={LEASE_S}",
            f"{address}?{option}={LEASE_S}",
            links,
        )
        yield found
        found.close()


def begins(store: Store) -> Term | None:
    try:
        return store.lead("near")
    except StoreHeld:
        return None


def who_is_cut_off_ends_before_another_begins(far: Far, *ways: str) -> None:
    """Source: row M3."""
    term = far.lead()
    assert isinstance(far.far.commit(term, [Put("a", "x", b"1")]), Committed)
    far.links.hold(*ways)
    cut_s = time.monotonic()

    wait_until(lambda: begins(far.near), timeout_s=20)

    began_s = time.monotonic()
    assert far.lost_s, "another leads, and the first was not told"
    told_s = far.lost_s[0] - cut_s
    print(f"told after {told_s:.2f} s, another leads after {began_s - cut_s:.2f} s")
    assert told_s <= LEASE_S * 2 / 3 + BUSY_S
    assert far.lost_s[0] <= began_s


@pytest.mark.parametrize("ways", [("up", "down"), ("up",), ("down",)], ids=" ".join)
def test_a_leader_cut_from_its_store_is_told_before_another_begins(
    far: Far, ways: tuple[str, ...]
) -> None:
    who_is_cut_off_ends_before_another_begins(far, *ways)


def test_a_leader_that_nobody_tells_of_its_cut_is_caught(far: Far) -> None:
    """A mutant."""
    with mutants.nobody_is_told(), pytest.raises(AssertionError, match="was not told"):
        who_is_cut_off_ends_before_another_begins(far)


def test_a_slow_store_costs_patience_and_not_the_lease(far: Far) -> None:
    """Source: rows S11 and M10. Both ways of every question are slowed by a tenth of a lease."""
    term = far.lead()
    far.links.slow(LEASE_S / 20)
    end_s = time.monotonic() + 2 * LEASE_S
    slowest_s, commits = 0.0, 0

    while time.monotonic() < end_s:
        asked_s = time.monotonic()
        assert isinstance(far.far.commit(term, [Put("a", "x", b"%d" % commits)]), Committed)
        slowest_s = max(slowest_s, time.monotonic() - asked_s)
        commits += 1

    print(f"{commits} commits, the slowest {slowest_s:.2f} s")
    assert not far.lost_s
    assert begins(far.near) is None


def test_a_store_slower_than_its_patience_leaves_nobody_waiting(far: Far) -> None:
    """Source: row S11: a store that takes longer than a lease."""
    term = far.lead()
    far.links.slow(2 * LEASE_S)
    asked_s = time.monotonic()

    result = far.far.commit(term, [Put("a", "x", b"1")])

    waited_s = time.monotonic() - asked_s
    print(f"{result} after {waited_s:.2f} s")
    assert isinstance(result, Unknown)
    assert waited_s <= LEASE_S + BUSY_S
    wait_until(lambda: far.lost_s, timeout_s=5, what="it is told that its lease is lost")


def test_a_commit_whose_answer_is_lost_is_unknown_and_has_one_effect(far: Far) -> None:
    """Source: row S12. Nothing is sent a second time by itself."""
    term = far.lead()
    far.far.commit(term, [Put("a", "before", b"1")])
    number = -1
    result: CommitResult = Committed(0)
    while not isinstance(result, Unknown) and number < 20:
        # It may hit the words of the thread that renews the lease: then again.
        far.links.lose_next_reply()
        number += 1
        result = far.far.commit(term, [Put("a", f"n{number}", b"1")])
        far.links.heal()
    assert isinstance(result, Unknown), "no answer to a commit was lost"

    wait_until(lambda: can_say(far.far), timeout_s=10)
    found = far.far.load()["a"]
    # A lost answer to what was carried out: the record is there, as whoever reads again will see.
    assert found == {"before": b"1", **{f"n{number}": b"1" for number in range(number + 1)}}
    again = far.far.commit(term, [Put("a", "after", b"1")])
    assert isinstance(again, Committed)
    assert again.version <= number + 3  # no commit counted twice


def can_say(store: Store) -> bool:
    try:
        store.load()
    except StoreError:
        return False
    return True
