"""What survives a process: one interface, written guarantees, and the stores behind it."""

from importlib import import_module

from kernel.store.interface import Store, StoreMalformed
from kernel.store.memory import MemoryStore
from kernel.store.schema import SCHEMA, Schema
from kernel.store.sqlite import SqliteStore
from kernel.store.urls import FORMS, redacted

# Loaded when they are asked for: the clients of other servers cost each process 7 MiB.
_NETWORKED = {
    "redis": "kernel.store.redis:RedisStore",
    "rediss": "kernel.store.redis:RedisStore",
    "redis+sentinel": "kernel.store.redis:RedisStore",
    "zk": "kernel.store.zookeeper:ZooKeeperStore",
}


def open_store(url: str, name: str = "tepui", *, schema: Schema = SCHEMA) -> Store:
    """Open the store that `url` names; where many share one server, `name` keeps them apart.

    It also tells the steps of `schema` whose records they are.
    Raises `StoreMalformed` for a URL that names none. Nothing is reached before `lead`.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory":
        return MemoryStore(schema)
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteStore(rest[1:], name, schema)
    if separator and scheme in _NETWORKED:
        module, _, kind = _NETWORKED[scheme].partition(":")
        store: Store = getattr(import_module(module), kind)(url, name, schema)
        return store
    raise StoreMalformed(f"'{redacted(url)}' names no store: {FORMS}")


def find_announced(url: str) -> bytes | None:
    """What the leader published below a `zk://` URL, or None. Blocks.

    Raises `StoreError` when no server answers, `StoreMalformed` when the URL makes no sense.
    """
    found: bytes | None = import_module("kernel.store.zookeeper").find_announced(url)
    return found
