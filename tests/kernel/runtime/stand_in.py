"""Small true masters over HTTP, each with one habit of a real Mesos: to lead, to point at the
leader, to know of none.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import BasicAuth, web

from kernel.messages import codec, scheduler, v1
from kernel.messages.scheduler import Call, CallType, Event, EventType

HOST = "127.0.0.1"
PATH = "/api/v1/scheduler"


class StandIn:
    """`answer` is asked for everything but what a leader does by itself."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.authorizations: list[BasicAuth] = []
        self.location = ""  # not empty: a standby
        self.has_leader = True
        self.is_locked = False
        self.refusal = ""  # not empty: an ERROR instead of SUBSCRIBED
        self.on_call: Callable[[Call], None] = lambda call: None
        self._outbox: asyncio.Queue[object] = asyncio.Queue()
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Answers the address, `host:port`."""
        application = web.Application()
        application.router.add_post(PATH, self._called)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        return f"{HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self._outbox.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _called(self, request: web.Request) -> web.StreamResponse:
        call = codec.decode(Call, await request.read())
        if self.location:
            # As a real standby: no scheme, the leader's name, another path (mesos-observed.md 11)
            location = f"//{self.location}/master{PATH}"
            return web.Response(status=307, headers={"Location": location})
        if not self.has_leader:
            return web.Response(status=503, text="No leader elected")
        if "Authorization" in request.headers:
            self.authorizations.append(BasicAuth.decode(request.headers["Authorization"]))
        self.calls.append(call)
        if self.is_locked:
            return web.Response(status=401, text="who are you?")
        if call.type is CallType.SUBSCRIBE:
            return await self._subscribed(request, call)
        if call.type is CallType.TEARDOWN:
            self._outbox.put_nowait(None)
        self.on_call(call)
        return web.Response(status=202)

    async def _subscribed(self, request: web.Request, call: Call) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Mesos-Stream-Id": uuid.uuid4().hex})
        await stream.prepare(request)
        self._outbox.put_nowait(None)  # ends an earlier stream
        self._outbox = outbox = asyncio.Queue()
        if self.refusal:
            error = scheduler.Error(message=self.refusal)
            self.say(Event(type=EventType.ERROR, error=error))
            self._outbox.put_nowait(None)
        else:
            subscribed = scheduler.Subscribed(framework_id=call.framework_id or v1.Id("F1"))
            self.say(Event(type=EventType.SUBSCRIBED, subscribed=subscribed))
        while (event := await outbox.get()) is not None:
            await stream.write(codec.recordio(codec.encode(event)))
        return stream

    def say(self, event: object) -> None:
        self._outbox.put_nowait(event)

    def offer(self) -> None:
        offer = v1.Offer(
            id=v1.Id("O1"),
            framework_id=v1.Id("F1"),
            agent_id=v1.Id("S1"),
            hostname="one.example",
            resources=[
                v1.Resource(name=name, type="SCALAR", scalar=v1.ScalarValue(amount))
                for name, amount in {"cpus": 1.0, "mem": 512.0}.items()
            ],
        )
        self.say(Event(type=EventType.OFFERS, offers=scheduler.Offers(offers=[offer])))

    def update(self, status: v1.TaskStatus) -> None:
        self.say(Event(type=EventType.UPDATE, update=scheduler.Update(status=status)))

    def kinds(self) -> list[CallType | None]:
        return [call.type for call in self.calls]


def played(play: Callable[[], Awaitable[None]]) -> None:
    """Runs one asynchronous test, bounded."""

    async def bounded() -> None:
        await asyncio.wait_for(play(), 30)

    asyncio.run(bounded())
