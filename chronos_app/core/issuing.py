"""Makes runs: of an occurrence that is due, of a complete cycle, by request, and as a retry.

Each run is written down, together with the cursor that moved, before anything of it leaves; its
name follows from what it is, so that it can not be made twice. Where it runs is `dispatch`'s.
"""

from chronos_app.core.calendar import Calendar
from chronos_app.core.cycles import clock_of
from chronos_app.core.lateness import Missed, deadline_of, decide
from chronos_app.core.ledger import Ledger
from chronos_app.core.record import JobRecord, Lineage, Progress
from chronos_app.core.repeating import Occurrence
from chronos_app.core.run import Cause, Run, RunState, task_id
from chronos_app.core.waiting import Waiting

DUE_AT_ONCE_MAX = 2_000  # jobs per step; the rest follows in the next, so that answers get out


class Issuing:
    """Invariant: an index is issued once per generation, and nominal times of a job grow."""

    def __init__(self, ledger: Ledger, waiting: Waiting, calendar: Calendar) -> None:
        self._ledger = ledger
        self._waiting = waiting
        self._calendar = calendar

    def issue_due(self, now_ms: int) -> list[tuple[str, Missed]]:
        """Make the runs that are due; returns the jobs of which occurrences came too late."""
        late: list[tuple[str, Missed]] = []
        for name in self._calendar.take_due(now_ms, DUE_AT_ONCE_MAX):
            missed = self._issue_job(name, now_ms)
            if missed is not None and missed.too_late:
                late.append((name, missed))
        return late

    def _issue_job(self, name: str, now_ms: int) -> Missed | None:
        record, progress = self._ledger.jobs[name], self._ledger.progress[name]
        schedule = self._ledger.schedule_of(name)
        assert schedule is not None and progress.next_ms is not None, f"{name} is not scheduled"
        deadline_ms = deadline_of(record.job)
        following = Occurrence(progress.next_index, progress.next_ms)
        decision = decide(schedule, following, now_ms, deadline_ms)
        if decision.missed is not None:
            self._write_missed(record, decision.missed, now_ms)
        if decision.issue and deadline_ms is None:
            self._coalesce_waiting(name, now_ms)
        for occurrence in decision.issue:
            self._issue_occurrence(record, progress, occurrence, deadline_ms, now_ms)
        after = decision.following
        progress.next_ms = after.instant_ms if after else None
        progress.next_index = after.index if after else progress.next_index + 1
        self._ledger.put_progress(name)
        self._calendar.enter(name)
        return decision.missed

    def _issue_occurrence(
        self,
        record: JobRecord,
        progress: Progress,
        occurrence: Occurrence,
        deadline_ms: int | None,
        now_ms: int,
    ) -> None:
        job, nominal_ms = record.job, occurrence.instant_ms
        clock = clock_of(job.name, job.schedule, job.schedule_time_zone)
        id_ms = nominal_ms if nominal_ms > progress.id_floor_ms else progress.last_ms + 1
        self._add(
            Run(
                run_id=task_id(job.name, id_ms, 0, " ".join(job.arguments)),
                job=job.name,
                generation=record.generation,
                index=occurrence.index,
                attempt=0,
                nominal_ms=nominal_ms,
                ready_ms=nominal_ms,
                serial=self._ledger.next_serial(),
                cause=Cause.SCHEDULE,
                deadline_ms=None if deadline_ms is None else nominal_ms + deadline_ms,
                lineage={clock: nominal_ms},
            ),
            now_ms,
        )
        progress.last_ms = max(progress.last_ms, id_ms)

    def _coalesce_waiting(self, name: str, now_ms: int) -> None:
        """A run of an earlier occurrence that still waits gives way to the later one."""
        for run in self._ledger.live(name):
            first = run.attempt == 0 and run.cause is Cause.SCHEDULE
            if first and run.state is RunState.WAITING:
                self.drop(run, RunState.COALESCED, "a later occurrence ran instead", now_ms)

    def _write_missed(self, record: JobRecord, missed: Missed, now_ms: int) -> None:
        state = RunState.SKIPPED if missed.too_late else RunState.COALESCED
        why = (
            f"not started within {record.job.epsilon} of its time"
            if missed.too_late
            else "missed; a later occurrence ran instead"
        )
        row = self._row(record, missed.first.instant_ms, missed.first.index)
        row.state, row.message, row.finished_ms = state, why, now_ms
        row.missed_count = missed.count
        self._ledger.add_row(row)

    def _row(self, record: JobRecord, nominal_ms: int, index: int) -> Run:
        name = record.job.name
        return Run(
            run_id=task_id(name, nominal_ms, 0, ""),
            job=name,
            generation=record.generation,
            index=index,
            attempt=0,
            nominal_ms=nominal_ms,
            ready_ms=nominal_ms,
            serial=self._ledger.next_serial(),
            cause=Cause.SCHEDULE,
        )

    def issue_extra(
        self, name: str, cause: Cause, now_ms: int, *, arguments: str = "", lineage: Lineage
    ) -> Run:
        """A run outside the schedule: by request, or of a complete cycle of the parents."""
        record, progress = self._ledger.jobs[name], self._ledger.progress[name]
        nominal_ms = max(now_ms, progress.last_ms + 1)
        if nominal_ms == progress.next_ms:
            nominal_ms += 1  # that name belongs to the occurrence
        words = " ".join(part for part in (*record.job.arguments, arguments) if part)
        run = Run(
            run_id=task_id(name, nominal_ms, 0, words),
            job=name,
            generation=record.generation,
            index=-1,
            attempt=0,
            nominal_ms=nominal_ms,
            ready_ms=now_ms,
            serial=self._ledger.next_serial(),
            cause=cause,
            arguments=arguments,
            lineage=lineage or {f"{name}@request": nominal_ms},
        )
        progress.last_ms = nominal_ms
        self._ledger.put_progress(name)
        self._add(run, now_ms)
        return run

    def issue_retry(self, run: Run, ready_ms: int, now_ms: int) -> Run:
        """The next attempt at the same occurrence."""
        id_ms, words = run.run_id.split(":", 4)[1], run.run_id.split(":", 4)[4]
        retry = Run(
            run_id=task_id(run.job, int(id_ms), run.attempt + 1, words),
            job=run.job,
            generation=run.generation,
            index=run.index,
            attempt=run.attempt + 1,
            nominal_ms=run.nominal_ms,
            ready_ms=ready_ms,
            serial=self._ledger.next_serial(),
            cause=run.cause,
            arguments=run.arguments,
            lineage=run.lineage,
        )
        self._add(retry, now_ms)
        return retry

    def _add(self, run: Run, now_ms: int) -> None:
        assert run.run_id not in self._ledger.runs, f"{run.run_id} was issued before"
        self._ledger.put_run(run)
        self._waiting.add(run, now_ms)

    def drop(self, run: Run, state: RunState, why: str, now_ms: int) -> None:
        """End a run that waits, with a row that says why it was never launched."""
        self._waiting.remove(run.run_id)
        run.move(state)
        run.message, run.finished_ms = why, now_ms
        self._ledger.end_run(run)
