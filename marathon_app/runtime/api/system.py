"""What the process says of itself: `/v2/info`, `/v2/leader`, `/ping`, `/health`, `/metrics`.

Source: Marathon, docs/docs/rest-api "Info", "Leader"; docs/docs/metrics.md.
"""

from collections.abc import Callable

from flask import Blueprint, Response, redirect, request
from msgspec import Struct
from werkzeug.wrappers import Response as AnyResponse

from marathon_app.core import views
from marathon_app.runtime.api import render
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.refusal import Refused

# Clients switch features on by this; it names the API that is spoken, not our release (C15).
API_VERSION = "1.11.24"
BUILD = "tepui"
PODS_SENTENCE = "Pods are not supported yet; run each container as an app."
CALLBACKS_SENTENCE = "HTTP callbacks were removed in Marathon 1.5; read the stream /v2/events."


class Process(Struct, frozen=True):
    """What only the process knows; callable from any thread."""

    is_connected: Callable[[], bool]
    started_mono_ms: int
    abdicate: Callable[[], None]


def blueprint(desk: Desk, process: Process) -> Blueprint:
    system = Blueprint("system", __name__)
    _add_identity(system, desk, process)
    _add_liveness(system, desk, process)
    _add_absent(system)
    return system


def _add_identity(system: Blueprint, desk: Desk, process: Process) -> None:
    @system.get("/v2/info")
    def info() -> Response:
        framework_id = desk.read(views.framework_id)
        body = {
            "name": desk.config.framework_name,
            "version": API_VERSION,
            "buildref": BUILD,
            "elected": True,
            "leader": desk.config.leader,
            "frameworkId": framework_id,
            "marathon_config": _marathon_config(desk, process),
            "zookeeper_config": {},
            "http_config": {"http_port": desk.config.port, "https_port": None},
        }
        headers = {} if process.is_connected() else {"X-Tepui-Warning": "the master is away"}
        return render.answer(body, headers=headers)

    @system.get("/v2/leader")
    def leader() -> Response:
        return render.answer({"leader": desk.config.leader})

    @system.delete("/v2/leader")
    def abdicate() -> Response:
        if request.args.get("backup") or request.args.get("restore"):
            raise Refused(
                400,
                "backup and restore are not this call's here: `tepui backup FILE` saves the state"
                " while everything runs, and `tepui restore FILE` brings it back",
            )
        process.abdicate()
        return render.answer({"message": "Leadership abdicated"})

    @system.get("/v2/plugins")
    def plugins() -> Response:
        return render.answer({"plugins": []})


def _marathon_config(desk: Desk, process: Process) -> render.JsonObject:
    """Keys that Marathon has, and no other: its clients refuse what they do not know."""
    config = desk.config
    master = config.master.split(",")[0]
    return {
        "access_control_allow_origin": config.access_control_allow_origin,
        "checkpoint": True,
        "decline_offer_duration": config.decline_offer_duration,
        "env_vars_prefix": config.env_vars_prefix or None,
        "executor": "//cmd",
        "failover_timeout": config.failover_timeout,
        "features": ["task_killing"],
        "framework_name": config.framework_name,
        "ha": False,
        "hostname": config.hostname or config.ip,
        "local_port_max": config.local_port_max,
        "local_port_min": config.local_port_min,
        "master": config.master,
        "mesos_leader_ui_url": master if process.is_connected() else None,
        "mesos_role": config.mesos_role,
        "mesos_user": config.mesos_user or None,
        "reconciliation_interval": config.reconciliation_interval,
        "task_launch_timeout": config.task_launch_timeout,
        "webui_url": config.webui_url,
    }


def _add_liveness(system: Blueprint, desk: Desk, process: Process) -> None:
    @system.get("/")
    def front() -> AnyResponse:
        if desk.config.webui_url:
            return redirect(desk.config.webui_url)
        return render.answer({"name": desk.config.framework_name, "api": "/v2/apps"})

    @system.get("/ping")
    def ping() -> Response:
        if request.headers.get("Accept", "").startswith("application/json"):
            return render.answer("pong")
        return Response("pong", content_type="text/plain")

    @system.get("/health")
    def health() -> Response:
        return render.answer({"healthy": True, "master": process.is_connected()})

    @system.get("/metrics")
    def metrics() -> Response:
        gauges = {name: {"value": value} for name, value in _gauges(desk, process).items()}
        return render.answer(
            {
                "version": "4.0.0",
                "gauges": gauges,
                "counters": {},
                "histograms": {},
                "meters": {},
                "timers": {},
            }
        )

    @system.get("/metrics/prometheus")
    def prometheus() -> Response:
        lines = []
        for name, value in _gauges(desk, process).items():
            flat = name.replace(".", "_").replace("-", "_")
            lines.append(f"# TYPE {flat} gauge\n{flat} {value}\n")
        return Response("".join(lines), content_type="text/plain; version=0.0.4; charset=utf-8")


def _gauges(desk: Desk, process: Process) -> dict[str, int]:
    found = desk.read(views.summary)
    uptime_ms = desk.clock.now().mono_ms - process.started_mono_ms
    return {
        "marathon.apps.active.gauge": found.get("apps", 0),
        "marathon.deployments.active.gauge": found.get("deployments", 0),
        "marathon.groups.active.gauge": found.get("groups", 0),
        "marathon.instances.running.gauge": found.get("running", 0),
        "marathon.instances.staged.gauge": found.get("staged", 0),
        "marathon.instances.healthy.gauge": found.get("healthy", 0),
        "marathon.uptime.gauge.seconds": uptime_ms // 1000,
        "marathon.leadership.duration.gauge.seconds": uptime_ms // 1000,
        "marathon.master.connected.gauge": int(process.is_connected()),
    }


def _add_absent(system: Blueprint) -> None:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    @system.route("/v2/pods", methods=methods)
    @system.route("/v2/pods/<path:name>", methods=methods)
    def pods(name: str = "") -> Response:
        # A HEAD that is not 200 is how clients learn that there are no pods.
        raise Refused(404 if request.method in ("GET", "HEAD") else 501, PODS_SENTENCE)

    @system.route("/v2/eventSubscriptions", methods=["GET", "POST", "DELETE"])
    def subscriptions() -> Response:
        raise Refused(404, CALLBACKS_SENTENCE)
