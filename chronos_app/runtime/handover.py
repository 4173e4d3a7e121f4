"""Carries notices to deliveries, one after another, off the loop: a broken broker blocks nothing.

A notice stays in the outbox until it is handed over, so a failure here is only a delay. How mails
and webhooks get to people, with retries, is `deliveries`'s.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from chronos_app.core.events import Notice
from chronos_app.core.schedule import iso_utc
from deliveries.queue import enqueue

log = logging.getLogger(__name__)

RETRY_FIRST_S, RETRY_MAX_S = 1.0, 60.0


def hand_over(broker: str, delivery: dict[str, Any]) -> None:
    """Blocks until the delivery is durable; raises when it could not be made so."""
    enqueue(broker, delivery)


def deliveries_of(notice: Notice, webhook: str, mail_from: str) -> list[dict[str, Any]]:
    """What is to be sent of one notice: a webhook, a mail to the owners, or nothing."""
    body = {
        "id": notice.notice_id,
        "kind": notice.kind,
        "job": notice.job,
        "subject": notice.subject,
        "message": notice.message,
        "owners": list(notice.owners),
        "when": iso_utc(notice.when_ms),
        "details": notice.details,
    }
    wanted: list[dict[str, Any]] = []
    if webhook:
        wanted.append(
            {"kind": "webhook", "id": f"{notice.notice_id}/webhook", "url": webhook, "body": body}
        )
    if notice.owners:
        mail: dict[str, Any] = {
            "kind": "mail",
            "id": f"{notice.notice_id}/mail",
            "to": list(notice.owners),
            "subject": f"[chronos] {notice.subject}",
            "text": f"{notice.message}\n\nJob: {notice.job}\nWhen: {iso_utc(notice.when_ms)}\n",
        }
        if mail_from:
            mail["sender"] = mail_from
        wanted.append(mail)
    return wanted


class Handover:
    """A queue in memory in front of the broker; what it loses, the outbox still has."""

    def __init__(
        self,
        broker: str | None,
        webhook: str,
        mail_from: str,
        on_handed_over: Callable[[str], None],
    ) -> None:
        self._broker = broker
        self._webhook = webhook
        self._mail_from = mail_from
        self._on_handed_over = on_handed_over
        self._notices: asyncio.Queue[Notice] = asyncio.Queue()

    def put(self, notice: Notice) -> None:
        """Never blocks."""
        self._notices.put_nowait(notice)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            notice = await self._notices.get()
            wanted = deliveries_of(notice, self._webhook, self._mail_from)
            if wanted and self._broker is None:
                log.warning("%s; nobody is told, since there is no --deliveries", notice.subject)
            for delivery in wanted if self._broker is not None else ():
                await self._hand_over_at_last(self._broker or "", delivery)
            self._on_handed_over(notice.notice_id)

    async def _hand_over_at_last(self, broker: str, delivery: dict[str, Any]) -> None:
        pause_s = RETRY_FIRST_S
        while True:
            try:
                await asyncio.to_thread(hand_over, broker, delivery)
                return
            except ValueError as error:  # it can never be read: trying again would block the rest
                log.error("the notification %s is not deliverable: %s", delivery["id"], error)
                return
            except Exception as error:  # whatever a broker's library raises
                log.warning("deliveries: %s; again in %.0f s", error, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)
