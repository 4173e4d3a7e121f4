"""Decides when to ask the master for offers (REVIVE) and when to be left in peace (SUPPRESS).

A framework that wants nothing and is not suppressed keeps what it is offered from others, offer by
offer. REVIVE also forgets what was declined, so it is sent once for each new reason, not too
often, and again in a long while should nothing come.
Source: Mesos, docs/app-framework-development-guide.md; Marathon, ReviveOffersActor.
"""

from msgspec import Struct

from kernel.framework import calls
from kernel.machine import Now
from kernel.messages.scheduler import Call


class InterestTiming(Struct, frozen=True):
    """Milliseconds."""

    revive_interval_ms: int = 250  # at most one REVIVE per so long
    revive_again_ms: int | None = 30_000  # while something waits and no offer comes; None: never


class Interest:
    """Of all our roles at once. Invariant: not suppressed once offers were asked for."""

    def __init__(self, timing: InterestTiming | None = None) -> None:
        self._timing = timing or InterestTiming()
        self.is_suppressed = False
        self._is_waiting = False
        self._reason: object = None
        self._revived_at_ms: int | None = None  # on this stream
        self._revived_for: object = None

    def begin(self, *, is_suppressed: bool) -> None:
        """A stream has begun, with or without offers, as our SUBSCRIBE said."""
        self.is_suppressed, self._is_waiting = is_suppressed, False
        self._revived_at_ms = self._revived_for = None

    def want(self, reason: object, now: Now) -> list[Call]:
        """Offers are wanted and none is in hand. `reason` is any value that changes when what was
        declined before might do now, such as a count of demands."""
        self._is_waiting, self._reason = True, reason
        due_ms = self._due_ms()
        if due_ms is None or now.mono_ms < due_ms:
            return []
        self.is_suppressed = False
        self._revived_at_ms, self._revived_for = now.mono_ms, reason
        return [calls.revive()]

    def hold(self) -> None:
        """Offers are wanted, but need not be asked for: one is in hand, or it is not yet time."""
        self._is_waiting = False

    def rest(self) -> list[Call]:
        """No offers are wanted."""
        self._is_waiting = False
        if self.is_suppressed:
            return []
        self.is_suppressed = True
        return [calls.suppress()]

    def _due_ms(self) -> int | None:
        """When REVIVE may leave for the present reason; None is never."""
        if self.is_suppressed or self._revived_at_ms is None:
            return 0
        if self._reason != self._revived_for:
            return self._revived_at_ms + self._timing.revive_interval_ms
        again_ms = self._timing.revive_again_ms
        return None if again_ms is None else self._revived_at_ms + again_ms

    def next_deadline_ms(self) -> int | None:
        """When `want` should be said again."""
        return self._due_ms() if self._is_waiting else None
