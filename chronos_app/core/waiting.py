"""The runs that may be launched now, in the order to launch them: high priority, then age.

A run that does not fit never holds up one that does: whoever launches walks past it. Source:
Chronos, TaskManager.scala (two queues), whose head did block the rest (DIFFERS).
"""

from chronos_app.core.ledger import Ledger
from chronos_app.core.run import Run, RunState
from chronos_app.core.timers import Alarm, Timers


class Waiting:
    """Invariant: every run here is WAITING and was ready when it came."""

    def __init__(self, ledger: Ledger, timers: Timers) -> None:
        self._ledger = ledger
        self._timers = timers
        self._ready: dict[str, Run] = {}
        self._order: list[Run] | None = None
        self.version = 0  # grows with each run that becomes ready
        self.why: dict[str, str] = {}  # what kept a run from its last offer, for people

    def add(self, run: Run, now_ms: int) -> None:
        """Take a run in; one that is not ready yet comes back with its alarm."""
        assert run.state is RunState.WAITING, f"{run.run_id} is {run.state}"
        if run.ready_ms > now_ms:
            self._timers.set(run.ready_ms, Alarm.READY, run.run_id)
            return
        self._ready[run.run_id] = run
        self._order = None
        self.version += 1
        if run.deadline_ms is not None:
            self._timers.set(run.deadline_ms + 1, Alarm.DEADLINE, run.run_id)

    def remove(self, run_id: str) -> None:
        if self._ready.pop(run_id, None) is not None:
            self._order = None
        self.why.pop(run_id, None)

    def in_order(self) -> list[Run]:
        """Every ready run, the first to launch first."""
        if self._order is None:
            self._order = sorted(self._ready.values(), key=self._rank)
        return self._order

    def _rank(self, run: Run) -> tuple[bool, int, int]:
        record = self._ledger.jobs.get(run.job)
        high = record is not None and record.job.high_priority
        return (not high, run.ready_ms, run.serial)

    def __len__(self) -> int:
        return len(self._ready)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._ready
