"""Decides what follows from the end of a run: a retry, counters, notices, children.

Each occurrence has its retries to itself, and they are written down like any run: Chronos kept
them in a timer in memory, and gave none to a job that had failed before (DIFFERS).
Source: Chronos, JobScheduler.scala (handleFinishedTask, handleFailedTask).
"""

from chronos_app.core import notices
from chronos_app.core.cycles import earn
from chronos_app.core.events import Effect, Notice, Notify
from chronos_app.core.graph import Graph
from chronos_app.core.issuing import Issuing
from chronos_app.core.lateness import Missed
from chronos_app.core.ledger import Ledger
from chronos_app.core.outcome import Outcome
from chronos_app.core.record import Lineage
from chronos_app.core.repeating import Occurrence
from chronos_app.core.run import Cause, Run, RunState
from chronos_app.core.schedule import iso_utc
from chronos_app.core.settings import Settings
from chronos_app.core.waiting import Waiting


class Ending:
    """Keeps nothing of its own; what follows is in the ledger when it returns."""

    def __init__(
        self,
        ledger: Ledger,
        issuing: Issuing,
        waiting: Waiting,
        graph: Graph,
        settings: Settings,
    ) -> None:
        self._ledger = ledger
        self._issuing = issuing
        self._waiting = waiting
        self._graph = graph
        self._settings = settings

    def end(self, run: Run, outcome: Outcome, now_ms: int) -> list[Effect]:
        """A launched run is over."""
        assert outcome.state is not None and outcome.state.is_over
        state = outcome.state
        if state is RunState.KILLED and run.timed_out:
            state = RunState.FAILED
        run.move(state)
        run.finished_ms = now_ms
        run.exit_status, run.signal = outcome.exit_status, outcome.signal
        run.message = outcome.message
        self._ledger.end_run(run)
        if run.orphan:
            return []
        effects: list[Effect] = []
        if state is RunState.SUCCEEDED:
            effects += self._succeeded(run.job, run.lineage, now_ms)
        elif state is not RunState.KILLED:
            if not run.kill_requested and self._retry(run, now_ms):
                return []
            effects += self._failed(run, now_ms)
        return effects + self.check_exhausted(run, now_ms)

    def too_late(self, run: Run, now_ms: int) -> list[Effect]:
        """A run that waited for an offer until its deadline was skipped."""
        job = self._ledger.jobs[run.job].job
        missed = Missed(Occurrence(run.index, run.nominal_ms), 1, True)
        notice = notices.skipped(job, missed, now_ms)
        return [self._tell(notice), *self.check_exhausted(run, now_ms)]

    def relaunch(self, run: Run, why: str, now_ms: int) -> None:
        """It never began: the same run, under the same name, goes back to the queue."""
        run.move(RunState.WAITING)
        run.ready_ms = now_ms + 1_000  # not at once, should the reason persist
        run.agent_id = run.agent_host = run.agent_url = ""
        run.message = why
        run.deadline_ms = None
        self._ledger.put_run(run)
        self._waiting.add(run, now_ms)

    def _retry(self, run: Run, now_ms: int) -> bool:
        if run.attempt >= self._ledger.jobs[run.job].job.retries:
            return False
        self._issuing.issue_retry(run, now_ms + self._settings.retry_delay_ms, now_ms)
        return True

    def _succeeded(self, name: str, lineage: Lineage, now_ms: int) -> list[Effect]:
        progress = self._ledger.progress[name]
        progress.success_count += 1
        progress.errors_since_last_success = 0
        progress.last_success = iso_utc(now_ms)
        self._ledger.put_progress(name)
        self._fire_children(name, lineage, now_ms)
        return []

    def _failed(self, run: Run, now_ms: int) -> list[Effect]:
        job, progress = self._ledger.jobs[run.job].job, self._ledger.progress[run.job]
        progress.error_count += 1
        progress.errors_since_last_success += 1
        progress.last_error = iso_utc(now_ms)
        threshold = self._settings.disable_after_failures
        failures = progress.errors_since_last_success
        if threshold and failures >= threshold and not progress.disabled:
            progress.disabled = True
            notice = notices.disabled(job, run, failures, now_ms)
        else:
            notice = notices.failed(job, run, now_ms)
        self._ledger.put_progress(run.job)
        if job.soft_error:
            self._fire_children(run.job, run.lineage, now_ms)
        return [self._tell(notice)]

    def mark_success(self, name: str, now_ms: int) -> list[Effect]:
        """Without a run; a dependent job starts its cycle anew, as when it had run."""
        self._ledger.progress[name].credits = {}
        return self._succeeded(name, {f"{name}@request": now_ms}, now_ms)

    def _fire_children(self, name: str, lineage: Lineage, now_ms: int) -> None:
        for child in self._graph.children_of(name):
            progress = self._ledger.progress[child]
            merged = earn(progress.credits, self._graph.parents[child], name, lineage)
            self._ledger.put_progress(child)
            if merged is not None:
                run = self._issuing.issue_extra(child, Cause.PARENTS, now_ms, lineage=merged)
                if progress.disabled:
                    self._issuing.drop(run, RunState.SKIPPED, "the job is disabled", now_ms)

    def check_exhausted(self, run: Run, now_ms: int) -> list[Effect]:
        """A scheduled job that has run for the last time is disabled, as Chronos did."""
        progress = self._ledger.progress[run.job]
        job = self._ledger.jobs[run.job].job
        over = run.cause is Cause.SCHEDULE and not job.is_dependent and progress.next_ms is None
        if not over or progress.exhausted or any(self._scheduled(run.job)):
            return []
        progress.exhausted = progress.disabled = True
        self._ledger.put_progress(run.job)
        return [self._tell(notices.exhausted(job, run, now_ms))]

    def _scheduled(self, name: str) -> list[Run]:
        return [run for run in self._ledger.live(name) if run.cause is Cause.SCHEDULE]

    def _tell(self, notice: Notice) -> Effect:
        self._ledger.put_notice(notice)
        return Notify(notice)
