"""The agent's standing with the master: its id, the master's term, and whether the master lives.

The id comes from the master once and is kept; a master with a lower term than one seen before is a
deposed one and is left. Reconnecting is the shell's. Source: Mesos, docs/agent-recovery.md;
design §6 (agents remember the highest term and refuse lower ones).
"""

from msgspec import Struct

from kernel.agent.talk import HangUp, SendCall
from kernel.machine import Now, Operation, Put
from kernel.messages.agent import Pong, Subscribed
from kernel.messages.codec import decode, encode

COLLECTION, KEY = "agent", "standing"


class Standing(Struct, frozen=True):
    """What must survive. `launches` counts containers, so that their ids never repeat."""

    agent_id: str | None = None
    epoch: int = 0
    boot_id: str = ""
    launches: int = 0


class Registration:
    """`ping_due_ms` is when a silent master is given up."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.master_id: str | None = None
        self.registered_wall_ms: int | None = None
        self.ping_due_ms: int | None = None
        self._silence_ms = 0

    @property
    def connected(self) -> bool:
        return self.master_id is not None

    def subscribed(self, event: Subscribed, now: Now) -> tuple[list[Operation], HangUp | None]:
        if event.epoch < self.standing.epoch:
            text = f"its term {event.epoch} is older than {self.standing.epoch}, seen before"
            return [], HangUp(f"master {event.master_id} was deposed: {text}")
        self.master_id = event.master_id
        self.registered_wall_ms = now.wall_ms
        self._silence_ms = round(event.ping_timeout_seconds * 1000)
        self.ping_due_ms = now.mono_ms + self._silence_ms if self._silence_ms > 0 else None
        if (event.agent_id.value, event.epoch) == (self.standing.agent_id, self.standing.epoch):
            return [], None
        return self.keep(agent_id=event.agent_id.value, epoch=event.epoch), None

    def pinged(self, now: Now) -> list[SendCall]:
        if self._silence_ms > 0:
            self.ping_due_ms = now.mono_ms + self._silence_ms
        return [SendCall(Pong())]

    def heard(self, now: Now) -> None:
        """Any word of the master shows that it lives."""
        if self.ping_due_ms is not None:
            self.ping_due_ms = now.mono_ms + self._silence_ms

    def lost(self) -> None:
        self.master_id = self.ping_due_ms = None

    def due(self, now: Now) -> list[HangUp]:
        if self.ping_due_ms is None or self.ping_due_ms > now.mono_ms:
            return []
        self.lost()
        return [HangUp(f"no ping for {self._silence_ms / 1000:g} s")]

    def keep(self, **changes: object) -> list[Operation]:
        fields = {name: getattr(self.standing, name) for name in Standing.__struct_fields__}
        self.standing = Standing(**{**fields, **changes})
        return [Put(COLLECTION, KEY, encode(self.standing))]

    def forget(self) -> list[Operation]:
        """The agent ends for good: its next life is another agent's. This one keeps its name."""
        heir = Standing(epoch=self.standing.epoch, boot_id=self.standing.boot_id)
        return [Put(COLLECTION, KEY, encode(heir))]


def restore(record: bytes | None) -> Registration:
    return Registration(Standing() if record is None else decode(Standing, record))
