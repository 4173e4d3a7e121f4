"""Follows the launched runs: what updates say of them, how long they may take, who is killed.

An update is acknowledged once what it says is durable. A task that nobody here knows is killed:
its run was given up, and may have been done anew. What an end means is `ending`'s.
"""

from chronos_app.core.ending import Ending
from chronos_app.core.events import Effect
from chronos_app.core.issuing import Issuing
from chronos_app.core.ledger import Ledger
from chronos_app.core.outcome import Outcome, never_began, read_status
from chronos_app.core.run import Run, RunState
from chronos_app.core.settings import Settings
from chronos_app.core.timers import Alarm, Timers
from chronos_app.core.waiting import Waiting
from kernel.framework.scheduler import Scheduler, is_over
from kernel.machine import Now
from kernel.messages.v1 import TaskStatus
from kernel.model.task import TaskState

OVERTIME_GRACE_MS = 2_000  # the agent enforces maxCompletionTime too, and says it better


class Tasks:
    """Every launched run is somewhere with Mesos; alarms bring back those that hang."""

    def __init__(
        self,
        ledger: Ledger,
        ending: Ending,
        scheduler: Scheduler,
        timers: Timers,
        settings: Settings,
    ) -> None:
        self._ledger = ledger
        self._ending = ending
        self._scheduler = scheduler
        self._timers = timers
        self._settings = settings

    def updated(self, status: TaskStatus, now: Now) -> list[Effect]:
        """News of a task."""
        run_id = status.task_id.value
        run = self._ledger.runs.get(run_id)
        effects: list[Effect] = []
        if run is None:
            if not is_over(status.state) and status.state is not TaskState.UNREACHABLE:
                agent_id = status.agent_id.value if status.agent_id else None
                self._scheduler.kill(run_id, agent_id, now)
        elif run.state.is_launched:
            effects += self._apply(run, status, now)
        self._scheduler.acknowledge(status)
        return effects

    def _apply(self, run: Run, status: TaskStatus, now: Now) -> list[Effect]:
        outcome = read_status(status)
        if never_began(status, run.state):
            return self._never_began(run, outcome, now)
        if outcome.state is None or run.state is RunState.REPORTING:
            return []
        if outcome.state.is_over:
            return self._over(run, outcome, now)
        if outcome.state is not run.state and not _is_older(outcome.state, run.state):
            run.move(outcome.state)
            run.message = outcome.message
            if outcome.state is RunState.UNREACHABLE:
                run.unreachable_ms = now.wall_ms
            elif not run.started_ms:
                run.started_ms = now.wall_ms
            self._ledger.put_run(run)
            self.watch(run, now)
        return []

    def _never_began(self, run: Run, outcome: Outcome, now: Now) -> list[Effect]:
        if run.kill_requested:
            killed = Outcome(RunState.KILLED, message="killed before it began")
            return self._ending.end(run, killed, now.wall_ms)
        self._ending.relaunch(run, outcome.message, now.wall_ms)
        return []

    def _over(self, run: Run, outcome: Outcome, now: Now) -> list[Effect]:
        record = self._ledger.jobs.get(run.job)
        asynchronous = record is not None and record.job.is_async and not run.orphan
        if asynchronous and outcome.state is RunState.SUCCEEDED:
            run.move(RunState.REPORTING)
            run.message = "ended; its own report of the outcome is awaited"
            self._ledger.put_run(run)
            return []
        return self._ending.end(run, outcome, now.wall_ms)

    def watch(self, run: Run, now: Now) -> None:
        """Set the alarms that a launched run needs, also after a restart."""
        record = self._ledger.jobs.get(run.job)
        limit_s = record.job.max_completion_time_s if record is not None else 0
        if limit_s and run.started_ms and not run.kill_requested:
            at_ms = run.started_ms + limit_s * 1_000 + OVERTIME_GRACE_MS
            self._timers.set(at_ms, Alarm.OVERTIME, run.run_id)
        if run.state is RunState.UNREACHABLE:
            at_ms = run.unreachable_ms + self._settings.unreachable_timeout_ms
            self._timers.set(at_ms, Alarm.UNREACHABLE, run.run_id)

    def resume(self, run: Run, now: Now) -> None:
        """After a restart: carry on with a launched run."""
        self.watch(run, now)
        if run.kill_requested:
            self._scheduler.kill(run.run_id, run.agent_id, now)

    def abandon(self, run: Run, now: Now) -> list[Effect]:
        """The job of a launched run is deleted."""
        run.orphan = True
        return self.kill(run, now)

    def kill(self, run: Run, now: Now) -> list[Effect]:
        """End a launched run; its update says when it is over."""
        if run.state is RunState.REPORTING:  # there is no process any more
            return self._ending.end(run, Outcome(RunState.KILLED, message="killed"), now.wall_ms)
        run.kill_requested = True
        self._ledger.put_run(run)
        self._scheduler.kill(run.run_id, run.agent_id, now)
        return []

    def rung(
        self, alarm: Alarm, run_id: str, waiting: Waiting, issuing: Issuing, now: Now
    ) -> list[Effect]:
        """An alarm of a run, which may be over by now."""
        run = self._ledger.runs.get(run_id)
        if run is None:
            return []
        if run.state is RunState.WAITING:
            if alarm is Alarm.READY and run_id not in waiting:
                waiting.add(run, now.wall_ms)
            elif alarm is Alarm.DEADLINE and run.deadline_ms is not None:
                why = "not started in time: " + waiting.why.get(run_id, "no offer came")
                issuing.drop(run, RunState.SKIPPED, why, now.wall_ms)
                return self._ending.too_late(run, now.wall_ms)
            return []
        return self._rung_launched(alarm, run, now)

    def _rung_launched(self, alarm: Alarm, run: Run, now: Now) -> list[Effect]:
        if alarm is Alarm.OVERTIME and not run.timed_out:
            run.timed_out = True
            return self.kill(run, now)
        if alarm is Alarm.UNREACHABLE and run.state is RunState.UNREACHABLE:
            waited_ms = now.wall_ms - run.unreachable_ms
            if waited_ms >= self._settings.unreachable_timeout_ms:
                lost = Outcome(RunState.LOST, message="its agent did not come back in time")
                return self._ending.end(run, lost, now.wall_ms)
        return []


def _is_older(said: RunState, known: RunState) -> bool:
    """Updates may be repeated after a reconnection; a run never goes back to STARTING."""
    return said is RunState.STARTING and known is RunState.RUNNING
