"""Operations on this agent's resources: applied, written down, and told until they are heard.

What an operation makes of resources is `messages.conversions`'; whether it may be asked for was the
master's to decide. Here it is made durable before anybody hears of it, and a volume's data goes
only when its end is durable. What operations made (dynamic reservations, volumes) outlives every
restart, reboot and change of flags. Source: Mesos, src/slave/slave.cpp (applyOperation,
checkpointResourceState), docs/operation-feedback.md; mesos.md §1.3.
"""

from collections.abc import Iterable
from hashlib import blake2b

from msgspec import Struct

from kernel.agent import volumes
from kernel.agent.books import Books
from kernel.agent.recovery import Records
from kernel.agent.talk import CloseGrave, Effect, MakeVolume, RemoveVolume, SendCall
from kernel.agent.updates import RETRY_FIRST_MS, RETRY_MAX_MS
from kernel.machine import Delete, Now, Persist, Put
from kernel.machine import Operation as StoreOperation
from kernel.messages.agent import ApplyOperation, UpdateOperation
from kernel.messages.codec import decode, encode
from kernel.messages.conversions import Applied, apply
from kernel.messages.operations import OperationStatus, Uuid
from kernel.messages.quantities import Form, from_wire, to_wire
from kernel.messages.v1 import Id, Resource
from kernel.model.kinds import Kind
from kernel.model.operation import OperationState
from kernel.model.resources import Resources, ranges_minus, total

OPERATIONS, GRAVES = "operation", "grave"
RESOURCES, CONVERTED = "resources", "converted"
_UUID_BYTES = 16


class OperationRecord(Struct, frozen=True):
    """One that was carried out or refused and whose status nobody acknowledged yet."""

    number: int
    applied: ApplyOperation
    status: OperationStatus


class Grave(Struct, frozen=True):
    """A volume's data that is on its way out."""

    directory: str
    grave: str
    is_whole_disk: bool


class Pending(Struct):
    """A record under repetition."""

    record: OperationRecord
    due_ms: int | None = None
    wait_ms: int = RETRY_FIRST_MS


class Operations:
    """`total` is what the agent has; `converted` what of it operations made; `pending` by uuid."""

    def __init__(self, books: Books, records: Records) -> None:
        self._books = books
        made = records.get(RESOURCES, {}).get(CONVERTED)
        self.converted = from_wire(decode(list[Resource], made)) if made else Resources()
        self.total = with_converted(from_wire(books.settings.info.resources), self.converted)
        self.pending: dict[str, Pending] = {}
        for value in records.get(OPERATIONS, {}).values():
            record = decode(OperationRecord, value)
            self.pending[record.applied.operation_uuid] = Pending(record)
        self._graves = {key: decode(Grave, value) for key, value in records.get(GRAVES, {}).items()}
        self._number = 1 + max((each.record.number for each in self.pending.values()), default=0)

    def next_deadline_ms(self) -> int | None:
        due = (each.due_ms for each in self.pending.values() if each.due_ms is not None)
        return min(due, default=None)

    # -- what is said at SUBSCRIBE ------------------------------------------------------------

    def wire_total(self) -> list[Resource] | None:
        """None while it is what was configured."""
        return None if self.converted.is_empty else to_wire(self.total, form=Form.REFINED)

    def statuses(self) -> list[UpdateOperation]:
        return [_update(each.record, is_whole=True) for each in self.pending.values()]

    # -- beginning ----------------------------------------------------------------------------

    def started(self) -> list[Effect]:
        """What a crash left undone: old data goes, every volume has its directory."""
        work_dir = self._books.settings.work_dir
        effects: list[Effect] = [_remove(key, grave) for key, grave in self._graves.items()]
        for kind in volumes.volumes_in(self.converted):
            if not volumes.is_whole_disk(kind):
                effects.append(MakeVolume(volumes.directory_of(kind, work_dir)))
        return effects

    def connected(self, sent: Iterable[ApplyOperation], now: Now) -> list[Effect]:
        """`sent` is what the master never heard of; what never came here is answered so."""
        for each in self.pending.values():
            each.due_ms = now.mono_ms + each.wait_ms  # SUBSCRIBE has just told it
        effects: list[Effect] = []
        for event in sent:
            if event.operation_uuid not in self.pending:
                text = "The agent never got this operation"
                record = self._record(event, OperationState.DROPPED, text)
                effects += [Persist((_put(record),)), *self._send(record, now)]
        return effects

    def disconnected(self) -> None:
        for each in self.pending.values():
            each.due_ms = None

    # -- operations ---------------------------------------------------------------------------

    def on_apply(self, event: ApplyOperation, now: Now) -> list[Effect]:
        known = self.pending.get(event.operation_uuid)
        if known is not None:
            return self._send(known.record, now)  # told twice, carried out once
        applied = apply(self.total, event.operation)
        problem = applied if isinstance(applied, str) else self._problem(event, applied)
        if problem is not None or isinstance(applied, str):
            record = self._record(event, OperationState.FAILED, problem)
            return [Persist((_put(record),)), *self._send(record, now)]
        return self._carry_out(event, applied, now)

    def _carry_out(self, event: ApplyOperation, applied: Applied, now: Now) -> list[Effect]:
        work_dir = self._books.settings.work_dir
        created, destroyed = self._volume_changes(applied)
        self.total = applied.left
        self.converted = self.total.where(is_converted)
        wire = to_wire(self.converted, form=Form.REFINED)
        record = self._record(event, OperationState.FINISHED, None)
        stored: list[StoreOperation] = [Put(RESOURCES, CONVERTED, encode(wire)), _put(record)]
        after: list[Effect] = []
        for at, kind in enumerate(destroyed):
            name = f"{event.operation_uuid}-{at}"
            grave = self._graves[name] = Grave(
                volumes.directory_of(kind, work_dir),
                volumes.grave_of(kind, work_dir, name),
                volumes.is_whole_disk(kind),
            )
            stored.append(Put(GRAVES, name, encode(grave)))
            after.append(_remove(name, grave))
        for kind in created:
            if not volumes.is_whole_disk(kind):
                after.append(MakeVolume(volumes.directory_of(kind, work_dir)))
        return [Persist(tuple(stored)), *after, *self._send(record, now)]

    def _problem(self, event: ApplyOperation, applied: Applied) -> str | None:
        created, destroyed = self._volume_changes(applied)
        type_ = event.operation.type
        if (created and type_ != "CREATE") or (destroyed and type_ != "DESTROY"):
            return f"{type_} would move a persistent volume away from its data"
        for kind in created:
            if problem := volumes.place_problem(kind):
                return f"The volume '{kind.volume_id}' can't be made: {problem}"
        work_dir = self._books.settings.work_dir
        there = [volumes.directory_of(kind, work_dir) for kind in self._volumes()]
        asked = volumes.volumes_in(applied.converted) if type_ == "CREATE" else []
        made = [volumes.directory_of(kind, work_dir) for kind in asked]
        for at, directory in enumerate(made):
            if directory in there or directory in made[:at]:
                return f"There is a persistent volume at {directory} already"
        # DIFFERS: Mesos's agent trusts its master here; data is worth asking twice.
        used = {kind.bare: None for kind in self._books.volumes_in_use()}
        for kind in destroyed:
            if kind.bare in used:
                return f"The volume '{kind.volume_id}' of role '{kind.role}' is in use"
        return None

    def _volume_changes(self, applied: Applied) -> tuple[list[Kind], list[Kind]]:
        """Those that are new, and those that are gone."""
        before = dict.fromkeys(self._volumes())
        after = dict.fromkeys(volumes.volumes_in(applied.left))
        return [k for k in after if k not in before], [k for k in before if k not in after]

    def _volumes(self) -> list[Kind]:
        return volumes.volumes_in(self.total)

    # -- statuses -----------------------------------------------------------------------------

    def on_acknowledged(self, operation_uuid: str) -> list[Effect]:
        known = self.pending.pop(operation_uuid, None)
        return [] if known is None else [Persist((Delete(OPERATIONS, _key(known.record)),))]

    def forget(self) -> list[StoreOperation]:
        """What this agent's id was asked for is told no more; what it made stays."""
        gone = [each.record for each in self.pending.values()]
        self.pending.clear()
        return [Delete(OPERATIONS, _key(record)) for record in gone]

    def on_volume_removed(self, name: str) -> list[Effect]:
        grave = self._graves.pop(name, None)
        if grave is None:
            return []
        return [Persist((Delete(GRAVES, name),)), CloseGrave(grave.grave)]

    def due(self, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        for each in self.pending.values():
            if each.due_ms is not None and each.due_ms <= now.mono_ms:
                each.wait_ms = min(2 * each.wait_ms, RETRY_MAX_MS)
                effects += self._send(each.record, now)
        return effects

    def _record(
        self, event: ApplyOperation, state: OperationState, message: str | None
    ) -> OperationRecord:
        id_ = event.operation.id
        uuid = blake2b(event.operation_uuid.encode(), digest_size=_UUID_BYTES).digest()
        status = OperationStatus(
            state=state,
            operation_id=id_,
            message=message,
            uuid=Uuid(value=uuid) if id_ is not None else None,
            agent_id=Id(self._books.agent_id),
        )
        record = OperationRecord(self._number, event, status)
        self._number += 1
        self.pending[event.operation_uuid] = Pending(record)
        return record

    def _send(self, record: OperationRecord, now: Now) -> list[Effect]:
        if not self._books.registration.connected:
            return []
        pending = self.pending[record.applied.operation_uuid]
        pending.due_ms = now.mono_ms + pending.wait_ms
        return [SendCall(_update(record))]


def is_converted(kind: Kind) -> bool:
    """Made by an operation, not by a flag."""
    return kind.volume_id is not None or any(each.is_dynamic for each in kind.reservations)


def with_converted(configured: Resources, converted: Resources) -> Resources:
    """What the flags give with what operations made of it. When the flags give less than that,
    reservations and volumes stay whole: nothing that somebody keeps data on is ever cut."""
    taken = converted.changed(_origin)
    left = Resources(
        {key: max(0, n - taken.scalars.get(key, 0)) for key, n in configured.scalars.items()},
        {
            key: ranges_minus(spans, taken.ranges.get(key, ()))
            for key, spans in configured.ranges.items()
        },
        {
            key: tuple(item for item in items if item not in taken.sets.get(key, ()))
            for key, items in configured.sets.items()
        },
    )
    return total([left, converted]) if not converted.is_empty else configured


def _origin(kind: Kind) -> Kind:
    """As a flag gave it."""
    if kind.volume_id is not None:
        kind = kind.without_volume()
    while kind.is_dynamic:
        kind = kind.popped()
    return kind


def _update(record: OperationRecord, *, is_whole: bool = False) -> UpdateOperation:
    return UpdateOperation(
        operation_uuid=record.applied.operation_uuid,
        status=record.status,
        framework_id=record.applied.framework_id,
        operation=record.applied.operation if is_whole else None,
    )


def _remove(name: str, grave: Grave) -> RemoveVolume:
    return RemoveVolume(name, grave.directory, grave.grave, grave.is_whole_disk)


def _put(record: OperationRecord) -> Put:
    return Put(OPERATIONS, _key(record), encode(record))


def _key(record: OperationRecord) -> str:
    return f"{record.number:09d}"
