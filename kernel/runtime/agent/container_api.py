"""The calls about containers to the agent's operator API: which is which, and who may make them.

A browser may make none of them: they run commands. What they mean is `operator_containers`'.
Source: mesos.md §2.9; Mesos, src/slave/http.cpp.
"""

from base64 import b64decode
from collections.abc import Callable
from functools import partial
from typing import Any

from kernel.agent.operator_containers import name_of, path_of
from kernel.messages.agent_operator import AgentCall, AgentCallType, ContainerId
from kernel.messages.codec import Malformed, RecordDecoder, encode, recordio
from kernel.messages.lenient import read_call
from kernel.messages.protobuf import convert as protobuf
from kernel.runtime.agent.operator_containers import (
    SIGKILL,
    Containers,
    LaunchFailed,
    new_run,
    waited,
)
from kernel.runtime.agent.sessions import Session, Sessions
from kernel.runtime.call_form import JSON, PROTOBUF, RECORDIO, accepted_type, refuse
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.stream import EventStream

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
        container_id = call.attach_container_output.container_id
        attached = _session(containers, sessions, container_id)
        if attached is None:
            name = name_of(path_of(container_id))
            return refuse(404, f"Container {name} cannot be found, or is no session")
        output = EventStream()
        attached.attach(output, write)
        return Streaming(output, content_type, headers)
    assert asked is not None
    run = new_run()
    session = Session(containers.record_of(run))
    output = EventStream(lambda: _left(containers, sessions, run))
    session.attach(output, write)
    sessions.open[run] = session
    session.begin()  # before its start: a command may be over before we hear that it runs
    try:
        await containers.start(asked, inside=True, streams=session.streams, run=run)
    except LaunchFailed as failed:
        sessions.over(run)
        containers.clear(run)
        return failed.answer
    return Streaming(output, content_type, headers)


async def attach_input(containers: Containers, sessions: Sessions, request: Request) -> Response:
    """What a session's command reads: first the call that names it, then ProcessIO records.
    DIFFERS: they are handed on when all have come, and then the input ends."""
    refusal = browser_refusal(request)
    if refusal is not None:
        return refusal
    inner = request.headers.get("message-content-type", "").strip().lower()
    if inner not in (JSON, PROTOBUF):
        text = f"Expecting 'Message-Content-Type' to be {JSON} or {PROTOBUF} for {RECORDIO}"
        return refuse(415 if inner else 400, text)
    read = protobuf.read_agent_call if inner == PROTOBUF else partial(read_call, AgentCall)
    try:
        calls = [read(record) for record in _records_of(request.body)]
        asked = calls[0].attach_container_input if calls else None
        if asked is None or asked.type != "CONTAINER_ID" or asked.container_id is None:
            return refuse(400, "Expecting 'attach_container_input.type' to be CONTAINER_ID")
        data = b"".join(_input_of(call) for call in calls[1:])
    except Malformed as error:
        return refuse(400, str(error))
    session = _session(containers, sessions, asked.container_id)
    if session is None:
        name = name_of(path_of(asked.container_id))
        return refuse(404, f"Container {name} cannot be found, or is no session")
    session.feed(data)
    return Response(200, b"", None)


def _records_of(body: bytes) -> list[bytes]:
    """Raises `Malformed`."""
    records = RecordDecoder().feed(body)
    if sum(len(recordio(record)) for record in records) != len(body):
        raise Malformed("Failed to decode the records: the last one is not complete")
    return records


def _input_of(call: AgentCall) -> bytes:
    """Raises `Malformed`."""
    asked = call.attach_container_input
    if asked is None or asked.type != "PROCESS_IO" or asked.process_io is None:
        raise Malformed("Expecting 'attach_container_input.type' to be PROCESS_IO")
    if asked.process_io.get("type") == "CONTROL":
        return b""  # a heartbeat, or the size of a terminal that we have not
    data = asked.process_io.get("data")
    if not isinstance(data, dict) or data.get("type") != "STDIN":
        raise Malformed("Expecting 'process_io.data.type' to be STDIN")
    try:
        return b64decode(data.get("data") or "", validate=True)
    except (TypeError, ValueError):
        raise Malformed("Expecting 'process_io.data.data' to be base64") from None


def _session(
    containers: Containers, sessions: Sessions, container_id: ContainerId
) -> Session | None:
    known = containers.book.find(path_of(container_id))
    return sessions.open.get(known.run) if known is not None else None


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
