"""Judges instances by their health and readiness checks, and says when a probe must run.

Verdicts (alive or not, ready or not) are durable, counters are not: after a restart a healthy
instance is still healthy until a probe says otherwise (DIFFERS: upstream forgets, and every load
balancer would empty its backends). Leaves the I/O of probes to the shell and killing to `kill`.
Source: Marathon, docs/health-checks.md, docs/readiness-checks.md, HealthCheckActor.
"""

from collections.abc import Callable

from msgspec import Struct, structs

from kernel.machine import Now
from kernel.messages import v1
from kernel.model.task import TaskState
from marathon_app.core.effects import Probe, StartProbing, StartReadiness, StopReadiness
from marathon_app.core.events import HealthProbed, ReadinessProbed
from marathon_app.core.instance import Instance, Instances
from marathon_app.core.news import News
from marathon_app.core.outbox import Outbox
from marathon_app.core.task import check_port
from marathon_app.schema.app import App
from marathon_app.schema.health import HealthCheck, ReadinessCheck

FIRST_PROBE_MS = 200  # DIFFERS: min(interval, 5 s) upstream
EAGER_INTERVAL_MS = 500  # within the grace period, until the first success
HEALTH_REASON = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"


class CheckResult(Struct):
    """What one check of one task has shown so far. Times are wall milliseconds."""

    consecutive_failures: int = 0
    first_success_ms: int | None = None
    last_success_ms: int | None = None
    last_failure_ms: int | None = None
    last_failure_cause: str | None = None
    grace_cause: str = ""  # a failure that does not count, for people who wait


class ReadinessResult(Struct):
    status: int
    content_type: str
    body: str


class Health:
    def __init__(
        self,
        instances: Instances,
        outbox: Outbox,
        news: News,
        app_of: Callable[[Instance], App | None],
    ) -> None:
        self._instances, self._outbox, self._news = instances, outbox, news
        self._app_of = app_of
        self.results: dict[str, list[CheckResult]] = {}
        self.readiness: dict[str, ReadinessResult] = {}

    # --- probes ----------------------------------------------------------------------------------
    def watch(self, instance: Instance, now: Now) -> None:
        """It runs (now, or since before a restart): probe what Marathon has to probe."""
        app = self._app_of(instance)
        if app is None or instance.is_doomed:
            return
        probes = tuple(
            _probe(app, check, index, instance, now)
            for index, check in enumerate(app.health_checks)
            if check.is_probed_by_marathon
        )
        if probes:
            self._outbox.emit(StartProbing(instance.task_id, probes))
        if not instance.is_ready and app.readiness_checks:
            self._outbox.emit(_readiness(app, app.readiness_checks[0], instance))

    def forget(self, task_id: str) -> None:
        self.results.pop(task_id, None)
        self.readiness.pop(task_id, None)

    def result(self, instance: Instance, index: int) -> CheckResult:
        results = self.results.setdefault(instance.task_id, [CheckResult() for _ in instance.alive])
        return results[index]

    # --- verdicts --------------------------------------------------------------------------------
    def probed(self, event: HealthProbed, now: Now) -> Instance | None:
        """Take in one probe; returns the instance when it must be killed for it."""
        instance = self._instances.get(event.task_id)
        if (
            instance is None
            or instance.is_doomed
            or instance.state is not TaskState.RUNNING  # unreachable ones are not judged either
            or event.alive is None
            or event.check_index >= len(instance.alive)
        ):
            return None
        app = self._app_of(instance)
        if app is None or event.check_index >= len(app.health_checks):
            return None
        check = app.health_checks[event.check_index]
        result = self.result(instance, event.check_index)
        if event.alive:
            self._passed(instance, event.check_index, result, now)
            return None
        return self._failed(instance, event, check, result, now)

    def _passed(self, instance: Instance, index: int, result: CheckResult, now: Now) -> None:
        result.consecutive_failures = 0
        result.grace_cause = ""
        result.last_success_ms = now.wall_ms
        if result.first_success_ms is None:
            result.first_success_ms = now.wall_ms
        self._judge(instance, index, True)

    def _failed(
        self,
        instance: Instance,
        event: HealthProbed,
        check: HealthCheck,
        result: CheckResult,
        now: Now,
    ) -> Instance | None:
        index = event.check_index
        ran_ms = now.wall_ms - (instance.started_ms or now.wall_ms)
        is_new = result.first_success_ms is None and instance.alive[index] is not True
        if is_new and ran_ms < check.grace_period_seconds * 1000:
            result.grace_cause = event.cause
            return None
        result.consecutive_failures += 1
        result.last_failure_ms = now.wall_ms
        result.last_failure_cause = event.cause
        self._news.check_failed(instance, check)
        judged = self._judge(instance, index, False)
        # DIFFERS: upstream compares before it counts, and so kills one failure later than it says.
        if 0 < check.max_consecutive_failures <= result.consecutive_failures:
            return judged
        return None

    def _judge(self, instance: Instance, index: int, is_alive: bool) -> Instance:
        if instance.alive[index] is is_alive:
            return instance
        was = _overall(instance)
        alive = (*instance.alive[:index], is_alive, *instance.alive[index + 1 :])
        judged = structs.replace(instance, alive=alive)
        self._instances.put(judged)
        if _overall(judged) is not was:
            self._news.health_changed(judged, _overall(judged) is True)
        return judged

    def reported(self, instance: Instance, status: v1.TaskStatus, now: Now) -> Instance:
        """What the agent says of its own check, which is at most one per task."""
        app = self._app_of(instance)
        if status.healthy is None or app is None:
            return instance
        for index, check in enumerate(app.health_checks):
            if check.is_probed_by_marathon or index >= len(instance.alive):
                continue
            result = self.result(instance, index)
            if status.healthy:
                self._passed(instance, index, result, now)
            else:
                result.consecutive_failures += 1
                result.last_failure_ms = now.wall_ms
                result.last_failure_cause = status.message or "the agent's check failed"
                self._news.check_failed(instance, check)
                self._judge(instance, index, False)
            return self._instances.get(instance.task_id) or instance
        return instance

    # --- readiness -------------------------------------------------------------------------------
    def ready_probed(self, event: ReadinessProbed) -> None:
        instance = self._instances.get(event.task_id)
        app = self._app_of(instance) if instance is not None else None
        if instance is None or instance.is_ready or app is None or not app.readiness_checks:
            return
        check = app.readiness_checks[0]
        if event.status in check.http_status_codes_for_ready:
            self._instances.put(structs.replace(instance, is_ready=True))
            self._outbox.emit(StopReadiness(event.task_id))
        if check.preserve_last_response or event.status >= 500:
            self.readiness[event.task_id] = ReadinessResult(
                event.status, event.content_type, event.body
            )


def _overall(instance: Instance) -> bool | None:
    """None as long as some check has no verdict and none has failed."""
    if any(alive is False for alive in instance.alive):
        return False
    return None if any(alive is None for alive in instance.alive) else True


def _probe(app: App, check: HealthCheck, index: int, instance: Instance, now: Now) -> Probe:
    interval_ms = max(1, check.interval_seconds * 1000)
    ran_ms = now.wall_ms - (instance.started_ms or now.wall_ms)
    grace_ms = max(0, check.grace_period_seconds * 1000 - ran_ms)
    is_new = instance.alive[index] is not True if index < len(instance.alive) else True
    has_address = bool(instance.ip_addresses) and not app.is_host_mode and not any(instance.ports)
    return Probe(
        check_index=index,
        protocol=check.protocol.value,
        host=instance.ip_addresses[0] if has_address else instance.host,
        port=check_port(app, check, _addressed_ports(app, instance, has_address)),
        path=check.path or "/",
        interval_ms=interval_ms,
        timeout_ms=check.timeout_seconds * 1000,
        first_delay_ms=min(interval_ms, FIRST_PROBE_MS),
        eager_interval_ms=min(interval_ms, EAGER_INTERVAL_MS),
        eager_for_ms=grace_ms if is_new else 0,
        ignore_http_1xx=check.ignore_http_1xx,
    )


def _addressed_ports(app: App, instance: Instance, has_address: bool) -> tuple[int, ...]:
    if has_address:
        return tuple(mapping.container_port for mapping in app.port_mappings)
    return instance.ports


def _readiness(app: App, check: ReadinessCheck, instance: Instance) -> StartReadiness:
    names = app.port_names
    index = names.index(check.port_name) if check.port_name in names else 0
    port = instance.ports[index] if index < len(instance.ports) else 0
    url = f"{check.protocol.value.lower()}://{instance.host}:{port}{check.path}"
    return StartReadiness(
        task_id=instance.task_id,
        check_name=check.name,
        url=url,
        interval_ms=check.interval_seconds * 1000,
        timeout_ms=check.timeout_seconds * 1000,
    )
