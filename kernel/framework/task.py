"""What a framework wants to have run, where it stands, and how Mesos is told of it.

`Task` says it in people's units, as flags and files have them; the exact form is `matching.Demand`.
Leaves when and where to `workload`. Source: Mesos, include/mesos/v1/mesos.proto (TaskInfo).
"""

from collections.abc import Mapping

from msgspec import Struct

from kernel.framework.matching import Demand, Taken
from kernel.messages import quantities
from kernel.messages.v1 import (
    CommandInfo,
    Environment,
    Id,
    Label,
    Labels,
    Offer,
    TaskInfo,
    Uri,
    Variable,
)
from kernel.model.resources import ResourcesMalformed, milli
from kernel.model.task import TaskState

ID_LENGTH_MAX = 255  # an id names a directory on the agent


class TaskInvalid(ValueError):
    """A task that no master would take; the text says which field and why."""


class Task(Struct, frozen=True, omit_defaults=True):
    """One shell command and what it needs. `id` is yours and names this one run: never use it
    again, give a retry another. `mem` and `disk` are MiB; `ports_count` host ports come to the
    command as PORT0, PORT1, …"""

    id: str
    command: str
    cpus: float = 0.1
    mem: float = 32.0
    disk: float = 0.0
    gpus: float = 0.0
    ports_count: int = 0
    name: str = ""  # for people; the id if empty
    user: str | None = None  # the framework's if None
    environment: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    uris: tuple[str, ...] = ()  # fetched into the sandbox, archives unpacked

    def check(self) -> None:
        """Raises `TaskInvalid`."""
        if not self.id or len(self.id) > ID_LENGTH_MAX or self.id in (".", ".."):
            raise TaskInvalid(f"id: '{self.id[:40]}' must have 1 to {ID_LENGTH_MAX} characters")
        if "/" in self.id or not self.id.isprintable():
            raise TaskInvalid(f"id: '{self.id}' has a slash or a character that cannot be printed")
        if not self.command:
            raise TaskInvalid(f"{self.id}: command: there is nothing to run")
        for name, amount in _amounts(self).items():
            try:
                is_possible = milli(amount) >= 0
            except ResourcesMalformed as error:
                raise TaskInvalid(f"{self.id}: {name}: {error}") from None
            if not is_possible:
                raise TaskInvalid(f"{self.id}: {name}: {amount:g} is negative")
        if milli(self.cpus) <= 0 and milli(self.mem) <= 0:
            raise TaskInvalid(f"{self.id}: cpus, mem: a task needs some of one of them")


def _amounts(task: Task) -> dict[str, float]:
    return {
        "cpus": task.cpus,
        "mem": task.mem,
        "disk": task.disk,
        "gpus": task.gpus,
        "ports_count": task.ports_count,
    }


class TaskRecord(Struct, frozen=True, omit_defaults=True):
    """Where a task stands. `state` is None while it waits for an offer; the rest of what is known
    comes with the offer that it was launched on and with its updates."""

    task: Task
    number: int  # in the order of submission
    state: TaskState | None = None
    agent_id: str = ""
    hostname: str = ""
    ports: tuple[int, ...] = ()
    message: str = ""
    reason: str = ""  # REASON_…
    uuid: bytes | None = None  # of the last update that had to be acknowledged
    is_over: bool = False  # ended, or not known to the master
    is_doomed: bool = False  # `kill` was asked for

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def is_launched(self) -> bool:
        """Whether it may be running."""
        return self.state is not None and not self.is_over

    @property
    def is_finished(self) -> bool:
        """Whether it ended well."""
        return self.state is TaskState.FINISHED


def demand_of(task: Task) -> Demand:
    """Exact, and without what is not needed at all."""
    wanted = {"cpus": task.cpus, "mem": task.mem, "disk": task.disk, "gpus": task.gpus}
    scalars = {name: milli(amount) for name, amount in wanted.items()}
    return Demand(
        scalars={name: amount for name, amount in scalars.items() if amount},
        ports_count=task.ports_count,
    )


def task_info(task: Task, offer: Offer, taken: Taken) -> TaskInfo:
    """What is launched, on an offer's agent, with what was taken of the offer."""
    ports = {f"PORT{index}": str(port) for index, port in enumerate(taken.ports)}
    variables = {**task.environment, **ports}
    command = CommandInfo(
        value=task.command,
        user=task.user,
        uris=[Uri(value=uri) for uri in task.uris],
        environment=Environment(
            variables=[Variable(name=name, value=value) for name, value in variables.items()]
        )
        if variables
        else None,
    )
    allocated_to = offer.allocation_info.role if offer.allocation_info else None
    labels = [Label(key=key, value=value) for key, value in task.labels.items()]
    return TaskInfo(
        name=task.name or task.id,
        task_id=Id(task.id),
        agent_id=offer.agent_id,
        resources=quantities.to_wire(taken.resources, allocated_to=allocated_to),
        command=command,
        labels=Labels(labels=labels) if labels else None,
    )
