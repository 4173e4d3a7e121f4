"""What the load balancer serves: ports, virtual hosts, paths, and the servers behind."""

from flask import Blueprint, Response, request

from web.present import paging
from web.present import services as present
from web.rendering import page, parts, tried
from web.shapes import lb

blueprint = Blueprint("services", __name__)


@blueprint.get("/services")
def index() -> Response:
    answer = tried(parts().lb.services, None)
    search = request.args.get("q", "")
    host = request.host.rpartition(":")[0] or request.host
    rows = present.service_rows(answer or lb.Services(), host)
    found = present.matching(rows, search)
    return page(
        "services/index.html",
        live=("services",),
        known=answer is not None,
        problem=answer.problem if answer else None,
        total=len(rows),
        page=paging.page_of(found, request.args.get("page", 1, type=int)),
        search=search,
    )
