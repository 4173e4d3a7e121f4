"""A suite that can't fail shows nothing: stores with one guard taken out each are all caught.

Those that only a leader in a process of its own can show are with `test_zombies`.
"""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from kernel.machine import Put
from kernel.store import Store, open_store
from kernel.store.interface import Committed
from tests.conformance.store import mutants, test_store
from tests.conformance.store.mutants import Plant
from tests.kernel.agent import test_agent
from tests.processes import wait_until

Open = Callable[[], Store]
Claim = Callable[[Open], None]


def opener(kind: str, request: pytest.FixtureRequest, directory: Path, *, beside: bool) -> Open:
    """Opens one store again and again: instead of the last one, or `beside` it."""
    name, opened = uuid4().hex, list[Store]()

    def reopen() -> Store:
        if kind == "memory" and opened:
            return opened[0]
        if not beside:
            for store in opened:
                store.close()
        url = {"memory": "memory://", "sqlite": f"sqlite:///{directory}/{name}.sqlite"}.get(kind)
        opened.append(open_store(url or request.getfixturevalue(f"{kind}_url"), name))
        return opened[-1]

    def close() -> None:
        for store in opened:
            store.close()

    request.addfinalizer(close)
    return reopen


OLDER_TERM = test_store.test_an_older_term_is_fenced_and_changes_nothing
SAME_EPOCH = test_store.test_a_term_of_the_same_epoch_under_another_name_is_fenced
HIGHER = test_store.test_each_term_is_higher_than_the_last
GUARD = test_store.test_a_guard_that_does_not_hold_stops_the_whole_commit
SECOND = test_store.test_a_second_one_is_told_who_leads_and_where

CAUGHT: list[tuple[str, str, Plant, Claim]] = [
    ("memory takes any term", "memory", mutants.memory_takes_any_term, OLDER_TERM),
    ("sqlite takes any term", "sqlite", mutants.sqlite_takes_any_term, OLDER_TERM),
    ("sqlite asks no name", "sqlite", lambda: mutants.sqlite_takes_any_term(epoch_counts=True),
     SAME_EPOCH),
    ("sqlite takes no lock", "sqlite", mutants.sqlite_takes_no_lock, SECOND),
    ("redis takes any term", "redis", mutants.REDIS_UNFENCED, OLDER_TERM),
    ("redis asks no name", "redis", mutants.REDIS_ASKS_NO_NAME, SAME_EPOCH),
    ("redis lets everybody lead", "redis", mutants.REDIS_LEAD_TAKES_ALL, SECOND),
    ("redis keeps the epoch", "redis", mutants.REDIS_EPOCH_STAYS, HIGHER),
    ("zookeeper takes any term", "zookeeper", mutants.zookeeper_takes_any_term, OLDER_TERM),
    *(
        (f"{kind} skips guards", kind, mutants.guards_are_skipped, GUARD)
        for kind in ("memory", "sqlite", "redis", "zookeeper")
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "plant", "claim"), [row[1:] for row in CAUGHT], ids=[row[0] for row in CAUGHT]
)
def test_a_store_without_one_of_its_guards_is_caught(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, plant: Plant, claim: Claim
) -> None:
    beside = claim is SECOND
    claim(opener(kind, request, tmp_path, beside=beside))  # the honest one passes

    with plant(), pytest.raises((AssertionError, pytest.fail.Exception)):
        claim(opener(kind, request, tmp_path, beside=beside))


def a_leader_whose_lease_another_has_is_told(url: str) -> None:
    """As after a jump of the server's clock: the lease is gone early, and another begins."""
    name, told = uuid4().hex, list[str]()
    first, second = open_store(url, name), open_store(url, name)
    try:
        first.lead("first", on_lost=told.append)
        redis.Redis.from_url(url.partition("?")[0]).delete(f"tepui:{{{name}}}:lease")
        second.lead("second")
        wait_until(lambda: told, timeout_s=1.5, what="the first is told")
    finally:
        first.close()
        second.close()


def who_was_deposed_leaves_its_successor_alone(url: str) -> None:
    name = uuid4().hex
    first, second = open_store(url, name), open_store(url, name)
    try:
        first.lead("first")
        redis.Redis.from_url(url.partition("?")[0]).delete(f"tepui:{{{name}}}:lease")
        term = second.lead("second")
        first.close()
        holder = second.holder()
        assert holder is not None, "the successor's lease is gone"
        assert holder.leader == term.leader.partition("#")[0]
        assert isinstance(second.commit(term, [Put("a", "b", b"c")]), Committed)
    finally:
        second.close()


@pytest.mark.parametrize(
    ("plant", "claim"),
    [
        (mutants.REDIS_RENEWS_ANY, a_leader_whose_lease_another_has_is_told),
        (mutants.nobody_is_told, a_leader_whose_lease_another_has_is_told),
        (mutants.REDIS_RELEASES_ANY, who_was_deposed_leaves_its_successor_alone),
    ],
    ids=["renews another's lease", "tells nobody", "releases another's lease"],
)
def test_a_lease_of_redis_without_one_of_its_guards_is_caught(
    redis_url: str, plant: Plant, claim: Callable[[str], None]
) -> None:
    """Source: the fault matrix, row S13: a lease of Redis ends by the wall clock of its host."""
    claim(redis_url)

    with plant(), pytest.raises((AssertionError, pytest.fail.Exception)):
        claim(redis_url)


def test_an_agent_that_obeys_a_master_of_an_older_term_is_caught() -> None:
    claim = test_agent.test_a_master_of_an_older_term_is_left_even_after_a_crash

    with mutants.make_agents_obey_all(), pytest.raises((AssertionError, ValueError)):
        claim()
