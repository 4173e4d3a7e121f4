"""A snapshot of ZooKeeper's: a large commit counts from the moment it is true, finished or not."""

from collections.abc import Sequence
from pathlib import Path

from kernel.machine import Delete, Operation, Put
from kernel.store.urls import read
from kernel.store.zookeeper import ZooKeeperStore, nodes
from kernel.store.zookeeper.records import NodeRecords
from kernel.store.zookeeper.session import Session
from tests.servers import zookeepers


class Unfinished(NodeRecords):
    """Ends after a part of the redo log, as a leader does that is killed there."""

    parts = 0

    def _apply_redo(self, operations: Sequence[Operation], blob: nodes.Blob) -> None:
        for part in list(nodes.slices(operations))[: self.parts]:
            self._write(part)


def test_a_commit_that_its_leader_did_not_finish_is_whole_in_a_snapshot(tmp_path: Path) -> None:
    with zookeepers(tmp_path, count=1) as (server,):
        url = f"zk://127.0.0.1:{server.port}/tepui?session=2"
        large = bytes(range(256)) * 16
        for parts in range(4):
            name = f"store-{parts}"
            leader = ZooKeeperStore(url, name)
            term = leader.lead("one")
            gone = [Put("apps", f"/gone/{n}", b"1") for n in range(3)]
            leader.commit(term, [*gone, Put("apps", "/0", b"old"), Put("apps", "/kept", b"1")])
            wanted = {"/kept": b"1"} | {f"/{n}": large for n in range(700)}
            wanted["/0"] = bytes(range(256)) * 10_000 + str(parts).encode()
            commit: list[Operation] = [Delete(each.collection, each.key) for each in gone]
            commit += [Put("apps", key, value) for key, value in wanted.items() if key != "/kept"]

            session = Session(read(url, options=("session",)), "it")
            session.start()
            dying = Unfinished(session, f"/tepui/{name}")
            dying.parts = parts
            dying.load()
            dying.term_version = session.client.exists(f"/tepui/{name}/term").version
            dying.write(commit)
            reader = ZooKeeperStore(url, name)
            found = reader.snapshot().records
            session.close()
            leader.close()

            assert found == {"apps": {key: wanted[key] for key in sorted(wanted)}}
            next_one = ZooKeeperStore(url, name)
            next_one.lead("two")
            assert next_one.load() == found
            assert reader.snapshot().records == found
            next_one.close()
            reader.close()
