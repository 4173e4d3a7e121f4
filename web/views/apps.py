"""The list of apps (searched, filtered, sorted and paged here) and one app with its tabs."""

from typing import Any

from flask import Blueprint, Response, abort, request
from werkzeug.exceptions import HTTPException

from web.present import apps as present
from web.present import diff, paging, services
from web.present.deployments import deployment_rows
from web.present.why import why_waiting
from web.rendering import page, parts, tried, tried_all
from web.shapes import lb
from web.shapes.marathon import App

blueprint = Blueprint("apps", __name__)
TABS = ("instances", "configuration", "why", "deployments", "logs", "services")


@blueprint.get("/apps")
def index() -> Response:
    asked = request.args
    apps = tried(parts().marathon.apps, None)
    rows = present.app_rows(apps or [], tried_all(parts().marathon.queue))
    group = asked.get("group", "/")
    search, state = asked.get("q", ""), asked.get("state", "")
    view = "tree" if asked.get("view") == "tree" else "list"
    inside = present.matching(rows, search, "", group)
    found = present.matching(inside, "", state, group)
    column, downwards = paging.sorting(asked.get("sort", ""), present.SORTS)
    shown = present.directly_in(found, group) if view == "tree" else found
    ordered = present.in_order(shown, column, downwards)
    return page(
        "apps/index.html",
        live=("apps", "deployments"),
        known=apps is not None,
        total=len(rows),
        page=paging.page_of(ordered, asked.get("page", 1, type=int)),
        folders=present.folders(found, group) if view == "tree" else [],
        counts=present.counts_by_filter(inside),
        inside=len(inside),
        filters=present.FILTERS,
        group=group,
        crumbs=present.crumbs(group),
        search=search,
        state=state,
        view=view,
        column=column,
        downwards=downwards,
    )


@blueprint.get("/app/<path:app_id>")
def show(app_id: str) -> Response:
    app_id = "/" + app_id.strip("/")
    app = parts().marathon.app(app_id)
    if app is None:
        raise _missing(app_id)
    tab = request.args.get("tab", TABS[0])
    if tab not in TABS:
        abort(404, f"There is no tab “{tab}”.")
    queue = tried_all(parts().marathon.queue)
    queued = next((q for q in queue if q.app and q.app.id == app.id), None)
    every = tried_all(parts().marathon.deployments)
    mine = [deployment for deployment in every if app.id in deployment.affected_apps]
    told = tried_all(lambda: parts().marathon.why(app.id)) if queued or tab == "why" else []
    return page(
        f"apps/{tab}.html",
        live=("apps", "deployments") + (("services",) if tab == "services" else ()),
        app=app,
        row=present.app_row(app, queued),
        crumbs=present.crumbs(app.id),
        tab=tab,
        tabs=TABS,
        instances=paging.page_of(present.instance_rows(app), request.args.get("page", 1, type=int)),
        why=why_waiting(queued, told),
        deployments=deployment_rows(mine, [app]),
        **_more(tab, app),
    )


def _missing(app_id: str) -> HTTPException:
    try:
        abort(404, f"The app “{app_id}” does not exist. It may have been deleted.")
    except HTTPException as error:
        return error


def _more(tab: str, app: App) -> dict[str, Any]:
    """What only one tab shows."""
    if tab == "configuration":
        return _configuration(app)
    if tab == "services":
        answer = tried(parts().lb.services, lb.Services())
        host = request.host.rpartition(":")[0] or request.host
        rows = services.service_rows(answer, host)
        return {"services": [row for row in rows if row.app_id == app.id]}
    if tab == "logs":
        chosen = request.args.get("task", "")
        stream = "stderr" if request.args.get("file") == "stderr" else "stdout"
        return {"chosen": chosen, "stream": stream}
    return {}


def _configuration(app: App) -> dict[str, Any]:
    """The current definition, and a chosen older one beside it with what differs."""
    marathon = parts().marathon
    versions = tried_all(lambda: marathon.versions(app.id))
    current = tried(lambda: marathon.definition(app.id), None) or {}
    chosen = request.args.get("version", "")
    older = tried(lambda: marathon.definition(app.id, chosen), None) if chosen else None
    if chosen and older is None:
        abort(404, f"The app “{app.id}” has no version “{chosen}”.")
    now = diff.definition_of(current)
    return {
        "versions": versions,
        "chosen": chosen,
        "json": diff.pretty(diff.definition_of(older) if older else now),
        "changes": diff.changes(diff.definition_of(older), now) if older else [],
    }
