"""The process and the graph: ping, health, leader, metrics, dot, csv.

Source: Chronos, docs/docs/api.md; Codahale Metrics, JSON form of the servlet.
"""

from collections.abc import Callable

from flask import Blueprint, Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from chronos_app.core import showing
from chronos_app.runtime.api import render
from chronos_app.runtime.api.desk import Desk

METRICS_VERSION = "3.0.0"  # of the JSON form


def add_views(blueprint: Blueprint, desk: Desk) -> None:
    """What both prefixes have."""

    @blueprint.get("/graph/dot")
    def show_dot() -> Response:
        return render.text(desk.read(showing.dot))

    @blueprint.get("/graph/csv")
    def show_csv() -> Response:
        # A client takes an empty body for an error, so there is always a line end.
        return render.text(desk.read(showing.csv) or "\n")

    @blueprint.get("/leader")
    def show_leader() -> Response:
        return render.json({"leader": desk.config.leader})


def root_blueprint(desk: Desk, is_connected: Callable[[], bool]) -> Blueprint:
    """What has no prefix."""
    blueprint = Blueprint("root", __name__)

    @blueprint.get("/ping")
    def ping() -> Response:
        return render.text("pong")

    @blueprint.get("/health")
    def health() -> Response:
        return render.json({"status": "ok", "connected": is_connected()})

    @blueprint.get("/leader")
    def leader() -> Response:
        return render.json({"leader": desk.config.leader})

    @blueprint.get("/metrics")
    def metrics() -> Response:
        gauges = {f"chronos.{name}": {"value": value} for name, value in _counts(desk).items()}
        gauges["chronos.connected"] = {"value": int(is_connected())}
        return render.json(
            {
                "version": METRICS_VERSION,
                "gauges": gauges,
                "counters": {},
                "histograms": {},
                "meters": {},
                "timers": {},
            }
        )

    @blueprint.get("/logging")
    def logging_levels() -> Response:
        return render.text("The level is set by the environment variable TEPUI_LOG.\n")

    @blueprint.get("/")
    def home() -> AnyResponse:
        if desk.config.webui_url:
            return redirect(desk.config.webui_url)
        return render.text("Chronos, of Tepui. Jobs: /v1/scheduler/jobs\n")

    return blueprint


def _counts(desk: Desk) -> dict[str, int]:
    return desk.read(showing.counts)
