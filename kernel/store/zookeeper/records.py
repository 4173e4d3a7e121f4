"""Records in ZooKeeper's nodes: read whole, written in multis that all check the term.

A commit that one multi can't take is written beside first, as a redo log, and becomes true with
one small multi; an unfinished one is rolled forward by the next `load`. Large values are blobs,
written before the commit that points to them; what no record points to is swept by `load`.
How names and values look is `nodes`'s. Source: Gray and Reuter, Transaction Processing, ch. 10.
"""

from collections.abc import Sequence
from uuid import uuid4

from kernel.machine import Operation, Put
from kernel.store.interface import Records
from kernel.store.zookeeper import nodes
from kernel.store.zookeeper.nodes import Blob
from kernel.store.zookeeper.session import Request, Session


class NodeRecords:
    """`term_version` is that of the term's node, which each multi checks.

    Methods raise `CheckFailed` or one of `REQUEST_ERRORS`.
    """

    def __init__(self, session: Session, root: str) -> None:
        self._session = session
        self._root = root
        self.term_version = -1
        self._blobs: dict[tuple[str, str], Blob | None] = {}  # of each record that is there
        self._collections: dict[str, None] = {}

    def make_root(self) -> None:
        for path in ("", "/records", "/blobs"):
            self._session.create(self._root + path, b"", makepath=True)

    def send(self, requests: Sequence[Request]) -> None:
        self._session.send((f"{self._root}/term", self.term_version), requests)

    def get(self, collection: str, key: str) -> bytes | None:
        data = self._session.get(self._path(collection, key))
        return None if data is None else self._unpacked(data)

    # -- reading ----------------------------------------------------------------------------

    def load(self) -> Records:
        """Everything, after what an earlier leader left unfinished was finished."""
        self._roll_forward()
        self._blobs, self._collections = {}, {}
        records: Records = {}
        for name in self._session.children(f"{self._root}/records"):
            collection = nodes.text_of(name)
            self._collections[collection] = None
            found = self._load_collection(collection)
            if found:
                records[collection] = found
        self._sweep_blobs()
        return {collection: records[collection] for collection in sorted(records)}

    def _load_collection(self, collection: str) -> dict[str, bytes]:
        path = f"{self._root}/records/{nodes.node_name(collection)}"
        names = self._session.children(path)
        found: dict[str, bytes] = {}
        values = self._session.get_all([f"{path}/{name}" for name in names])
        for name, data in zip(names, values, strict=True):
            key, blob = nodes.text_of(name), nodes.blob_of(data)
            self._blobs[(collection, key)] = blob
            found[key] = self._unpacked(data)
        return {key: found[key] for key in sorted(found)}

    def _unpacked(self, data: bytes) -> bytes:
        blob = nodes.blob_of(data)
        return nodes.unpacked(self._read_blob(blob) if blob else data)

    def _read_blob(self, blob: Blob) -> bytes:
        path = f"{self._root}/blobs/{blob.name}"
        return b"".join(self._session.get_all([f"{path}/{i}" for i in range(blob.pieces)]))

    def _sweep_blobs(self) -> None:
        """What a commit left that never became true."""
        used = {blob.name: None for blob in self._blobs.values() if blob is not None}
        for name in self._session.children(f"{self._root}/blobs"):
            if name not in used:
                self._session.delete_tree(f"{self._root}/blobs/{name}")

    # -- writing ----------------------------------------------------------------------------

    def write(self, operations: Sequence[Operation], term: bytes | None = None) -> None:
        """All or none; each record may be named once. `term` becomes that of the term's node."""
        stored = [self._stored(operation) for operation in operations]
        replaced = [self._blobs.get((each.collection, each.key)) for each in operations]
        if nodes.fits_one_multi(stored):
            self._write(stored, term)
        else:
            self._write_large(stored, term)
        for blob in replaced:
            if blob is not None:  # if we end just now, the next `load` sweeps it
                self._session.delete_tree(f"{self._root}/blobs/{blob.name}")

    def _stored(self, operation: Operation) -> Operation:
        """The operation with its value as it lies in a node; large ones are written beside."""
        if not isinstance(operation, Put):
            return operation
        data = nodes.packed(operation.value)
        if len(data) > nodes.PIECE_BYTES:
            data = nodes.pointer(self._write_blob(data))
        return Put(operation.collection, operation.key, data)

    def _write_blob(self, data: bytes) -> Blob:
        parts = nodes.pieces(data)
        blob = Blob(uuid4().hex, len(parts))
        path = f"{self._root}/blobs/{blob.name}"
        self.send([("create", path, b"")])
        for index, part in enumerate(parts):
            self.send([("create", f"{path}/{index}", part)])
        return blob

    def _write(self, operations: Sequence[Operation], term: bytes | None = None) -> None:
        self._decide(self._requests(operations), term)
        for operation in operations:
            name = (operation.collection, operation.key)
            if isinstance(operation, Put):
                self._collections[operation.collection] = None
                self._blobs[name] = nodes.blob_of(operation.value)
            else:
                self._blobs.pop(name, None)

    def _decide(self, requests: Sequence[Request], term: bytes | None) -> None:
        """The one multi with which a commit, and a new value of the term, become true."""
        if term is None:
            self.send(requests)
            return
        self.send([*requests, ("set", f"{self._root}/term", term)])
        self.term_version += 1

    def _write_large(self, operations: Sequence[Operation], term: bytes | None) -> None:
        """Written beside; true with one small multi; then rolled forward."""
        blob = self._write_blob(nodes.write_redo(operations))
        self._decide([("create", f"{self._root}/redo", nodes.pointer(blob))], term)
        self._apply_redo(operations, blob)

    def _roll_forward(self) -> None:
        """Finish a large commit that an earlier leader did not."""
        data = self._session.get(f"{self._root}/redo")
        if data is None:
            return
        blob = nodes.blob_of(data)
        assert blob is not None, "a redo log is always a blob"
        operations = nodes.read_redo(self._read_blob(blob))
        names = self._session.children(f"{self._root}/records")
        self._blobs = {}
        self._collections = {nodes.text_of(name): None for name in names}
        for operation in operations:
            if self._session.get(self._path(operation.collection, operation.key)) is not None:
                self._blobs[(operation.collection, operation.key)] = None
        self._apply_redo(operations, blob)

    def _apply_redo(self, operations: Sequence[Operation], blob: Blob) -> None:
        for part in nodes.slices(operations):
            self._write(part)
        self.send([("delete", f"{self._root}/redo")])
        self._session.delete_tree(f"{self._root}/blobs/{blob.name}")

    def _requests(self, operations: Sequence[Operation]) -> list[Request]:
        requests: list[Request] = []
        made: dict[str, None] = {}
        for operation in operations:
            path = self._path(operation.collection, operation.key)
            is_there = (operation.collection, operation.key) in self._blobs
            if isinstance(operation, Put):
                if operation.collection not in {**self._collections, **made}:
                    made[operation.collection] = None
                    requests.append(("create", path.rpartition("/")[0], b""))
                requests.append(("set" if is_there else "create", path, operation.value))
            elif is_there:
                requests.append(("delete", path))
        return requests

    def _path(self, collection: str, key: str) -> str:
        return f"{self._root}/records/{nodes.node_name(collection)}/{nodes.node_name(key)}"
