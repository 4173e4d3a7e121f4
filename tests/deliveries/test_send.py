"""One attempt at one delivery: what counts as made, what is tried again, what never."""

import pytest

from deliveries import send
from deliveries.queue import Mail, Webhook
from tests.deliveries.targets import hook, mailbox


def webhook(url: str) -> Webhook:
    return Webhook(id="job:7", url=url, body={"job": "tick"})


def test_a_webhook_carries_the_event_and_an_id_that_stays_the_same() -> None:
    with hook(204) as target:
        send.post(webhook(target.url), attempt=3)

    headers, body = target.received[0]
    assert body == {"job": "tick"}
    assert headers["Tepui-Delivery-Id"] == "job:7"
    assert headers["Tepui-Delivery-Attempt"] == "3"


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_what_may_go_better_later_is_tried_again(status: int) -> None:
    with hook(status) as target, pytest.raises(send.TryAgain, match=str(status)):
        send.post(webhook(target.url), attempt=1)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_what_would_be_refused_again_is_not_tried_again(status: int) -> None:
    with hook(status) as target, pytest.raises(send.Refused, match=str(status)):
        send.post(webhook(target.url), attempt=1)


def test_a_redirect_is_not_followed() -> None:
    refused = pytest.raises(send.Refused, match="redirects are not followed")
    with hook(200) as inside, hook(302, location=inside.url) as target, refused:
        send.post(webhook(target.url), attempt=1)

    assert inside.received == []


def test_a_target_that_hangs_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "DEADLINE_S", 0.2)
    with hook(200, delay_s=1) as target, pytest.raises(send.TryAgain, match="no answer"):
        send.post(webhook(target.url), attempt=1)


def test_nobody_there_is_tried_again() -> None:
    with hook(200) as target:
        gone = target.url
    with pytest.raises(send.TryAgain):
        send.post(webhook(gone), attempt=1)


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "nonsense", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(send.Refused, match="address"):
        send.post(webhook(url), attempt=1)


def test_a_mail_arrives_with_its_subject_and_a_lasting_message_id() -> None:
    message = Mail(id="job:7", to=("a@example.org",), subject="tick failed", text="exit 1\n")
    with mailbox() as (address, letters):
        send.mail(message, address, "tepui@example.org")
        send.mail(message, address, "tepui@example.org")

    first, second = (letter.splitlines() for letter in letters)
    assert "Subject: tick failed" in first
    assert "exit 1" in first
    assert [line for line in first if line.startswith("Message-ID")] == [
        line for line in second if line.startswith("Message-ID")
    ]


def test_a_line_break_in_a_subject_cannot_add_a_header() -> None:
    message = Mail(id="1", to=("a@example.org",), subject="x\nBcc: b@example.org", text="")
    with mailbox() as (address, letters), pytest.raises(send.Refused):
        send.mail(message, address, "tepui@example.org")

    assert letters == []


def test_without_a_mail_server_the_reason_names_the_flag() -> None:
    message = Mail(id="1", to=("a@example.org",), subject="x", text="")
    with pytest.raises(send.Refused, match="--smtp"):
        send.mail(message, "", "tepui@example.org")
