"""What may happen to the cron (events), what it wants done (effects), what it answers."""

from typing import Any

from msgspec import Struct

from chronos_app.schema.job import Submission
from chronos_app.schema.refusal import Refusal
from kernel.machine import Answer, DeadlineReached, Persist
from kernel.messages import scheduler


class Started(Struct, frozen=True, tag=True):
    """The process runs; what the last one left undone can be taken up."""


class SchedulerConnected(Struct, frozen=True, tag=True):
    """The stream to the master is open; SUBSCRIBED follows on it."""


class SchedulerDisconnected(Struct, frozen=True, tag=True):
    """The stream ended; offers are void and calls get lost."""


class SchedulerEventReceived(Struct, frozen=True, tag=True):
    """The master said something."""

    event: scheduler.Event


class Asked(Struct, frozen=True, tag=True):
    """Base of what a client asks for; the answer carries the same id."""

    request_id: int


class JobSubmitted(Asked, frozen=True, tag=True):
    """A job to add, or to replace the one of its name."""

    submission: Submission


class JobDeletionRequested(Asked, frozen=True, tag=True):
    """Delete a job; kill its tasks."""

    name: str


class RunRequested(Asked, frozen=True, tag=True):
    """Run a job now, outside its schedule and its count."""

    name: str
    arguments: str = ""


class SuccessMarked(Asked, frozen=True, tag=True):
    """Count a job as having succeeded, without a run."""

    name: str


class KillRequested(Asked, frozen=True, tag=True):
    """Kill what runs of a job, and forget what waits."""

    name: str


class CompletionReported(Asked, frozen=True, tag=True):
    """An asynchronous job of Chronos 2.x says how it ended."""

    task_id: str
    status_code: int


class QueueCleared(Asked, frozen=True, tag=True):
    """Forget every run that waits."""


class ProgressReported(Asked, frozen=True, tag=True):
    """A data processing job has done some more."""

    name: str
    task_id: str
    elements: int


class NoticeHandedOver(Struct, frozen=True, tag=True):
    """Deliveries have a notice safely; it can leave the outbox."""

    notice_id: str


Event = (
    Started
    | SchedulerConnected
    | SchedulerDisconnected
    | SchedulerEventReceived
    | JobSubmitted
    | JobDeletionRequested
    | RunRequested
    | SuccessMarked
    | KillRequested
    | CompletionReported
    | QueueCleared
    | ProgressReported
    | NoticeHandedOver
    | DeadlineReached
)


class SendCall(Struct, frozen=True, tag=True):
    """Say this to the master; lost when disconnected, which reconciliation mends."""

    call: scheduler.Call


class Notice(Struct, frozen=True, omit_defaults=False):
    """Something that people want to hear of; the id is the same however often it is told."""

    notice_id: str
    kind: str  # job-failed, job-disabled, job-exhausted, job-late
    job: str
    subject: str
    message: str
    owners: tuple[str, ...]
    when_ms: int
    details: dict[str, Any]


class Notify(Struct, frozen=True, tag=True):
    """Hand this over to deliveries; `NoticeHandedOver` says that it is done."""

    notice: Notice


class Done(Answer, frozen=True, tag=True):
    """As asked, and durable."""

    changed: bool = True


class Denied(Answer, frozen=True, tag=True):
    """Not done, and nothing changed; the refusal says why."""

    refusal: Refusal


Effect = Persist | SendCall | Notify | Done | Denied
