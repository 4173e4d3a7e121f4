"""Turns views into the JSON of `/v2`: names, shapes and what is left out.

Apps are encoded as structs and joined with what an answer adds to them, byte by byte, since lists
of a thousand apps are asked for every few seconds. Source: Marathon, docs/docs/rest-api.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import msgspec
from flask import Response

from marathon_app.core.views import (
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
from marathon_app.schema.app import App

JsonObject = dict[str, Any]
encode = msgspec.json.Encoder().encode


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; bytes are taken as JSON already."""
    data = body if isinstance(body, bytes) else encode(body)
    return Response(data, status, headers, content_type="application/json")


def joined(app: App, extras: JsonObject) -> msgspec.Raw:
    """The app's own JSON with `extras` as further keys."""
    own = encode(app)
    return msgspec.Raw(own[:-1] + b"," + encode(extras)[1:] if extras else own)


def counts(found: Counts) -> JsonObject:
    return {
        "tasksStaged": found.staged,
        "tasksRunning": found.running,
        "tasksHealthy": found.healthy,
        "tasksUnhealthy": found.unhealthy,
    }


def task(view: TaskView, *, with_service_ports: bool = False) -> JsonObject:
    """`servicePorts` only in /v2/tasks, as in Marathon."""
    made: JsonObject = {
        "id": view.id,
        "appId": view.app_id,
        "host": view.host,
        "ports": view.ports,
        "ipAddresses": [_address(address) for address in view.ip_addresses],
        "slaveId": view.agent_id,
        "state": view.state,
        "stagedAt": view.staged_at,
        "version": view.version,
        **_present(startedAt=view.started_at, region=view.region, zone=view.zone),
    }
    if view.health_results:
        made["healthCheckResults"] = [_health_result(found) for found in view.health_results]
    if with_service_ports:
        made["servicePorts"] = view.service_ports
    return made


def _address(address: str) -> JsonObject:
    return {"ipAddress": address, "protocol": "IPv6" if ":" in address else "IPv4"}


def _health_result(found: HealthResult) -> JsonObject:
    return {
        "alive": found.alive,
        "consecutiveFailures": found.consecutive_failures,
        "instanceId": found.instance_id,
        **_present(
            firstSuccess=found.first_success,
            lastSuccess=found.last_success,
            lastFailure=found.last_failure,
            lastFailureCause=found.last_failure_cause,
        ),
    }


def failure(view: FailureView) -> JsonObject:
    return {
        "appId": view.app_id,
        "host": view.host,
        "message": view.message,
        "state": view.state,
        "taskId": view.task_id,
        "timestamp": view.timestamp,
        "version": view.version,
        **_present(slaveId=view.agent_id),
    }


def readiness(view: ReadinessView) -> JsonObject:
    made: JsonObject = {"name": view.name, "taskId": view.task_id, "ready": view.ready}
    if view.status is not None:
        made["lastResponse"] = {
            "status": view.status,
            "contentType": view.content_type or "",
            "body": view.body or "",
        }
    return made


def deployment(view: DeploymentView) -> JsonObject:
    return {
        "id": view.id,
        "version": view.version,
        "affectedApps": view.affected_apps,
        "affectedPods": [],
        "steps": [
            {"actions": [{"action": each.action, "app": each.app_id} for each in step]}
            for step in view.steps
        ],
        "currentActions": [_current_action(action) for action in view.current_actions],
        "currentStep": view.current_step,
        "totalSteps": view.total_steps,
    }


def _current_action(view: ActionView) -> JsonObject:
    return {
        "action": view.action,
        "app": view.app_id,
        "readinessCheckResults": [readiness(found) for found in view.readiness],
    }


def queue_item(view: QueueView, embedded: frozenset[str]) -> JsonObject:
    """`role` breaks a client that knows no such key, so it is given only when asked for (C2)."""
    made: JsonObject = {
        "app": view.app,
        "count": view.count,
        "delay": {"timeLeftSeconds": view.time_left_seconds, "overdue": view.overdue},
        "since": view.since,
        "processedOffersSummary": {
            "processedOffersCount": view.processed_offers,
            "unusedOffersCount": view.unused_offers,
            **_present(
                lastUnusedOfferAt=view.last_unused_offer_at,
                lastUsedOfferAt=view.last_used_offer_at,
            ),
            "rejectSummaryLastOffers": _funnel(view.reject_summary_last_offers),
            "rejectSummaryLaunchAttempt": _funnel(view.reject_summary_launch_attempt),
        },
    }
    if "lastUnusedOffers" in embedded:
        made["lastUnusedOffers"] = [_unused(found) for found in view.last_unused_offers]
    if "role" in embedded:
        made["role"] = view.app.role
    return made


def _funnel(stages: Sequence[RejectView]) -> list[JsonObject]:
    return [
        {"reason": stage.reason, "declined": stage.declined, "processed": stage.processed}
        for stage in stages
    ]


def _unused(view: UnusedOfferView) -> JsonObject:
    return {
        "offer": {
            "id": view.offer_id,
            "hostname": view.hostname,
            "agentId": view.agent_id,
            "resources": [_resource(name, amount) for name, amount in view.resources],
            "attributes": [
                {"name": name, "text": value, "scalar": None, "ranges": None, "set": None}
                for name, value in view.attributes
            ],
        },
        "reason": view.reasons,
        "timestamp": view.timestamp,
    }


def _resource(name: str, amount: str) -> JsonObject:
    made: JsonObject = {"name": name, "role": "*", "scalar": None, "ranges": None, "set": None}
    ranges = [_range(part) for part in amount.split(",")] if "-" in amount else None
    if ranges is not None and all(ranges):
        return {**made, "ranges": ranges}
    try:
        return {**made, "scalar": float(amount)}
    except ValueError:
        return {**made, "set": amount.split(",")}


def _range(text: str) -> JsonObject | None:
    begin, _, end = text.strip().partition("-")
    if not (begin.isdigit() and end.isdigit()):
        return None
    return {"begin": int(begin), "end": int(end)}


def stats(buckets: dict[str, StatsBucket]) -> JsonObject:
    return {name: {"stats": _bucket(bucket)} for name, bucket in buckets.items()}


def _bucket(bucket: StatsBucket) -> JsonObject:
    found = bucket.counts
    made: JsonObject = {
        "counts": {
            "staged": found.staged,
            "running": found.running,
            "healthy": found.healthy,
            "unhealthy": found.unhealthy,
        }
    }
    if bucket.average_seconds is not None and bucket.median_seconds is not None:
        made["lifeTime"] = {
            "averageSeconds": _seconds(bucket.average_seconds),
            "medianSeconds": _seconds(bucket.median_seconds),
        }
    return made


def _seconds(exact: Fraction) -> float:
    return round(float(exact), 3)


def _present(**values: object) -> JsonObject:
    """Without those that are None: an unset optional is left out."""
    return {name: value for name, value in values.items() if value is not None}
