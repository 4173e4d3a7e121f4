"""A small true master for tests of the agent: it registers, launches, kills and acknowledges.

Speaks the conversation of `kernel.messages.agent` over real HTTP; remembers every update
that it was sent.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from kernel.messages.agent import (
    AcknowledgeOperation,
    AcknowledgeUpdate,
    AnyAgentCall,
    ApplyOperation,
    Batch,
    ExecutorEnded,
    ExecutorMessage,
    KillTask,
    MessageExecutor,
    RunTask,
    ShutdownFramework,
    Subscribe,
    Subscribed,
    Unregister,
    Update,
    UpdateOperation,
    UpdateOversubscribed,
    read_post,
)
from kernel.messages.codec import encode, recordio
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import (
    Capability,
    CommandInfo,
    FrameworkInfo,
    Id,
    KillPolicy,
    Resource,
    ScalarValue,
    Task,
    TaskInfo,
    TaskStatus,
)
from kernel.model.operation import OperationState
from kernel.model.task import TaskState
from kernel.runtime.client import HttpClient
from tests.processes import free_port

FRAMEWORK = FrameworkInfo(
    user="root",
    name="tests",
    id=Id("F-1"),
    checkpoint=True,
    roles=["tests"],
    capabilities=[Capability(type="TASK_KILLING_STATE"), Capability(type="PARTITION_AWARE")],
)


class FakeMaster:
    """`heard` is every update in the order of its coming; acknowledges each unless told not to."""

    def __init__(self) -> None:
        self.heard: list[TaskStatus] = []
        self.told: list[AnyAgentCall] = []  # everything, also those updates
        self.subscribes: list[Subscribe] = []
        self.operations: list[UpdateOperation] = []
        self.lent: list[UpdateOversubscribed] = []
        self.unregistered = False
        self.acknowledging = True
        self.deaf_to: set[str] = set()  # tasks whose updates are not acknowledged
        self.changed = asyncio.Event()
        self.epoch = 1
        self.believed: list[Task] = []
        self._stream: web.StreamResponse | None = None
        self.port = free_port()

    async def start(self) -> None:
        application = web.Application(client_max_size=1 << 26)
        application.router.add_post("/tepui/v1/agent", self._on_post)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        self._stream = None
        await self._runner.cleanup()

    async def _on_post(self, request: web.Request) -> web.StreamResponse:
        post = read_post(await request.read())
        if isinstance(post, Subscribe):
            return await self._subscribe(request, post)
        await self._batch(post)
        return web.Response(status=202)

    async def _subscribe(self, request: web.Request, post: Subscribe) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Mesos-Stream-Id": str(len(self.subscribes) + 1)})
        await stream.prepare(request)
        self._stream = stream
        agent_id = post.agent_info.id or Id("M-S0")
        await self.say(
            Subscribed(
                agent_id=agent_id,
                master_id="M",
                epoch=self.epoch,
                ping_timeout_seconds=60.0,
                tasks=self.believed,
            )
        )
        self.subscribes.append(post)
        self.changed.set()
        while self._stream is stream:
            await asyncio.sleep(0.02)
        return stream

    async def _batch(self, batch: Batch) -> None:
        for call in batch.calls:
            self.told.append(call)
            if isinstance(call, Update):
                self.heard.append(call.status)
                is_heard = call.status.task_id.value not in self.deaf_to
                if self.acknowledging and is_heard and call.status.uuid is not None:
                    await self.acknowledge(call.status)
            elif isinstance(call, UpdateOperation):
                self.operations.append(call)
                uuid = call.operation_uuid
                await self.say(AcknowledgeOperation(operation_uuid=uuid))
            elif isinstance(call, UpdateOversubscribed):
                self.lent.append(call)
            elif isinstance(call, Unregister):
                self.unregistered = True
        self.changed.set()

    async def acknowledge(self, status: TaskStatus) -> None:
        assert status.uuid is not None
        await self.say(
            AcknowledgeUpdate(framework_id=Id("F-1"), task_id=status.task_id, uuid=status.uuid)
        )

    async def say(self, *events: object) -> None:
        assert self._stream is not None, "no agent is subscribed"
        await self._stream.write(b"".join(recordio(encode(event)) for event in events))

    async def run(self, *tasks: TaskInfo) -> None:
        await self.say(*(RunTask(framework=FRAMEWORK, task=task) for task in tasks))

    async def apply(self, operation: Operation) -> OperationState:
        """Have it applied; returns what became of it."""
        told = len(self.operations)
        uuid = f"uuid-{told}"
        await self.say(
            ApplyOperation(operation_uuid=uuid, operation=operation, framework_id=Id("F-1"))
        )
        await self.until(lambda: len(self.operations) > told)
        return self.operations[-1].status.state

    async def message(self, executor_id: str, **bidden: Any) -> None:
        """To a probe executor, which does as it is bidden."""
        data = encode(bidden)
        await self.say(
            MessageExecutor(framework_id=Id("F-1"), executor_id=Id(executor_id), data=data)
        )

    def messages(self) -> list[Any]:
        """What executors said that is JSON."""
        return [json.loads(c.data) for c in self.told if isinstance(c, ExecutorMessage)]

    def ended(self) -> list[int | None]:
        """The wait status of each executor that has ended."""
        return [call.status for call in self.told if isinstance(call, ExecutorEnded)]

    async def kill(self, task_id: str, policy: KillPolicy | None = None) -> None:
        await self.say(KillTask(framework_id=Id("F-1"), task_id=Id(task_id), kill_policy=policy))

    async def tear_down(self) -> None:
        await self.say(ShutdownFramework(framework_id=Id("F-1")))

    def states(self, task_id: str) -> list[str]:
        """In order; one that was only told again counts once."""
        told = {each.uuid: each for each in reversed(self.heard) if each.task_id.value == task_id}
        return [each.state.name for each in reversed(list(told.values()))]

    def last(self, task_id: str) -> TaskStatus:
        return [each for each in self.heard if each.task_id.value == task_id][-1]

    async def until(self, claim: Callable[[], bool], timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while not claim():
                self.changed.clear()
                await self.changed.wait()

    async def hear(self, task_id: str, state: TaskState) -> TaskStatus:
        await self.until(lambda: state.name in self.states(task_id))
        return next(
            each for each in self.heard if each.task_id.value == task_id and each.state is state
        )


class AgentProcess:
    """A real agent in a process of its own."""

    def __init__(self, work_dir: Path, master: FakeMaster, *flags: str) -> None:
        self.work_dir = work_dir
        self.port = free_port()
        self._argv = [
            *(sys.executable, "-m", "kernel", "agent", "--work-dir", str(work_dir)),
            *("--port", str(self.port), "--master", f"http://127.0.0.1:{master.port}"),
            *("--resources", "cpus:4;mem:4096;disk:1000", *flags),
        ]
        self._log = work_dir.parent / "agent.log"
        self.process: asyncio.subprocess.Process | None = None
        self.client = HttpClient()

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._argv, stdout=log, stderr=log, cwd=Path(__file__).parents[4]
            )

    async def kill_hard(self) -> None:
        """SIGKILL to the arbiter; its worker dies with it."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 10)

    async def get(self, path: str) -> Any:
        reply = await self.client.get(f"http://127.0.0.1:{self.port}{path}")
        assert reply.status == 200, reply
        return reply.json()

    async def status(self, path: str) -> int:
        return (await self.client.get(f"http://127.0.0.1:{self.port}{path}")).status

    async def shut_down(self) -> None:
        """As `tepui down` does; then no process is left."""
        await self.client.post(f"http://127.0.0.1:{self.port}/tepui/v1/shutdown")
        assert self.process is not None
        await asyncio.wait_for(self.process.wait(), 10)

    def runner_pid(self) -> int:
        """Of the runner that serves this work directory."""
        wanted = str(self.work_dir / "meta" / "runner" / "runner.log")
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    is_runner = b"kernel.runtime.agent.runner" in words
                    if is_runner and os.readlink(entry / "fd" / "2") == wanted:
                        return int(entry.name)
                except OSError:
                    continue
        return 0


def command(task_id: str, text: str, **more: Any) -> TaskInfo:
    """A task of one shell command."""
    info = more.pop("command", CommandInfo(value=text))
    mem = more.pop("mem", 64.0)
    volumes = more.pop("volumes", [])
    resources = [
        Resource(name="cpus", type="SCALAR", scalar=ScalarValue(0.1)),
        Resource(name="mem", type="SCALAR", scalar=ScalarValue(mem)),
        *volumes,
    ]
    return TaskInfo(
        name=task_id,
        task_id=Id(task_id),
        agent_id=Id("M-S0"),
        resources=resources,
        command=info,
        **more,
    )


def with_agent(tmp_path: Path, act: Callable[[FakeMaster, AgentProcess], Any], *flags: str) -> None:
    """Run `act` with a registered agent; end agent, runner and tasks afterwards."""

    async def whole() -> None:
        master = FakeMaster()
        await master.start()
        agent = AgentProcess(tmp_path / "work", master, *flags)
        agent.work_dir.mkdir(exist_ok=True)
        await agent.start()
        try:
            await master.until(lambda: bool(master.subscribes))
            await act(master, agent)
        finally:
            if agent.process is not None and agent.process.returncode is None:
                await agent.shut_down()
            await agent.client.close()
            await master.stop()

    asyncio.run(whole())
