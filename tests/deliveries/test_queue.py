"""Deliveries wait in files, are taken one by one, and none is lost when its worker is killed."""

from pathlib import Path
from queue import Empty
from typing import Any

import msgspec
import pytest

from deliveries import spool
from deliveries.queue import QUEUE, connect, enqueue

EVENT = {"kind": "webhook", "id": "1", "url": "http://127.0.0.1:1/", "body": {}}


def files(directory: Path, name: str) -> list[Path]:
    return sorted((directory / name).glob("*"))


def take(directory: Path) -> Any:
    return connect(str(directory)).SimpleQueue(QUEUE).get(block=False)


def test_what_was_enqueued_is_a_whole_file_until_it_is_acknowledged(tmp_path: Path) -> None:
    enqueue(str(tmp_path), EVENT)
    assert [path.suffix for path in files(tmp_path, "new")] == [".msg"]

    message = take(tmp_path)
    assert files(tmp_path, "new") == []
    assert len(files(tmp_path, "taken")) == 1
    assert message.payload[0] == [EVENT]

    message.ack()
    assert files(tmp_path, "taken") == []


def test_what_a_killed_worker_had_taken_is_new_again(tmp_path: Path) -> None:
    enqueue(str(tmp_path), EVENT)
    take(tmp_path)  # and never acknowledged

    assert spool.recover(str(tmp_path)) == 1
    assert take(tmp_path).payload[0] == [EVENT]


def test_a_damaged_message_is_put_aside_and_stops_nobody(tmp_path: Path) -> None:
    enqueue(str(tmp_path), EVENT)
    (tmp_path / "new" / f"0_x.{QUEUE.name}.msg").write_bytes(b"{half")

    assert take(tmp_path).payload[0] == [EVENT]
    assert [path.suffix for path in files(tmp_path, "taken")] == [".unreadable", ".msg"]


def test_an_empty_broker_says_so(tmp_path: Path) -> None:
    with pytest.raises(Empty):
        take(tmp_path)


@pytest.mark.parametrize(
    ("delivery", "field"),
    [({"kind": "fax", "id": "1"}, "kind"), ({"kind": "mail", "id": "1", "subject": ""}, "to")],
)
def test_what_is_no_delivery_is_refused_by_field(
    tmp_path: Path, delivery: dict[str, Any], field: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        enqueue(str(tmp_path), delivery)

    assert not (tmp_path / "new").exists()
