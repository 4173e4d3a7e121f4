"""The calls about containers to the agent's operator API: which is which, and who may make them.

A browser may make none of them: they run commands. What they mean is `operator_containers`'.
Source: mesos.md §2.9; Mesos, src/slave/http.cpp.
"""

from collections.abc import Callable
from typing import Any

from kernel.agent.operator_containers import name_of, path_of
from kernel.messages.agent_operator import AgentCall, AgentCallType
from kernel.messages.codec import encode
from kernel.messages.protobuf import convert as protobuf
from kernel.runtime.agent.operator_containers import (
    SIGKILL,
    Containers,
    LaunchFailed,
    new_run,
    waited,
)
from kernel.runtime.agent.sessions import Session, Sessions
from kernel.runtime.call_form import JSON, PROTOBUF, accepted_type, refuse
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.stream import EventStream

RECORDIO = "application/recordio"

_ABOUT = (
    AgentCallType.LAUNCH_CONTAINER,
    AgentCallType.WAIT_CONTAINER,
    AgentCallType.KILL_CONTAINER,
    AgentCallType.REMOVE_CONTAINER,
    AgentCallType.LAUNCH_NESTED_CONTAINER,
    AgentCallType.WAIT_NESTED_CONTAINER,
    AgentCallType.KILL_NESTED_CONTAINER,
    AgentCallType.REMOVE_NESTED_CONTAINER,
    AgentCallType.PRUNE_IMAGES,
)
_STREAMED = (
    AgentCallType.LAUNCH_NESTED_CONTAINER_SESSION,
    AgentCallType.ATTACH_CONTAINER_OUTPUT,
)


def is_about_containers(call: AgentCall) -> bool:
    return call.type in _ABOUT


def is_streamed(call: AgentCall) -> bool:
    return call.type in _STREAMED


def browser_refusal(request: Request) -> Response | None:
    """Not even a page of our own runs commands here."""
    if "origin" in request.headers:
        return refuse(403, "A browser may not launch, end or enter containers.")
    return None


async def carry_out(containers: Containers, call: AgentCall, request: Request) -> Response:
    refusal = browser_refusal(request)
    if refusal is not None:
        return refusal
    if call.type is AgentCallType.PRUNE_IMAGES:
        return Response(200, b"", None)  # there are no images here, so none is left behind
    launched = call.launch_container or call.launch_nested_container
    ended = call.kill_container or call.kill_nested_container
    removed = call.remove_container or call.remove_nested_container
    awaited = call.wait_container or call.wait_nested_container
    if call.type in (AgentCallType.LAUNCH_CONTAINER, AgentCallType.LAUNCH_NESTED_CONTAINER):
        assert launched is not None
        return await containers.launch(launched)
    if call.type in (AgentCallType.KILL_CONTAINER, AgentCallType.KILL_NESTED_CONTAINER):
        assert ended is not None
        return containers.kill(ended)
    if call.type in (AgentCallType.REMOVE_CONTAINER, AgentCallType.REMOVE_NESTED_CONTAINER):
        assert removed is not None
        return await containers.remove(removed.container_id)
    assert awaited is not None and call.type is not None
    how = await containers.wait(awaited.container_id)
    return waited(call.type, how, awaited.container_id)


async def stream(
    containers: Containers, sessions: Sessions, call: AgentCall, request: Request
) -> Response | Streaming:
    """The output of a session, from its launch or from now on, as ProcessIO records."""
    refusal = browser_refusal(request)
    form = _form_of(request)
    if refusal is not None or form is None:
        text = f"Expecting 'Accept' to allow {JSON} or {PROTOBUF} or {RECORDIO}"
        return refusal or refuse(406, text)
    content_type, headers, write = form
    asked = call.launch_nested_container_session
    if call.type is AgentCallType.ATTACH_CONTAINER_OUTPUT:
        assert call.attach_container_output is not None
        path = path_of(call.attach_container_output.container_id)
        known = containers.book.find(path)
        session = sessions.open.get(known.run) if known is not None else None
        if session is None:
            return refuse(404, f"Container {name_of(path)} cannot be found, or is no session")
        output = EventStream()
        session.readers.append((output, write))
        return Streaming(output, content_type, headers)
    assert asked is not None
    run = new_run()
    session = Session(containers.record_of(run))
    output = EventStream(lambda: _left(containers, sessions, run))
    session.readers.append((output, write))
    sessions.open[run] = session
    session.begin()  # before its start: a command may be over before we hear that it runs
    try:
        await containers.start(asked, inside=True, streams=session.streams, run=run)
    except LaunchFailed as failed:
        sessions.over(run)
        containers.clear(run)
        return failed.answer
    return Streaming(output, content_type, headers)


def _left(containers: Containers, sessions: Sessions, run: str) -> None:
    """A session's stream is closed: by its end, or because its reader went away."""
    if run in sessions.open:
        containers.signal(run, SIGKILL)


Form = tuple[str, dict[str, str], Callable[[dict[str, Any]], bytes]]


def _form_of(request: Request) -> Form | None:
    """The stream's Content-Type, its other headers, and how a record is written."""
    accepted = accepted_type(request, (JSON, PROTOBUF, RECORDIO))
    if accepted != RECORDIO:
        return None if accepted is None else (accepted, {}, _writer(accepted))
    inner = request.headers.get("message-accept", JSON).strip().lower()
    if inner in ("*/*", "application/*"):
        inner = JSON
    if inner not in (JSON, PROTOBUF):
        return None
    return RECORDIO, {"Message-Content-Type": inner}, _writer(inner)


def _writer(media_type: str) -> Callable[[dict[str, Any]], bytes]:
    return protobuf.write_process_io if media_type == PROTOBUF else encode
