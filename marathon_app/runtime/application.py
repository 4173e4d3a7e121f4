"""Marathon's ASGI application: one address for each resource, and the native event stream.

Clients write `/v2/apps//a`, `/v2/apps/` and `/marathon/v2/apps`; all mean `/v2/apps/a` and so on,
and none may be answered with a redirect. Source: rules C6, C11 and C17; Marathon §2.9 of the
project's digest.
"""

import re
from collections.abc import Callable

from kernel.messages.codec import encode
from kernel.runtime.clock import Clock
from kernel.runtime.http import (
    Application,
    Receive,
    Request,
    Response,
    Route,
    Scope,
    Send,
    Streaming,
)
from marathon_app.core.events import DrainSubscribed, DrainUnsubscribed
from marathon_app.runtime.feed import Feed
from marathon_app.schema import timestamp

PREFIXES = ("/service/marathon", "/marathon")
SLASHES = re.compile(r"/{2,}")
ACCEPTED = ("text/event-stream", "text/*", "*/*")
DRAIN_NAME_LENGTH_MAX = 200


def normal_path(path: str) -> str:
    """Without prefix, doubled slashes and a slash at the end."""
    found = SLASHES.sub("/", path)
    for prefix in PREFIXES:
        if found == prefix or found.startswith(prefix + "/"):
            found = found.removeprefix(prefix)
            break
    return found.rstrip("/") or "/"


class MarathonApplication(Application):
    """An `Application` whose paths are normal before anything looks at them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": normal_path(scope["path"])}
        await super().__call__(scope, receive, send)


def event_route(
    feed: Feed, clock: Clock, post: Callable[[DrainSubscribed | DrainUnsubscribed], None]
) -> Route:
    """`GET /v2/events`. With `drain=<name>` the reader is asked before a task is killed."""

    async def follow(request: Request) -> Response | Streaming:
        if not _accepts_events(request):
            message = {"message": "The stream is text/event-stream; accept that"}
            return Response(405, encode(message))
        name = request.first("drain")[:DRAIN_NAME_LENGTH_MAX]
        stream = feed.attach(
            client=request.client,
            timestamp=timestamp.format_ms(clock.now().wall_ms),
            event_types=tuple(request.query.get("event_type", ())),
            is_light=request.first("plan-format") == "light",
            last_event_id=request.headers.get("last-event-id"),
            on_detached=(lambda: post(DrainUnsubscribed(name))) if name else (lambda: None),
        )
        if name:
            post(DrainSubscribed(name))
        headers = {
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "X-Accel-Buffering": "no",
        }
        return Streaming(stream, "text/event-stream", headers)

    return Route("GET", "/v2/events", follow)


def _accepts_events(request: Request) -> bool:
    accepted = request.headers.get("accept", "*/*")
    return any(part.partition(";")[0].strip() in ACCEPTED for part in accepted.split(","))
