"""Status updates: one first-in-first-out stream per container, each update sent until acknowledged.

Only the head is sent, with the newest state beside it, so that the master can free resources at
once; it is repeated after 10 s, doubling to 10 min. What is added is persisted before it is sent.
Source: Mesos, src/status_update_manager/status_update_manager_process.hpp; src/slave/constants.hpp.
"""

from collections.abc import Iterator
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from kernel.agent.talk import SendCall
from kernel.machine import Delete, Operation, Put
from kernel.messages.agent import Update
from kernel.messages.codec import encode
from kernel.messages.v1 import Id, Task, TaskStatus
from kernel.model.task import TaskState

COLLECTION, FORGOTTEN = "update", "update_forgotten"
FORGOTTEN_MAX = 64  # an executor repeats what it has not heard of; it does not repeat older ones
RETRY_FIRST_MS = 10_000  # Mesos: STATUS_UPDATE_RETRY_INTERVAL_MIN
RETRY_MAX_MS = 600_000  # Mesos: STATUS_UPDATE_RETRY_INTERVAL_MAX
_UUID_BYTES = 16


class UpdateRecord(Struct, frozen=True):
    """One update on disk. An acknowledged one is kept while it is the newest of its state."""

    container_id: str
    framework_id: str
    number: int
    status: TaskStatus
    acknowledged: bool = False


class Forgotten(Struct, frozen=True):
    """Updates of an executor that are not kept any more and may be repeated by it still."""

    framework_id: str
    task_id: str
    uuids: list[bytes]


class Stream(Struct):
    """`kept` are all that are shown, in order; from `head` on they are not acknowledged.
    `forgotten` are uuids that an executor had made, of updates that are not shown any more."""

    container_id: str
    framework_id: str
    task_id: str
    kept: list[UpdateRecord] = []
    forgotten: list[bytes] = []
    numbers: int = 0
    due_ms: int | None = None
    wait_ms: int = RETRY_FIRST_MS

    def pending(self) -> list[UpdateRecord]:
        return [record for record in self.kept if not record.acknowledged]

    @property
    def latest(self) -> TaskStatus | None:
        return self.kept[-1].status if self.kept else None

    def has(self, uuid: bytes) -> bool:
        """Whether this update came before."""
        return uuid in self.forgotten or any(each.status.uuid == uuid for each in self.kept)

    @property
    def is_done(self) -> bool:
        """The last word was said and heard."""
        latest = self.latest
        return latest is not None and latest.state.is_terminal and not self.pending()


class UpdateStreams:
    """By container. Sends only while `connected`; the shell says when."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.connected = False

    def restore(self, record: UpdateRecord) -> None:
        """In the order of the keys, before anything else."""
        task_id = record.status.task_id.value
        stream = self._stream(record.container_id, record.framework_id, task_id)
        stream.kept.append(record)
        stream.numbers = max(stream.numbers, record.number + 1)

    def restore_forgotten(self, container_id: str, record: Forgotten) -> None:
        """After the updates."""
        stream = self.streams.get(container_id)
        if stream is not None:
            stream.forgotten = list(record.uuids)

    def add(
        self, container_id: str, framework_id: str, status: TaskStatus, now_ms: int
    ) -> tuple[list[Operation], list[SendCall]]:
        """Queue `status`; a uuid is filled in unless its executor made one. The calls may leave
        once the rest is durable."""
        stream = self._stream(container_id, framework_id, status.task_id.value)
        number = stream.numbers
        record = UpdateRecord(
            container_id, framework_id, number, _with_uuid(status, container_id, number)
        )
        stream.numbers += 1
        operations = self._forget_same_state(stream, record)
        stream.kept.append(record)
        operations.append(Put(COLLECTION, key(record), encode(record)))
        is_head = len(stream.pending()) == 1
        return operations, self._send_head(stream, now_ms) if is_head else []

    def acknowledge(
        self, framework_id: str, task_id: str, uuid: bytes, now_ms: int
    ) -> tuple[list[Operation], list[SendCall], Stream | None]:
        """Only the head can be acknowledged; anything else is late or a stranger's: ignored.

        Returns the stream that it was.
        """
        for stream in self.about(framework_id, task_id):
            pending = stream.pending()
            if not pending or pending[0].status.uuid != uuid:
                continue
            head = pending[0]
            stream.due_ms, stream.wait_ms = None, RETRY_FIRST_MS
            index = stream.kept.index(head)
            if index + 1 < len(stream.kept) and stream.kept[index + 1].status.state is (
                head.status.state
            ):
                del stream.kept[index]
                operations: list[Operation] = [Delete(COLLECTION, key(head))]
                operations += _note_forgotten(stream, head)
            else:
                heard = _acknowledged(head)
                stream.kept[index] = heard
                operations = [Put(COLLECTION, key(heard), encode(heard))]
            return operations, self._send_head(stream, now_ms), stream
        return [], [], None

    def farewell(self, framework_id: str, status: TaskStatus | None) -> list[SendCall]:
        """An end that only the master waits for, to free the resources: said once, no uuid."""
        if status is None or not self.connected:
            return []
        said = replace(status, uuid=None)
        update = Update(framework_id=Id(framework_id), status=said, latest_state=said.state)
        return [SendCall(update)]

    def remove(self, container_id: str) -> list[Operation]:
        stream = self.streams.pop(container_id, None)
        if stream is None:
            return []
        operations: list[Operation] = [Delete(COLLECTION, key(each)) for each in stream.kept]
        if stream.forgotten:
            operations.append(Delete(FORGOTTEN, container_id))
        return operations

    def about(self, framework_id: str, task_id: str) -> Iterator[Stream]:
        for stream in list(self.streams.values()):
            if stream.task_id == task_id and stream.framework_id == framework_id:
                yield stream

    def connect(self, now_ms: int) -> list[SendCall]:
        """A master listens: each head goes out at once."""
        self.connected = True
        calls: list[SendCall] = []
        for stream in self.streams.values():
            stream.wait_ms = RETRY_FIRST_MS
            calls += self._send_head(stream, now_ms)
        return calls

    def disconnect(self) -> None:
        self.connected = False
        for stream in self.streams.values():
            stream.due_ms = None

    def due(self, now_ms: int) -> list[SendCall]:
        calls: list[SendCall] = []
        for stream in self.streams.values():
            if stream.due_ms is not None and stream.due_ms <= now_ms:
                stream.wait_ms = min(stream.wait_ms * 2, RETRY_MAX_MS)
                calls += self._send_head(stream, now_ms)
        return calls

    def next_deadline_ms(self) -> int | None:
        due = (stream.due_ms for stream in self.streams.values())
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def check_invariants(self) -> None:
        for stream in self.streams.values():
            numbers = [record.number for record in stream.kept]
            assert numbers == sorted(numbers), f"{stream.container_id} is out of order"
            heard = [record.acknowledged for record in stream.kept]
            assert heard == sorted(heard, reverse=True), "an acknowledged one after one that is not"
            last = [r.number for r in stream.kept if r.status.state.is_terminal]
            assert len(last) <= 1, f"{stream.container_id} ended twice"
            assert not last or last[0] == numbers[-1], f"{stream.container_id}: news after the end"

    def _stream(self, container_id: str, framework_id: str, task_id: str) -> Stream:
        stream = self.streams.get(container_id)
        if stream is None:
            stream = self.streams[container_id] = Stream(container_id, framework_id, task_id)
        return stream

    def _send_head(self, stream: Stream, now_ms: int) -> list[SendCall]:
        pending = stream.pending()
        if not pending or not self.connected:
            stream.due_ms = None
            return []
        stream.due_ms = now_ms + stream.wait_ms
        latest = stream.kept[-1].status.state
        framework_id = Id(stream.framework_id)
        return [
            SendCall(
                Update(framework_id=framework_id, status=pending[0].status, latest_state=latest)
            )
        ]

    def _forget_same_state(self, stream: Stream, record: UpdateRecord) -> list[Operation]:
        """Mesos shows the newest status of each state; older ones that were heard go."""
        last = stream.kept[-1] if stream.kept else None
        if last is None or not last.acknowledged or last.status.state is not record.status.state:
            return []
        stream.kept.pop()
        return [Delete(COLLECTION, key(last)), *_note_forgotten(stream, last)]


def _note_forgotten(stream: Stream, record: UpdateRecord) -> list[Operation]:
    """Its uuid is remembered if an executor made it: executors repeat themselves after a crash."""
    uuid = record.status.uuid
    if uuid is None or uuid == _uuid(record.container_id, record.number):
        return []
    stream.forgotten = [*stream.forgotten, uuid][-FORGOTTEN_MAX:]
    forgotten = Forgotten(stream.framework_id, stream.task_id, stream.forgotten)
    return [Put(FORGOTTEN, stream.container_id, encode(forgotten))]


def key(record: UpdateRecord) -> str:
    return f"{record.container_id}/{record.number:09d}"


def show_last_forwarded(stream: Stream | None, task: Task) -> Task:
    """The task with `status_update_state` and `…_uuid`: what the master was last sent."""
    if stream is None or not stream.kept:
        return task
    pending = stream.pending()
    forwarded = pending[0].status if pending else stream.kept[-1].status
    fields = {name: getattr(task, name) for name in task.__struct_fields__}
    fields["status_update_state"] = forwarded.state
    fields["status_update_uuid"] = forwarded.uuid
    return Task(**fields)


def state_of(stream: Stream | None) -> TaskState:
    latest = stream.latest if stream is not None else None
    return latest.state if latest is not None else TaskState.STAGING


def _with_uuid(status: TaskStatus, container_id: str, number: int) -> TaskStatus:
    return status if status.uuid is not None else replace(status, uuid=_uuid(container_id, number))


def _uuid(container_id: str, number: int) -> bytes:
    """Derived, not drawn: the same update has the same uuid however often it is made."""
    return blake2b(f"{container_id}/{number}".encode(), digest_size=_UUID_BYTES).digest()


def _acknowledged(record: UpdateRecord) -> UpdateRecord:
    return UpdateRecord(
        record.container_id, record.framework_id, record.number, record.status, acknowledged=True
    )
