"""What survives a process: one interface, written guarantees, and the stores behind it."""

from kernel.store.interface import Store, StoreMalformed
from kernel.store.memory import MemoryStore
from kernel.store.sqlite import SqliteStore


def open_store(url: str) -> Store:
    """Open the store that `url` names: `sqlite:////abs/path/file.sqlite` or `memory://`.

    Raises `StoreMalformed` for a URL that names none.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory":
        return MemoryStore()
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteStore(rest[1:])
    raise StoreMalformed(
        f"'{url.partition('@')[0]}' names no store: write sqlite:///PATH (a relative path),"
        " sqlite:////PATH (an absolute one) or memory://"
    )
