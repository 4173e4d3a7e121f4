"""Where persistent volumes lie, and where a task finds them; as Mesos's posix isolation has it.

A volume is a directory named by its role and id below `work_dir` or below the root of its disk; a
mounted disk is its own root. Makes, links and removes nothing: that is `runtime.agent.volumes`'.
Source: Mesos, src/slave/paths.cpp (getPersistentVolumePath),
src/slave/containerizer/mesos/isolators/filesystem/posix.cpp, docs/persistent-volume.md.
"""

from collections.abc import Iterable

from msgspec import Struct

from kernel.messages.quantities import from_wire
from kernel.messages.v1 import Resource
from kernel.model.ids import id_problem
from kernel.model.kinds import Kind
from kernel.model.resources import Resources


class Mount(Struct, frozen=True):
    """One volume in one task's sandbox. `path` is relative to the sandbox."""

    directory: str
    path: str
    is_read_only: bool = False
    is_shared: bool = False


def place_problem(kind: Kind) -> str | None:
    """Why no directory can be made for a volume of this kind, or None."""
    if kind.volume_id is None:
        return "it is not a persistent volume"
    if problem := id_problem(kind.volume_id):
        return f"its id can't name a directory: {problem}"
    if not kind.role or id_problem(_role_directory(kind.role)):
        return f"the role '{kind.role}' can't name a directory"
    source = kind.disk.source if kind.disk is not None else None
    if source is not None and (source.type not in ("PATH", "MOUNT") or not source.root):
        return f"a disk of type {source.type} without a root holds no directories"
    return None


def directory_of(kind: Kind, work_dir: str) -> str:
    """The kind has no `place_problem`."""
    assert kind.disk is not None and kind.volume_id is not None
    root = _root_of(kind, work_dir)
    if is_whole_disk(kind):
        return root
    return f"{root}/volumes/roles/{_role_directory(kind.role)}/{kind.volume_id}"


def grave_of(kind: Kind, work_dir: str, name: str) -> str:
    """Where what was in the volume waits for its removal: on the same file system, so that it
    gets there in one step. A mounted disk is emptied in place and has only the mark there."""
    root = work_dir if is_whole_disk(kind) else _root_of(kind, work_dir)
    return f"{root}/volumes/.removed/{name}"


def is_whole_disk(kind: Kind) -> bool:
    source = kind.disk.source if kind.disk is not None else None
    return source is not None and source.type == "MOUNT"


def mounts_of(wire: Iterable[Resource], work_dir: str) -> list[Mount]:
    """The volumes among a task's resources; there is no `mount_problem` with them."""
    found: list[Mount] = []
    for kind in volumes_in(from_wire(wire)):
        assert kind.disk is not None
        path = (kind.disk.container_path or "").strip("/")
        is_read_only = kind.disk.mode == "RO"
        directory = directory_of(kind, work_dir)
        found.append(Mount(directory, path, is_read_only, kind.is_shared))
    return found


def mount_problem(wire: Iterable[Resource], there: Resources) -> str | None:
    """Why a task can't have the volumes that it wants, as a sentence, or None."""
    known = {kind.bare: kind for kind in volumes_in(there)}
    for kind in volumes_in(from_wire(wire)):
        if kind.bare not in known:
            return f"This agent has no persistent volume '{kind.volume_id}' of role '{kind.role}'"
        path = kind.disk.container_path if kind.disk is not None else None
        if not path:
            return f"The volume '{kind.volume_id}' has no container_path to be found at"
        if path.startswith("/"):
            return (
                f"The volume '{kind.volume_id}' is wanted at {path}: only a path relative to the"
                " sandbox is supported by this agent"
            )
        if "\0" in path or any(part in ("", ".", "..") for part in path.rstrip("/").split("/")):
            return f"The volume '{kind.volume_id}' can't be at '{path}' in the sandbox"
    return None


def volumes_in(bundle: Resources) -> list[Kind]:
    return [kind for kind in bundle.kinds() if kind.volume_id is not None]


def _root_of(kind: Kind, work_dir: str) -> str:
    source = kind.disk.source if kind.disk is not None else None
    if source is None or not source.root:
        return work_dir
    root = source.root.rstrip("/") or "/"
    return root if root.startswith("/") else f"{work_dir}/{root}"


def _role_directory(role: str) -> str:
    """A role's slashes would be directories, and `a/b` could be a volume of `a`: Mesos writes a
    space, which no role can hold."""
    return role.replace("/", " ")
