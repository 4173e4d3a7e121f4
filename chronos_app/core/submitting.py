"""Adds, replaces and deletes jobs; says no, by the field, where that would break something.

The cursor survives an edit that leaves the schedule alone, and an instant that was run is not run
again by one that changes it. Counters in a body count when the job is new. Source: Chronos,
JobManagementResource.scala, Iso8601JobResource.scala, DependentJobResource.scala.
"""

import msgspec

from chronos_app.core.calendar import Calendar
from chronos_app.core.cycles import keep_credits
from chronos_app.core.graph import Graph
from chronos_app.core.lateness import read_epsilon
from chronos_app.core.ledger import Ledger
from chronos_app.core.record import JobRecord, Progress
from chronos_app.core.schedule import Schedule, iso_utc, parse_schedule
from chronos_app.schema.job import Job, Submission
from chronos_app.schema.refusal import Refusal, Refused

JOBS_COUNT_MAX = 1_000_000


class Submitting:
    """Invariant: every parent exists, and there is no cycle."""

    def __init__(self, ledger: Ledger, calendar: Calendar, graph: Graph) -> None:
        self._ledger = ledger
        self._calendar = calendar
        self._graph = graph

    def restore(self) -> None:
        """Build the graph and the calendar from the ledger."""
        for name, record in self._ledger.jobs.items():
            self._graph.connect(name, record.job.parents)
            self._calendar.enter(name)

    def submit(self, submission: Submission, now_ms: int) -> Refusal | None:
        """Accept a job, or say what is wrong with it; in that case nothing changes."""
        job = submission.job
        if not job.parents and not job.schedule:
            job = msgspec.structs.replace(job, schedule=f"R1/{iso_utc(now_ms)}/PT24H")
        try:
            self._check_parents(job)
            if job.epsilon:
                read_epsilon(job.epsilon)
            if not job.is_dependent:
                zone = job.schedule_time_zone
                parse_schedule(job.schedule, zone, now_ms, name=job.name)
        except Refused as refused:
            return refused.refusal
        before = self._ledger.jobs.get(job.name)
        if before is None:
            self._add(job, submission, now_ms)
        else:
            self._replace(before, job, now_ms)
        return None

    def _check_parents(self, job: Job) -> None:
        for parent in job.parents:
            if parent not in self._ledger.jobs and parent != job.name:
                raise Refused("parents", f"there is no job {parent!r}")
        if (cycle := self._graph.cycle_with(job.name, job.parents)) is not None:
            raise Refused("parents", f"would close a cycle: {' -> '.join(cycle)}")

    def _add(self, job: Job, submission: Submission, now_ms: int) -> None:
        if len(self._ledger.jobs) >= JOBS_COUNT_MAX:
            raise AssertionError("there are as many jobs as there can be")
        record = JobRecord(job, self._ledger.next_serial(), 1, now_ms)
        counters = submission.counters
        floor_ms = self._ledger.gone.get(job.name, -1)
        progress = Progress(
            last_ms=floor_ms,
            id_floor_ms=floor_ms,
            disabled=job.disabled,
            success_count=counters.success_count,
            error_count=counters.error_count,
            errors_since_last_success=counters.errors_since_last_success,
            last_success=counters.last_success,
            last_error=counters.last_error,
        )
        self._ledger.put_job(record)
        self._ledger.put_progress(job.name, progress)
        self._graph.connect(job.name, job.parents)
        if not job.is_dependent:
            # A cron expression begins now; a repetition at its start, be that long ago.
            self._point(job.name, progress, now_ms - 1, from_anchor=True)

    def _replace(self, before: JobRecord, job: Job, now_ms: int) -> None:
        name, progress = job.name, self._ledger.progress[job.name]
        if job == before.job and job.disabled == progress.disabled:
            return  # an identical definition: nothing is disturbed
        old = before.job
        same = (job.schedule, job.schedule_time_zone, job.parents) == (
            old.schedule,
            old.schedule_time_zone,
            old.parents,
        )
        record = JobRecord(
            job,
            before.serial,
            before.generation + (not same),
            before.anchored_ms if same else now_ms,
        )
        self._ledger.put_job(record)
        progress.disabled = job.disabled
        if not same:
            progress.exhausted = False
            progress.credits = keep_credits(progress.credits, job.parents)
            self._graph.connect(name, job.parents)
            progress.next_ms, progress.next_index = None, 0
            if not job.is_dependent:
                ran = progress.last_ms >= 0 and progress.last_ms > progress.id_floor_ms
                self._point(name, progress, progress.last_ms, from_anchor=not ran)
        self._ledger.put_progress(name)
        self._calendar.enter(name)

    def _point(self, name: str, progress: Progress, after_ms: int, *, from_anchor: bool) -> None:
        """Set the cursor to the first occurrence after an instant, or to the very first."""
        schedule = self._ledger.schedule_of(name)
        assert schedule is not None, f"{name} has no schedule"
        found = _first(schedule, after_ms, from_anchor, self._ledger.jobs[name].anchored_ms)
        if found is not None:
            progress.next_ms, progress.next_index = found
        self._ledger.put_progress(name)
        self._calendar.enter(name)

    def delete(self, name: str, now_ms: int) -> None:
        """Forget a job; its children go to its parents, or take over its schedule."""
        record, progress = self._ledger.jobs[name], self._ledger.progress[name]
        for child in self._graph.children_of(name):
            self._hand_on(child, record, progress)
        self._graph.connect(name, ())
        self._ledger.put_gone(name, max(progress.last_ms, now_ms))
        self._ledger.drop_job(name)

    def _hand_on(self, child: str, parent: JobRecord, cursor: Progress) -> None:
        """Chronos gave the schedule also to children with other parents, and lost fields of
        theirs on the way; here they just lose an edge, and nothing else (DIFFERS)."""
        record, progress = self._ledger.jobs[child], self._ledger.progress[child]
        others = [name for name in record.job.parents if name != parent.job.name]
        parents = tuple(dict.fromkeys([*others, *parent.job.parents]))
        changes = (
            {"parents": parents}
            if parents
            else {
                "parents": (),
                "schedule": parent.job.schedule,
                "schedule_time_zone": parent.job.schedule_time_zone,
            }
        )
        job = msgspec.structs.replace(record.job, **changes)
        anchored_ms = record.anchored_ms if parents else parent.anchored_ms
        self._ledger.put_job(JobRecord(job, record.serial, record.generation + 1, anchored_ms))
        self._graph.connect(child, parents)
        progress.credits = keep_credits(progress.credits, parents)
        if not parents:
            progress.next_ms, progress.next_index = cursor.next_ms, cursor.next_index
        self._ledger.put_progress(child)
        self._calendar.enter(child)

    def recompute(self, now_ms: int) -> None:
        """The time zone database changed: what is to come may be at other instants now."""
        for name, record in self._ledger.jobs.items():
            progress = self._ledger.progress[name]
            next_ms = progress.next_ms
            if not record.job.schedule_time_zone or next_ms is None or next_ms <= now_ms:
                continue
            schedule = self._ledger.schedule_of(name)
            assert schedule is not None, f"{name} has no schedule"
            found = schedule.first_after(now_ms, progress.next_index)
            if found is not None and found.instant_ms != next_ms:
                progress.next_ms, progress.next_index = found.instant_ms, found.index
                self._ledger.put_progress(name)
                self._calendar.enter(name)


def _first(
    schedule: Schedule, after_ms: int, from_anchor: bool, anchored_ms: int
) -> tuple[int, int] | None:
    """(instant, index) of the occurrence to begin with."""
    if not schedule.is_anchored:
        after_ms = max(after_ms, anchored_ms - 1)
    elif from_anchor:
        after_ms = -1
    found = schedule.first_after(after_ms, 0)
    return None if found is None else (found.instant_ms, found.index)
