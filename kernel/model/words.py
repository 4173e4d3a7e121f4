"""Resources as Mesos prints them in its messages; people and tests compare these texts.

Source: Mesos, src/common/resources.cpp, operator<<; recordings of a real master.
"""

from kernel.model.kinds import Disk, Kind, Reservation
from kernel.model.resources import MILLI, Key, Resources


def shown(resources: Resources, role: str = "") -> str:
    """As Mesos prints a bundle that is allocated to `role`, or to nobody: an agent's total comes
    unreserved first, an offer with its ranges in front."""
    ranges = {
        key: f"[{', '.join(f'{begin}-{end}' for begin, end in spans)}]"
        for key, spans in resources.ranges.items()
    }
    scalars = {key: f"{amount / MILLI:.15g}" for key, amount in resources.scalars.items()}
    sets = {key: f"{{{', '.join(items)}}}" for key, items in resources.sets.items()}
    if role:
        texts = {**ranges, **scalars, **sets}
    else:
        texts = dict(sorted([*scalars.items(), *ranges.items(), *sets.items()], key=_first_kind))
    return "; ".join(f"{_head(key, role)}:{text}" for key, text in texts.items()) or "{}"


def _first_kind(item: tuple[Key, str]) -> Kind:
    return item[0][0]


def _head(key: Key, role: str) -> str:
    kind, name = key
    text = f"{name}(allocated: {role})" if role else name
    if kind.reservations:
        text += f"(reservations: [{', '.join(_reservation(one) for one in kind.reservations)}])"
    if kind.disk is not None:
        text += f"[{_disk(kind.disk)}]"
    return text + ("{REV}" if kind.is_revocable else "") + ("<SHARED>" if kind.is_shared else "")


def _reservation(one: Reservation) -> str:
    parts = ["DYNAMIC" if one.is_dynamic else "STATIC", one.role]
    if one.principal is not None:
        parts.append(one.principal)
    if one.labels:
        pairs = (key if value is None else f"{key}: {value}" for key, value in one.labels)
        parts.append(f"{{{', '.join(pairs)}}}")
    return f"({','.join(parts)})"


def _disk(disk: Disk) -> str:
    """`MOUNT:/mnt/one,id:data`: the source, the volume's id and where it is mounted."""
    source = disk.source
    parts = []
    if source is not None:
        parts.append(source.type + (f":{source.root}" if source.root is not None else ""))
    if disk.volume_id is not None:
        place = disk.container_path
        host = f"{disk.host_path}:" if disk.host_path is not None else ""
        parts.append(disk.volume_id + (f":{host}{place}" if place is not None else ""))
    return ",".join(parts)
