"""POST /api/v1 on the agent: what operators and their tools ask of it.

Checks a call's form in Mesos's order; what it shows is made of `views` and `files`. Source: Mesos,
Http::api in src/slave/http.cpp; recordings of a real agent.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec.structs import replace

from kernel.agent.shown import task_view, with_id
from kernel.messages.agent_operator import AgentCall, AgentCallType, agent_call_problem
from kernel.messages.codec import Malformed, encode
from kernel.messages.lenient import read_call
from kernel.messages.protobuf import convert as protobuf
from kernel.messages.quantities import Form, from_wire, to_wire
from kernel.messages.v1 import AgentInfo, FrameworkInfo, Id, Task
from kernel.runtime.agent import container_api, executor_views, views
from kernel.runtime.agent.files import Files, Refused
from kernel.runtime.agent.node import Node
from kernel.runtime.call_form import (
    JSON,
    PROTOBUF,
    RECORDIO,
    accepted_type,
    form_refusal,
    in_protobuf,
    media_type_of,
    read_body,
    refuse,
)
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.system import LoggingLevel

FORMS = (JSON, PROTOBUF)  # the first wins where a client takes both

Json = dict[str, Any]


class OperatorApi:
    """One per process."""

    def __init__(self, node: Node, files: Files, logging_level: LoggingLevel) -> None:
        self._node = node
        self._logging_level = logging_level
        self._views: dict[AgentCallType, Callable[[], Json]] = {
            AgentCallType.GET_HEALTH: lambda: {"healthy": True},
            AgentCallType.GET_VERSION: _version,
            AgentCallType.GET_FLAGS: lambda: {"flags": _named(views.flags(node))},
            AgentCallType.GET_METRICS: lambda: {"metrics": _named(views.metrics(node))},
            AgentCallType.GET_LOGGING_LEVEL: lambda: {"level": logging_level.level},
            AgentCallType.GET_STATE: lambda: _state(node),
            AgentCallType.GET_AGENT: lambda: {
                "agent_info": _agent_info(node),
                **views.drain(node),
            },
            AgentCallType.GET_FRAMEWORKS: lambda: _frameworks(node),
            AgentCallType.GET_EXECUTORS: lambda: _executors(node),
            AgentCallType.GET_TASKS: lambda: _tasks(node),
            AgentCallType.GET_OPERATIONS: lambda: _operations(node),
            AgentCallType.GET_RESOURCE_PROVIDERS: dict,
        }
        self._files: dict[AgentCallType, Callable[[AgentCall], Json]] = {
            AgentCallType.LIST_FILES: lambda call: _list_files(files, call),
            AgentCallType.READ_FILE: lambda call: _read_file(files, call),
        }

    async def __call__(self, request: Request) -> Response | Streaming:
        if request.method == "POST" and media_type_of(request) == RECORDIO:
            node = self._node
            return await container_api.attach_input(node.containers, node.sessions, request)
        refusal = form_refusal(request, forms=FORMS, or_else=f" or {RECORDIO}")
        if refusal is not None:
            return refusal
        try:
            is_protobuf = media_type_of(request) == PROTOBUF
            read = protobuf.read_agent_call if is_protobuf else partial(read_call, AgentCall)
            call = await read_body(read, request.body)
        except Malformed as error:
            return refuse(400, str(error))
        problem = agent_call_problem(call)
        if problem is not None:
            return refuse(400, f"Failed to validate agent::Call: {problem}")
        if container_api.is_streamed(call):
            node = self._node
            return await container_api.stream(node.containers, node.sessions, call, request)
        accepted = accepted_type(request, FORMS)
        if accepted is None:
            text = f"Expecting 'Accept' to allow {JSON} or {PROTOBUF} or {RECORDIO}"
            return refuse(406, text)
        answer = await self._answer(call, request)
        if accepted == PROTOBUF:
            return await in_protobuf(answer, protobuf.agent_answer_of)
        return answer

    async def _answer(self, call: AgentCall, request: Request) -> Response:
        assert call.type is not None
        if container_api.is_about_containers(call):
            return await container_api.carry_out(self._node.containers, call, request)
        view = self._views.get(call.type)
        if view is not None:
            return _shown(call.type, view())
        if call.type is AgentCallType.GET_CONTAINERS:
            return _shown(call.type, _containers(self._node, call))
        of_files = self._files.get(call.type)
        if of_files is not None:
            try:
                return _shown(call.type, await asyncio.to_thread(of_files, call))
            except Refused as refused:
                return refused.response
        if call.type is AgentCallType.SET_LOGGING_LEVEL:
            return self._logging_level.carry_out(call.set_logging_level)
        if call.type is AgentCallType.ATTACH_CONTAINER_INPUT:
            text = f"Expecting 'Content-Type' to be {RECORDIO} for ATTACH_CONTAINER_INPUT call"
            return refuse(415, text)
        if call.type is AgentCallType.UNKNOWN:
            return refuse(501, "501 Not Implemented.")
        return refuse(501, f"{call.type} is not implemented yet: this agent can't do it.")


def _shown(type_: AgentCallType, shown: Json) -> Response:
    return Response(200, encode({"type": type_, type_.lower(): shown}))


def _version() -> Json:
    shown = views.version()
    return {"version_info": {name: shown[name] for name in ("version", *views.BUILD)}}


def _named(values: dict[str, Any]) -> list[Json]:
    return [{"name": name, "value": values[name]} for name in sorted(values)]


def _operations(node: Node) -> Json:
    """Those whose status the master has not acknowledged yet."""
    shown: list[Json] = []
    for update in node.machine.operations.statuses():
        of = {} if update.framework_id is None else {"framework_id": update.framework_id}
        uuid = {"value": update.operation_uuid}
        states = {"latest_status": update.status, "statuses": [update.status], "uuid": uuid}
        shown.append({**of, "agent_id": update.status.agent_id, "info": update.operation, **states})
    return {"operations": shown} if shown else {}


def _agent_info(node: Node) -> AgentInfo:
    settings, standing = node.machine.settings, node.machine.registration.standing
    resources = to_wire(from_wire(settings.info.resources), form=Form.REFINED)
    return with_id(replace(settings.info, resources=resources), standing.agent_id)


def _state(node: Node) -> Json:
    return {
        "get_tasks": _tasks(node),
        "get_executors": _executors(node),
        "get_frameworks": _frameworks(node),
    }


def _frameworks(node: Node) -> Json:
    known: dict[str, FrameworkInfo] = node.machine.tasks.frameworks
    infos = [replace(info, id=Id(framework_id)) for framework_id, info in known.items()]
    return {
        "frameworks": [{"framework_info": info} for info in infos],
        "completed_frameworks": [],
    }


def _tasks(node: Node) -> Json:
    machine = node.machine
    queued, launched, terminated = [], [], []
    for record in machine.tasks.live.values():
        task = _with_update(machine.books.task_of(record))
        executor = machine.books.executors.live.get(record.executor or "")
        if task.state.is_terminal:
            terminated.append(task)
        elif executor is not None and executor.waits(record.container_id):
            queued.append(task)
        else:
            launched.append(task)
    return {
        "pending_tasks": [],
        "queued_tasks": queued,
        "launched_tasks": launched,
        "terminated_tasks": terminated,
        "completed_tasks": [
            _with_update(task_view(done.record, done.statuses))
            for done in machine.tasks.completed.values()
        ],
    }


def _with_update(task: Task) -> Task:
    last = next((s for s in reversed(task.statuses) if s.uuid is not None), None)
    if last is None:
        return task
    return replace(task, status_update_state=last.state, status_update_uuid=last.uuid)


def _executors(node: Node) -> Json:
    found = list(executor_views.executors(node))
    return {
        "executors": [{"executor_info": each.info} for each in found if not each.is_over],
        "completed_executors": [{"executor_info": each.info} for each in found if each.is_over],
    }


def _containers(node: Node, call: AgentCall) -> Json:
    wanted = call.get_containers
    nested = wanted is not None and wanted.show_nested
    return {
        "containers": [
            {
                "framework_id": Id(each["framework_id"]),
                "executor_id": Id(each["executor_id"]),
                "executor_name": each["executor_name"],
                "container_id": each["status"]["container_id"],
                "container_status": each["status"],
                "resource_statistics": each["statistics"],
            }
            for each in executor_views.containers(node, nested=nested)
        ]
    }


def _list_files(files: Files, call: AgentCall) -> Json:
    assert call.list_files is not None
    infos = files.infos(call.list_files.path)
    return {"file_infos": infos} if infos else {}


def _read_file(files: Files, call: AgentCall) -> Json:
    wanted = call.read_file
    assert wanted is not None
    size, data = files.piece(wanted.path, wanted.offset, wanted.length)
    return {"size": size, "data": data}
