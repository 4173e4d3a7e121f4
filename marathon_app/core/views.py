"""The read-only questions that the API asks the supervisor, answered for one look at one time.

Every function takes the `Supervisor` first and is called through `Driver.read`, so that what it
returns is consistent. Cost: per app, never per cluster, except where all apps are asked for.
Leaves JSON to the API: results are frozen structs with the wire's meaning and Python's names.
"""

from fractions import Fraction

from msgspec import Struct

from marathon_app.schema.app import App


class Counts(Struct, frozen=True):
    """tasksStaged, tasksRunning, tasksHealthy, tasksUnhealthy of /v2."""

    staged: int = 0
    running: int = 0
    healthy: int = 0
    unhealthy: int = 0


class HealthResult(Struct, frozen=True):
    """One entry of healthCheckResults; times are /v2 timestamps."""

    alive: bool
    consecutive_failures: int
    first_success: str | None
    last_success: str | None
    last_failure: str | None
    last_failure_cause: str | None
    instance_id: str


class TaskView(Struct, frozen=True):
    """One placed instance. `state` is TASK_KILLING as soon as it is to be drained or killed.
    `health_results` is empty when the app has no checks or none has a result yet."""

    id: str
    app_id: str
    host: str
    ports: tuple[int, ...]
    service_ports: tuple[int, ...]
    ip_addresses: tuple[str, ...]
    agent_id: str
    state: str
    staged_at: str
    started_at: str | None
    version: str
    health_results: tuple[HealthResult, ...]
    region: str | None
    zone: str | None
    role: str


class FailureView(Struct, frozen=True):
    """lastTaskFailure."""

    app_id: str
    host: str
    message: str
    state: str
    task_id: str
    timestamp: str
    version: str
    agent_id: str | None


class ReadinessView(Struct, frozen=True):
    """One entry of readinessCheckResults."""

    name: str
    task_id: str
    ready: bool
    status: int | None = None
    content_type: str | None = None
    body: str | None = None


class ActionView(Struct, frozen=True):
    action: str  # StartApplication, StopApplication, ScaleApplication, RestartApplication
    app_id: str
    readiness: tuple[ReadinessView, ...] = ()


class DeploymentView(Struct, frozen=True):
    """`current_step` is 0 before the first, then 1-based. `waiting_for`: sentences (ours, /v3)."""

    id: str
    version: str
    affected_apps: tuple[str, ...]
    steps: tuple[tuple[ActionView, ...], ...]
    current_actions: tuple[ActionView, ...]
    current_step: int
    total_steps: int
    waiting_for: tuple[str, ...]


class RejectView(Struct, frozen=True):
    """One row of the funnel: of `processed` offers that reached this stage `declined` failed it."""

    reason: str  # UnfulfilledRole, UnfulfilledConstraint, …, InsufficientCpus, …
    declined: int
    processed: int


class UnusedOfferView(Struct, frozen=True):
    offer_id: str
    hostname: str
    agent_id: str
    reasons: tuple[str, ...]
    words: str  # "needs 4 cpus, the offer has 2.5: short of 1.5"
    timestamp: str
    # (name, amount in words) pairs such as ("cpus", "2.5"), ("ports", "31000-32000")
    resources: tuple[tuple[str, str], ...]
    attributes: tuple[tuple[str, str], ...]


class QueueView(Struct, frozen=True):
    """One item of /v2/queue. `overdue`: ready and waiting for offers; else in backoff."""

    app: App
    count: int
    time_left_seconds: int
    overdue: bool
    since: str
    processed_offers: int
    unused_offers: int
    last_unused_offer_at: str | None
    last_used_offer_at: str | None
    reject_summary_last_offers: tuple[RejectView, ...]
    reject_summary_launch_attempt: tuple[RejectView, ...]
    last_unused_offers: tuple[UnusedOfferView, ...]


class StatsBucket(Struct, frozen=True):
    counts: Counts
    average_seconds: Fraction | None
    median_seconds: Fraction | None


# PLAN (signatures that the API may rely on; `machine` is the Supervisor; ids are absolute):
#
#   framework_id(machine) -> str | None                    is_connected(machine) -> bool
#   app(machine, app_id) -> App | None                     with version, versionInfo, service ports
#   apps(machine, group_id="/") -> list[App]               all below, sorted by id
#   group(machine, group_id) -> Group | None               the tree, built on reading
#   counts(machine, app_id) -> Counts
#   tasks(machine, app_id) -> list[TaskView]               task(machine, task_id) -> TaskView | None
#   all_tasks(machine) -> list[TaskView]
#   app_versions(machine, app_id) -> list[str]             newest first
#   app_version(machine, app_id, version) -> App | None
#   group_versions(machine, group_id) -> list[str]
#   group_version(machine, group_id, version) -> Group | None
#   last_failure(machine, app_id) -> FailureView | None
#   readiness(machine, app_id) -> list[ReadinessView]
#   task_stats(machine, app_id, now) -> dict[str, StatsBucket]   keys as in /v2; empty left out
#   deployments(machine) -> list[DeploymentView]           deployments_of(machine, app_id) -> [ids]
#   queue(machine, now) -> list[QueueView]
#   why(machine, app_id, now) -> list[str]                 sentences for /v3/apps/{id}/why
#   summary(machine) -> dict[str, int]                     apps, instances, healthy, deployments …
