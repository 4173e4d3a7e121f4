"""POST /api/v1/executor: checks a call's form in Mesos's order, then hands it to the machine.

Also keeps the open streams to executors. What a call means, and who may make it, is decided by
`kernel.agent.executor_calls`. Source: Mesos, Http::executor in src/slave/http.cpp; recordings,
status-executor, executor-custom.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from kernel.agent.talk import (
    Event,
    ExecutorAnswered,
    ExecutorCalled,
    ExecutorStreamClosed,
    ExecutorSubscribed,
)
from kernel.messages.codec import Malformed, encode, recordio
from kernel.messages.executor import Call, CallType, call_problem
from kernel.messages.lenient import read_call
from kernel.messages.protobuf import convert as protobuf
from kernel.runtime.call_form import (
    JSON,
    PROTOBUF,
    accepted_type,
    form_refusal,
    media_type_of,
    refuse,
)
from kernel.runtime.driver import Driver
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.stream import EventStream
from kernel.store.interface import StoreFull

FORMS = (JSON, PROTOBUF)  # the first wins where a client takes both

Ask = Callable[[int], ExecutorSubscribed | ExecutorCalled]


class ExecutorStreams:
    """The streams of executors that are subscribed. Belongs to the loop."""

    def __init__(self) -> None:
        self._streams: dict[str, tuple[EventStream, Callable[[Any], bytes]]] = {}

    def open(
        self, on_closed: Callable[[str], None], write: Callable[[Any], bytes] = encode
    ) -> tuple[str, EventStream]:
        """Each event is written by `write`."""
        stream_id = str(uuid4())

        def closed() -> None:
            self._streams.pop(stream_id, None)
            on_closed(stream_id)

        stream = EventStream(closed)
        self._streams[stream_id] = stream, write
        return stream_id, stream

    def send(self, stream_id: str, event: object) -> None:
        """One record; to a stream that has ended, nothing."""
        found = self._streams.get(stream_id)
        if found is not None:
            stream, write = found
            stream.send(recordio(write(event)))

    def close(self, stream_id: str) -> None:
        """What was sent before still leaves."""
        found = self._streams.get(stream_id)
        if found is not None:
            found[0].close()


class ExecutorApi:
    """One per process."""

    def __init__(
        self, driver: Callable[[], Driver[Event, Any]], streams: Callable[[], ExecutorStreams]
    ) -> None:
        # Given as functions because there is neither before the process has started.
        self._driver = driver
        self._streams = streams

    async def __call__(self, request: Request) -> Response | Streaming:
        refusal = form_refusal(request, forms=FORMS)
        if refusal is not None:
            return refusal
        try:
            is_protobuf = media_type_of(request) == PROTOBUF
            call = (
                protobuf.read_executor_call(request.body)
                if is_protobuf
                else read_call(Call, request.body)
            )
        except Malformed as error:
            return refuse(400, str(error))
        problem = call_problem(call)
        if problem is not None:
            return refuse(400, f"Failed to validate Executor::Call: {problem}")
        if call.type is CallType.HEARTBEAT:
            return Response(202)
        if call.type is not CallType.SUBSCRIBE:
            return await self._ask(lambda request_id: ExecutorCalled(request_id, call))
        accepted = accepted_type(request, FORMS)
        if accepted is None:
            return refuse(406, f"Expecting 'Accept' to allow '{PROTOBUF}' or '{JSON}'")
        return await self._subscribe(call, accepted)

    async def _subscribe(self, call: Call, accepted: str) -> Response | Streaming:
        driver = self._driver()
        stream_id, stream = self._streams().open(
            lambda closed_id: driver.post(ExecutorStreamClosed(closed_id)),
            protobuf.write_executor_event if accepted == PROTOBUF else encode,
        )
        answer = await self._ask(lambda request_id: ExecutorSubscribed(request_id, stream_id, call))
        if answer.status != 200:
            self._streams().close(stream_id)
            return answer
        return Streaming(stream, accepted)

    async def _ask(self, ask: Ask) -> Response:
        try:
            answer = await self._driver().ask(ask)
        except StoreFull as error:
            return refuse(503, str(error))
        assert isinstance(answer, ExecutorAnswered)
        if answer.message:
            return refuse(answer.status, answer.message)
        return Response(answer.status)
