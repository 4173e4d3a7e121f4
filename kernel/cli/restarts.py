"""Decides when a child of the supervisor that died is started again; starting is the supervisor's.

A child that had lived is started again at once: a crash costs its start-up and nothing else. One
that dies again and again is started ever more slowly, so that a wrong flag does not burn a core.
"""

from msgspec import Struct

FIRST_BACKOFF_MS = 250
BACKOFF_MAX_MS = 5_000
STEADY_AFTER_MS = (
    10_000  # who lived so long has proved that it can; its next death counts as the first
)


class Restarts(Struct):
    """The history of one child: when it was started last, and how often it died young since."""

    started_ms: int = 0
    young_deaths: int = 0

    def started(self, at_ms: int) -> None:
        self.started_ms = at_ms

    def died(self, at_ms: int) -> int:
        """Takes note of a death; answers in how many milliseconds the child is started again."""
        if at_ms - self.started_ms >= STEADY_AFTER_MS:
            self.young_deaths = 0
        self.young_deaths += 1
        if self.young_deaths == 1:
            return 0
        doublings = min(self.young_deaths - 2, 10)
        return int(min(FIRST_BACKOFF_MS * 2**doublings, BACKOFF_MAX_MS))
