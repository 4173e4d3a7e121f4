"""Carries out the executor's effects: sandboxes, the runner's orders, probes; and posts what came.

Between `kernel.executor`, which decides, and the runner, which does. Keeps for each container what
is needed to start it again or to look into it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from kernel.agent.volumes import mounts_of
from kernel.executor.executor import Executor
from kernel.executor.talk import (
    AbandonSandbox,
    AdoptProcess,
    CheckFinished,
    CheckTask,
    Effect,
    Event,
    ForgetProcess,
    KillProcess,
    MemoryEnd,
    PrepareSandbox,
    ProbeFinished,
    ProbeTask,
    ProcessAbsent,
    ProcessEnded,
    ProcessRefused,
    ProcessStarted,
    ReportStatus,
    RunnerAttached,
    SandboxFailed,
    SandboxPrepared,
    SignalProcess,
    StartProcess,
)
from kernel.messages.v1 import Resource
from kernel.runtime.agent.config import AgentConfig
from kernel.runtime.agent.container import (
    Container,
    NoSuchUser,
    environment_of,
    limits_of,
    start_order,
    user_of,
)
from kernel.runtime.agent.fetch import FetchFailed, as_user, fetch_all, make_sandbox
from kernel.runtime.agent.probes import Beside, ask, probe
from kernel.runtime.agent.record import LAUNCHED, groups_in
from kernel.runtime.agent.runner_link import RunnerLink
from kernel.runtime.agent.volumes import link_volumes
from kernel.runtime.client import HttpClient
from kernel.runtime.driver import Driver

log = logging.getLogger(__name__)

SIGTERM = 15


class Processes:
    """Belongs to the loop. `report` takes the executor's news to the agent's machine."""

    def __init__(
        self,
        config: AgentConfig,
        directory: Path,
        groups_name: str,
        client: HttpClient,
        report: Callable[[ReportStatus], None],
    ) -> None:
        self._config = config
        self._client = client
        self._report = report
        self._endpoint = f"{config.ip}:{config.port}"
        self._work: dict[tuple[str, str], asyncio.Task[None]] = {}  # by run and what it is
        self.containers: dict[str, Container] = {}
        self.isolation_notes: list[str] = []
        self.enforced: list[str] = []
        self.attached = asyncio.Event()  # a runner was asked what became of every task
        self.driver: Driver[Event, Effect] = Driver(Executor(), self._perform)
        self.link = RunnerLink(
            directory, groups_name, on_attached=self._on_attached, on_news=self._on_news
        )

    def post(self, container: Container, event: Event) -> None:
        """Hand an event of the agent on; the container is known from the first one."""
        self.containers.setdefault(container.container_id, container)
        self.driver.post(event)

    def resize(self, run: str, held: list[Resource]) -> None:
        """A custom executor's container may use what it and its tasks hold from now on."""
        container = self.containers.get(run)
        if container is not None:
            container.held = held
            self._link(container)
            limits = limits_of(container, self._config)
            self.link.send({"do": "limit", "run": run, "limits": limits})

    def _link(self, container: Container) -> None:
        """A volume that came with a task is in its executor's sandbox before the task is told."""
        mounts = mounts_of(container.held, container.work_dir)
        try:
            owner = user_of(container, self._config)
            link_volumes(Path(container.sandbox), mounts, owner)
        except (OSError, NoSuchUser) as error:
            log.error("%s: %s", container.sandbox, error)

    # -- the runner -------------------------------------------------------------------------

    def _on_attached(self, news: dict[str, Any]) -> None:
        if news["notes"] != self.isolation_notes:
            for note in news["notes"]:
                log.warning("%s", note)
        self.isolation_notes, self.enforced = news["notes"], news["enforced"]
        self.link.send({"do": "keep", "runs": list(self.containers)})
        self.driver.post(RunnerAttached())
        self.attached.set()

    def _on_news(self, news: dict[str, Any]) -> None:
        run = news["run"]
        match news["is"]:
            case "started":
                if run in self.containers:
                    self.containers[run].pid = news["pid"]
                self.driver.post(ProcessStarted(run, news["pid"]))
            case "refused":
                self.driver.post(ProcessRefused(run, news["message"]))
            case "ended":
                memory = news.get("memory")
                end = None if memory is None else MemoryEnd(memory["limit"], memory["peak"])
                self.driver.post(ProcessEnded(run, news["status"], news["exact"], end))

    # -- effects ----------------------------------------------------------------------------

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, ReportStatus):
            self._report(effect)
            if effect.state.is_terminal:
                self._cancel(effect.run)
                self.containers.pop(effect.run, None)
            return
        if isinstance(effect, ForgetProcess):
            self.link.send({"do": "forget", "run": effect.run})
            return
        container = self.containers[effect.run]
        match effect:
            case PrepareSandbox():
                self._prepare(container)
            case AbandonSandbox(run):
                self._cancel(run)
            case StartProcess():
                self._start(container)
            case AdoptProcess():
                self._adopt(container)
            case SignalProcess(run):
                self.link.send({"do": "signal", "run": run, "signal": SIGTERM})
            case KillProcess(run):
                self.link.send({"do": "kill", "run": run})
            case ProbeTask(run):
                self._begin(run, "probe", self._probe(container))
            case CheckTask(run):
                self._begin(run, "check", self._check(container))

    def _prepare(self, container: Container) -> None:
        run = container.container_id
        try:
            make_sandbox(container, self._config)
        except NoSuchUser as error:
            self.driver.post(SandboxFailed(run, str(error)))
            return
        except OSError as error:
            self.driver.post(SandboxFailed(run, f"The sandbox can't be made: {error}"))
            return
        command = container.command
        if command is not None and command.uris:
            self._begin(run, "fetch", self._fetch(container))
        else:
            self.driver.post(SandboxPrepared(run))

    async def _fetch(self, container: Container) -> None:
        run = container.container_id
        try:
            await fetch_all(self._client, container, self._config)
        except (FetchFailed, NoSuchUser) as error:
            self.driver.post(SandboxFailed(run, str(error)))
            return
        self.driver.post(SandboxPrepared(run))

    def _start(self, container: Container) -> None:
        try:
            order = start_order(container, self._config, self._endpoint)
        except NoSuchUser as error:
            self.driver.post(ProcessRefused(container.container_id, str(error)))
            return
        self.link.send(order)

    def _adopt(self, container: Container) -> None:
        run = container.container_id
        if not Path(container.record, LAUNCHED).exists():
            self.driver.post(ProcessAbsent(run))
            return
        places = {"record": container.record, "sandbox": container.sandbox}
        self.link.send({"do": "adopt", "run": run, **places})

    async def _probe(self, container: Container) -> None:
        task = container.task
        assert task is not None and task.health_check is not None
        check = task.health_check
        healthy, detail = await probe(self._client, check, self._beside(container))
        if not healthy:
            log.info("%s is not healthy: %s", task.task_id.value, detail)
        self.driver.post(ProbeFinished(container.container_id, healthy, detail))

    async def _check(self, container: Container) -> None:
        task = container.task
        assert task is not None and task.check is not None
        check = task.check
        status, detail = await ask(self._client, check, self._beside(container))
        if status is None:
            log.info("the check of %s: %s", task.task_id.value, detail)
        self.driver.post(CheckFinished(container.container_id, status))

    def _beside(self, container: Container) -> Beside:
        groups = self.groups_of(container.container_id)
        joins = [group + "/cgroup.procs" for group in dict.fromkeys(groups.values())]
        environment = environment_of(container, self._config, self._endpoint)
        return Beside(container.sandbox, environment, joins, as_user(container, self._config))

    def groups_of(self, run: str) -> dict[str, str]:
        """The control groups of a run that exist now."""
        container = self.containers.get(run)
        return groups_in(container.record) if container is not None else {}

    # -- work under way ---------------------------------------------------------------------

    def _begin(self, run: str, what: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._work[run, what] = task
        task.add_done_callback(lambda done: self._done(run, what, done))

    def _done(self, run: str, what: str, task: "asyncio.Task[None]") -> None:
        if self._work.get((run, what)) is task:
            del self._work[run, what]
        if not task.cancelled() and task.exception() is not None:
            log.error("a mistake of ours about %s", run, exc_info=task.exception())

    def _cancel(self, run: str) -> None:
        for what in ("fetch", "probe", "check"):
            task = self._work.pop((run, what), None)
            if task is not None:
                task.cancel()

    async def stop(self) -> None:
        """Leave the tasks alone; end what we have under way."""
        for task in list(self._work.values()):
            task.cancel()
        await asyncio.gather(*self._work.values(), return_exceptions=True)
        self.driver.stop()
