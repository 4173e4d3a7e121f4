"""A small true master with one agent in it: offers what is free, and really runs commands.

It speaks Mesos's v1 scheduler API over HTTP as far as Chronos needs it, offers nothing to a
suppressed framework, repeats updates until they are acknowledged, and shows sandboxes as agents do.
"""

import asyncio
import os
import signal
import time
import uuid
from pathlib import Path

from aiohttp import web
from msgspec import Struct

from kernel.messages import codec, scheduler, v1
from kernel.messages.scheduler import Call, CallType, Event, EventType
from kernel.model.task import TaskState

AGENT, FRAMEWORK = v1.Id("agent-1"), v1.Id("framework-1")
HOST = "127.0.0.1"


class Launched(Struct):
    """One process that ran."""

    task_id: str
    at_ms: int
    state: TaskState
    pid: int = 0


class MasterStandIn:
    """Belongs to the loop that `start` runs on; `launched` may be read from anywhere."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.launched: dict[str, Launched] = {}
        self.calls: list[CallType | None] = []
        self.url = ""
        self._outbox: asyncio.Queue[Event | None] = asyncio.Queue()
        self._unacked: dict[str, v1.TaskStatus] = {}
        self._open = ""
        self._offers_count = 0
        self._wants = False
        self._connected = False
        self._free = 8.0
        self._watching: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        server = web.Application()
        server.router.add_post("/api/v1/scheduler", self._called)
        server.router.add_get("/state", self._state)
        server.router.add_get("/files/read", self._read)
        self._runner = web.AppRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        for launched in self.launched.values():
            self._kill(launched.task_id)
        if self._watching:
            await asyncio.wait(self._watching, timeout=5)
        self._outbox.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()

    # The master

    async def _called(self, request: web.Request) -> web.StreamResponse:
        call = codec.decode(Call, await request.read())
        self.calls.append(call.type)
        if call.subscribe is not None:
            return await self._subscribed(request)
        assert call.framework_id == FRAMEWORK, "each call says whose it is"
        if call.accept is not None:
            await self._accepted(call.accept)
        elif call.decline is not None:
            self._open = ""
        elif call.kill is not None:
            self._kill(call.kill.task_id.value)
        elif call.reconcile is not None:
            for task in call.reconcile.tasks:
                self._reconcile(task.task_id.value)
        elif call.acknowledge is not None:
            status = self._unacked.get(call.acknowledge.task_id.value)
            if status is not None and status.uuid == call.acknowledge.uuid:
                del self._unacked[call.acknowledge.task_id.value]
        elif call.type is CallType.REVIVE:
            self._wants = True
            self._offer()
        elif call.type is CallType.SUPPRESS:
            self._wants = False
        return web.Response(status=202)

    async def _subscribed(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Mesos-Stream-Id": uuid.uuid4().hex})
        await stream.prepare(request)
        self._outbox.put_nowait(None)  # ends an earlier stream
        self._outbox = outbox = asyncio.Queue()
        self._open, self._wants = "", True
        subscribed = scheduler.Subscribed(framework_id=FRAMEWORK, heartbeat_interval_seconds=15)
        self._say(Event(type=EventType.SUBSCRIBED, subscribed=subscribed))
        for status in self._unacked.values():
            self._say(Event(type=EventType.UPDATE, update=scheduler.Update(status=status)))
        self._offer()
        while (event := await outbox.get()) is not None:
            await stream.write(codec.recordio(codec.encode(event)))
        return stream

    def _say(self, event: Event) -> None:
        self._outbox.put_nowait(event)

    def _offer(self) -> None:
        """One offer at a time, of all that is free."""
        if not self._wants or self._open:
            return
        self._offers_count += 1
        self._open = f"offer-{self._offers_count}"
        amounts = {"cpus": self._free, "mem": 8_192.0, "disk": 99_999.0}
        port = int(self.url.rpartition(":")[2])
        offer = v1.Offer(
            id=v1.Id(self._open),
            framework_id=FRAMEWORK,
            agent_id=AGENT,
            hostname=HOST,
            url=v1.Url(scheme="http", address=v1.Address(hostname=HOST, ip=HOST, port=port)),
            resources=[
                v1.Resource(name=name, type="SCALAR", scalar=v1.ScalarValue(value))
                for name, value in amounts.items()
            ],
        )
        self._say(Event(type=EventType.OFFERS, offers=scheduler.Offers(offers=[offer])))

    async def _accepted(self, accept: scheduler.Accept) -> None:
        valid = accept.offer_ids[0].value == self._open
        self._open = ""
        for operation in accept.operations:
            for info in operation.launch.task_infos if operation.launch else []:
                if valid:
                    await self._launch(info)
                else:
                    self._update(info.task_id, TaskState.DROPPED, "invalid offers", False)
        self._offer()

    def _reconcile(self, task_id: str) -> None:
        known = self.launched.get(task_id)
        state = known.state if known is not None else TaskState.GONE
        self._update(v1.Id(task_id), state, "Reconciliation", False)

    def _update(self, task_id: v1.Id, state: TaskState, message: str, counts: bool = True) -> None:
        status = v1.TaskStatus(
            task_id=task_id,
            state=state,
            message=message,
            agent_id=AGENT,
            uuid=uuid.uuid4().bytes if counts else None,
        )
        if counts:
            self._unacked[task_id.value] = status
        self._say(Event(type=EventType.UPDATE, update=scheduler.Update(status=status)))

    # The agent

    def sandbox(self, task_id: str) -> Path:
        return self.directory / task_id.replace("/", "_")

    async def _launch(self, info: v1.TaskInfo) -> None:
        task_id = info.task_id.value
        assert task_id not in self.launched, f"{task_id} was started twice"
        assert info.command is not None and info.command.environment is not None
        sandbox = self.sandbox(task_id)
        sandbox.mkdir(parents=True)
        environment = {v.name: v.value or "" for v in info.command.environment.variables}
        with (sandbox / "stdout").open("wb") as out, (sandbox / "stderr").open("wb") as err:
            process = await asyncio.create_subprocess_shell(
                info.command.value or "",
                stdout=out,
                stderr=err,
                cwd=sandbox,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        at_ms = time.time_ns() // 1_000_000
        self.launched[task_id] = Launched(task_id, at_ms, TaskState.RUNNING, process.pid)
        self._update(info.task_id, TaskState.RUNNING, "")
        watching = asyncio.ensure_future(self._watch(info, process))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    async def _watch(self, info: v1.TaskInfo, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        if status < 0:
            state, message = TaskState.KILLED, f"Command terminated with signal {-status}"
        else:
            state = TaskState.FAILED if status else TaskState.FINISHED
            message = f"Command exited with status {status}"
        self.launched[info.task_id.value].state = state
        self._update(info.task_id, state, message)
        self._offer()

    def _kill(self, task_id: str) -> None:
        launched = self.launched.get(task_id)
        if launched is not None and not launched.state.is_terminal:
            os.killpg(launched.pid, signal.SIGKILL)

    async def _state(self, request: web.Request) -> web.Response:
        executors = [
            {"id": task_id, "directory": str(self.sandbox(task_id))} for task_id in self.launched
        ]
        framework = {"id": FRAMEWORK.value, "executors": [], "completed_executors": executors}
        return web.json_response({"frameworks": [framework], "completed_frameworks": []})

    async def _read(self, request: web.Request) -> web.Response:
        data = Path(request.query["path"]).read_bytes()
        offset = int(request.query["offset"])
        if offset < 0:
            return web.json_response({"data": "", "offset": len(data)})
        part = data[offset : offset + int(request.query["length"])]
        return web.json_response({"data": part.decode(errors="replace"), "offset": offset})
