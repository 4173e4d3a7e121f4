"""Jobs: list, search, add, run, mark, delete. Source: Chronos, docs/docs/api.md;
JobManagementResource.scala, Iso8601JobResource.scala, DependentJobResource.scala.
"""

from flask import Blueprint, Response, request

from chronos_app.core import events, showing
from chronos_app.core.statistics import STATISTICS
from chronos_app.runtime.api import render
from chronos_app.runtime.api.desk import Desk
from chronos_app.schema import reading
from chronos_app.schema.job import Dialect
from chronos_app.schema.refusal import Refused
from chronos_app.schema.submission import Kind, parse_object, read_submission

SEARCH_LIMIT = 10  # Chronos's


def add_views(blueprint: Blueprint, desk: Desk, dialect: Dialect) -> None:
    """Chronos 2.x took PUT as well as POST for its upserts; 3.x takes POST."""
    upsert = ["POST", "PUT"] if dialect is Dialect.V2 else ["POST"]
    _add_upserts(blueprint, desk, dialect, upsert)
    _add_lists(blueprint, desk, dialect)
    _add_job(blueprint, desk, dialect)
    _add_statistics(blueprint, desk)


def _add_upserts(blueprint: Blueprint, desk: Desk, dialect: Dialect, methods: list[str]) -> None:
    def submit(kind: Kind) -> Response:
        raw = request.get_data(cache=False)
        submission = read_submission(raw, dialect, kind, desk.config.defaults())
        desk.ask(lambda request_id: events.JobSubmitted(request_id, submission))
        return render.nothing()

    @blueprint.route("/iso8601", methods=methods)
    def add_scheduled() -> Response:
        return submit(Kind.SCHEDULED)

    @blueprint.route("/dependency", methods=methods)
    def add_dependent() -> Response:
        return submit(Kind.DEPENDENT)


def _add_lists(blueprint: Blueprint, desk: Desk, dialect: Dialect) -> None:
    def show(names: list[str] | None = None) -> list[object]:
        rows = desk.each(showing.listed, names, cheap=True)
        return [row.show(dialect) for row in rows]

    @blueprint.get("/jobs")
    def list_jobs() -> Response:
        return render.encoded(desk.rendered(f"jobs {dialect}", show))

    @blueprint.get("/jobs/search")
    def search_jobs() -> Response:
        asked = request.args
        limit = _number("limit", SEARCH_LIMIT)
        offset = _number("offset", 0)
        words = [asked.get(key, "") for key in ("name", "command", "any")]
        names = desk.read(lambda cron: showing.search(cron, *words))
        return render.json(show(names[offset : offset + limit]))

    @blueprint.get("/jobs/summary")
    def summarize_jobs() -> Response:
        def summary() -> object:
            return {"jobs": desk.read(showing.summary)}

        return render.encoded(desk.rendered("summary", summary))


def _number(name: str, default: int) -> int:
    return min(reading.count(request.args, name, default), 1_000_000)


def _add_job(blueprint: Blueprint, desk: Desk, dialect: Dialect) -> None:
    @blueprint.get("/job/<name>")
    def show_job(name: str) -> Response:
        row = desk.read_job(name, lambda cron: showing.listed(cron, name))
        return render.json(row.show(dialect))

    @blueprint.put("/job/<name>")
    def run_job(name: str) -> Response:
        arguments = reading.as_text(request.args.get("arguments"), "arguments")
        desk.ask(lambda request_id: events.RunRequested(request_id, name, arguments))
        return render.nothing()

    @blueprint.delete("/job/<name>")
    def delete_job(name: str) -> Response:
        desk.ask(lambda request_id: events.JobDeletionRequested(request_id, name))
        return render.nothing()

    @blueprint.put("/job/success/<name>")
    def mark_success(name: str) -> Response:
        done = desk.ask(lambda request_id: events.SuccessMarked(request_id, name))
        marked = "true" if done.changed else "false"
        return render.text(f"marked job {name} as successful: {marked}")

    @blueprint.post("/job/<name>/task/<task_id>/progress")
    def report_progress(name: str, task_id: str) -> Response:
        field = "numAdditionalElementsProcessed"
        body = parse_object(request.get_data(cache=False))
        if field not in body:
            raise Refused(field, "is missing; it says how many elements more are done")
        elements = reading.count(body, field)
        desk.ask(lambda asked: events.ProgressReported(asked, name, task_id, elements))
        return render.nothing()


def _add_statistics(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.get("/job/stat/<name>")
    def show_statistics(name: str) -> Response:
        return render.json(desk.read_job(name, lambda cron: showing.job_statistics(cron, name)))

    @blueprint.get("/stats/<which>")
    def show_percentiles(which: str) -> Response:
        if which not in STATISTICS:
            raise Refused("", f"there is no statistic {which!r}; try {', '.join(STATISTICS)}")
        found = list(desk.each(lambda cron, name: showing.percentile(cron, name, which)))
        return render.json(sorted(found, key=lambda row: -row["time"]))
