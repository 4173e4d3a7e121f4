"""What the supervisor shows of itself: frozen structs with /v2's meaning and Python's names.

Filled by `views`, written as JSON by the API. Times are /v2 timestamps.
Source: Marathon, docs/rest-api.
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
