"""Renders pages, whole or as the fragment that a live page swaps in, and names parts that are down.

One view function serves both: with the header `X-Tepui-Fragment` the same template comes without
its frame and with an ETag, so that a page that asks again and again mostly gets a 304.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import (
    Flask,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from kernel.runtime.clock import Clock
from web.client import NotUnderstood, PartDown, Reply
from web.parts import Parts
from web.present import errors, paging, words

T = TypeVar("T")
# What a page can follow; `web.live` says when one of them changed.
TOPICS = ("apps", "deployments", "jobs", "agents", "services")
FRAGMENT_HEADER = "X-Tepui-Fragment"


def install(app: Flask) -> None:
    env = app.jinja_env
    env.filters["number"] = words.number
    env.filters["mebibytes"] = words.mebibytes
    env.filters["instant"] = words.instant
    env.filters["iso"] = words.iso
    env.filters["sentence"] = words.sentence
    env.filters["port_ranges"] = words.ports
    env.filters["span"] = words.span
    env.filters["wall_clock"] = words.wall_clock
    env.filters["duration"] = words.duration
    env.filters["ms_of"] = words.ms_of
    env.globals["counted"] = words.counted
    env.globals["listed"] = words.listed
    env.globals["ago"] = lambda at_ms: words.ago(at_ms, now_ms())
    env.globals["now_ms"] = now_ms
    env.globals["page_link"] = page_link
    env.globals["static_url"] = static_url
    env.globals["app_url"] = lambda app_id, **query: url_for(
        "apps.show", app_id=app_id.lstrip("/"), **query
    )
    app.register_error_handler(PartDown, _down)
    app.register_error_handler(NotUnderstood, _not_understood)
    app.register_error_handler(HTTPException, _problem)
    app.register_error_handler(500, _broken)


def parts() -> Parts:
    return cast(Parts, current_app.extensions["parts"])


def now_ms() -> int:
    """One instant for the whole page, so that rows agree."""
    if "now_ms" not in g:
        g.now_ms = cast(Clock, current_app.extensions["clock"]).now().wall_ms
    return int(g.now_ms)


def tried(call: Callable[[], T], otherwise: T) -> T:
    """What a part says; when it is down, `otherwise` and a banner on the page."""
    try:
        return call()
    except PartDown as down:
        problems: list[PartDown] = g.setdefault("problems", [])
        if all(each.url != down.url for each in problems):
            problems.append(down)
        return otherwise


def tried_all(call: Callable[[], list[T]]) -> list[T]:
    """As `tried`, for a list: an empty one when the part is down."""
    nothing: list[T] = []
    return tried(call, nothing)


def page(template: str, *, live: Sequence[str] = (), status: int = 200, **values: Any) -> Response:
    """`live` names the topics (`web.live`) at whose change the page asks for itself again."""
    is_fragment = FRAGMENT_HEADER in request.headers
    body = render_template(
        template,
        frame="_fragment.html" if is_fragment else "_base.html",
        live=",".join(live),
        problems=g.get("problems", []),
        theme=request.cookies.get("tepui_theme", ""),
        **values,
    )
    response = make_response(body, status)
    response.vary.add(FRAGMENT_HEADER)
    if is_fragment and status == 200:
        response.set_etag(hashlib.blake2b(body.encode(), digest_size=12).hexdigest())
        response.headers["Cache-Control"] = "no-cache, private"
        response.make_conditional(request)
    return response


def outcome(reply: Reply, said: str, target: str) -> AnyResponse:
    """After an order: what was done or why it was refused, on the page that comes next."""
    if reply.is_success:
        flash(said, "done")
    else:
        refusal = errors.refusal_of(
            reply.status, reply.json(), reply.body.decode("utf-8", "replace")
        )
        text = " ".join([refusal.message, *refusal.by_field.values(), *refusal.other])
        flash(text, "refused")
    return redirect(target, 303)


def local_target(default: str) -> str:
    """The page an action came from, if it is one of ours; never another site."""
    asked = request.form.get("next", "")
    split = urlsplit(asked)
    if asked.startswith("/") and not asked.startswith("//") and "\\" not in asked:
        return asked if not split.scheme and not split.netloc else default
    return default


def page_link(**changes: Any) -> str:
    return paging.link(request.path, _query(), **changes)


def _query() -> Mapping[str, str]:
    return {key: value for key, value in request.args.items() if value}


_digests: dict[str, str] = {}


def static_url(name: str) -> str:
    """With the content's digest, so that a browser may keep it for ever."""
    if name not in _digests:
        with current_app.open_resource(f"static/{name}") as file:
            content = cast(bytes, file.read())
        _digests[name] = hashlib.blake2b(content, digest_size=6).hexdigest()
    return url_for("static", filename=name, v=_digests[name])


def _down(down: PartDown) -> Response:
    g.setdefault("problems", []).append(down)
    title = f"{down.part} does not answer"
    return page("site/down.html", live=TOPICS, status=502, title=title)


def _not_understood(refused: NotUnderstood) -> Response:
    said = f"{refused.part} does not know what this address asks for ({refused.cause})."
    return page("site/problem.html", status=404, title="Not found", said=said)


def _problem(error: HTTPException) -> AnyResponse:
    title = {403: "Not allowed", 404: "Not found", 405: "Not possible", 413: "Too large"}.get(
        error.code or 500, error.name
    )
    return page(
        "site/problem.html", status=error.code or 500, title=title, said=error.description or ""
    )


def _broken(error: Exception) -> Response:
    return page(
        "site/problem.html",
        status=500,
        title="This is our mistake",
        said="The page could not be made. The log of the dashboard says more.",
    )
