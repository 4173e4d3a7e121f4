"""What the supervisor wants done: writes, calls to Mesos, answers, published events, probes.

The shell performs them in order and never lets one overtake a `Persist`.
"""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from kernel.machine import Answer, Persist
from kernel.messages import scheduler


class SendCall(Struct, frozen=True, tag=True):
    """Send a call to the master. `framework_id` is set by the core once it is known."""

    call: scheduler.Call


# --- answers -------------------------------------------------------------------------------------
class ChangeAccepted(Answer, frozen=True, tag=True):
    """The new root is durable and its deployment exists (it may be empty and already over)."""

    version: str
    deployment_id: str
    created: tuple[str, ...] = ()  # ids (apps or the group) that did not exist before


class PlannedAction(Struct, frozen=True):
    action: str  # StartApplication, …
    app_id: str
    # The arithmetic of a replace or scale, for a dry run; -1 where it does not apply.
    healthy_min: int = -1
    instances_max: int = -1


class ChangePlanned(Answer, frozen=True, tag=True):
    """Dry run: these steps would be taken; nothing changed."""

    steps: tuple[tuple[PlannedAction, ...], ...]


class RefusedKind(StrEnum):
    """Why a request was refused; the API maps it to a status."""

    INVALID = "invalid"  # 422 "Object is not valid" with details
    UNRESOLVABLE = "unresolvable"  # 422 with a message only: cycle, unknown version
    NOT_FOUND = "not found"  # 404
    CONFLICT = "conflict"  # 409 without `deployments`: the id is taken
    LOCKED = "locked"  # 409 with `deployments`
    LIMIT = "limit"  # 403: too many deployments


class Detail(Struct, frozen=True):
    """One entry of a 422's `details`."""

    path: str
    errors: tuple[str, ...]


class ChangeRefused(Answer, frozen=True, tag=True):
    """Nothing changed. `message` is the whole text for the body."""

    kind: RefusedKind
    message: str
    details: tuple[Detail, ...] = ()
    deployments: tuple[str, ...] = ()  # of LOCKED: who holds the lock


class DeploymentStopped(Answer, frozen=True, tag=True):
    """Cancelled where it stood (202)."""


class TasksKilled(Answer, frozen=True, tag=True):
    """These (known) tasks are being killed; see `views.task` for their JSON-relevant data."""

    task_ids: tuple[str, ...]


class Done(Answer, frozen=True, tag=True):
    """Nothing to say but that it is so."""


# --- the event stream ----------------------------------------------------------------------------
class PublishEvent(Struct, frozen=True, tag=True):
    """One frame of /v2/events. `data` has every key but `eventType` and `timestamp`, ready for
    JSON; `plan.original`/`plan.target` are stubs `{"id": "/", …}` (the shell drops them for
    `plan-format=light`)."""

    event_type: str
    data: dict[str, Any]
    timestamp: str


# --- probes --------------------------------------------------------------------------------------
class Probe(Struct, frozen=True):
    """One Marathon-level health check (HTTP, HTTPS, TCP) of one task.

    First after `first_delay_ms`; then, until it first passed but for at most `eager_for_ms`, every
    `eager_interval_ms` (failures do not count in that time); from then on every `interval_ms`.
    """

    check_index: int
    protocol: str  # HTTP, HTTPS, TCP
    host: str
    port: int
    path: str
    interval_ms: int
    timeout_ms: int
    first_delay_ms: int
    eager_interval_ms: int
    eager_for_ms: int
    ignore_http_1xx: bool = False


class StartProbing(Struct, frozen=True, tag=True):
    """Probe until StopProbing; replaces probes of the same task."""

    task_id: str
    probes: tuple[Probe, ...]


class StopProbing(Struct, frozen=True, tag=True):
    """Ends health and readiness probes of the task; an unknown task is fine."""

    task_id: str


class StartReadiness(Struct, frozen=True, tag=True):
    """Ask at once, then every interval, until StopReadiness or StopProbing."""

    task_id: str
    check_name: str
    url: str
    interval_ms: int
    timeout_ms: int


class StopReadiness(Struct, frozen=True, tag=True):
    task_id: str


Effect = (
    Persist
    | SendCall
    | ChangeAccepted
    | ChangePlanned
    | ChangeRefused
    | DeploymentStopped
    | TasksKilled
    | Done
    | PublishEvent
    | StartProbing
    | StopProbing
    | StartReadiness
    | StopReadiness
)
