"""How an agent ends for good: its tasks first, then their last words, then itself.

The ends that keep the tasks (SIGTERM, kill -9) are no business of the machine.
Source: Mesos, docs/agent-recovery.md (SIGUSR1).
"""

from enum import Enum

from kernel.machine import Now

LAST_WORDS_MS = 1_000  # how long an ending agent waits for its last updates to be heard
GRACE_MS_MAX = 3_000  # an ending agent grants its tasks no more


class Step(Enum):
    WAIT = "wait"
    LEAVE = "leave"  # with updates that nobody heard: the next life of this agent brings them
    UNREGISTER = "unregister"  # everything was heard, so the master need not wait for us


class Ending:
    """`reason` is why, once it has begun; `due_ms` when the waiting for last words is over."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_over = False
        self.due_ms: int | None = None

    def begin(self, reason: str) -> bool:
        """False if it has begun before."""
        if self.reason is not None:
            return False
        self.reason = reason
        return True

    def next_step(self, *, tasks_live: bool, all_heard: bool, connected: bool, now: Now) -> Step:
        if self.reason is None or self.is_over or tasks_live:
            return Step.WAIT
        if not all_heard and connected:
            if self.due_ms is None:
                self.due_ms = now.mono_ms + LAST_WORDS_MS
            if self.due_ms > now.mono_ms:
                return Step.WAIT
        self.is_over, self.due_ms = True, None
        return Step.UNREGISTER if all_heard and connected else Step.LEAVE
