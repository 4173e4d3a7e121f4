"""What sort of a resource it is: for whom it is reserved, on which disk, shared, revocable.

A cpu that is reserved is another thing than a free one, and a persistent volume another than the
disk that it lies on: `Resources` keeps an amount under each pair of `Kind` and name. A kind is made
once for all who mean the same (interned), so that it compares and hashes by identity: books of
thousands of agents look amounts up without ever hashing a reservation again. Nothing is ordered
by identity; kinds order by their content. Source: Mesos, mesos.proto (Resource),
docs/reservation.md, docs/persistent-volume.md, docs/shared-resources.md.
"""

from typing import TypeAlias
from weakref import WeakValueDictionary

from msgspec import Struct
from msgspec.structs import replace

LabelPairs: TypeAlias = tuple[tuple[str, str | None], ...]


class Reservation(Struct, frozen=True):
    """Kept for `role`. A static one comes from the agent's flags and stays; a dynamic one was made
    by an operation of `principal` and can be undone. Labels keep reservations apart; sorted."""

    role: str
    is_dynamic: bool = False
    principal: str | None = None
    labels: LabelPairs = ()


class DiskSource(Struct, frozen=True):
    """Where the disk is if not under the agent's work_dir; `type` is PATH, MOUNT, BLOCK or RAW."""

    type: str
    root: str | None = None
    vendor: str | None = None
    id: str | None = None
    profile: str | None = None
    metadata: LabelPairs = ()


class Disk(Struct, frozen=True):
    """A disk of its own kind: on a source, or a persistent volume, or both.

    `volume_id` and `principal` say that it is a persistent volume and who made it. The last three
    say how its maker wants it mounted; who uses it may say otherwise, it is the same volume.
    """

    source: DiskSource | None = None
    volume_id: str | None = None
    principal: str | None = None
    container_path: str | None = None
    mode: str | None = None
    host_path: str | None = None


class Kind:
    """Made by `kind`, never directly: two of equal content are one."""

    __slots__ = (
        "__weakref__",
        "disk",
        "is_indivisible",
        "is_revocable",
        "is_shared",
        "order",
        "reservations",
        "role",
        "volume_id",
    )

    def __init__(
        self,
        reservations: tuple[Reservation, ...],
        disk: Disk | None,
        is_shared: bool,
        is_revocable: bool,
    ) -> None:
        self.reservations = reservations
        self.disk = disk
        self.is_shared = is_shared
        self.is_revocable = is_revocable
        self.role = reservations[-1].role if reservations else ""
        self.volume_id = disk.volume_id if disk is not None else None
        source = disk.source.type if disk is not None and disk.source is not None else None
        #: A volume or a mounted disk is had whole or not at all.
        self.is_indivisible = self.volume_id is not None or source in ("MOUNT", "BLOCK")
        self.order = (
            tuple(_reservation_order(one) for one in reservations),
            _disk_order(disk),
            is_shared,
            is_revocable,
        )

    def __lt__(self, other: "Kind") -> bool:
        return self.order < other.order

    def __repr__(self) -> str:
        parts = [repr(one) for one in self.reservations]
        parts += [repr(self.disk)] if self.disk is not None else []
        parts += ["shared"] if self.is_shared else []
        parts += ["revocable"] if self.is_revocable else []
        return f"Kind({', '.join(parts) or 'unreserved'})"

    def __reduce__(self) -> tuple[object, ...]:
        """A copy is the same one, so that identity stays true."""
        return (kind, (self.reservations, self.disk, self.is_shared, self.is_revocable))

    @property
    def is_plain(self) -> bool:
        """Neither disk of its own, nor shared, nor revocable: what any task may take a bit of."""
        return self.disk is None and not self.is_shared and not self.is_revocable

    @property
    def is_dynamic(self) -> bool:
        """Whether the last reservation can be undone by an operation."""
        return bool(self.reservations) and self.reservations[-1].is_dynamic

    @property
    def bare(self) -> "Kind":
        """The same volume without how it is mounted and who made it: what makes it itself."""
        if self.disk is None:
            return self
        bare = Disk(source=self.disk.source, volume_id=self.disk.volume_id)
        return kind(self.reservations, bare, self.is_shared, self.is_revocable)

    def pushed(self, reservation: Reservation) -> "Kind":
        """With one more reservation on top."""
        stack = (*self.reservations, reservation)
        return kind(stack, self.disk, self.is_shared, self.is_revocable)

    def popped(self) -> "Kind":
        """With the topmost reservation taken away."""
        assert self.reservations, "nothing to take away"
        return kind(self.reservations[:-1], self.disk, self.is_shared, self.is_revocable)

    def without_volume(self) -> "Kind":
        """The disk that the persistent volume lies on."""
        source = self.disk.source if self.disk is not None else None
        under = Disk(source=source) if source is not None else None
        return kind(self.reservations, under, False, self.is_revocable)


Content: TypeAlias = tuple[tuple[Reservation, ...], Disk | None, bool, bool]

#: Weak, so that volumes and labels that are gone everywhere are forgotten here too.
_made: "WeakValueDictionary[Content, Kind]" = WeakValueDictionary()


def kind(
    reservations: tuple[Reservation, ...] = (),
    disk: Disk | None = None,
    is_shared: bool = False,
    is_revocable: bool = False,
) -> Kind:
    """The one kind of this content. Reservations: ancestors first, the last says whose it is."""
    if disk == _NO_DISK:
        disk = None
    reservations = tuple(_canonical(one) for one in reservations)
    content = (reservations, disk, is_shared, is_revocable)
    found = _made.get(content)
    if found is None:
        found = _made[content] = Kind(*content)
    return found


def reserved(role: str) -> Kind:
    """Kept statically for `role`; "" is unreserved."""
    return kind((Reservation(role),)) if role else UNRESERVED


def _canonical(reservation: Reservation) -> Reservation:
    labels = tuple(sorted(reservation.labels, key=_label_order))
    return reservation if labels == reservation.labels else replace(reservation, labels=labels)


def _label_order(label: tuple[str, str | None]) -> tuple[str, str]:
    return (label[0], "" if label[1] is None else f"={label[1]}")


def _reservation_order(one: Reservation) -> tuple[object, ...]:
    labels = tuple(_label_order(label) for label in one.labels)
    return (one.role, one.is_dynamic, one.principal or "", labels)


def _disk_order(disk: Disk | None) -> tuple[object, ...]:
    if disk is None:
        return ()
    source = disk.source or DiskSource("")
    texts = (source.type, source.root, source.vendor, source.id, source.profile)
    own = (disk.volume_id, disk.principal, disk.container_path, disk.mode, disk.host_path)
    labels = tuple(_label_order(label) for label in source.metadata)
    return (tuple(text or "" for text in (*texts, *own)), labels)


_NO_DISK = Disk()
UNRESERVED = kind()
