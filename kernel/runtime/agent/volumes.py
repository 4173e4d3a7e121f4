"""The directories of persistent volumes: made, linked into sandboxes, and removed with their data.

Which directory, and when its data may go, is `kernel.agent`'s. A volume in a sandbox is a symbolic
link, as in Mesos's posix isolation, so read-only is not enforced against a task of the volume's
owner. Nothing here ever follows a link out of a sandbox.
Source: Mesos, src/slave/containerizer/mesos/isolators/filesystem/posix.cpp.
"""

import contextlib
import os
import pwd
import shutil
from collections.abc import Iterable
from pathlib import Path

from kernel.agent.volumes import Mount

_MODE = 0o755


def make_volume(directory: str) -> None:
    """Raises OSError."""
    Path(directory).mkdir(mode=_MODE, parents=True, exist_ok=True)


def bury(directory: str, grave: str, is_whole_disk: bool) -> None:
    """Take the data away from where a new volume may come. The grave is there exactly when that was
    done, so that doing it again after a crash can't take a new volume's data. Raises OSError."""
    place = Path(grave)
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if is_whole_disk:
        _empty(Path(directory))
    elif os.path.lexists(directory):
        os.rename(directory, grave)
        return
    place.mkdir()


def empty_grave(grave: str) -> None:
    """The long part of the removal; the grave itself stays until that is on record."""
    place = Path(grave)
    if place.is_symlink():  # a task's doing, where tasks run as the agent's user
        place.unlink()
        place.mkdir()
    _empty(place)


def close_grave(grave: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(grave)


def link_volumes(sandbox: Path, mounts: Iterable[Mount], owner: pwd.struct_passwd | None) -> None:
    """Before anything else comes into the sandbox. Raises OSError."""
    for mount in mounts:
        directory = Path(mount.directory)
        if not directory.is_dir():
            raise OSError(f"the directory {directory} of a persistent volume is not there")
        link = sandbox / mount.path
        _make_parents(sandbox, link.parent, owner)
        if link.is_symlink():
            if os.readlink(link) == mount.directory:
                continue
            link.unlink()
        link.symlink_to(directory, target_is_directory=True)
        if owner is not None and _may_own(mount, directory):
            os.chown(directory, owner.pw_uid, owner.pw_gid)


def remove_sandbox(sandbox: str) -> None:
    """With its links to volumes, and never with what they lead to."""
    shutil.rmtree(sandbox, ignore_errors=True)  # follows no link, not even one made meanwhile


def _may_own(mount: Mount, directory: Path) -> bool:
    """Who only reads does not become the owner, nor who comes to a shared volume later."""
    return not mount.is_read_only and not (mount.is_shared and directory.stat().st_uid != 0)


def _make_parents(sandbox: Path, parent: Path, owner: pwd.struct_passwd | None) -> None:
    for part in reversed([parent, *parent.parents]):
        if sandbox in part.parents and not part.is_dir():
            part.mkdir()
            if owner is not None:
                os.chown(part, owner.pw_uid, owner.pw_gid)


def _empty(directory: Path) -> None:
    if not directory.is_dir():
        return
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
