"""Makes one attempt at one delivery, within its deadline. Whether and when to try again is the
worker's.

A target can neither hang us (ten seconds in all), nor flood us (its answer is read to 64 KiB), nor
send us elsewhere (redirects are not followed).
"""

import hashlib
import http.client
import json
import smtplib
import socket
import threading
import urllib.parse
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

from deliveries.queue import Mail, Webhook

DEADLINE_S = 10
ANSWER_BYTES_MAX = 65_536
RETRIED_STATUSES = (408, 425, 429)  # of the 4xx, those that say: later


class Refused(Exception):
    """It would be refused again: no further attempt. The message is the reason."""


class TryAgain(Exception):
    """It may go better later. The message is the reason."""


def post(webhook: Webhook, attempt: int) -> None:
    where = urllib.parse.urlsplit(webhook.url)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise Refused(f"{webhook.url!r} is no http:// or https:// address")
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname, where.port, timeout=DEADLINE_S)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "tepui-deliveries",
        "Tepui-Delivery-Id": webhook.id,
        "Tepui-Delivery-Attempt": str(attempt),
    }
    path = (where.path or "/") + (f"?{where.query}" if where.query else "")
    body = json.dumps(webhook.body).encode()
    status = _in_time(connection, lambda: _exchange(connection, path, body, headers))
    _judge(status)


def _exchange(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> int:
    connection.request("POST", path, body=body, headers=headers)
    answer = connection.getresponse()
    answer.read(ANSWER_BYTES_MAX)
    return answer.status


def _in_time(connection: http.client.HTTPConnection, exchange: Callable[[], int]) -> int:
    """A timeout of the socket is one of each read; this one is for all together."""
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(DEADLINE_S, hang_up)
    timer.daemon = True
    timer.start()
    try:
        return exchange()
    except (OSError, http.client.HTTPException) as error:
        too_late = late.is_set() or isinstance(error, TimeoutError)
        why = f"no answer within {DEADLINE_S} s" if too_late else words(error)
        raise TryAgain(why) from error
    except ValueError as error:  # what http.client says to a control character in an address
        raise Refused(words(error)) from error
    finally:
        timer.cancel()
        connection.close()


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Refused(f"it answered {status}, and redirects are not followed")
    if 400 <= status < 500 and status not in RETRIED_STATUSES:
        raise Refused(f"it answered {status}")
    raise TryAgain(f"it answered {status}")


def mail(message: Mail, smtp: str, sender: str) -> None:
    """`smtp` is `smtp://user:password@host:587` or `smtps://…`; with a password only over TLS."""
    if not smtp:
        raise Refused("no mail server is known: start the deliveries with --smtp")
    where = urllib.parse.urlsplit(smtp)
    if where.scheme not in ("smtp", "smtps") or not where.hostname:
        raise Refused("--smtp must be like smtp://user:password@host:587")
    kind: Any = smtplib.SMTP_SSL if where.scheme == "smtps" else smtplib.SMTP
    port = where.port or (465 if where.scheme == "smtps" else 25)
    try:
        letter = compose(message, sender)
        with kind(where.hostname, port, timeout=DEADLINE_S) as server:
            if where.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls()
            if where.username:
                server.login(urllib.parse.unquote(where.username),
                             urllib.parse.unquote(where.password or ""))  # fmt: skip
            server.send_message(letter)
    except smtplib.SMTPResponseException as error:
        kind_of_error = Refused if 500 <= error.smtp_code < 600 else TryAgain
        raise kind_of_error(words(error)) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise Refused(f"the mail server refuses {', '.join(error.recipients)}") from error
    except ValueError as error:  # a line break in a header
        raise Refused(words(error)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise TryAgain(words(error)) from error


def compose(message: Mail, sender: str) -> EmailMessage:
    """The same event has the same Message-ID in every attempt, so that a mail server can tell."""
    letter = EmailMessage()
    letter["From"] = message.sender or sender
    letter["To"] = ", ".join(message.to)
    letter["Subject"] = message.subject
    digest = hashlib.sha256(message.id.encode()).hexdigest()[:32]
    letter["Message-ID"] = f"<{digest}@tepui.invalid>"
    letter.set_content(message.text)
    return letter


def words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
