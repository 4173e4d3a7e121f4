"""POST /api/v1: what operators and their tools ask of the master, and the stream of its news.

Checks a call's form in Mesos's order. What is shown is `kernel.master.reads`' and
`kernel.master.operator_views`'. Source: Mesos, Http::api in src/master/http.cpp;
recordings of a real master.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import chain
from typing import Any

from kernel.master import role_views
from kernel.master.events import (
    CallAnswered,
    Event,
    OperatorCallReceived,
    OperatorStreamClosed,
    OperatorSubscribed,
)
from kernel.master.master import Master
from kernel.master.operator_views import HEARTBEAT_INTERVAL_S
from kernel.master.reads import Reads
from kernel.master.views import MESOS_VERSION
from kernel.messages.codec import Malformed, encode, recordio
from kernel.messages.lenient import read_call
from kernel.messages.operator import Call, CallType, EventType, call_problem
from kernel.messages.pieces import Pieces, obj
from kernel.messages.protobuf import convert as protobuf
from kernel.messages.v1 import MasterInfo
from kernel.runtime.call_form import (
    JSON,
    PROTOBUF,
    accepted_type,
    form_refusal,
    in_protobuf,
    media_type_of,
    read_body,
    refuse,
)
from kernel.runtime.driver import Driver
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.master.metrics import Metrics
from kernel.runtime.master.pages import BUILD
from kernel.runtime.master.streams import Streams
from kernel.runtime.reader import Reader, Reading
from kernel.runtime.system import LoggingLevel
from kernel.store.interface import StoreFull

FORMS = (JSON, PROTOBUF)  # the first wins where a client takes both

Json = Mapping[str, Any]

#: What needs no room in the store.
_SOFT = (CallType.TEARDOWN, CallType.EXPLAIN)


class OperatorApi:
    """One per process."""

    def __init__(
        self,
        driver: Driver[Event, object],
        machine: Master,
        streams: Streams,
        reader: Reader,
        logging_level: LoggingLevel,
        metrics: Metrics,
        *,
        info: MasterInfo,
        flags: Mapping[str, str],
        started_s: float,
    ) -> None:
        self._driver = driver
        self._machine = machine
        self._streams = streams
        self._reader = reader
        self._logging_level = logging_level
        self._metrics = metrics
        named = [{"name": name, "value": value} for name, value in sorted(flags.items())]
        version = {"version": MESOS_VERSION, **BUILD}
        master = {"master_info": info, "start_time": started_s, "elected_time": started_s}
        self._views: dict[CallType, Callable[[], Json]] = {
            CallType.GET_HEALTH: lambda: {"healthy": True},
            CallType.GET_FLAGS: lambda: {"flags": named},
            CallType.GET_VERSION: lambda: {"version_info": version},
            CallType.GET_LOGGING_LEVEL: lambda: {"level": logging_level.level},
            CallType.GET_MASTER: lambda: master,
        }
        self._filtered: dict[CallType, Callable[[Reads], Json]] = {
            CallType.GET_EXECUTORS: Reads.get_executors,
            CallType.GET_ROLES: lambda r: role_views.get_roles(machine.cluster, r.sight),
        }
        self._large: dict[CallType, Callable[[Reads], Reading[Pieces]]] = {
            CallType.GET_STATE: Reads.get_state,
            CallType.GET_AGENTS: Reads.get_agents,
            CallType.GET_FRAMEWORKS: Reads.get_frameworks,
            CallType.GET_TASKS: Reads.get_tasks,
            CallType.GET_METRICS: lambda _: self._get_metrics(),
        }
        self._others: dict[CallType, Callable[[Call], Awaitable[Response]]] = {
            CallType.SET_LOGGING_LEVEL: self._set_logging_level,
            CallType.LIST_FILES: _no_such_file,
            CallType.READ_FILE: _no_such_file,
        }

    async def __call__(self, request: Request) -> Response | Streaming:
        refusal = form_refusal(request, forms=FORMS)
        if refusal is not None:
            return refusal
        try:
            is_protobuf = media_type_of(request) == PROTOBUF
            read = protobuf.read_operator_call if is_protobuf else partial(read_call, Call)
            call = await read_body(read, request.body)
        except Malformed as error:
            return refuse(400, str(error))
        problem = call_problem(call)
        if problem is not None:
            return refuse(400, f"Failed to validate master::Call: {problem}")
        accepted = accepted_type(request, FORMS)
        if accepted is None:
            return refuse(406, f"Expecting 'Accept' to allow '{PROTOBUF}' or '{JSON}'")
        if call.type is CallType.SUBSCRIBE:
            return await self._subscribe(accepted, request.principal)
        answer = await self._answer(call, request.principal)
        if accepted == PROTOBUF:
            return await in_protobuf(answer, protobuf.operator_answer_of)
        return answer

    async def _answer(self, call: Call, principal: str | None) -> Response:
        assert call.type is not None
        if not self._machine.operators.permits(call, principal):
            return refuse(403, "403 Forbidden.")
        large = self._large.get(call.type)
        reads = self._machine.reads.seen_by(principal)
        if large is not None:
            if reads is self._machine.reads:  # who sees everything shares what is read
                pieces = await self._reader.share(call.type, lambda: large(reads))
            else:
                pieces = await self._reader.run(large(reads))
            return _shown(call.type, pieces)
        filtered = self._filtered.get(call.type)
        if filtered is not None:
            return _shown(call.type, Pieces([encode(filtered(reads))]))
        view = self._views.get(call.type) or self._machine.operators.views.get(call.type)
        if view is not None:
            return _shown(call.type, Pieces([encode(view())]))
        other = self._others.get(call.type)
        if other is not None:
            return await other(call)
        if call.type is CallType.UNKNOWN:
            return refuse(501, "501 Not Implemented.")
        return await self.ask(call, principal)

    async def _set_logging_level(self, call: Call) -> Response:
        return self._logging_level.carry_out(call.set_logging_level)

    def _get_metrics(self) -> Reading[Pieces]:
        shown = yield from self._metrics.read()
        named = [{"name": name, "value": shown[name]} for name in sorted(shown)]
        return Pieces([encode({"metrics": named})])

    async def _subscribe(self, accepted: str, principal: str | None) -> Streaming:
        reads = self._machine.reads.seen_by(principal)
        await self._reader.run(reads.v1.prepare())
        # From here to the end nothing else happens: what follows on the stream is what changed
        # since this state.
        state = reads.state_now()
        interval = encode({"heartbeat_interval_seconds": float(HEARTBEAT_INTERVAL_S)})
        subscribed = obj([("get_state", state)], interval)
        first = obj([("subscribed", subscribed)], encode({"type": EventType.SUBSCRIBED}))
        stream_id, streaming = self._streams.open(
            lambda closed_id: self._driver.post(OperatorStreamClosed(closed_id)),
            write=protobuf.write_operator_event if accepted == PROTOBUF else encode,
            content_type=accepted,
        )
        self._driver.post(OperatorSubscribed(stream_id, principal))
        if accepted == PROTOBUF:
            record = await asyncio.to_thread(lambda: protobuf.operator_event_of(bytes(first)))
            streaming.stream.begin([recordio(record)])
        else:
            streaming.stream.begin(chain([b"%d\n" % len(first)], first.chunks()))
        return Streaming(streaming.stream, accepted)

    async def ask(self, call: Call, principal: str | None = None) -> Response:
        """Have the machine carry it out."""
        try:
            answer = await self._driver.ask(
                lambda request_id: OperatorCallReceived(request_id, call, principal),
                changes=call.type not in _SOFT,
            )
        except StoreFull as error:
            return refuse(507, str(error))
        assert isinstance(answer, CallAnswered) and call.type is not None
        if answer.message:
            return refuse(answer.status, answer.message)
        if answer.shown is not None:
            shown = encode({"type": call.type, call.type.lower(): answer.shown})
            return Response(answer.status, shown)
        return Response(answer.status)


def _shown(type_: CallType, content: Pieces) -> Response:
    return Response(200, obj([(type_.lower(), content)], encode({"type": type_})))


async def _no_such_file(call: Call) -> Response:
    """The master keeps no files; sandboxes are the agents'."""
    return refuse(404, "")
