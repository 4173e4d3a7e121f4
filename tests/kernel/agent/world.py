"""An agent's machine with a memory of what it persisted, so that a test can end and restore it."""

from typing import Any

from msgspec.structs import replace

from kernel.agent.agent import Agent
from kernel.agent.books import Settings
from kernel.agent.talk import AgentStarted, Effect, Event, MasterSaid, SendCall, StatusReported
from kernel.machine import Now, Persist, Put
from kernel.messages.agent import (
    AcknowledgeUpdate,
    AnyMasterEvent,
    RunTask,
    Subscribed,
    Update,
)
from kernel.messages.v1 import (
    AgentInfo,
    CommandInfo,
    FrameworkInfo,
    Id,
    TaskInfo,
    TaskStatus,
)
from kernel.model.task import TaskState

FRAMEWORK = FrameworkInfo(user="root", name="f", id=Id("F"), checkpoint=True)
SETTINGS = Settings(AgentInfo(hostname="h"), "1.11.0", "127.0.0.1", "/work", gc_delay_ms=60_000)
WALL_MS = 1_000_000_000


class World:
    """`disk` is what a crash leaves; `crash` builds the machine anew from it."""

    def __init__(self, info: AgentInfo = SETTINGS.info) -> None:
        self.info = info
        self.disk: dict[str, dict[str, bytes]] = {}
        self.now_ms = 0
        self.agent = Agent(replace(SETTINGS, info=info), self.disk)
        self.effects: list[Effect] = []

    def gets(self, event: Event, at_ms: int | None = None) -> list[Effect]:
        """The effects but `Persist`; what is persisted is on disk before they count."""
        self.now_ms = self.now_ms if at_ms is None else at_ms
        self.effects = list(self.agent.step(event, Now(self.now_ms, WALL_MS + self.now_ms)))
        self.agent.check_invariants()
        for effect in self.effects:
            if isinstance(effect, Persist):
                self._write(effect)
        return [each for each in self.effects if not isinstance(each, Persist)]

    def _write(self, persist: Persist) -> None:
        for operation in persist.operations:
            collection = self.disk.setdefault(operation.collection, {})
            if isinstance(operation, Put):
                collection[operation.key] = operation.value
            else:
                collection.pop(operation.key, None)

    def start(self, boot_id: str = "boot-1") -> list[Effect]:
        return self.gets(AgentStarted(boot_id))

    def crash(self, boot_id: str = "boot-1") -> list[Effect]:
        sorted_disk = {name: dict(sorted(rows.items())) for name, rows in self.disk.items()}
        self.agent = Agent(replace(SETTINGS, info=self.info), sorted_disk)
        return self.start(boot_id)

    def hears(self, event: AnyMasterEvent, at_ms: int | None = None) -> list[Effect]:
        return self.gets(MasterSaid(event), at_ms)

    def subscribed(self, epoch: int = 1, **more: Any) -> list[Effect]:
        return self.hears(
            Subscribed(
                agent_id=Id("S0"), master_id="M", epoch=epoch, ping_timeout_seconds=75.0, **more
            )
        )

    def runs(self, task_id: str = "t") -> str:
        """Launch a task; returns its container."""
        self.hears(RunTask(framework=FRAMEWORK, task=command(task_id)))
        record = self.agent.tasks.find("F", task_id)
        assert record is not None
        return record.container_id

    def reports(self, container: str, state: TaskState, **more: Any) -> list[Effect]:
        return self.gets(StatusReported(container, state, **more))

    def acknowledges(self, status: TaskStatus) -> list[Effect]:
        assert status.uuid is not None
        return self.hears(
            AcknowledgeUpdate(framework_id=Id("F"), task_id=status.task_id, uuid=status.uuid)
        )


def command(task_id: str, **more: Any) -> TaskInfo:
    info = more.pop("command", CommandInfo(value="sleep 1000"))
    return TaskInfo(name=task_id, task_id=Id(task_id), agent_id=Id("S0"), command=info, **more)


def sent(effects: list[Effect]) -> list[TaskStatus]:
    """The statuses of the updates among the effects."""
    return [
        each.call.status
        for each in effects
        if isinstance(each, SendCall) and isinstance(each.call, Update)
    ]


def states(effects: list[Effect]) -> list[TaskState]:
    return [status.state for status in sent(effects)]


def ready() -> World:
    """A started and registered agent."""
    world = World()
    world.start()
    world.subscribed()
    return world
