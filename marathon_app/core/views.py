"""The read-only questions that the API asks the supervisor, answered for one look at one time.

Every function takes the `Supervisor` first and is called through `Driver.read`, so that what it
returns is consistent. Cost: per app, never per cluster, except where all apps are asked for.
Leaves JSON to the API. Source: Marathon, docs/rest-api.
"""

from collections.abc import Mapping
from fractions import Fraction

from msgspec import structs

from kernel.machine import Now
from kernel.model.task import TaskState
from marathon_app.core import waiting
from marathon_app.core.deployment import Deployment
from marathon_app.core.instance import Instance
from marathon_app.core.launch_queue import Entry, Reason
from marathon_app.core.looks import (
    ActionView,
    Counts,
    DeploymentView,
    FailureView,
    HealthResult,
    QueueView,
    ReadinessView,
    RejectView,
    StatsBucket,
    TaskView,
    UnusedOfferView,
)
from marathon_app.core.root import GroupRecord, Spec
from marathon_app.core.supervisor import Supervisor
from marathon_app.schema import path, timestamp
from marathon_app.schema.app import App
from marathon_app.schema.group import Group

__all__ = [
    "ActionView",
    "Counts",
    "DeploymentView",
    "FailureView",
    "HealthResult",
    "QueueView",
    "ReadinessView",
    "RejectView",
    "StatsBucket",
    "TaskView",
    "UnusedOfferView",
]


def framework_id(machine: Supervisor) -> str | None:
    return machine.session.framework_id


def is_connected(machine: Supervisor) -> bool:
    return machine.session.is_connected


# --- apps and groups -----------------------------------------------------------------------------
def app(machine: Supervisor, app_id: str) -> App | None:
    """With version, versionInfo and service ports."""
    spec = machine.root.apps.get(app_id)
    return spec.app if spec is not None else None


def apps(machine: Supervisor, group_id: str = path.ROOT) -> list[App]:
    """All below, sorted by id."""
    return [machine.root.apps[app_id].app for app_id in machine.root.apps_below(group_id)]


def group(machine: Supervisor, group_id: str) -> Group | None:
    return _tree(group_id, machine.root.apps, machine.root.groups, machine.root.version)


def _tree(
    group_id: str,
    specs: Mapping[str, Spec],
    groups: Mapping[str, GroupRecord],
    root_version: str,
) -> Group | None:
    if group_id not in groups:
        return None
    apps_in: dict[str, list[App]] = {}
    for app_id in sorted(specs):
        apps_in.setdefault(path.parent(app_id), []).append(specs[app_id].app)
    groups_in: dict[str, list[str]] = {}
    for found in sorted(groups):
        if found != path.ROOT:
            groups_in.setdefault(path.parent(found), []).append(found)

    def grown(found: str) -> Group:
        record = groups[found]
        return Group(
            id=found,
            apps=tuple(apps_in.get(found, ())),
            groups=tuple(grown(below) for below in groups_in.get(found, ())),
            dependencies=record.dependencies,
            version=root_version if found == path.ROOT else record.version,
            enforce_role=record.enforce_role,
        )

    return grown(group_id)


def app_versions(machine: Supervisor, app_id: str) -> list[str]:
    """Newest first; empty when there is no such app."""
    if app_id not in machine.root.apps:
        return []
    return sorted(machine.root.versions_of(app_id), reverse=True)


def app_version(machine: Supervisor, app_id: str, version: str) -> App | None:
    spec = machine.root.spec_at(app_id, version) if app_id in machine.root.apps else None
    return spec.app if spec is not None else None


def group_versions(machine: Supervisor, group_id: str) -> list[str]:
    """Newest first: of the roots that changed something at or below the group."""
    if group_id not in machine.root.groups:
        return []
    return [
        delta.version
        for delta in reversed(machine.root.history)
        if any(
            changed == group_id or path.is_below(changed, group_id)
            for changed in (*delta.new_apps, *delta.new_groups)
        )
    ]


def group_version(machine: Supervisor, group_id: str, version: str) -> Group | None:
    found = machine.root.at_version(version)
    return _tree(group_id, *found, version) if found is not None else None


# --- tasks ---------------------------------------------------------------------------------------
def counts(machine: Supervisor, app_id: str) -> Counts:
    tally = machine.instances.tally(app_id)
    return Counts(
        staged=tally.staged,
        running=tally.running,
        healthy=tally.judged_healthy,
        unhealthy=tally.judged_unhealthy,
    )


def tasks(machine: Supervisor, app_id: str) -> list[TaskView]:
    return [_task(machine, instance) for instance in machine.instances.of_app(app_id)]


def task(machine: Supervisor, task_id: str) -> TaskView | None:
    instance = machine.instances.get(task_id)
    return _task(machine, instance) if instance is not None else None


def all_tasks(machine: Supervisor) -> list[TaskView]:
    return [_task(machine, instance) for instance in machine.instances]


def _task(machine: Supervisor, instance: Instance) -> TaskView:
    current = machine.root.apps.get(instance.app_id)
    found = current.app if current is not None else machine.app_of(instance)
    state = TaskState.KILLING if instance.is_doomed else instance.state
    return TaskView(
        id=instance.task_id,
        app_id=instance.app_id,
        host=instance.host,
        ports=instance.host_ports,
        service_ports=found.service_ports if found is not None else (),
        ip_addresses=instance.ip_addresses,
        agent_id=instance.agent_id,
        state=state.value,
        staged_at=timestamp.format_ms(instance.staged_ms),
        started_at=_moment(instance.started_ms),
        version=instance.version,
        health_results=_health_results(machine, instance),
        region=instance.region,
        zone=instance.zone,
        role=instance.role,
    )


def _moment(wall_ms: int | None) -> str | None:
    return timestamp.format_ms(wall_ms) if wall_ms is not None else None


def _health_results(machine: Supervisor, instance: Instance) -> tuple[HealthResult, ...]:
    found: list[HealthResult] = []
    for index, alive in enumerate(instance.alive):
        if alive is None:
            continue
        result = machine.health.result(instance, index)
        found.append(
            HealthResult(
                alive=alive,
                consecutive_failures=result.consecutive_failures,
                first_success=_moment(result.first_success_ms),
                last_success=_moment(result.last_success_ms),
                last_failure=_moment(result.last_failure_ms),
                last_failure_cause=result.last_failure_cause,
                instance_id=instance.instance_id,
            )
        )
    return tuple(found)


def last_failure(machine: Supervisor, app_id: str) -> FailureView | None:
    failure = machine.statuses.failures.get(app_id)
    if failure is None:
        return None
    return FailureView(
        app_id=app_id,
        host=failure.host,
        message=failure.message,
        state=failure.state.value,
        task_id=failure.task_id,
        timestamp=timestamp.format_ms(failure.wall_ms),
        version=failure.version,
        agent_id=failure.agent_id,
    )


def readiness(machine: Supervisor, app_id: str) -> list[ReadinessView]:
    """Of the instances that are asked, or were, in the running deployment."""
    spec = machine.root.apps.get(app_id)
    if spec is None or not spec.app.readiness_checks:
        return []
    if machine.deployments.of_app(app_id) is None:
        return []
    name = spec.app.readiness_checks[0].name
    found: list[ReadinessView] = []
    for instance in machine.instances.of_app(app_id):
        if instance.config != spec.config or instance.state is not TaskState.RUNNING:
            continue
        last = machine.health.readiness.get(instance.task_id)
        view = ReadinessView(name, instance.task_id, instance.is_ready)
        if last is not None:
            view = structs.replace(
                view, status=last.status, content_type=last.content_type, body=last.body
            )
        found.append(view)
    return found


def task_stats(machine: Supervisor, app_id: str, now: Now) -> dict[str, StatsBucket]:
    """Keys as in /v2; empty buckets are left out."""
    spec = machine.root.apps.get(app_id)
    if spec is None:
        return {}
    info = spec.app.version_info
    scaled_at = info.last_scaling_at if info else spec.app.version
    everyone = machine.instances.of_app(app_id)
    buckets = {
        "startedAfterLastScaling": [i for i in everyone if i.version >= scaled_at],
        "withLatestConfig": [i for i in everyone if i.config == spec.config],
        "withOutdatedConfig": [i for i in everyone if i.config != spec.config],
        "totalSummary": everyone,
    }
    return {name: _bucket(found, now) for name, found in buckets.items() if found}


def _bucket(found: list[Instance], now: Now) -> StatsBucket:
    lived = sorted(now.wall_ms - i.started_ms for i in found if i.started_ms is not None)
    average = Fraction(sum(lived), len(lived) * 1000) if lived else None
    middle = lived[(len(lived) - 1) // 2] + lived[len(lived) // 2] if lived else 0
    judged = [i for i in found if any(alive is not None for alive in i.alive)]
    healthy = sum(all(alive is True for alive in i.alive) for i in judged)
    return StatsBucket(
        counts=Counts(
            staged=sum(i.state in (TaskState.STAGING, TaskState.STARTING) for i in found),
            running=sum(i.state is TaskState.RUNNING for i in found),
            healthy=healthy,
            unhealthy=len(judged) - healthy,
        ),
        average_seconds=average,
        median_seconds=Fraction(middle, 2000) if lived else None,
    )


# --- deployments ---------------------------------------------------------------------------------
def deployments(machine: Supervisor, now: Now | None = None) -> list[DeploymentView]:
    """Oldest first. Without `now` the sentences are as of the last step."""
    at = now or machine.latest
    return [_deployment(machine, one, at) for one in machine.deployments.running.values()]


def deployments_of(machine: Supervisor, app_id: str) -> list[str]:
    found = machine.deployments.of_app(app_id)
    return [found.id] if found is not None else []


def _deployment(machine: Supervisor, one: Deployment, now: Now) -> DeploymentView:
    return DeploymentView(
        id=one.id,
        version=one.version,
        affected_apps=tuple(one.app_ids),
        steps=tuple(
            tuple(ActionView(action.kind.value, action.app_id) for action in step)
            for step in one.steps
        ),
        current_actions=tuple(
            ActionView(action.kind.value, action.app_id, tuple(readiness(machine, action.app_id)))
            for action in one.actions
        ),
        current_step=one.step + 1,
        total_steps=len(one.steps),
        waiting_for=tuple(waiting.of_deployment(machine, one, now)),
    )


def why(machine: Supervisor, app_id: str, now: Now) -> list[str]:
    """Sentences: why the app is not (yet) as it should be."""
    return waiting.of_app(machine, app_id, now)


# --- the queue -----------------------------------------------------------------------------------
def queue(machine: Supervisor, now: Now) -> list[QueueView]:
    return [
        _queue_item(machine, app_id, entry, now) for app_id, entry in machine.queue.entries.items()
    ]


def _queue_item(machine: Supervisor, app_id: str, entry: Entry, now: Now) -> QueueView:
    left_ms = machine.queue.delay_left_ms(app_id, now)
    last = entry.last_offers.values()
    last_rejected: dict[str, int] = {}
    for offer in last:
        first = offer.rejection.reasons[0].value
        last_rejected[first] = last_rejected.get(first, 0) + 1
    return QueueView(
        app=entry.spec.app,
        count=entry.count,
        time_left_seconds=-(-left_ms // 1000),
        overdue=left_ms == 0,
        since=timestamp.format_ms(entry.since_ms),
        processed_offers=entry.processed,
        unused_offers=entry.unused,
        last_unused_offer_at=_moment(entry.last_unused_ms),
        last_used_offer_at=_moment(entry.last_used_ms),
        reject_summary_last_offers=_funnel(last_rejected, len(last)),
        reject_summary_launch_attempt=_funnel(entry.rejected, entry.processed),
        last_unused_offers=tuple(
            UnusedOfferView(
                offer_id=offer.offer_id,
                hostname=offer.hostname,
                agent_id=offer.agent_id,
                reasons=tuple(reason.value for reason in offer.rejection.reasons),
                words=offer.rejection.words,
                timestamp=timestamp.format_ms(offer.wall_ms),
                resources=offer.resources,
                attributes=offer.attributes,
            )
            for offer in last
        ),
    )


def _funnel(declined: Mapping[str, int], processed: int) -> tuple[RejectView, ...]:
    """Each stage sees what passed the earlier ones."""
    found: list[RejectView] = []
    for reason in Reason:
        count = declined.get(reason.value, 0)
        found.append(RejectView(reason.value, count, processed))
        processed -= count
    return tuple(found)


def summary(machine: Supervisor) -> dict[str, int]:
    tallies = [machine.instances.tally(app_id) for app_id in machine.instances.app_ids()]
    return {
        "apps": len(machine.root.apps),
        "groups": len(machine.root.groups) - 1,
        "instances": len(machine.instances),
        "wanted": sum(spec.app.instances for spec in machine.root.apps.values()),
        "staged": sum(tally.staged for tally in tallies),
        "running": sum(tally.running for tally in tallies),
        "healthy": sum(tally.judged_healthy for tally in tallies),
        "unhealthy": sum(tally.judged_unhealthy for tally in tallies),
        "deployments": len(machine.deployments.running),
        "queued": sum(entry.count for entry in machine.queue.entries.values()),
    }
