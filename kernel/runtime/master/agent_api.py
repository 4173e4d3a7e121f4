"""POST /tepui/v1/agent: the agents' conversation, in the form of the scheduler API.

A SUBSCRIBE opens the stream; every other body is a batch of calls that names the stream.
"""

from kernel.master.agents import agent_problem
from kernel.master.events import (
    AgentBatchReceived,
    AgentStreamClosed,
    AgentSubscribed,
    CallAnswered,
    Event,
)
from kernel.master.master import Master
from kernel.messages.agent import Batch, Subscribe, read_post
from kernel.messages.codec import Malformed
from kernel.model.ids import AgentId, id_problem
from kernel.runtime.call_form import form_refusal, read_body, refuse
from kernel.runtime.driver import Driver
from kernel.runtime.http import Request, Response, Streaming
from kernel.runtime.master.streams import STREAM_ID_HEADER, Streams
from kernel.store.interface import Store


class AgentApi:
    """One per process."""

    def __init__(
        self, driver: Driver[Event, object], streams: Streams, store: Store, machine: Master
    ) -> None:
        self._driver = driver
        self._streams = streams
        self._store = store
        self._machine = machine

    async def __call__(self, request: Request) -> Response | Streaming:
        refusal = form_refusal(request)
        if refusal is not None:
            return refusal
        try:
            post = await read_body(read_post, request.body)
        except Malformed as error:
            return refuse(400, f"This is no SUBSCRIBE and no BATCH: {error}")
        if isinstance(post, Subscribe):
            return self._subscribe(post)
        return await self._batch(request, post)

    def _subscribe(self, subscribe: Subscribe) -> Response | Streaming:
        given_id = subscribe.agent_info.id
        problem = agent_problem(subscribe) or (
            id_problem(given_id.value) if given_id is not None else None
        )
        if problem is not None:
            return refuse(400, problem)
        is_new = given_id is None or AgentId(given_id.value) not in self._machine.cluster.agents
        full = self._store.refusal() if is_new else None
        if full is not None:
            return refuse(507, full)  # it can't be admitted durably; it will ask again
        stream_id, streaming = self._streams.open(
            lambda closed_id: self._driver.post(AgentStreamClosed(closed_id))
        )
        self._driver.post(AgentSubscribed(stream_id, subscribe))
        return streaming

    async def _batch(self, request: Request, batch: Batch) -> Response:
        stream_id = request.headers.get(STREAM_ID_HEADER.lower())
        answer = await self._driver.ask(
            lambda request_id: AgentBatchReceived(request_id, stream_id, batch), changes=False
        )
        assert isinstance(answer, CallAnswered)
        if answer.message:
            return refuse(answer.status, answer.message)
        return Response(answer.status)
