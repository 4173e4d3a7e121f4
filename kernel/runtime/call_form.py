"""The form of a POSTed call: method, Content-Type and Accept, refused in Mesos's order and words.

Leaves the body to `kernel.messages` and its meaning to each conversation. Source: Mesos,
src/master/http.cpp, src/slave/http.cpp; recordings of a real master and agent.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from kernel.runtime.http import Request, Response

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
RECORDIO = "application/recordio"
LARGE_BODY_BYTES = 256 * 1024  # some milliseconds of reading; of 10 MiB it may be seconds

T = TypeVar("T")


def refuse(status: int, text: str, **headers: str) -> Response:
    """A refusal as Mesos writes it: plain text."""
    return Response(status, text.encode(), "text/plain; charset=utf-8", headers)


def form_refusal(
    request: Request, *, forms: Sequence[str] = (JSON,), or_else: str = ""
) -> Response | None:
    """What is wrong before the body is looked at. `forms` are the media types that are read here;
    `or_else` names what else Mesos takes."""
    if request.method != "POST":
        text = (
            "405 Method Not Allowed. Expecting one of { 'POST' }, but received"
            f" '{request.method}'."
        )
        return refuse(405, text, Allow="POST")
    if "content-type" not in request.headers:
        return refuse(400, "Expecting 'Content-Type' to be present")
    media_type = media_type_of(request)
    if media_type in forms:
        return None
    if media_type == PROTOBUF:
        return refuse(415, f"{PROTOBUF} is not supported here yet; use {JSON}")
    return refuse(415, f"Expecting 'Content-Type' of {JSON} or {PROTOBUF}{or_else}")


async def read_body(read: Callable[[bytes], T], body: bytes) -> T:
    """`read(body)`, beside the loop if it may take long: one large body holds nobody up."""
    if len(body) < LARGE_BODY_BYTES:
        return read(body)
    return await asyncio.to_thread(read, body)


async def in_protobuf(answer: Response, convert: Callable[[bytes], bytes]) -> Response:
    """The same in the other form; beside the loop, for it may be large. A refusal stays text."""
    if answer.content_type != JSON or not answer.body:
        return answer
    body = await asyncio.to_thread(lambda: convert(bytes(answer.body)))
    return Response(answer.status, body, PROTOBUF, answer.headers)


def media_type_of(request: Request) -> str:
    """The body's form."""
    # DIFFERS: Mesos refuses a charset; many clients add one.
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def accepted_type(request: Request, forms: Sequence[str] = (JSON,)) -> str | None:
    """The first of `forms` that the Accept header allows; without one, the first."""
    accept = request.headers.get("accept", "").strip()
    if not accept:
        return forms[0]
    allowed: dict[str, bool] = {}
    for part in accept.split(","):
        media_type, _, parameters = part.partition(";")
        is_refused = parameters.replace(" ", "") in ("q=0", "q=0.0")
        allowed.setdefault(media_type.strip().lower(), not is_refused)
    for media_type in forms:
        for pattern in (media_type, "application/*", "*/*"):  # the most exact one counts
            if pattern in allowed:
                if allowed[pattern]:
                    return media_type
                break
    return None


def accepts_json(request: Request) -> bool:
    """Whether the Accept header allows JSON."""
    return accepted_type(request) is not None
