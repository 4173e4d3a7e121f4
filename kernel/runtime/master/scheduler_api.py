"""POST /api/v1/scheduler: checks a call's form in Mesos's order, then hands it to the machine.

Source: Mesos, Http::scheduler in src/master/http.cpp; the order and the texts are those of
recordings of a real master.
"""

import asyncio
from functools import partial

from kernel.master.cluster import Cluster
from kernel.master.events import (
    CallAnswered,
    Event,
    FrameworkSubscribed,
    SchedulerCallReceived,
    SchedulerStreamClosed,
)
from kernel.master.rate_limits import Throttle
from kernel.master.validate import call_problem, mismatch
from kernel.messages.codec import Malformed, encode
from kernel.messages.lenient import read_call
from kernel.messages.protobuf import convert as protobuf
from kernel.messages.scheduler import Call, CallType
from kernel.runtime.call_form import (
    JSON,
    PROTOBUF,
    accepted_type,
    form_refusal,
    media_type_of,
    read_body,
    refuse,
)
from kernel.runtime.clock import Clock
from kernel.runtime.driver import Driver
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.master.streams import STREAM_ID_HEADER, Streams

FORMS = (JSON, PROTOBUF)  # the first wins where a client takes both


class SchedulerApi:
    """One per process."""

    def __init__(
        self,
        driver: Driver[Event, object],
        streams: Streams,
        cluster: Cluster,
        throttle: Throttle,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._throttle = throttle
        self._clock = clock
        self._driver = driver
        self._streams = streams

    async def __call__(self, request: Request) -> Response | Streaming:
        refusal = form_refusal(request, forms=FORMS)
        if refusal is not None:
            return refusal
        try:
            is_protobuf = media_type_of(request) == PROTOBUF
            read = protobuf.read_call if is_protobuf else partial(read_call, Call)
            call = await read_body(read, request.body)
        except Malformed as error:
            return refuse(400, str(error))
        problem = call_problem(call) or _principal_problem(call, request.principal)
        if problem is not None:
            return refuse(400, f"Failed to validate scheduler::Call: {problem}")
        accepted = accepted_type(request, FORMS)
        is_answered = call.type in (CallType.SUBSCRIBE, CallType.RECONCILE_OPERATIONS)
        if is_answered and accepted is None:
            text = f"Expecting 'Accept' to allow '{PROTOBUF}' or '{JSON}'"
            return refuse(406, text)
        principal = self._principal(request, call)
        if principal is not None:
            self._throttle.note_received(principal)
        turn = self._throttle.turn(principal, self._clock.now().mono_ms * 1000)
        if turn.refusal:
            retry_after = str(turn.retry_after_s)
            return refuse(429, turn.refusal, **{"Retry-After": retry_after})
        if turn.wait_us:
            await asyncio.sleep(turn.wait_us / 1_000_000)
        if principal is not None:
            self._throttle.note_processed(principal)
        if call.type is CallType.SUBSCRIBE:
            return self._subscribe(request, call, accepted)
        return await self._call(request, call)

    def _principal(self, request: Request, call: Call) -> str | None:
        """Whose call it counts as. Who is not asked for credentials is believed as far as the
        stream's id, which nobody else knows, shows whose framework it is."""
        if request.principal is not None:
            return request.principal
        if call.subscribe is not None:
            return call.subscribe.framework_info.principal
        stream_id = request.headers.get(STREAM_ID_HEADER.lower())
        framework_id = self._cluster.framework_of_stream.get(stream_id or "")
        framework = self._cluster.frameworks.get(framework_id) if framework_id else None
        return framework.info.principal if framework is not None else None

    def _subscribe(
        self, request: Request, call: Call, accepted: str | None
    ) -> Response | Streaming:
        if STREAM_ID_HEADER.lower() in request.headers:
            text = f"Subscribe calls should not include the '{STREAM_ID_HEADER}' header"
            return refuse(400, text)
        assert call.subscribe is not None
        stream_id, streaming = self._streams.open(
            lambda closed_id: self._driver.post(SchedulerStreamClosed(closed_id)),
            write=protobuf.write_event if accepted == PROTOBUF else encode,
            content_type=accepted or JSON,
        )
        self._driver.post(FrameworkSubscribed(stream_id, call.subscribe, request.principal))
        return streaming

    async def _call(self, request: Request, call: Call) -> Response:
        stream_id = request.headers.get(STREAM_ID_HEADER.lower())
        answer = await self._driver.ask(
            lambda request_id: SchedulerCallReceived(
                request_id, stream_id, call, request.principal
            ),
            changes=False,
        )
        assert isinstance(answer, CallAnswered)
        if answer.message:
            return refuse(answer.status, answer.message)
        return Response(answer.status)


def _principal_problem(call: Call, principal: str | None) -> str | None:
    named = call.subscribe or call.update_framework
    return mismatch(principal, named.framework_info) if named is not None else None
