"""The supervisor with a counter of its steps, so that readers know whether anything happened.

An answer that was rendered at some step stays right until the next one. Decides nothing.
"""

from collections.abc import Sequence

from kernel.machine import Now
from marathon_app.core.effects import Effect
from marathon_app.core.events import Event
from marathon_app.core.supervisor import Supervisor


class Watched:
    """A machine like the one inside; `steps` may be read from any thread."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.steps = 0

    def step(self, event: Event, now: Now) -> Sequence[Effect]:
        self.steps += 1
        return self.supervisor.step(event, now)

    def next_deadline_ms(self) -> int | None:
        return self.supervisor.next_deadline_ms()

    def check_invariants(self) -> None:
        self.supervisor.check_invariants()
