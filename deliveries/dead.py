"""Keeps what could not be delivered, each in a file that says why, for a person to look at.

Nothing reads them but people: one who has mended the cause may put the delivery in again.
"""

import datetime
import hashlib
from pathlib import Path
from typing import Any

import msgspec

from deliveries.spool import sync_directory


def bury(directory: Path, delivery: dict[str, Any], reason: str, attempts: int) -> Path:
    """The name comes from the event's id, so a delivery that dies twice is one file."""
    directory.mkdir(parents=True, exist_ok=True)
    letter = {
        "reason": reason,
        "attempts": attempts,
        "buriedAt": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "delivery": delivery,
    }
    name = hashlib.sha256(str(delivery.get("id", "")).encode()).hexdigest()[:32]
    beside = directory / f"{name}.part"
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(letter), indent=2))
    path = beside.rename(directory / f"{name}.json")
    sync_directory(directory)
    return path
