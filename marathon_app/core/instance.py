"""Knows every instance: one record per placed task, indexed by task and by app, counted by app.

The record is the intent: it is written before the task is launched, and the task id follows from
it, so nothing starts twice. Counts are kept, not computed: no event costs O(instances).
Leaves what an instance should do to `deployment`, `kill` and `health`.
"""

from collections.abc import Iterator
from hashlib import sha256

from msgspec import Struct

from kernel.model.task import TaskState
from marathon_app.core.outbox import Outbox

COLLECTION = "instances"


class Instance(Struct, frozen=True):
    """What is durable about one task. Times are wall milliseconds."""

    task_id: str
    app_id: str
    number: int  # in order of launch, over all apps
    version: str  # of the app at launch
    config: str  # names the configuration; a scaled app keeps it
    agent_id: str
    host: str
    staged_ms: int
    attributes: dict[str, str] = {}  # of the agent, for constraints
    region: str | None = None
    zone: str | None = None
    ports: tuple[int, ...] = ()
    role: str = "marathon"
    state: TaskState = TaskState.STAGING
    is_confirmed: bool = False  # a status has come
    started_ms: int | None = None
    ip_addresses: tuple[str, ...] = ()
    alive: tuple[bool | None, ...] = ()  # verdict per health check; None: not judged yet
    is_ready: bool = True
    doomed: str = ""  # why it is to be killed; "" is not
    drains: tuple[str, ...] = ()  # who still routes to it; KILL waits for them
    unreachable_ms: int | None = None
    is_inactive: bool = False  # unreachable for so long that it has been replaced

    @property
    def instance_id(self) -> str:
        return self.task_id.partition("._app.")[0]

    @property
    def host_ports(self) -> tuple[int, ...]:
        """As /v2 lists them: without those that exist in the container only."""
        return tuple(port for port in self.ports if port)

    @property
    def is_doomed(self) -> bool:
        return bool(self.doomed)

    @property
    def is_active(self) -> bool:
        """Counts towards the target."""
        return not self.doomed and not self.is_inactive

    @property
    def is_healthy(self) -> bool:
        """Serves, as far as one knows. DIFFERS: upstream counts a staging one without checks."""
        return (
            not self.doomed
            and self.state is TaskState.RUNNING
            and all(alive is True for alive in self.alive)
        )

    @property
    def is_settled(self) -> bool:
        return self.is_healthy and self.is_ready


def task_id(app_id: str, salt: str, number: int) -> str:
    """Marathon's form; `_` stands for `/`. The uuid is made of the number, not of chance."""
    return f"{app_id.strip('/').replace('/', '_')}.instance-{uuid(f'{salt}/{number}')}._app.1"


def uuid(name: str) -> str:
    """A text that looks like a random uuid and is the same for the same name."""
    digest = sha256(name.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


class Tally(Struct):
    """Counts of one app; dicts are by configuration."""

    active: dict[str, int] = {}
    healthy: dict[str, int] = {}
    settled: dict[str, int] = {}
    doomed: int = 0
    staged: int = 0
    running: int = 0
    judged_healthy: int = 0
    judged_unhealthy: int = 0

    def add(self, instance: Instance, sign: int) -> None:
        if instance.is_active:
            _bump(self.active, instance.config, sign)
        if instance.is_healthy:
            _bump(self.healthy, instance.config, sign)
        if instance.is_settled:
            _bump(self.settled, instance.config, sign)
        self.doomed += sign * instance.is_doomed
        self.staged += sign * (instance.state in (TaskState.STAGING, TaskState.STARTING))
        self.running += sign * (instance.state is TaskState.RUNNING)
        if any(alive is not None for alive in instance.alive):
            is_alive = all(alive is True for alive in instance.alive)
            self.judged_healthy += sign * is_alive
            self.judged_unhealthy += sign * (not is_alive)

    @property
    def active_total(self) -> int:
        return sum(self.active.values())

    @property
    def healthy_total(self) -> int:
        return sum(self.healthy.values())


def _bump(counts: dict[str, int], key: str, by: int) -> None:
    left = counts.get(key, 0) + by
    assert left >= 0, f"{key} counted below zero"
    if left:
        counts[key] = left
    else:
        counts.pop(key, None)


NOBODY = Tally()


class Instances:
    """All instances. Changed through `put` and `remove` only, so that the counts are right."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._by_task: dict[str, Instance] = {}
        self._by_app: dict[str, dict[str, Instance]] = {}
        self._unsettled: dict[str, dict[str, Instance]] = {}  # active, not (yet) healthy and ready
        self._tallies: dict[str, Tally] = {}
        self.dirty: dict[str, None] = {}  # apps whose instances changed in this step

    def __len__(self) -> int:
        return len(self._by_task)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._by_task.values())

    def get(self, task_id: str) -> Instance | None:
        return self._by_task.get(task_id)

    def of_app(self, app_id: str) -> list[Instance]:
        return list(self._by_app.get(app_id, {}).values())

    def has_any(self, app_id: str) -> bool:
        return app_id in self._by_app

    def app_ids(self) -> list[str]:
        return list(self._by_app)

    def unsettled(self, app_id: str) -> Iterator[Instance]:
        return iter(self._unsettled.get(app_id, {}).values())

    def tally(self, app_id: str) -> Tally:
        return self._tallies.get(app_id, NOBODY)

    def load(self, instance: Instance) -> None:
        """Take in a record that is durable already."""
        self._index(instance)

    def put(self, instance: Instance) -> None:
        self._index(instance)
        self._outbox.put(COLLECTION, instance.task_id, instance)

    def note(self, instance: Instance) -> None:
        """Take in a change that need not survive a restart."""
        self._index(instance)

    def remove(self, task_id: str) -> None:
        instance = self._by_task.pop(task_id)
        app = self._by_app[instance.app_id]
        del app[task_id]
        self._tallies[instance.app_id].add(instance, -1)
        self._unsettled[instance.app_id].pop(task_id, None)
        if not app:
            del self._by_app[instance.app_id]
            del self._tallies[instance.app_id]
            del self._unsettled[instance.app_id]
        self.dirty[instance.app_id] = None
        self._outbox.delete(COLLECTION, task_id)

    def _index(self, instance: Instance) -> None:
        app_id = instance.app_id
        old = self._by_task.get(instance.task_id)
        tally = self._tallies.setdefault(app_id, Tally())
        if old is not None:
            tally.add(old, -1)
        tally.add(instance, 1)
        self._by_task[instance.task_id] = instance
        self._by_app.setdefault(app_id, {})[instance.task_id] = instance
        unsettled = self._unsettled.setdefault(app_id, {})
        if instance.is_active and not instance.is_settled:
            unsettled[instance.task_id] = instance
        else:
            unsettled.pop(instance.task_id, None)
        self.dirty[app_id] = None

    def check_invariants(self) -> None:
        for app_id, found in self._by_app.items():
            assert found, f"{app_id} is indexed without instances"
            tally = Tally()
            for task_id, instance in found.items():
                assert self._by_task[task_id] is instance, f"{task_id} is indexed twice"
                tally.add(instance, 1)
            assert tally == self._tallies[app_id], f"{app_id}: counts are off"
            expected = [i.task_id for i in found.values() if i.is_active and not i.is_settled]
            assert sorted(self._unsettled[app_id]) == sorted(expected), f"{app_id}: unsettled"
        assert sum(map(len, self._by_app.values())) == len(self._by_task)
