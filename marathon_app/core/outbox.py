"""Collects what one step wants done: its writes as one `Persist`, before all other effects.

Since the writes of a step come first, every message of the step rests on what is durable.
"""

import msgspec
from msgspec import Struct

from kernel.machine import Delete, Operation, Persist, Put
from kernel.messages import scheduler
from marathon_app.core.effects import Effect, PublishEvent, SendCall
from marathon_app.schema import timestamp

_encoder = msgspec.json.Encoder()


class Outbox:
    """Filled by the parts during a step, emptied by the supervisor at its end."""

    def __init__(self) -> None:
        self._operations: dict[tuple[str, str], Operation] = {}
        self._effects: list[Effect] = []
        self.wall_ms = 0

    def put(self, collection: str, key: str, record: Struct) -> None:
        self._operations[collection, key] = Put(collection, key, _encoder.encode(record))

    def delete(self, collection: str, key: str) -> None:
        self._operations[collection, key] = Delete(collection, key)

    def emit(self, effect: Effect) -> None:
        self._effects.append(effect)

    def call(self, call: scheduler.Call) -> None:
        self._effects.append(SendCall(call))

    def publish(self, event_type: str, **data: object) -> None:
        self._effects.append(PublishEvent(event_type, data, timestamp.format_ms(self.wall_ms)))

    def take(self) -> list[Effect]:
        """Everything, in the order in which it must happen."""
        effects, self._effects = self._effects, []
        if self._operations:
            effects.insert(0, Persist(tuple(self._operations.values())))
            self._operations = {}
        return effects
