"""Puts the blueprints together: one Flask app, both prefixes, errors in the words of each.

Requests from pages of other sites do not come so far: `kernel.runtime.visitors`.
"""

import logging
from collections.abc import Callable

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from chronos_app.runtime.api import extras, jobs, render, system, tasks
from chronos_app.runtime.api.desk import Desk
from chronos_app.schema.job import Dialect
from chronos_app.schema.refusal import Refusal, Refused
from kernel.runtime.http import BODY_BYTES_MAX

log = logging.getLogger(__name__)

PREFIXES = {Dialect.V2: "/scheduler", Dialect.V3: "/v1/scheduler"}


def create_pages(desk: Desk, is_connected: Callable[[], bool], read_log: extras.ReadLog) -> Flask:
    pages = Flask(__name__, static_folder=None)
    pages.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    pages.url_map.strict_slashes = False
    for dialect, prefix in PREFIXES.items():
        views = Blueprint(f"chronos {dialect}".replace(".", "-"), __name__, url_prefix=prefix)
        jobs.add_views(views, desk, dialect)
        tasks.add_views(views, desk, dialect)
        system.add_views(views, desk)
        pages.register_blueprint(views)
    pages.register_blueprint(extras.blueprint(desk, read_log))
    pages.register_blueprint(system.root_blueprint(desk, is_connected))
    _add_errors(pages)
    return pages


def _dialect() -> Dialect:
    return Dialect.V2 if request.path.startswith("/scheduler") else Dialect.V3


def _add_errors(pages: Flask) -> None:
    @pages.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return render.refusal(error.refusal, _dialect())

    @pages.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        sentence = error.description or error.name
        if error.code == 404:
            sentence = f"there is nothing at {request.path}"
        elif error.code == 405:
            sentence = f"{request.method} is not possible at {request.path}"
        answer = render.refusal(Refusal("", sentence, error.code or 500), _dialect())
        if allowed := dict(error.get_headers()).get("Allow"):
            answer.headers["Allow"] = allowed
        return answer

    @pages.errorhandler(Exception)
    def mistake(error: Exception) -> Response:
        log.exception("%s %s", request.method, request.path)
        return render.refusal(Refusal("", "internal error; the log says more", 500), _dialect())
