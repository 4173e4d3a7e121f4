"""Decides how often HAProxy may be reloaded, and how soon one that ended is started again.

Each reload leaves a worker behind until its last connection ends, so reloads have a budget. Leaves
what to reload for to `watch`. Source: HAProxy issue 155 (old workers that pile up).
"""

from msgspec import Struct

RELOADS_BURST, RELOAD_REFILL_MS = 5, 1_000
START_FIRST_MS, START_MAX_MS = 100, 3_000
SURVIVED_MS = 5_000  # an HAProxy that lived so long may be started again at once


class ReloadBudget(Struct):
    """Up to five reloads at once, one more every second."""

    tokens: int = RELOADS_BURST
    since_ms: int = 0  # of the last refill; means nothing while the budget is full

    def take(self, now_ms: int) -> None:
        if self.tokens == RELOADS_BURST:
            self.since_ms = now_ms
        refilled = (now_ms - self.since_ms) // RELOAD_REFILL_MS
        self.since_ms += refilled * RELOAD_REFILL_MS
        self.tokens = min(RELOADS_BURST, self.tokens + refilled)
        assert self.tokens > 0
        self.tokens -= 1

    def next_ms(self) -> int:
        """When the next reload may be; 0: at any time."""
        return 0 if self.tokens else self.since_ms + RELOAD_REFILL_MS


class Starts(Struct):
    """`at_ms` is None until it is known that no HAProxy of ours runs already."""

    at_ms: int | None = None
    retry_ms: int = START_FIRST_MS
    started_ms: int = 0

    def absent(self, now_ms: int) -> None:
        self.at_ms = now_ms

    def started(self, now_ms: int) -> None:
        self.started_ms = now_ms

    def failed(self, now_ms: int) -> None:
        self.at_ms = now_ms + self.retry_ms
        self.retry_ms = min(2 * self.retry_ms, START_MAX_MS)

    def stopped(self, now_ms: int) -> None:
        if now_ms - self.started_ms >= SURVIVED_MS:
            self.retry_ms = START_FIRST_MS
            self.at_ms = now_ms
        else:
            self.failed(now_ms)

    def is_due(self, now_ms: int) -> bool:
        return self.at_ms is not None and now_ms >= self.at_ms
