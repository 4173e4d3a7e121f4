"""Reads of Marathon's `/v2` and Tepui's `/v3`. Source: marathon.md §2.3 to §2.8."""

from typing import Any

from msgspec import Struct


class HealthResult(Struct, frozen=True, rename="camel"):
    alive: bool = False
    consecutive_failures: int = 0
    last_success: str | None = None
    last_failure: str | None = None
    last_failure_cause: str | None = None


class Task(Struct, frozen=True, rename="camel"):
    id: str = ""
    app_id: str = ""
    host: str = ""
    ports: list[int] = []
    slave_id: str = ""
    state: str = "TASK_STAGING"
    staged_at: str | None = None
    started_at: str | None = None
    version: str = ""
    health_check_results: list[HealthResult] = []


class TaskFailure(Struct, frozen=True, rename="camel"):
    app_id: str = ""
    host: str = ""
    message: str = ""
    state: str = ""
    task_id: str = ""
    timestamp: str = ""
    version: str = ""
    slave_id: str | None = None


class DeploymentId(Struct, frozen=True):
    id: str = ""


class VersionInfo(Struct, frozen=True, rename="camel"):
    last_scaling_at: str | None = None
    last_config_change_at: str | None = None


class PortDefinition(Struct, frozen=True, rename="camel"):
    port: int = 0
    protocol: str = "tcp"
    name: str | None = None


class PortMapping(Struct, frozen=True, rename="camel"):
    container_port: int = 0
    service_port: int = 0
    protocol: str = "tcp"
    name: str | None = None


class Docker(Struct, frozen=True):
    image: str = ""


class Container(Struct, frozen=True, rename="camel"):
    type: str = "DOCKER"
    docker: Docker | None = None
    port_mappings: list[PortMapping] = []


class App(Struct, frozen=True, rename="camel"):
    id: str = ""
    cmd: str | None = None
    instances: int = 1
    cpus: float = 1.0
    mem: float = 128.0
    disk: float = 0.0
    gpus: int = 0
    labels: dict[str, str] = {}
    dependencies: list[str] = []
    health_checks: list[Any] = []
    port_definitions: list[PortDefinition] = []
    container: Container | None = None
    version: str = ""
    version_info: VersionInfo | None = None
    tasks_staged: int = 0
    tasks_running: int = 0
    tasks_healthy: int = 0
    tasks_unhealthy: int = 0
    deployments: list[DeploymentId] = []
    tasks: list[Task] = []
    last_task_failure: TaskFailure | None = None


class Apps(Struct, frozen=True):
    apps: list[App] = []


class AppAnswer(Struct, frozen=True):
    app: App


class Versions(Struct, frozen=True):
    versions: list[str] = []


class Action(Struct, frozen=True):
    action: str = ""
    app: str | None = None
    pod: str | None = None


class Step(Struct, frozen=True):
    actions: list[Action] = []


class Deployment(Struct, frozen=True, rename="camel"):
    id: str = ""
    version: str = ""
    affected_apps: list[str] = []
    steps: list[Step] = []
    current_actions: list[Action] = []
    current_step: int = 0
    total_steps: int = 0
    waiting_for: list[str] = []


class Deployments(Struct, frozen=True):
    deployments: list[Deployment] = []


class Reject(Struct, frozen=True):
    reason: str = ""
    declined: int = 0
    processed: int = 0


class OffersSummary(Struct, frozen=True, rename="camel"):
    processed_offers_count: int = 0
    unused_offers_count: int = 0
    last_unused_offer_at: str | None = None
    last_used_offer_at: str | None = None
    reject_summary_last_offers: list[Reject] = []
    reject_summary_launch_attempt: list[Reject] = []


class Delay(Struct, frozen=True, rename="camel"):
    time_left_seconds: int = 0
    overdue: bool = True


class QueuedApp(Struct, frozen=True):
    id: str = ""


class Queued(Struct, frozen=True, rename="camel"):
    app: QueuedApp | None = None
    count: int = 0
    delay: Delay = Delay()
    since: str | None = None
    processed_offers_summary: OffersSummary = OffersSummary()


class Queue(Struct, frozen=True):
    queue: list[Queued] = []


class Reason(Struct, frozen=True):
    reason: str = ""


class Why(Struct, frozen=True):
    waiting: list[Reason] = []
