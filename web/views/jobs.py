"""The list of jobs, one job with its history, and orders to Chronos."""

from flask import Blueprint, Response, abort, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.client import Reply
from web.present import diff, job_form, paging
from web.present import jobs as present
from web.rendering import local_target, outcome, page, parts, tried, tried_all
from web.views.addresses import job_address

blueprint = Blueprint("jobs", __name__)


@blueprint.get("/jobs")
def index() -> Response:
    asked = request.args
    jobs = tried(parts().chronos.jobs, None)
    rows = present.job_rows(jobs or [])
    search, state = asked.get("q", ""), asked.get("state", "")
    inside = present.matching(rows, search, "")
    found = present.matching(inside, "", state)
    column, downwards = paging.sorting(asked.get("sort", ""), present.SORTS)
    ordered = present.in_order(found, column, downwards)
    return page(
        "jobs/index.html",
        live=("jobs",),
        known=jobs is not None,
        total=len(rows),
        inside=len(inside),
        page=paging.page_of(ordered, asked.get("page", 1, type=int)),
        counts=present.counts_by_filter(inside),
        filters=present.FILTERS,
        search=search,
        state=state,
        column=column,
        downwards=downwards,
    )


@blueprint.get("/job/<path:name>")
def show(name: str) -> Response:
    chronos = parts().chronos
    jobs = chronos.jobs()
    job = chronos.job(name)
    if job is None:
        abort(404, f"The job “{name}” does not exist. It may have been deleted.")
    runs = present.run_rows(tried_all(lambda: chronos.runs(name)))
    chosen = request.args.get("run", "")
    definition = tried(lambda: chronos.definition(name), None) or {}
    return page(
        "jobs/show.html",
        live=("jobs",),
        job=job,
        row=present.job_row(job),
        page=paging.page_of(runs, request.args.get("page", 1, type=int)),
        chosen=next((run for run in runs if run.id == chosen), None),
        asked_run=chosen,
        stream="stderr" if request.args.get("file") == "stderr" else "stdout",
        children=present.children_of(name, jobs),
        json=diff.pretty(job_form.shown_of(definition)),
    )


@blueprint.get("/job-log/<path:name>")
def log(name: str) -> Response:
    """One run's output as text, as far as it goes; the page script asks again while it runs."""
    run_id = request.args.get("run", "")
    stream = "stderr" if request.args.get("file") == "stderr" else "stdout"
    reply = parts().chronos.log(name, run_id, stream)
    headers = {}
    if request.args.get("download"):
        headers["Content-Disposition"] = f"attachment; filename={stream}"
    if not reply.is_success:
        return Response("", status=404, content_type="text/plain; charset=utf-8")
    return Response(_text_of(reply), content_type="text/plain; charset=utf-8", headers=headers)


def _text_of(reply: Reply) -> bytes:
    """Plain text, or a part of a file as `/files/read` gives it."""
    answer = reply.json() if "json" in reply.content_type else None
    if isinstance(answer, dict) and isinstance(answer.get("data"), str):
        return str(answer["data"]).encode()
    return reply.body


@blueprint.post("/do/jobs/run")
def run() -> AnyResponse:
    name = _name()
    return outcome(parts().chronos.run_now(name), f"Started {name}.", _back(name))


@blueprint.post("/do/jobs/kill")
def kill() -> AnyResponse:
    name = _name()
    return outcome(parts().chronos.kill(name), f"Killing what {name} runs.", _back(name))


@blueprint.post("/do/jobs/enable")
def enable() -> AnyResponse:
    """Enables or disables: Chronos has one call for it, the whole job posted again."""
    name = _name()
    disabled = request.form.get("disabled") == "1"
    job = parts().chronos.definition(name)
    if job is None:
        abort(404, f"The job “{name}” does not exist.")
    reply = parts().chronos.save({**job_form.definition_of(job), "disabled": disabled})
    said = f"{name} is disabled: it does not run." if disabled else f"{name} is enabled."
    return outcome(reply, said, _back(name))


@blueprint.post("/do/jobs/delete")
def delete() -> AnyResponse:
    name = _name()
    reply = parts().chronos.delete(name)
    target = url_for("jobs.index") if reply.is_success else _back(name)
    return outcome(reply, f"Deleted {name}.", target)


def _name() -> str:
    name = request.form.get("name", "")
    if not name:
        abort(400, "The form names no job.")
    return name


def _back(name: str) -> str:
    return local_target(job_address(name))
