"""Puts the blueprints together: one Flask app, Marathon's headers, JSON for every error.

Source: Marathon's common headers (§2.1 of the project's digest).
"""

import gzip
import hashlib
import logging

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from kernel.runtime.http import BODY_BYTES_MAX
from marathon_app.runtime.api import (
    apps,
    deployments,
    extras,
    groups,
    render,
    system,
    tasks,
)
from marathon_app.runtime.api.desk import Desk
from marathon_app.runtime.api.refusal import Refused
from marathon_app.runtime.api.system import Process

log = logging.getLogger(__name__)

COMPRESSED_BYTES_MIN = 4096  # below it, packing costs more than it saves
COMPRESSION_LEVEL = 1  # lists of apps shrink tenfold even so
COMMON_HEADERS = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "0",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
    "X-Tepui-Version": "0.1.0",
}


def create_pages(desk: Desk, process: Process) -> Flask:
    pages = Flask(__name__, static_folder=None)
    pages.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    pages.url_map.merge_slashes = False  # the application has done it already, without a redirect
    pages.url_map.strict_slashes = False
    for made in (
        apps.blueprint(desk),
        tasks.blueprint(desk),
        groups.blueprint(desk),
        deployments.blueprint(desk),
        system.blueprint(desk, process),
        extras.blueprint(desk, process),
    ):
        pages.register_blueprint(made)
    _add_errors(pages)
    _add_headers(pages, desk)
    return pages


def _add_errors(pages: Flask) -> None:
    @pages.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return render.answer(error.body, error.status)

    @pages.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        """DIFFERS: Marathon answers 500 to some unknown routes; here they are 404."""
        message = error.description or error.name
        if error.code == 404:
            message = f"There is nothing at {request.path}"
        elif error.code == 405:
            message = f"{request.method} is not possible at {request.path}"
        answer = render.answer({"message": message}, error.code or 500)
        allowed = dict(error.get_headers()).get("Allow")
        if allowed:
            answer.headers["Allow"] = allowed
        return answer

    @pages.errorhandler(Exception)
    def mistake(error: Exception) -> Response:
        log.exception("%s %s", request.method, request.path, exc_info=error)
        return render.answer({"message": "internal error; the log says more"}, 500)


def _add_headers(pages: Flask, desk: Desk) -> None:
    leader = f"http://{desk.config.leader}"

    @pages.after_request
    def add(answer: Response) -> Response:
        answer.headers["X-Marathon-Leader"] = leader
        for name, value in COMMON_HEADERS.items():
            answer.headers[name] = value
        origin = desk.config.access_control_allow_origin
        if origin is not None:
            answer.headers["Access-Control-Allow-Origin"] = origin
        if warnings := g.get("warnings"):
            answer.headers["X-Tepui-Warning"] = "; ".join(warnings)
        if request.method in ("GET", "HEAD") and answer.status_code == 200:
            _tag(answer)
        _compress(answer)
        return answer


def _tag(answer: Response) -> None:
    """A reader that has this very body already is told so in a few bytes."""
    digest = hashlib.blake2b(answer.get_data(), digest_size=12).hexdigest()
    answer.set_etag(digest)
    if request.if_none_match.contains(digest):
        answer.status_code = 304
        answer.set_data(b"")


def _compress(answer: Response) -> None:
    data = answer.get_data()
    if len(data) < COMPRESSED_BYTES_MIN or not request.accept_encodings.quality("gzip"):
        return
    answer.set_data(gzip.compress(data, COMPRESSION_LEVEL, mtime=0))
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
