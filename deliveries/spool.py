"""A broker that needs no server: a directory in which each message is a file.

kombu's filesystem transport, made to lose nothing: a message is written beside, synced and renamed
into place; one that is being worked on waits in `taken/` until it is acknowledged; `recover` puts
back what a killed worker had taken. One worker per directory. Source: kombu, transport/filesystem.
"""

import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

import msgspec
from kombu.transport import TRANSPORT_ALIASES, filesystem

SCHEME = "tepui-spool"
POLL_S = 0.5
TRANSPORT_ALIASES[SCHEME] = "deliveries.spool:Transport"


def address(directory: str) -> tuple[str, dict[str, Any]]:
    """Makes the directory, so that either side may come first."""
    for name in ("new", "taken", "control"):
        (Path(directory) / name).mkdir(parents=True, exist_ok=True)
    options = {
        "data_folder_in": f"{directory}/new",
        "data_folder_out": f"{directory}/new",
        "control_folder": f"{directory}/control",
        "polling_interval": POLL_S,
    }
    return f"{SCHEME}://directory", options


def recover(directory: str) -> int:
    """Before a worker starts: what its predecessor had taken is new again. Answers how many."""
    taken = sorted((Path(directory) / "taken").glob("*.msg"))
    for path in taken:
        path.rename(Path(directory) / "new" / path.name)
    return len(taken)


class Channel(filesystem.Channel):
    """Acknowledged means deleted; nothing else deletes."""

    do_restore = False  # `recover` does that, from the files, also after a kill -9

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._new = Path(self.data_folder_in)
        self._taken: dict[str, Path] = {}  # delivery tag -> file

    def _put(  # type: ignore[override]  # the base and its child name the argument differently
        self, queue: str, message: Any, **_kwargs: Any
    ) -> None:
        name = f"{time.time_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        beside = self._new / f"{name}.part"
        with beside.open("xb") as file:
            file.write(msgspec.json.encode(message))
            file.flush()
            os.fsync(file.fileno())
        beside.rename(self._new / name)
        sync_directory(self._new)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for name in sorted(os.listdir(self._new)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            path = self._new.parent / "taken" / name
            try:
                (self._new / name).rename(path)
                payload: dict[str, Any] = msgspec.json.decode(path.read_bytes())
            except FileNotFoundError:
                continue  # purged meanwhile
            except msgspec.DecodeError:
                path.rename(path.with_suffix(".unreadable"))
                continue
            self._taken[payload["properties"]["delivery_tag"]] = path
            return payload
        raise Empty

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)
        self._forget(delivery_tag)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().basic_reject(delivery_tag, requeue)  # puts it back first when it is to be kept
        self._forget(delivery_tag)

    def _forget(self, delivery_tag: str) -> None:
        path = self._taken.pop(delivery_tag, None)
        if path is not None:
            path.unlink(missing_ok=True)


class Transport(filesystem.Transport):
    """kombu's transport over our channel."""

    Channel = Channel


def sync_directory(path: Path) -> None:
    """A renamed file is durable once its directory is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
