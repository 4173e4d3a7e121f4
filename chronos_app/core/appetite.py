"""Decides when to ask the master for offers (revive) and when to stop it (suppress).

Nothing due for a while: suppressed. Something waits, or is due so soon that an offer should be in
hand: revived, once for each new reason, and again in a long while should nothing come.
Source: Mesos, docs/app-framework-development-guide.md ("Suppressing offers").
"""

from chronos_app.core.events import Effect, SendCall
from kernel.machine import Now
from kernel.messages.scheduler import Call, CallType, Roles

LINGER_MS = 3_000  # with the next occurrence so near, suppressing is not worth the calls
REVIVE_INTERVAL_MS = 250  # at most one revive per so long
REVIVE_AGAIN_MS = 30_000  # while something waits and no offer comes

Reason = tuple[int, int | None]  # grows with each run that becomes ready; the next occurrence


class Appetite:
    """Invariant: not suppressed while hungry."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._suppressed = False
        self._hungry = False
        self._revived_at_ms: int | None = None  # monotonic
        self._revived_for: Reason | None = None
        self._reason: Reason | None = None

    def begin(self) -> None:
        """A new stream: the master offers by itself."""
        self._suppressed = self._hungry = False
        self._revived_at_ms = self._revived_for = None

    def hunger(self, reason: Reason, now: Now) -> list[Effect]:
        """Offers are wanted, and none is in hand."""
        self._hungry, self._reason = True, reason
        if not self._suppressed and not self._should_revive(now):
            return []
        self._suppressed = False
        self._revived_at_ms, self._revived_for = now.mono_ms, reason
        return [SendCall(Call(type=CallType.REVIVE, revive=Roles(roles=[self._role])))]

    def _should_revive(self, now: Now) -> bool:
        again_ms = self._again_ms()
        return again_ms is None or now.mono_ms >= again_ms

    def _again_ms(self) -> int | None:
        if self._revived_at_ms is None:
            return None
        same = self._reason == self._revived_for
        return self._revived_at_ms + (REVIVE_AGAIN_MS if same else REVIVE_INTERVAL_MS)

    def content(self) -> None:
        """Offers are wanted and in hand."""
        self._hungry = False

    def satiety(self, until_wanted_ms: int | None) -> list[Effect]:
        """No offer is wanted, for so long as far as is known."""
        self._hungry = False
        near = until_wanted_ms is not None and until_wanted_ms <= LINGER_MS
        if self._suppressed or near:
            return []
        self._suppressed = True
        return [SendCall(Call(type=CallType.SUPPRESS, suppress=Roles(roles=[self._role])))]

    def next_mono_ms(self) -> int | None:
        """When to ask again because nothing came."""
        return self._again_ms() if self._hungry else None
