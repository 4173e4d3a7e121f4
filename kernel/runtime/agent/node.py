"""Joins the agent's machine to the world: the master, the executor's shell, the store.

Decides nothing; the effects of `kernel.agent` become calls, launches and files here.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from kernel.agent.agent import Agent
from kernel.agent.books import Settings
from kernel.agent.pressure import Limits
from kernel.agent.talk import (
    AgentStarted,
    CloseExecutorStream,
    CloseGrave,
    Effect,
    EndAgent,
    Event,
    HangUp,
    KillContainer,
    LaunchExecutor,
    LaunchMisread,
    LaunchTask,
    MakeVolume,
    MasterLost,
    MasterSaid,
    RecoverExecutor,
    RecoverTask,
    RemoveSandbox,
    RemoveVolume,
    ResizeExecutor,
    SendCall,
    SendToExecutor,
    ShutdownRequested,
    StatusReported,
    UsageMeasured,
    VolumeRemoved,
)
from kernel.executor.talk import (
    KillOrdered,
    LaunchOrdered,
    LifeRecovered,
    ReportStatus,
)
from kernel.messages.agent import AnyAgentCall, Batch, Subscribed, read_event, read_named_launch
from kernel.messages.codec import Malformed, encode
from kernel.messages.v1 import Id
from kernel.runtime.agent import orders, volumes
from kernel.runtime.agent.config import AgentConfig, masters
from kernel.runtime.agent.executor_api import ExecutorStreams
from kernel.runtime.agent.former import STORE_FILE
from kernel.runtime.agent.host import MESOS_VERSION, agent_info, boot_id
from kernel.runtime.agent.meter import Meter, pressure
from kernel.runtime.agent.operator_containers import Containers
from kernel.runtime.agent.processes import Processes
from kernel.runtime.agent.sessions import Sessions
from kernel.runtime.authentication import authorization
from kernel.runtime.client import Conversation, HttpClient
from kernel.runtime.clock import Clock
from kernel.runtime.driver import Driver
from kernel.store import open_store

log = logging.getLogger(__name__)

RUNNER_PATIENCE_S = 4.0
_SILENCE_S = 120.0  # the machine knows better once SUBSCRIBED said how often the master pings


class Node:
    """One agent process. `on_end` is called once the agent has ended itself for good."""

    def __init__(self, config: AgentConfig, on_end: Callable[[], None]) -> None:
        self.config = config
        self.work_dir = str(Path(config.work_dir).absolute())
        self._on_end = on_end
        self._tasks: list[asyncio.Task[None]] = []
        self.started_wall_ms = 0

    async def start(self) -> None:
        """Recover, attach to the runner, subscribe. Raises `StoreError`, OSError."""
        meta = Path(self.work_dir, "meta")
        meta.mkdir(parents=True, exist_ok=True)
        clock = Clock()
        self.started_wall_ms = clock.now().wall_ms
        self._store = open_store(f"sqlite:///{meta / STORE_FILE}", "agent")
        term = self._store.lead(f"agent at {self.config.ip}:{self.config.port}")
        settings = Settings(
            agent_info(self.config, Path(self.work_dir)),
            MESOS_VERSION,
            self.config.ip,
            self.work_dir,
            round(self.config.gc_delay * 1000),
            round(self.config.executor_registration_timeout * 1000),
            round(self.config.executor_reregistration_timeout * 1000),
            round(self.config.executor_shutdown_grace_period * 1000),
            self.config.resource_estimator,
            Limits(self.config.qos_mem_floor, round(self.config.qos_load_max * 1000)),
        )
        self.machine = Agent(settings, self._store.load())
        self.client = HttpClient()
        self.executors = ExecutorStreams()
        self.processes = Processes(
            self.config, meta / "runner", groups_name(self.work_dir), self.client, self._report
        )
        self.sessions = Sessions()
        self.containers = Containers(self.processes, self.work_dir, self.sessions.over)
        self.driver: Driver[Event, Effect] = Driver(
            self.machine, self._perform, clock=clock, store=self._store, term=term
        )
        self.driver.start()
        self.processes.driver.start()
        self.driver.post(AgentStarted(boot_id()))
        # Whatever the runner has and we do not know of, it kills: it must not ask us before every
        # task that was recovered is known.
        await self.driver.settled()
        self._conversation: Conversation[AnyAgentCall] = self._converse()
        for run in (self.processes.link.run(), self._register(), self._measure()):
            self._tasks.append(asyncio.create_task(run))

    @property
    def is_recovering(self) -> bool:
        """Whether what is known of tasks is still that of an earlier life."""
        return not self.processes.attached.is_set() or self.machine.custom.is_recovering

    async def _register(self) -> None:
        """No master hears of tasks before the runner was asked about them."""
        await self.processes.attached.wait()
        await self._conversation.run()

    async def _measure(self) -> None:
        """For as long as something is lent out."""
        if self.config.resource_estimator == "none":
            return
        meter = Meter(self.machine, self.work_dir)
        while True:
            await asyncio.sleep(self.config.oversubscribed_resources_interval)
            self.driver.post(UsageMeasured(meter.usages(), pressure()))

    async def stop(self) -> None:
        """The agent goes, its tasks live on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.processes.stop()
        await self.driver.settled()
        self.driver.stop()
        self._store.close()
        await self.client.close()

    def shut_down(self, reason: str) -> None:
        """End all tasks, the runner and this process."""
        self.driver.post(ShutdownRequested(reason))

    # -- the master -------------------------------------------------------------------------

    def _converse(self) -> "Conversation[AnyAgentCall]":
        return Conversation(
            self.client,
            masters(self.config),
            subscribe=lambda: encode(self.machine.subscribe_call()),
            on_subscribed=lambda: None,
            on_record=self._on_record,
            on_disconnected=self._on_disconnected,
            pack=self._pack,
            silence_timeout_s=_SILENCE_S,
            authorization=authorization(self.config.credential) if self.config.credential else "",
        )

    def _on_record(self, record: bytes) -> None:
        try:
            event = read_event(record)
        except Malformed as error:
            log.error("the master sent what is no event of ours: %s", error)
            if (launch := read_named_launch(record)) is not None:
                self.driver.post(LaunchMisread(launch, str(error)))
            return
        if isinstance(event, Subscribed):
            log.info("registered with master %s as %s", event.master_id, event.agent_id.value)
        self.driver.post(MasterSaid(event))

    def _on_disconnected(self, reason: str) -> None:
        log.info("the master is gone: %s", reason)
        self.driver.post(MasterLost(reason))

    def _pack(self, calls: Sequence[AnyAgentCall]) -> list[bytes]:
        agent_id = self.machine.registration.standing.agent_id
        assert agent_id is not None, "calls follow SUBSCRIBED"
        return [encode(Batch(agent_id=Id(agent_id), calls=list(calls)))]  # type: ignore[arg-type]

    # -- effects ----------------------------------------------------------------------------

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SendCall(call):
                self._conversation.send(call)
            case LaunchTask() | RecoverTask() | LaunchExecutor() | RecoverExecutor():
                self._start(effect)
            case ResizeExecutor(container_id):
                self.processes.resize(container_id, orders.held(self.machine, container_id))
            case SendToExecutor(stream_id, event):
                self.executors.send(stream_id, event)
            case CloseExecutorStream(stream_id):
                self.executors.close(stream_id)
            case KillContainer(container_id, grace_ms):
                self.processes.driver.post(KillOrdered(container_id, grace_ms))
            case RemoveSandbox(directory, record_directory):
                self._remove(directory, record_directory)
            case MakeVolume(directory):
                _tried(directory, lambda: volumes.make_volume(directory))
            case RemoveVolume():
                self._remove_volume(effect)
            case CloseGrave(grave):
                volumes.close_grave(grave)
            case HangUp(reason):
                if not self.machine.registration.connected:  # else a new stream came meanwhile
                    log.warning("leaving the master: %s", reason)
                    self._conversation.hang_up()
            case EndAgent(reason):
                log.info("ending: %s", reason)
                self._tasks.append(asyncio.create_task(self._end()))

    def _start(self, effect: LaunchTask | RecoverTask | LaunchExecutor | RecoverExecutor) -> None:
        machine, work_dir, container_id = self.machine, self.work_dir, effect.container_id
        match effect:
            case LaunchTask(_, framework, task):
                event: LaunchOrdered | LifeRecovered = orders.launch(container_id, framework, task)
            case RecoverTask():
                event = orders.recover(effect)
            case LaunchExecutor():
                event = orders.launch_executor(container_id)
            case RecoverExecutor():
                event = orders.recover_executor(effect)
        framework = effect.framework
        if isinstance(effect, LaunchTask | RecoverTask):
            container = orders.task_container(
                machine, work_dir, container_id, framework, effect.task
            )
        else:
            container = orders.executor_container(machine, work_dir, container_id, framework)
        self.processes.post(container, event)

    def _report(self, report: ReportStatus) -> None:
        if self.containers.heard(report):
            return
        container = self.processes.containers.get(report.run)
        self.driver.post(
            StatusReported(
                report.run,
                report.state,
                report.message,
                report.reason,
                report.healthy,
                report.source,
                report.memory_limit_bytes,
                report.check_status,
                (container.pid or None) if container is not None else None,
                report.wait_status,
            )
        )

    def _remove(self, *directories: str) -> None:
        async def remove() -> None:
            for directory in directories:
                await asyncio.to_thread(volumes.remove_sandbox, directory)
                with contextlib.suppress(OSError):  # empty parents go with it
                    link = Path(directory).parent / "latest"
                    if link.is_symlink() and not link.exists():
                        link.unlink()
                    Path(directory).parent.rmdir()

        self._beside(remove())

    def _remove_volume(self, effect: RemoveVolume) -> None:
        """Out of the way at once, before anything that follows; deleted beside."""

        async def empty() -> None:
            try:
                await asyncio.to_thread(volumes.empty_grave, effect.grave)
            except OSError as error:
                log.error("%s can't be removed: %s", effect.grave, error)
            else:
                self.driver.post(VolumeRemoved(effect.name))

        place = effect.directory, effect.grave, effect.is_whole_disk
        if _tried(effect.directory, lambda: volumes.bury(*place)):
            self._beside(empty())

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    async def _end(self) -> None:
        await self.processes.link.shut_down(RUNNER_PATIENCE_S)
        self._on_end()


def _tried(directory: str, act: Callable[[], None]) -> bool:
    """A disk's trouble is logged; a task that needs the volume will say it too."""
    try:
        act()
    except OSError as error:
        log.error("the persistent volume %s: %s", directory, error)
        return False
    return True


def groups_name(work_dir: str) -> str:
    """Of the control groups below which all tasks of this work directory live."""
    return "tepui-" + hashlib.blake2b(work_dir.encode(), digest_size=5).hexdigest()
