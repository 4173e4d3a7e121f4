"""Starts, signals and ends the containers that operators launch, through the agent's own runner.

Their lives are followed by `kernel.executor`, as those of tasks; whether a call can be carried out
is decided here in Mesos's words. DIFFERS: what is inside a task's container has its directory
beside all sandboxes (the task owns its own, and could lead whoever makes something in it anywhere)
and control groups of its own, with its parent's limits.
Source: mesos.md §2.9; Mesos, src/slave/http.cpp; recording status-operator-agent.
"""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from kernel.agent.operator_containers import (
    SIGNAL_MAX,
    Ended,
    OperatorContainer,
    OperatorContainers,
    Path,
    launch_problem,
    name_of,
    path_of,
    path_problem,
)
from kernel.agent.sandbox import Place
from kernel.executor.talk import KillOrdered, LaunchOrdered, Orders, ReportStatus
from kernel.messages.agent_operator import (
    ContainerId,
    KillContainer,
    LaunchContainer,
    LaunchNestedContainer,
)
from kernel.messages.codec import encode
from kernel.messages.v1 import FrameworkInfo
from kernel.model.task import TaskState
from kernel.runtime.agent import volumes
from kernel.runtime.agent.container import ByOperator, Container
from kernel.runtime.agent.processes import Processes
from kernel.runtime.call_form import refuse
from kernel.runtime.http import Response

SIGKILL = 9
_NOBODYS = Place("", "", "", "")
_ORDERS = Orders(kills_at_once=True)


class LaunchFailed(Exception):
    """The answer says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


class Containers:
    """Belongs to the loop."""

    def __init__(
        self, processes: Processes, work_dir: str, on_over: Callable[[str], None] = lambda _: None
    ) -> None:
        self._processes = processes
        self._work_dir = work_dir
        self._on_over = on_over  # told the run of each container that is over
        self._waiting: dict[str, list[asyncio.Future[Ended | None]]] = {}  # by run: for its end
        self._starting: dict[str, asyncio.Future[None]] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self.book = OperatorContainers()

    # -- calls ------------------------------------------------------------------------------

    async def launch(self, call: LaunchContainer | LaunchNestedContainer) -> Response:
        """200 once its process runs; 202 if it was launched before."""
        inside = isinstance(call, LaunchNestedContainer)
        try:
            await self.start(call, inside=inside, streams={})
        except LaunchFailed as failed:
            return failed.answer
        return Response(200, b"", None)

    async def start(
        self,
        call: LaunchContainer | LaunchNestedContainer,
        *,
        inside: bool,
        streams: dict[str, str],
        run: str = "",
    ) -> OperatorContainer:
        """With `streams` a session, which begins in its parent's directory. Raises
        `LaunchFailed`."""
        path = path_of(call.container_id)
        resources = call.resources if isinstance(call, LaunchContainer) else []
        problem = path_problem(path) or launch_problem(
            path, call.command, call.container, inside=inside, with_resources=bool(resources)
        )
        if problem is not None:
            raise LaunchFailed(refuse(400, problem))
        if self.book.find(path) is not None or self._held(path) is not None:
            raise LaunchFailed(Response(202, b"", None))
        parent = self._held(path[:-1]) if len(path) > 1 else None
        if len(path) > 1 and parent is None:
            text = f"Parent container {name_of(path[:-1])} does not exist, or has no process"
            raise LaunchFailed(refuse(400, text))
        run = run or new_run()
        container = self._container(call, path, run, parent, streams)
        known = self.book.add(path, run, is_session=bool(streams))
        started = self._starting[run] = asyncio.get_running_loop().create_future()
        self._processes.post(container, LaunchOrdered(run, _ORDERS))
        await started
        if known.ended is not None and known.ended.reason == "REASON_CONTAINER_LAUNCH_FAILED":
            self._forget(known)
            raise LaunchFailed(refuse(400, known.ended.message or "Failed to launch container"))
        return known

    async def wait(self, container_id: ContainerId) -> Ended | None:
        """How a container ended, once it has; None if there is no such container."""
        path = path_of(container_id)
        known = self.book.find(path)
        if known is not None and known.ended is not None:
            return known.ended
        held = self._held(path)
        if held is None:
            return None
        future: asyncio.Future[Ended | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(held.container_id, []).append(future)
        return await future

    def kill(self, call: KillContainer) -> Response:
        path = path_of(call.container_id)
        number = SIGKILL if call.signal is None else call.signal
        if not 0 < number <= SIGNAL_MAX:
            return refuse(400, f"'signal' must be from 1 to {SIGNAL_MAX}, not {number}")
        held = self._held(path)
        if held is None:
            name = name_of(path)
            return refuse(404, f"Container '{name}' cannot be found (or is already killed)")
        self.signal(held.container_id, number)
        return Response(200, b"", None)

    def signal(self, run: str, number: int) -> None:
        if number == SIGKILL and self.book.on_run(run) is not None:
            self._processes.driver.post(KillOrdered(run))  # also if it does not run yet
        elif number == SIGKILL:
            self._processes.link.send({"do": "kill", "run": run})
        else:
            self._processes.link.send({"do": "signal", "run": run, "signal": number})

    async def remove(self, container_id: ContainerId) -> Response:
        """What it left behind; of one that has ended."""
        path = path_of(container_id)
        known = self.book.find(path)
        if known is None:
            if self._held(path) is not None:
                return refuse(400, f"Container {name_of(path)} was not launched by an operator")
            return refuse(404, f"Container {name_of(path)} cannot be found")
        if known.ended is None:
            return refuse(400, f"Container {name_of(path)} has not terminated yet")
        if any(each.ended is None for each in self.book.below(path)):
            return refuse(400, f"Containers inside {name_of(path)} have not terminated yet")
        for each in [known, *self.book.below(path)]:
            self.book.forget(each)
            await asyncio.to_thread(self.clear, each.run)
        return Response(200, b"", None)

    # -- news -------------------------------------------------------------------------------

    def heard(self, report: ReportStatus) -> bool:
        """Of any run; whether it was one of ours, and so no news for the agent."""
        known = self.book.on_run(report.run)
        starting = self._starting.get(report.run)
        if report.state is TaskState.RUNNING and starting is not None and not starting.done():
            starting.set_result(None)
        if report.state.is_terminal:
            held = self._processes.containers.get(report.run)
            ended = Ended(report.wait_status, report.state, report.reason, report.message)
            if known is not None:
                known.ended = ended
            if held is not None:
                self._fall(known.path if known is not None else _path_of_place(held.place), known)
            for future in self._waiting.pop(report.run, []):
                if not future.done():
                    future.set_result(ended)
            self._on_over(report.run)
            self._starting.pop(report.run, None)
            if starting is not None and not starting.done():
                starting.set_result(None)
            for each in self.book.surplus():
                self._forget(each)
        return known is not None

    def _fall(self, path: Path, known: OperatorContainer | None) -> None:
        """What is inside a container ends with it; inside a task's, it is forgotten with it."""
        below = self.book.below(path)
        for each in below:
            if each.ended is None:
                self.signal(each.run, SIGKILL)
        parent = path[:-1]
        has_lost_parent = bool(parent) and not self._held(parent) and not self.book.find(parent)
        if known is None or has_lost_parent:
            for each in [known, *below] if known is not None else below:
                if each.ended is not None:
                    self._forget(each)

    # -- places -----------------------------------------------------------------------------

    def sandboxes(self) -> list[str]:
        return [self.sandbox_of(run) for run in self.book.runs()]

    def sandbox_of(self, run: str) -> str:
        return f"{self._work_dir}/containers/{run}"

    def record_of(self, run: str) -> str:
        return f"{self._work_dir}/meta/runs/{run}"

    def _container(
        self,
        call: LaunchContainer | LaunchNestedContainer,
        path: Path,
        run: str,
        parent: Container | None,
        streams: dict[str, str],
    ) -> Container:
        assert call.command is not None, "launch_problem said so"
        asked = ByOperator(
            call.command,
            self.sandbox_of(run),
            self.record_of(run),
            parent,
            parent.sandbox if parent is not None and streams else "",
            streams,
            call.limits if isinstance(call, LaunchContainer) else None,
        )
        resources = call.resources if isinstance(call, LaunchContainer) else []
        if parent is not None:
            resources = parent.resources
        framework = parent.framework if parent is not None else FrameworkInfo(user="", name="")
        place = parent.place if parent is not None else _NOBODYS
        return Container(
            run, framework, None, place, self._work_dir, held=resources, by_operator=asked
        )

    def _held(self, path: Path) -> Container | None:
        """A container with a process: ours, a task's or an executor's."""
        known = self.book.find(path)
        if known is not None:
            return self._processes.containers.get(known.run)
        for container in self._processes.containers.values():
            if container.by_operator is None and _path_of_place(container.place) == path:
                return container
        return None

    def _forget(self, known: OperatorContainer) -> None:
        self.book.forget(known)
        task = asyncio.create_task(asyncio.to_thread(self.clear, known.run))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    def clear(self, run: str) -> None:
        """Remove what a container that is over left behind."""
        for directory in (self.sandbox_of(run), self.record_of(run)):
            volumes.remove_sandbox(directory)


def waited(type_: str, ended: Ended | None, container_id: ContainerId) -> Response:
    """The answer to a WAIT."""
    if ended is None:
        return refuse(404, f"Container {name_of(path_of(container_id))} cannot be found")
    shown: dict[str, object] = {}
    if ended.exit_status is not None:
        shown["exit_status"] = ended.exit_status
    if ended.reason is not None:  # a limit was reached: Mesos says no more of a plain end
        shown |= {"state": ended.state, "reason": ended.reason, "message": ended.message}
    return Response(200, encode({"type": type_, type_.lower(): shown}))


def new_run() -> str:
    return f"operator-{uuid4()}"


def _path_of_place(place: Place) -> Path:
    return (place.container_id, place.nested) if place.nested else (place.container_id,)
