"""Decides when Marathon is asked for its apps: soon after news, again after a failure, and always
once in a while, more often while its events cannot be followed. Leaves asking to the shell.
"""

from msgspec import Struct

SPACING_MS = 40  # events that come together need one look at Marathon
RESYNC_MS = 60_000
RESYNC_BLIND_MS = 5_000  # while no events come
RETRY_FIRST_MS, RETRY_MAX_MS = 200, 5_000


class Fetching(Struct):
    """At most one fetch is under way; news that come meanwhile cause another one after it."""

    number: int = 0
    is_under_way: bool = False
    at_ms: int | None = None
    started_ms: int = -SPACING_MS
    retry_ms: int = RETRY_FIRST_MS
    is_following: bool = False
    error: str | None = "not yet reached"
    fetched_wall_ms: int = 0

    def opened(self, now_ms: int) -> None:
        """Events are followed from here on: what happened before must be looked up."""
        self.is_following = True
        self.at_ms = now_ms

    def closed(self, reason: str, now_ms: int) -> None:
        self.is_following = False
        self.error = reason
        self._sooner(now_ms + RESYNC_BLIND_MS)

    def news(self, now_ms: int) -> None:
        self._sooner(max(now_ms, self.started_ms + SPACING_MS))

    def fetched(self, now_ms: int, wall_ms: int) -> None:
        self.is_under_way = False
        self.retry_ms = RETRY_FIRST_MS
        self.error, self.fetched_wall_ms = None, wall_ms
        self._sooner(now_ms + (RESYNC_MS if self.is_following else RESYNC_BLIND_MS))

    def failed(self, reason: str, now_ms: int) -> None:
        self.is_under_way = False
        self.error = reason
        self._sooner(now_ms + self.retry_ms)
        self.retry_ms = min(2 * self.retry_ms, RETRY_MAX_MS)

    def begin_if_due(self, now_ms: int) -> int | None:
        """The number of the fetch to begin now, or None."""
        if self.is_under_way or self.at_ms is None or now_ms < self.at_ms:
            return None
        self.number += 1
        self.is_under_way, self.at_ms, self.started_ms = True, None, now_ms
        return self.number

    def next_deadline_ms(self) -> int | None:
        return None if self.is_under_way else self.at_ms

    def _sooner(self, at_ms: int) -> None:
        self.at_ms = at_ms if self.at_ms is None else min(self.at_ms, at_ms)
