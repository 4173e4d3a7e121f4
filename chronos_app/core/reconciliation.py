"""Asks the master how the launched runs are, after each connection and now and then.

Until a run is confirmed, it counts as running: nothing of its job starts beside it. Explicit
only: it is the runs that we know that matter. Source: Mesos, docs/reconciliation.md.
"""

from chronos_app.core.events import Effect, SendCall
from chronos_app.core.ledger import Ledger
from chronos_app.core.run import Run, RunState
from chronos_app.core.settings import Settings
from kernel.machine import Now
from kernel.messages.scheduler import Call, CallType, Reconcile, ReconcileTask
from kernel.messages.v1 import Id

BACKOFF_FIRST_MS, BACKOFF_MAX_MS = 5_000, 60_000
LAUNCH_SILENCE_MS = 15_000  # an ACCEPT of which nothing was heard for so long may be lost
TASKS_PER_CALL = 1_000


class Reconciliation:
    """`unconfirmed` are the runs of which the present stream has said nothing yet."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._settings = settings
        self.unconfirmed: dict[str, None] = {}
        self._look_ms: int | None = None  # monotonic: look for runs that nobody answered for
        self._all_ms: int | None = None  # monotonic: ask for every run
        self._backoff_ms = BACKOFF_FIRST_MS

    def begin(self, now: Now) -> list[Effect]:
        """The stream is new: ask for all, before anything is launched on it."""
        runs = self._with_mesos()
        self.unconfirmed = {run.run_id: None for run in runs}
        self._backoff_ms = BACKOFF_FIRST_MS
        self._look_ms = now.mono_ms + self._backoff_ms if runs else None
        self._all_ms = now.mono_ms + self._settings.reconcile_interval_ms
        return _ask(runs)

    def end(self) -> None:
        self._look_ms = self._all_ms = None

    def heard(self, run_id: str) -> None:
        self.unconfirmed.pop(run_id, None)

    def watch(self, now: Now) -> None:
        """Something was launched: be back to see that it was heard of."""
        if self._look_ms is None and self._all_ms is not None:
            self._backoff_ms = BACKOFF_FIRST_MS
            self._look_ms = now.mono_ms + LAUNCH_SILENCE_MS

    def ring(self, now: Now) -> list[Effect]:
        """Ask again for those that nobody answered for; for all, once in a long while."""
        effects: list[Effect] = []
        if self._look_ms is not None and now.mono_ms >= self._look_ms:
            effects += self._look(now)
        if self._all_ms is not None and now.mono_ms >= self._all_ms:
            self._all_ms = now.mono_ms + self._settings.reconcile_interval_ms
            effects += _ask(self._with_mesos())
        return effects

    def _look(self, now: Now) -> list[Effect]:
        unheard = [
            run
            for run in self._with_mesos()
            if run.state is RunState.LAUNCHING or run.run_id in self.unconfirmed
        ]
        if not unheard:
            self._look_ms = None
            return []
        self._backoff_ms = min(self._backoff_ms * 2, BACKOFF_MAX_MS)
        self._look_ms = now.mono_ms + self._backoff_ms
        silent = [
            run
            for run in unheard
            if run.run_id in self.unconfirmed or now.wall_ms - run.launched_ms >= LAUNCH_SILENCE_MS
        ]
        return _ask(silent)

    def next_mono_ms(self) -> int | None:
        if self._look_ms is None or self._all_ms is None:
            return self._all_ms
        return min(self._look_ms, self._all_ms)

    def _with_mesos(self) -> list[Run]:
        return [run for run in self._ledger.runs.values() if _is_with_mesos(run)]


def _is_with_mesos(run: Run) -> bool:
    return run.state.is_launched and run.state is not RunState.REPORTING


def _ask(runs: list[Run]) -> list[Effect]:
    calls: list[Effect] = []
    for start in range(0, len(runs), TASKS_PER_CALL):
        tasks = [
            ReconcileTask(task_id=Id(run.run_id), agent_id=Id(run.agent_id))
            for run in runs[start : start + TASKS_PER_CALL]
        ]
        calls.append(SendCall(Call(type=CallType.RECONCILE, reconcile=Reconcile(tasks=tasks))))
    return calls
