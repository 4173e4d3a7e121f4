"""Takes deliveries in: once `enqueue` returns, the delivery is durable and will be tried until it
succeeds or is dead. Leaves making them to the worker, and whether there is anything to tell to the
caller.

Light on purpose: the schedulers import this, the worker's Celery they do not.
"""

from typing import Any

import msgspec
from kombu import Connection, Queue
from msgspec import Struct

from deliveries import spool

QUEUE = Queue("deliveries", routing_key="deliveries", durable=True)
TASK = "deliveries.deliver"


class Delivery(Struct, frozen=True, tag_field="kind", kw_only=True):
    """`id` names the event, the same in every attempt, so that a receiver can tell a repetition."""

    id: str


class Webhook(Delivery, frozen=True, tag="webhook", kw_only=True):
    """POST `body` as JSON to `url`."""

    url: str
    body: dict[str, Any] = {}


class Mail(Delivery, frozen=True, tag="mail", kw_only=True):
    """`sender` is the address that it comes from; without one the worker's default."""

    to: tuple[str, ...]
    subject: str
    text: str
    sender: str | None = None


Kind = Webhook | Mail


def read(delivery: dict[str, Any]) -> Kind:
    """Raises `msgspec.ValidationError`, which names the field, for what is no delivery."""
    found: Kind = msgspec.convert(delivery, Kind)
    return found


def enqueue(broker: str, delivery: dict[str, Any]) -> None:
    """`broker` is a directory or a redis:// address, the same as the worker's `--broker`.

    `delivery` is `{"kind": "webhook", "id", "url", "body"}` or `{"kind": "mail", "id", "to": […],
    "subject", "text"}`. Raises `OSError` or a kombu error when it could not be made durable: then
    try again.
    """
    known = msgspec.to_builtins(read(delivery))
    with connect(broker) as connection, connection.channel() as channel:
        connection.Producer(channel).publish(
            [[known], {}, {}],
            routing_key=QUEUE.routing_key,
            exchange=QUEUE.exchange,
            declare=[QUEUE],
            serializer="json",
            delivery_mode=2,
            correlation_id=known["id"],
            headers={
                "lang": "py",
                "task": TASK,
                "id": known["id"],
                "root_id": known["id"],
                "retries": 0,
            },
        )  # the message form of Celery's protocol 2; Source: Celery, internals/protocol


def connect(broker: str) -> Connection:
    url, options = address(broker)
    return Connection(url, transport_options=options)


def recover(broker: str) -> int:
    """Before a worker starts: what its predecessor had taken is new again. Answers how many.

    Redis would give it back by itself only after hours. Where another worker is in the middle of an
    attempt, that attempt may be made twice: at least once is what is promised.
    """
    if not is_redis(broker):
        return spool.recover(broker)
    url, _ = address(broker)
    with Connection(url, transport_options={"visibility_timeout": 0}) as connection:
        channel: Any = connection.default_channel  # kombu types its transports as one
        taken = int(channel.client.zcard(channel.qos.unacked_index_key))
        channel.qos.restore_visible(num=max(taken, 1), interval=1)
        return taken


def is_redis(broker: str) -> bool:
    return broker.startswith(("redis://", "rediss://"))


def address(broker: str) -> tuple[str, dict[str, Any]]:
    """A broker's URL and transport options as kombu and Celery want them."""
    if is_redis(broker):
        return broker, {}
    return spool.address(broker)
