"""What belongs to no one screen: search over everything, theme, health."""

from flask import Blueprint, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from web.present import agents as present_agents
from web.present import apps as present_apps
from web.present import jobs as present_jobs
from web.rendering import local_target, page, parts, tried, tried_all
from web.shapes import mesos

blueprint = Blueprint("site", __name__)
FOUND_MAX = 30
THEMES = ("light", "dark", "")
YEAR_S = 365 * 24 * 3600


@blueprint.get("/search")
def search() -> Response:
    asked = request.args.get("q", "").strip()
    apps = tried_all(parts().marathon.apps)
    jobs = tried_all(parts().chronos.jobs)
    state = tried(parts().mesos.state, mesos.State())
    rows = present_apps.app_rows(apps, [])
    agents = [
        row
        for row in present_agents.agent_rows(state)
        if asked.lower() in f"{row.hostname} {row.id} {row.address}".lower()
    ]
    return page(
        "site/search.html",
        asked=asked,
        apps=present_apps.matching(rows, asked, "", "/")[:FOUND_MAX],
        jobs=present_jobs.matching(present_jobs.job_rows(jobs), asked, "")[:FOUND_MAX],
        agents=agents[:FOUND_MAX],
    )


@blueprint.post("/theme")
def theme() -> AnyResponse:
    chosen = request.form.get("theme", "")
    if chosen not in THEMES:
        abort(400, "The theme is light, dark or empty (as the system).")
    response = redirect(local_target("/"), 303)
    if chosen:
        response.set_cookie("tepui_theme", chosen, max_age=YEAR_S, samesite="Lax")
    else:
        response.delete_cookie("tepui_theme")
    return response


@blueprint.get("/health")
def health() -> Response:
    return Response('{"healthy": true}', content_type="application/json")
