"""The form of a POSTed call: method, Content-Type and Accept, refused in Mesos's order and words.

Leaves the body to `kernel.messages` and its meaning to each conversation. Source: Mesos,
src/master/http.cpp, src/slave/http.cpp; recordings of a real master and agent.
"""

from kernel.runtime.http import Request, Response

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


def refuse(status: int, text: str, **headers: str) -> Response:
    """A refusal as Mesos writes it: plain text."""
    return Response(status, text.encode(), "text/plain; charset=utf-8", headers)


def form_refusal(request: Request, *, or_else: str = "") -> Response | None:
    """What is wrong before the body is looked at; `or_else` names what else Mesos takes here."""
    if request.method != "POST":
        text = (
            "405 Method Not Allowed. Expecting one of { 'POST' }, but received"
            f" '{request.method}'."
        )
        return refuse(405, text, Allow="POST")
    content_type = request.headers.get("content-type")
    if content_type is None:
        return refuse(400, "Expecting 'Content-Type' to be present")
    # DIFFERS: Mesos refuses a charset; many clients add one.
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == PROTOBUF:
        return refuse(415, f"{PROTOBUF} is not supported yet; use {JSON}")
    if media_type != JSON:
        return refuse(415, f"Expecting 'Content-Type' of {JSON} or {PROTOBUF}{or_else}")
    return None


def accepts_json(request: Request) -> bool:
    """Whether the Accept header allows JSON."""
    accept = request.headers.get("accept", "").strip()
    if not accept:
        return True
    for part in accept.split(","):
        media_type, _, parameters = part.partition(";")
        if media_type.strip().lower() in (JSON, "application/*", "*/*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0")
    return False
