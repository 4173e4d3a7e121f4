"""Notices on their way to deliveries."""

from pathlib import Path

from chronos_app.core.events import Notice
from chronos_app.runtime.handover import deliveries_of, hand_over
from deliveries.queue import read

NOTICE = Notice("job-failed:ct:1:0:a:", "job-failed", "a", "s", "m", ("x@y.z",), 1_000, {"k": 1})


def test_a_notice_becomes_a_webhook_and_a_mail_with_ids_of_their_own() -> None:
    webhook, mail = deliveries_of(NOTICE, "http://hook.example", "chronos@x.y")

    assert webhook["body"]["when"] == "1970-01-01T00:00:01.000Z"
    assert (mail["to"], mail["sender"]) == (["x@y.z"], "chronos@x.y")
    assert webhook["id"] != mail["id"]
    for delivery in (webhook, mail):
        read(delivery)


def test_without_owner_and_webhook_nobody_is_told() -> None:
    assert deliveries_of(Notice("i", "k", "a", "s", "m", (), 0, {}), "", "") == []


def test_a_delivery_is_durable_at_the_broker_when_it_is_handed_over(tmp_path: Path) -> None:
    for delivery in deliveries_of(NOTICE, "http://hook.example", ""):
        hand_over(str(tmp_path / "broker"), delivery)

    assert len([path for path in (tmp_path / "broker").rglob("*") if path.is_file()]) >= 2
