"""What only Redis does: it may keep nothing, throw records away, be full, or want a password."""

from pathlib import Path

import pytest
import redis

from kernel.machine import Put
from kernel.store import open_store
from kernel.store.interface import Committed, StoreError, StoreFull, StoreUnreachable, Unknown
from tests.processes import wait_until
from tests.servers import redis_server


def test_a_redis_that_keeps_no_file_is_refused_unless_one_insists(tmp_path: Path) -> None:
    """Source: the fault matrix, row S10: 3,000 of 3,000 keys were gone after a restart."""
    with redis_server(tmp_path, keeps=False) as server:
        url = f"redis://127.0.0.1:{server.port}"

        with pytest.raises(StoreError, match="appendonly yes"):
            open_store(url).lead("one")
        open_store(f"{url}?allow-loss=yes").lead("one")


def test_a_redis_that_throws_records_away_is_refused(tmp_path: Path) -> None:
    words = ("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    with (
        redis_server(tmp_path, *words) as server,
        pytest.raises(StoreError, match="noeviction"),
    ):
        open_store(f"redis://127.0.0.1:{server.port}").lead("one")


def test_a_full_redis_changes_nothing_and_says_so(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--maxmemory", "4mb") as server:
        store = open_store(f"redis://127.0.0.1:{server.port}?lease=1")
        term = store.lead("one")
        assert isinstance(store.commit(term, [Put("a", "x", b"kept")]), Committed)

        with pytest.raises(StoreFull, match="maxmemory"):
            for number in range(100):
                store.commit(term, [Put("a", f"big{number}", b"." * 500_000), Put("a", "x", b"no")])
                store.commit(term, [Put("a", "x", b"kept")])

        assert store.load()["a"]["x"] in (b"kept", b"no")
        wait_until(lambda: store.refusal() is not None, timeout_s=5)
        assert "raise its maxmemory" in (store.refusal() or "")
        redis.Redis(port=server.port).config_set("maxmemory", "100mb")
        wait_until(lambda: store.refusal() is None, timeout_s=5)
        assert isinstance(store.commit(term, [Put("a", "x", b"again")]), Committed)
        store.close()


@pytest.mark.parametrize("how", ["read-only", "full", "without replicas"])
def test_a_redis_that_takes_no_writes_for_a_while_is_asked_again(tmp_path: Path, how: str) -> None:
    """A standby that ended for good there would be missed. Source: issue "several machines"."""
    with redis_server(tmp_path) as server:
        store = open_store(f"redis://127.0.0.1:{server.port}?lease=1")
        term = store.lead("one")
        assert isinstance(store.commit(term, [Put("a", "x", b"kept")]), Committed)
        standby = open_store(f"redis://127.0.0.1:{server.port}?lease=1")
        operator = redis.Redis(port=server.port)

        if how == "read-only":
            operator.execute_command("REPLICAOF", "127.0.0.1", "1")
        elif how == "full":
            operator.config_set("maxmemory", "1")
        else:
            operator.config_set("min-replicas-to-write", "1")

        if how == "full":
            with pytest.raises(StoreFull):
                store.commit(term, [Put("a", "x", b"no")])
        else:
            assert isinstance(store.commit(term, [Put("a", "x", b"no")]), Unknown)
        store.close()
        with pytest.raises(StoreUnreachable):
            standby.lead("two")

        operator.execute_command("REPLICAOF", "NO", "ONE")
        operator.config_set("maxmemory", "0")
        operator.config_set("min-replicas-to-write", "0")
        wait_until(lambda: _leads(standby), timeout_s=10)
        assert standby.load() == {"a": {"x": b"kept"}}
        standby.close()


def test_a_wrong_password_is_an_error_without_the_password(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--requirepass", "right-word") as server:
        url = f"redis://:{{}}@127.0.0.1:{server.port}"

        with pytest.raises(StoreError) as caught:
            open_store(url.format("wrong-word")).lead("one")
        assert "wrong-word" not in str(caught.value)
        store = open_store(url.format("right-word"))
        assert store.lead("one").epoch == 1
        store.close()


def test_a_redis_that_dies_leaves_a_commit_unknown_and_what_was_confirmed_is_kept(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as server:
        url = f"redis://127.0.0.1:{server.port}?lease=1"
        store = open_store(url)
        term = store.lead("one")
        assert isinstance(store.commit(term, [Put("a", "x", b"1")]), Committed)

        server.kill()
        assert isinstance(store.commit(term, [Put("a", "x", b"2")]), Unknown)
        store.close()  # who can't know whether it wrote ends
        server.restart()

        again = open_store(url)
        wait_until(lambda: _leads(again), timeout_s=20)
        assert again.load() == {"a": {"x": b"1"}}
        again.close()


def _leads(store: object) -> bool:
    try:
        store.lead("two")  # type: ignore[attr-defined]
    except StoreError:
        return False
    return True
