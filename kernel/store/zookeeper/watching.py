"""One moment of a store in ZooKeeper, read without leading while another may write.

ZooKeeper has no read of many nodes at once. So every node and every list of children is read with
a watch, what changed meanwhile is read again, and when a last request is answered and no watch
has fired before it, all that we hold is what that server held at that moment: a server sends the
news of a change before any answer that was made after it. An unfinished redo log is true already
and laid over the records; blobs never change, so they are read last. How names and values look is
`nodes`'s. Source: ZooKeeper Programmer's Guide, What ZooKeeper Guarantees about Watches.
"""

import threading
import time
from typing import Any

from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import Callback, EventType, WatchedEvent

from kernel.machine import Put
from kernel.store.interface import Records, StoreUnreachable
from kernel.store.zookeeper import nodes
from kernel.store.zookeeper.session import Session

_READS_AT_ONCE = 500
PATIENCE_S = 60.0  # how long the records may change faster than they can be read

_Name = tuple[str, str]


class Watcher:
    """Reads once. Events come from kazoo's thread; all else is the caller's."""

    def __init__(self, session: Session, root: str, shown: str) -> None:
        self._session = session
        self._client = session.client
        self._root = root
        self._shown = shown
        self._lock = threading.Lock()
        self._stale: dict[str, None] = {}  # nodes whose value is to be read again
        self._stale_lists: dict[str, None] = {}  # and nodes whose children are
        self._is_blind = False  # the connection was lost, and every watch with it
        self._values: dict[str, bytes] = {}
        self._lists: dict[str, list[str]] = {}

    def read(self) -> tuple[bytes | None, Records]:
        """The term's node, or None where no store is, and the records."""
        until_s = time.monotonic() + PATIENCE_S
        self._client.sync(self._root)
        singles = (f"{self._root}/term", f"{self._root}/redo")
        self._mark(lists=[f"{self._root}/records"], values=singles)
        while time.monotonic() < until_s:
            if self._has_caught_up():
                try:
                    return self._values.get(singles[0]), self._records()
                except NoNodeError:
                    continue  # a blob that was replaced meanwhile: its record is news by now
        raise StoreUnreachable(
            f"{self._shown} changed faster than it could be read for {PATIENCE_S:g} s: try again"
        )

    # -- reading what is not known --------------------------------------------------------

    def _read_stale(self) -> None:
        lists, values = self._take()
        for path in lists:
            self._list(path)
        for at in range(0, len(values), _READS_AT_ONCE):
            self._get(values[at : at + _READS_AT_ONCE])

    def _list(self, path: str) -> None:
        try:
            names: list[str] = sorted(self._client.get_children(path, watch=self._on_event))
        except NoNodeError:  # no store yet, and nothing that could change in it
            names = []
        # What is gone is not asked for any more; a value that comes back is read as news.
        known = dict.fromkeys(self._lists.get(path, []))
        self._lists[path] = names
        paths = [f"{path}/{name}" for name in names if name not in known]
        if path == f"{self._root}/records":
            self._mark(lists=paths)
        else:
            self._mark(values=paths)

    def _get(self, paths: list[str]) -> None:
        # What is not there yet can be watched with `exists` only.
        for path in paths:
            if path.rpartition("/")[0] == self._root:
                self._client.exists_async(path, watch=self._on_event)
        asked = [(path, self._client.get_async(path, watch=self._on_event)) for path in paths]
        for path, answer in asked:
            try:
                self._values[path] = self._answer(answer)[0]
            except NoNodeError:
                self._values.pop(path, None)

    def _answer(self, answer: Any) -> Any:
        return answer.get(timeout=self._session.timeout_s)

    # -- news -----------------------------------------------------------------------------

    def _has_caught_up(self) -> bool:
        """Read what is news; whether there was no more when a request after it was answered."""
        self._read_stale()
        self._client.exists(self._root)
        seen = threading.Event()  # after all news that came before the answer
        self._client.handler.dispatch_callback(Callback("watch", seen.set, ()))
        seen.wait(self._session.timeout_s)
        with self._lock:
            if self._is_blind:
                raise StoreUnreachable(f"{self._shown}: the connection was lost while reading")
            return seen.is_set() and not self._stale and not self._stale_lists

    def _on_event(self, event: WatchedEvent) -> None:
        with self._lock:
            if event.type == EventType.NONE or event.path is None:
                self._is_blind = True
            elif event.type == EventType.CHILD:
                self._stale_lists[event.path] = None
            else:
                self._stale[event.path] = None

    def _mark(self, *, lists: Any = (), values: Any = ()) -> None:
        with self._lock:
            self._stale_lists |= dict.fromkeys(lists)
            self._stale |= dict.fromkeys(values)

    def _take(self) -> tuple[list[str], list[str]]:
        with self._lock:
            taken = list(self._stale_lists), list(self._stale)
            self._stale_lists, self._stale = {}, {}
        return taken

    # -- what it means ----------------------------------------------------------------------

    def _records(self) -> Records:
        top = f"{self._root}/records"
        stored: dict[_Name, bytes] = {}
        for collection in self._lists[top]:
            for key in self._lists.get(f"{top}/{collection}", []):
                data = self._values.get(f"{top}/{collection}/{key}")
                if data is not None:
                    stored[(nodes.text_of(collection), nodes.text_of(key))] = data
        self._finish_redo(stored)
        records: Records = {}
        for collection, key in sorted(stored):
            records.setdefault(collection, {})[key] = self._whole(stored[(collection, key)])
        return records

    def _finish_redo(self, stored: dict[_Name, bytes]) -> None:
        """A large commit that is true, and not yet or not wholly in its place."""
        redo = self._values.get(f"{self._root}/redo")
        if redo is None:
            return
        for each in nodes.read_redo(self._joined(redo)):
            if isinstance(each, Put):
                stored[(each.collection, each.key)] = each.value
            else:
                stored.pop((each.collection, each.key), None)

    def _whole(self, data: bytes) -> bytes:
        return nodes.unpacked(self._joined(data))

    def _joined(self, data: bytes) -> bytes:
        blob = nodes.blob_of(data)
        if blob is None:
            return data
        path = f"{self._root}/blobs/{blob.name}"
        return b"".join(self._session.get_all([f"{path}/{i}" for i in range(blob.pieces)]))
