"""Decides which of the occurrences that are due run, and which do not any more.

Two policies, as there were two Chronoses. Coalesce (3.x, the default): what was missed while
nobody could run it is made up for by one run. Deadline (2.x, `epsilon`): each occurrence may
start up to epsilon late, and is skipped after that. Nothing is dropped without saying so.
Source: Chronos 2.4 and 3.0, JobScheduler.scala; docs (epsilon).
"""

from msgspec import Struct

from chronos_app.core.periods import parse_period
from chronos_app.core.repeating import Occurrence, Repeating
from chronos_app.core.schedule import Schedule
from chronos_app.schema.job import Dialect, Job
from chronos_app.schema.refusal import Refused

ISSUED_AT_ONCE_MAX = 100  # of one job with a long epsilon and a short period
_DAY_MS = 86_400_000


class Missed(Struct, frozen=True):
    """Occurrences that get no run of their own: from `first` to before `until_index`."""

    first: Occurrence
    count: int
    too_late: bool  # else another run stands for them


class Decision(Struct, frozen=True):
    """`issue` each gets a run; `following` is the next occurrence, later than now (or None)."""

    issue: tuple[Occurrence, ...]
    missed: Missed | None
    following: Occurrence | None


def deadline_of(job: Job) -> int | None:
    """How late a start may be, in ms; None: as late as need be.

    Chronos 3.x takes `epsilon` and ignores it; so does the path of 3.x.
    """
    if job.dialect is not Dialect.V2 or not job.epsilon:
        return None
    return read_epsilon(job.epsilon)


def read_epsilon(text: str) -> int:
    """Raises `Refused` when it is no period."""
    period = parse_period(text, "epsilon")
    if period.about_ms > 366 * _DAY_MS:
        raise Refused("epsilon", f"{text!r} is longer than a year")
    return period.about_ms


def decide(
    schedule: Schedule, following: Occurrence, now_ms: int, deadline_ms: int | None
) -> Decision:
    """`following` is due: it is not later than now."""
    latest = schedule.latest_until(now_ms, following)
    if deadline_ms is None:
        issue: tuple[Occurrence, ...] = (latest,)
    else:
        issue = _still_in_time(schedule, following, latest, now_ms - deadline_ms)
    # Of a cron expression the index only counts, so the last one issued may be ahead of `latest`.
    last_index = max(occurrence.index for occurrence in (latest, *issue))
    after = schedule.first_after(latest.instant_ms, last_index + 1)
    first_index = issue[0].index if issue else latest.index + 1
    count = first_index - following.index
    missed = Missed(following, count, deadline_ms is not None) if count else None
    return Decision(issue, missed, after)


def _still_in_time(
    schedule: Schedule, following: Occurrence, latest: Occurrence, oldest_ms: int
) -> tuple[Occurrence, ...]:
    if latest.instant_ms < oldest_ms:
        return ()
    if isinstance(schedule, Repeating):
        begin = schedule.at(max(following.index, latest.index - ISSUED_AT_ONCE_MAX + 1))
        assert begin is not None, "an occurrence between two others"
        oldest_ms = max(oldest_ms, begin.instant_ms)
    oldest_ms = max(oldest_ms, latest.instant_ms - _DAY_MS)
    found: Occurrence | None = following
    if following.instant_ms < oldest_ms:
        found = schedule.first_after(oldest_ms - 1, following.index + 1)
    issue: list[Occurrence] = []
    while found is not None and found.instant_ms <= latest.instant_ms:
        issue.append(found)
        found = schedule.first_after(found.instant_ms, found.index + 1)
    return tuple(issue[-ISSUED_AT_ONCE_MAX:])
