"""Ours, under `/v1/scheduler/tepui`: next and last runs, history, logs, and a preview.

Nothing is added to Chronos's own answers. A log is fetched from the run's agent.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request

from chronos_app.core import showing
from chronos_app.core.preview import COUNT_MAX, preview
from chronos_app.core.run import Run
from chronos_app.runtime.api import render
from chronos_app.runtime.api.desk import Desk
from chronos_app.runtime.logs import STREAMS, Log, LogAbsent
from chronos_app.schema import reading
from chronos_app.schema.refusal import Refused
from chronos_app.schema.submission import parse_object

PREFIX = "/v1/scheduler/tepui"
NEXT_COUNT = 5

ReadLog = Callable[[str, str, str], Any]  # (agent url, task id, stream) -> coroutine of a Log


def blueprint(desk: Desk, read_log: ReadLog) -> Blueprint:
    views = Blueprint("tepui", __name__, url_prefix=PREFIX)
    _add_jobs(views, desk)
    _add_runs(views, desk, read_log)

    @views.post("/preview")
    def preview_schedule() -> Response:
        body = parse_object(request.get_data(cache=False))
        count = reading.count(body, "count", NEXT_COUNT)
        if not 1 <= count <= COUNT_MAX:
            raise Refused("count", f"must be 1 to {COUNT_MAX}, but is {count}")
        schedule = reading.text(body, "schedule")
        zone, name = reading.text(body, "scheduleTimeZone"), reading.text(body, "name")
        return render.json(preview(schedule, zone, desk.clock.now().wall_ms, count, name))

    return views


def _add_jobs(views: Blueprint, desk: Desk) -> None:
    @views.get("/jobs")
    def list_jobs() -> Response:
        return render.encoded(desk.rendered("tepui", lambda: list(desk.each(showing.our_job))))

    @views.get("/job/<name>")
    def show_job(name: str) -> Response:
        now_ms = desk.clock.now().wall_ms
        shown = desk.read_job(name, lambda cron: showing.our_job(cron, name))
        shown["nextRuns"] = desk.read_job(
            name, lambda cron: showing.upcoming(cron, name, now_ms, NEXT_COUNT)
        )
        return render.json(shown)


def _add_runs(views: Blueprint, desk: Desk, read_log: ReadLog) -> None:
    @views.get("/job/<name>/runs")
    def list_runs(name: str) -> Response:
        prefix = f"{PREFIX}/job/{quote(name, safe='')}/runs"
        return render.json(
            desk.read_job(
                name,
                lambda cron: [showing.run(cron, each, prefix) for each in cron.runs_of(name)],
            )
        )

    @views.get("/job/<name>/runs/<run_id>/log")
    def show_log(name: str, run_id: str) -> Response:
        stream = request.args.get("stream", "stdout")
        if stream not in STREAMS:
            raise Refused("stream", f"must be one of {', '.join(STREAMS)}, not {stream!r}")
        found = desk.read_job(name, lambda cron: (showing.find_run(cron, name, run_id),))[0]
        if found is None:
            raise Refused("", f"Job '{name}' has no run {run_id!r}", 404)
        return _log(desk, found, stream, read_log)


def _log(desk: Desk, run: Run, stream: str, read_log: ReadLog) -> Response:
    if not run.agent_url:
        raise Refused("", "this run was not launched, so there is no log of it", 404)
    try:
        log: Log = desk.run(read_log(run.agent_url, run.run_id, stream))
    except LogAbsent as error:
        raise Refused("", f"no log: {error}", 404) from None
    answer = render.text("")
    answer.set_data(log.data)
    answer.headers["X-Log-Offset"] = str(log.offset)
    answer.headers["X-Log-Size"] = str(log.size)
    return answer
