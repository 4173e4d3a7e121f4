"""What the supervisor can be told: the requests of its API, news from Mesos, probes and time.

A request carries a `request_id` and gets exactly one `Answer` (see `effects`). Bodies arrive
decoded: the API turns JSON into `marathon_app.schema` structs with absolute ids, the core decides
what they mean against the current root group. Source: Marathon docs/rest-api, docs/deployments.
"""

from enum import StrEnum

from msgspec import Struct

from kernel.machine import DeadlineReached
from kernel.messages import scheduler
from marathon_app.schema.app import App
from marathon_app.schema.group import Group


# --- changes of the root group -------------------------------------------------------------------
class Existing(StrEnum):
    """What a change expects of the ids that it names."""

    ANY = "any"  # PUT: create or update
    ABSENT = "absent"  # POST: 409 when taken
    PRESENT = "present"  # PATCH: 404 when unknown


class AppUpdate(Struct, frozen=True):
    """One app of a PUT, POST or PATCH.

    `app` is the decoded body with defaults where it was silent; `given` names the attributes of
    `App` (Python names) that the body mentioned with a value other than null. A partial update
    takes these from `app` and keeps the rest of the app as it is; then the core calls
    `marathon_app.schema.request.merge`, which normalises and validates the result as a whole.
    """

    app: App
    given: tuple[str, ...] = ()


class PutApps(Struct, frozen=True, tag=True):
    """Create or update these apps, in one deployment."""

    updates: tuple[AppUpdate, ...]
    existing: Existing = Existing.ANY
    partial: bool = True


class DeleteApps(Struct, frozen=True, tag=True):
    app_ids: tuple[str, ...]


class RestartApps(Struct, frozen=True, tag=True):
    """Replace every instance by one of the same configuration, under a new version."""

    app_ids: tuple[str, ...]


class RollbackApp(Struct, frozen=True, tag=True):
    """Make the configuration of an old version (instances included) the current one."""

    app_id: str
    version: str


class PutGroup(Struct, frozen=True, tag=True):
    """Replace what is below `group.id` by `group` (full definitions, absolute ids): apps that it
    does not list are deleted. `existing` is ABSENT for POST."""

    group: Group
    existing: Existing = Existing.ANY


class PatchGroup(Struct, frozen=True, tag=True):
    """Set `enforceRole` of a top-level group."""

    group_id: str
    enforce_role: bool


class ScaleGroup(Struct, frozen=True, tag=True):
    """Multiply the instances of every app below the group, rounding up."""

    group_id: str
    scale_by: float


class RollbackGroup(Struct, frozen=True, tag=True):
    group_id: str
    version: str


class DeleteGroup(Struct, frozen=True, tag=True):
    """Delete the group with everything below it; `/` empties the root."""

    group_id: str


Change = (
    PutApps
    | DeleteApps
    | RestartApps
    | RollbackApp
    | PutGroup
    | PatchGroup
    | ScaleGroup
    | RollbackGroup
    | DeleteGroup
)


class RootUpdateRequested(Struct, frozen=True, tag=True):
    """Answered by ChangeAccepted, ChangePlanned (`dry_run`) or ChangeRefused."""

    request_id: int
    change: Change
    force: bool = False
    dry_run: bool = False


# --- other requests ------------------------------------------------------------------------------
class DeploymentCancelRequested(Struct, frozen=True, tag=True):
    """DELETE /v2/deployments/{id}: roll back (ChangeAccepted), or with `force` stop where it stands
    (DeploymentStopped); ChangeRefused(NOT_FOUND) when unknown."""

    request_id: int
    deployment_id: str
    force: bool = False


class TasksKillRequested(Struct, frozen=True, tag=True):
    """Kill these tasks; unknown ids are skipped. With `scale` their apps shrink by as many and the
    answer is ChangeAccepted (or ChangeRefused, LOCKED); else TasksKilled. The API resolves "all
    tasks of app X on host Y" by a view first."""

    request_id: int
    task_ids: tuple[str, ...]
    scale: bool = False
    wipe: bool = False
    force: bool = False


class QueueDelayReset(Struct, frozen=True, tag=True):
    """DELETE /v2/queue/{id}/delay. Answered by Done or ChangeRefused(NOT_FOUND)."""

    request_id: int
    app_id: str


# --- load balancers that want to be asked before a kill ------------------------------------------
class DrainSubscribed(Struct, frozen=True, tag=True):
    """An event stream with `?drain=<name>` opened; several of one name may be open."""

    name: str


class DrainUnsubscribed(Struct, frozen=True, tag=True):
    """One of them closed."""

    name: str


class DrainedReported(Struct, frozen=True, tag=True):
    """POST /v3/drained: `name` no longer routes to these tasks. Needs no answer."""

    name: str
    task_ids: tuple[str, ...]


# --- probes --------------------------------------------------------------------------------------
class HealthProbed(Struct, frozen=True, tag=True):
    """One probe ended. `alive` None: neither passed nor failed (ignoreHttp1xx)."""

    task_id: str
    check_index: int
    alive: bool | None
    cause: str = ""  # why not alive, for people


class ReadinessProbed(Struct, frozen=True, tag=True):
    """One readiness request ended; an error or a timeout comes as status 504 with the reason."""

    task_id: str
    check_name: str
    status: int
    content_type: str = "text/plain"
    body: str = ""


# --- Mesos ---------------------------------------------------------------------------------------
class SchedulerConnected(Struct, frozen=True, tag=True):
    """The subscription's stream is open and SUBSCRIBED has been read (it is also delivered as
    SchedulerEventReceived; either order is fine)."""


class SchedulerDisconnected(Struct, frozen=True, tag=True):
    """The stream broke; what was sent and not answered may be lost."""

    reason: str = ""


class SchedulerEventReceived(Struct, frozen=True, tag=True):
    event: scheduler.Event


class Started(Struct, frozen=True, tag=True):
    """Posted once, first of all, by the shell after `Supervisor.restore`."""


Event = (
    Started
    | RootUpdateRequested
    | DeploymentCancelRequested
    | TasksKillRequested
    | QueueDelayReset
    | DrainSubscribed
    | DrainUnsubscribed
    | DrainedReported
    | HealthProbed
    | ReadinessProbed
    | SchedulerConnected
    | SchedulerDisconnected
    | SchedulerEventReceived
    | DeadlineReached
)
