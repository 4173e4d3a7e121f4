"""What survives a process: one interface, written guarantees, and the stores behind it."""

from kernel.store.interface import Store, StoreMalformed
from kernel.store.memory import MemoryStore
from kernel.store.redis import RedisStore
from kernel.store.sqlite import SqliteStore
from kernel.store.urls import FORMS, redacted
from kernel.store.zookeeper import ZooKeeperStore
from kernel.store.zookeeper import find_announced as find_announced


def open_store(url: str, name: str = "tepui") -> Store:
    """Open the store that `url` names; where many share one server, `name` keeps them apart.

    Raises `StoreMalformed` for a URL that names none. Nothing is reached before `lead`.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory":
        return MemoryStore()
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteStore(rest[1:])
    if separator and scheme in ("redis", "rediss", "redis+sentinel"):
        return RedisStore(url, name)
    if separator and scheme == "zk":
        return ZooKeeperStore(url, name)
    raise StoreMalformed(f"'{redacted(url)}' names no store: {FORMS}")
