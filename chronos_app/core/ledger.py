"""All that survives: jobs, their progress, live runs, history, the outbox, the framework's id.

It keeps what changed during a step and gives it as one `Persist`, so that whatever the step
decides is durable together. What the changes mean is decided elsewhere.
"""

from collections.abc import Iterator, Mapping

import msgspec

from chronos_app.core.events import Notice
from chronos_app.core.history import History
from chronos_app.core.record import JobRecord, Progress
from chronos_app.core.run import Run
from chronos_app.core.schedule import Schedule, parse_schedule
from kernel.machine import Delete, Operation, Persist, Put

Collections = Mapping[str, Mapping[str, bytes]]

_encoder = msgspec.json.Encoder()
_jobs = msgspec.json.Decoder(JobRecord)
_progress = msgspec.json.Decoder(Progress)
_runs = msgspec.json.Decoder(Run)
_notices = msgspec.json.Decoder(Notice)


class Ledger:
    """Invariant: a live run is in `runs` and in `by_job`; one that is over is in `history` only.
    A live run whose job was deleted is an orphan: it is being killed, and leaves no row."""

    def __init__(self, history_count_max: int = 50) -> None:
        self.jobs: dict[str, JobRecord] = {}
        self.progress: dict[str, Progress] = {}
        self.runs: dict[str, Run] = {}
        self.by_job: dict[str, dict[str, Run]] = {}
        self.history = History(history_count_max)
        self.outbox: dict[str, Notice] = {}
        self.gone: dict[str, int] = {}  # deleted job -> the last time its task ids may have
        self.framework_id = ""
        self.tzdata = ""
        self.serial = 0
        self._schedules: dict[str, Schedule] = {}
        self._changed: dict[tuple[str, str], object | None] = {}

    @classmethod
    def restore(cls, collections: Collections, history_count_max: int) -> "Ledger":
        """Read back what `flush` wrote."""
        ledger = cls(history_count_max)
        records = [_jobs.decode(value) for value in collections.get("jobs", {}).values()]
        for record in sorted(records, key=lambda record: record.serial):
            ledger.jobs[record.job.name] = record
        for name, value in collections.get("progress", {}).items():
            ledger.progress[name] = _progress.decode(value)
        for value in collections.get("runs", {}).values():
            ledger._remember(_runs.decode(value))
        for key, value in collections.get("history", {}).items():
            run = _runs.decode(value)
            for surplus in ledger.history.add(key, run):
                ledger._changed["history", surplus] = None  # the flag was lowered
        for key, value in collections.get("outbox", {}).items():
            ledger.outbox[key] = _notices.decode(value)
        for name, value in collections.get("gone", {}).items():
            ledger.gone[name] = int(value)
        settings = collections.get("framework", {})
        ledger.framework_id = settings.get("id", b"").decode()
        ledger.tzdata = settings.get("tzdata", b"").decode()
        ledger.serial = max(_serials(ledger), default=0)
        return ledger

    def next_serial(self) -> int:
        """A number that no job, run or row had before (of those that are still kept)."""
        self.serial += 1
        return self.serial

    def flush(self) -> Persist | None:
        """What changed since the last flush, as one write; None if nothing did."""
        if not self._changed:
            return None
        operations: list[Operation] = [
            Delete(collection, key)
            if value is None
            else Put(collection, key, value if isinstance(value, bytes) else _encoder.encode(value))
            for (collection, key), value in self._changed.items()
        ]
        self._changed = {}
        return Persist(tuple(operations))

    # Jobs

    def put_job(self, record: JobRecord) -> None:
        name = record.job.name
        self.jobs[name] = record
        self._schedules.pop(name, None)
        self._changed["jobs", name] = record

    def put_progress(self, name: str, progress: Progress | None = None) -> None:
        """Store a job's progress; given, it replaces the one that was."""
        if progress is not None:
            self.progress[name] = progress
        self._changed["progress", name] = self.progress[name]

    def drop_job(self, name: str) -> None:
        """Forget a job and its history; its live runs stay until they are over."""
        del self.jobs[name], self.progress[name]
        self._schedules.pop(name, None)
        self._changed["jobs", name] = None
        self._changed["progress", name] = None
        for key in self.history.forget(name):
            self._changed["history", key] = None

    def schedule_of(self, name: str) -> Schedule | None:
        """The schedule of a job, parsed when first needed; None of a dependent job."""
        record = self.jobs[name]
        if record.job.is_dependent:
            return None
        if name not in self._schedules:
            self._schedules[name] = parse_schedule(
                record.job.schedule, record.job.schedule_time_zone, record.anchored_ms, name=name
            )
        return self._schedules[name]

    # Runs

    def put_run(self, run: Run) -> None:
        assert not run.state.is_over, f"{run.run_id} is {run.state}"
        self._remember(run)
        self._changed["runs", run.run_id] = run

    def _remember(self, run: Run) -> None:
        self.runs[run.run_id] = run
        self.by_job.setdefault(run.job, {})[run.run_id] = run

    def end_run(self, run: Run) -> None:
        """Move a run that is over to the history (of a job that is gone, to nowhere)."""
        assert run.state.is_over, f"{run.run_id} is {run.state}"
        if self.runs.pop(run.run_id, None) is not None:
            del self.by_job[run.job][run.run_id]
            if not self.by_job[run.job]:
                del self.by_job[run.job]
            self._changed["runs", run.run_id] = None
        if run.job in self.jobs and not run.orphan:
            self.add_row(run)

    def add_row(self, run: Run) -> None:
        """Add a row to the history; the oldest makes room."""
        key = f"{run.job}/{self.next_serial():012d}"
        self._changed["history", key] = run
        for surplus in self.history.add(key, run):
            self._changed["history", surplus] = None

    def live(self, name: str) -> Iterator[Run]:
        """The runs of a job that are not over, oldest first."""
        return iter(tuple(self.by_job.get(name, {}).values()))

    def launched(self, name: str) -> bool:
        """May a process of this job run?"""
        return any(run.state.is_launched for run in self.by_job.get(name, {}).values())

    # The rest

    def put_notice(self, notice: Notice) -> None:
        self.outbox[notice.notice_id] = notice
        self._changed["outbox", notice.notice_id] = notice

    def drop_notice(self, notice_id: str) -> None:
        if self.outbox.pop(notice_id, None) is not None:
            self._changed["outbox", notice_id] = None

    def put_gone(self, name: str, last_ms: int) -> None:
        """So that a job of the same name never has a task id that was used before."""
        self.gone[name] = last_ms
        self._changed["gone", name] = str(last_ms).encode()

    def prune_gone(self, before_ms: int) -> None:
        """Forget names that nobody can confuse any more."""
        for name in [name for name, last_ms in self.gone.items() if last_ms < before_ms]:
            del self.gone[name]
            self._changed["gone", name] = None

    def put_framework(self, *, framework_id: str | None = None, tzdata: str | None = None) -> None:
        """What belongs to no job."""
        if framework_id is not None:
            self.framework_id = framework_id
            self._changed["framework", "id"] = framework_id.encode()
        if tzdata is not None:
            self.tzdata = tzdata
            self._changed["framework", "tzdata"] = tzdata.encode()

    def check_invariants(self) -> None:
        assert self.jobs.keys() == self.progress.keys(), "each job has a progress and no other"
        for run_id, run in self.runs.items():
            assert run.run_id == run_id and not run.state.is_over, f"{run_id} is {run.state}"
            assert self.by_job[run.job][run_id] is run, f"{run_id} is not with its job"
        assert sum(map(len, self.by_job.values())) == len(self.runs), "each run has one job"
        self.history.check_invariants()


def _serials(ledger: Ledger) -> Iterator[int]:
    for record in ledger.jobs.values():
        yield record.serial
    for run in ledger.runs.values():
        yield run.serial
    for key in ledger.history.keys():  # noqa: SIM118 -- no dict
        yield int(key.rpartition("/")[2])
