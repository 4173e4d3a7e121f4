"""What is saved from one kind of store is restored into another, and is the same there."""

from pathlib import Path
from uuid import uuid4

from click.testing import CliRunner

from kernel.cli.backup import OWNERS
from kernel.cli.main import cli
from kernel.machine import Delete, Put
from kernel.store import open_store
from kernel.store.backup import read
from kernel.store.interface import Records
from tests.servers import redis_server, zookeepers


def stores(urls: dict[str, str]) -> list[str]:
    return [word for owner, url in urls.items() for word in (f"--{owner}-store", url)]


def tepui(*words: str) -> None:
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == 0, done.output


def fill(urls: dict[str, str]) -> dict[str, Records]:
    filled: dict[str, Records] = {}
    for number, (owner, url) in enumerate(urls.items()):
        store = open_store(url, owner)
        term = store.lead(owner)
        puts = [Put(f"c{n % 3}", f"/ü {n}/%", uuid4().bytes * (n % 50)) for n in range(500)]
        store.commit(term, [*puts, Put("large", "one", uuid4().bytes * 100_000 * number)])
        store.commit(term, [Delete("c0", "/ü 0/%")])
        filled[owner] = store.load()
        store.close()
    return filled


def test_sqlite_to_redis_to_zookeeper_to_sqlite_is_what_it_was(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path) as server,
        zookeepers(tmp_path / "zookeeper", count=1) as (zookeeper,),
    ):
        places = [
            {owner: f"sqlite:///{tmp_path}/a/{owner}.sqlite" for owner in OWNERS},
            dict.fromkeys(OWNERS, f"redis://127.0.0.1:{server.port}/0"),
            dict.fromkeys(OWNERS, f"zk://127.0.0.1:{zookeeper.port}/tepui?session=2"),
            {owner: f"sqlite:///{tmp_path}/b/{owner}.sqlite" for owner in OWNERS},
        ]
        filled = fill(places[0])

        epochs = []
        for number, (source, target) in enumerate(zip(places, places[1:], strict=False)):
            file = str(tmp_path / f"{number}.backup")
            tepui("backup", file, *stores(source))
            tepui("restore", file, *stores(target))
            saved = read(Path(file).read_bytes()).stores
            assert {each.name: each.snapshot.records for each in saved} == filled
            epochs.append(saved[0].snapshot.epoch)

        for owner, url in places[-1].items():
            store = open_store(url, owner)
            assert store.lead("next").epoch > epochs[-1]
            assert store.load() == filled[owner]
            store.close()
        assert epochs == sorted(set(epochs))
