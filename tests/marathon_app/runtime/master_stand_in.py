"""A small true master with one agent: offers what is free, runs what it is given, kills.

It speaks Mesos's v1 scheduler API over HTTP, as far as Marathon needs it. A task that is launched
runs at once; one whose name is in `fails` ends as TASK_FAILED.
"""

import asyncio
import uuid
from collections.abc import Sequence

from aiohttp import web

from kernel.messages import codec, scheduler, v1
from kernel.messages.scheduler import Call, CallType, Event, EventType
from kernel.model.task import TaskState

AGENT = v1.Id("agent-1")
FRAMEWORK = v1.Id("framework-1")
HOST = "127.0.0.1"
CPUS, MEM = 8.0, 8192.0
PORTS = range(31_000, 31_400)


class MasterStandIn:
    """Belongs to the loop that `start` runs on; `tasks` may be read from anywhere."""

    FAILED = TaskState.FAILED

    def __init__(self) -> None:
        self.tasks: dict[str, v1.TaskInfo] = {}
        self.killed: list[str] = []
        self.fails: set[str] = set()
        self.calls: list[CallType | None] = []
        self.url = ""
        self._outbox: asyncio.Queue[Event | None] = asyncio.Queue()
        self._offers = 0
        self._open: dict[str, v1.Offer] = {}
        self._wants = False
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        server = web.Application()
        server.router.add_post("/api/v1/scheduler", self._called)
        self._runner = web.AppRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://{HOST}:{port}"

    async def stop(self) -> None:
        self._outbox.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()

    def tell(self, task_id: str, state: TaskState, **more: object) -> None:
        """A status update from the agent."""
        status = v1.TaskStatus(
            task_id=v1.Id(task_id),
            state=state,
            agent_id=AGENT,
            uuid=uuid.uuid4().bytes,
            **more,  # type: ignore[arg-type]
        )
        if state.is_terminal:
            self.tasks.pop(task_id, None)
        self._say(Event(type=EventType.UPDATE, update=scheduler.Update(status=status)))
        if state.is_terminal:
            self._offer()

    async def _called(self, request: web.Request) -> web.StreamResponse:
        call = codec.decode(Call, await request.read())
        self.calls.append(call.type)
        if call.subscribe is not None:
            return await self._subscribed(request, call.subscribe)
        if call.accept is not None:
            self._accepted(call.accept)
        elif call.decline is not None:
            for offer_id in call.decline.offer_ids:
                self._open.pop(offer_id.value, None)
        elif call.kill is not None:
            self._kill(call.kill.task_id.value)
        elif call.reconcile is not None:
            self._reconcile([task.task_id.value for task in call.reconcile.tasks])
        elif call.type is CallType.REVIVE:
            self._wants = True
            self._offer()
        elif call.type is CallType.SUPPRESS:
            self._wants = False
        return web.Response(status=202)

    async def _subscribed(
        self, request: web.Request, subscribe: scheduler.Subscribe
    ) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Mesos-Stream-Id": "stream-1"})
        await stream.prepare(request)
        self._outbox.put_nowait(None)  # ends an earlier stream
        self._outbox = asyncio.Queue()
        self._open.clear()
        self._wants = not subscribe.suppressed_roles
        self._say(
            Event(
                type=EventType.SUBSCRIBED,
                subscribed=scheduler.Subscribed(
                    framework_id=FRAMEWORK, heartbeat_interval_seconds=15
                ),
            )
        )
        self._offer()
        outbox = self._outbox
        while (event := await outbox.get()) is not None:
            await stream.write(codec.recordio(codec.encode(event)))
        return stream

    def _say(self, event: Event) -> None:
        self._outbox.put_nowait(event)

    def _accepted(self, accept: scheduler.Accept) -> None:
        for offer_id in accept.offer_ids:
            self._open.pop(offer_id.value, None)
        for operation in accept.operations:
            for task in operation.launch.task_infos if operation.launch else []:
                self.tasks[task.task_id.value] = task
                self.tell(task.task_id.value, TaskState.STARTING)
                failed = task.name in self.fails
                self.tell(task.task_id.value, TaskState.FAILED if failed else TaskState.RUNNING)
        self._offer()

    def _kill(self, task_id: str) -> None:
        self.killed.append(task_id)
        if task_id in self.tasks:
            self.tell(task_id, TaskState.KILLED)

    def _reconcile(self, task_ids: Sequence[str]) -> None:
        for task_id in task_ids or list(self.tasks):
            known = task_id in self.tasks
            status = v1.TaskStatus(
                task_id=v1.Id(task_id),
                state=TaskState.RUNNING if known else TaskState.GONE,
                reason="REASON_RECONCILIATION",
                agent_id=AGENT,
            )
            self._say(Event(type=EventType.UPDATE, update=scheduler.Update(status=status)))

    def _offer(self) -> None:
        """One offer at a time, of all that is free."""
        if not self._wants or self._open:
            return
        self._offers += 1
        offer = v1.Offer(
            id=v1.Id(f"offer-{self._offers}"),
            framework_id=FRAMEWORK,
            agent_id=AGENT,
            hostname=HOST,
            resources=self._free(),
            allocation_info=v1.AllocationInfo(role="marathon"),
        )
        self._open[offer.id.value] = offer
        self._say(Event(type=EventType.OFFERS, offers=scheduler.Offers(offers=[offer])))

    def _free(self) -> list[v1.Resource]:
        cpus, mem, ports = CPUS, MEM, list(PORTS)
        for task in self.tasks.values():
            for used in task.resources:
                if used.name == "cpus" and used.scalar:
                    cpus -= used.scalar.value
                elif used.name == "mem" and used.scalar:
                    mem -= used.scalar.value
                elif used.name == "ports" and used.ranges:
                    for found in used.ranges.range:
                        ports = [p for p in ports if not found.begin <= p <= found.end]
        role = v1.AllocationInfo(role="marathon")
        ranges = v1.RangesValue(range=[v1.Range(port, port) for port in ports])
        return [
            v1.Resource(
                name="cpus", type="SCALAR", scalar=v1.ScalarValue(cpus), allocation_info=role
            ),
            v1.Resource(
                name="mem", type="SCALAR", scalar=v1.ScalarValue(mem), allocation_info=role
            ),
            v1.Resource(name="ports", type="RANGES", ranges=ranges, allocation_info=role),
        ]
