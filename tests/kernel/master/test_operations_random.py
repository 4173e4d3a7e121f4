"""Whatever is operated, launched, lost and failed, master and agent come to the same resources.

Each step checks that what is free and held on an agent sums to what it has (`check_invariants`).
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kernel.messages.conversions import Applied, apply
from kernel.messages.quantities import from_wire, to_wire
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import Id, Offer, Task, TaskInfo
from kernel.model.kinds import UNRESERVED, Kind
from kernel.model.resources import Resources
from kernel.model.task import TaskState
from tests.kernel.master.operating import (
    RESERVED,
    Worker,
    create,
    destroy,
    grow,
    heard,
    of,
    reserve,
    shrink,
    unreserve,
    volume,
    wire,
)
from tests.kernel.master.stage import CAPABLE, SchedulerActor, Stage, launch_of, task

CHOICES = st.integers(0, 11)


def fitting(choice: int, pool: Resources) -> Operation | None:
    """An operation that the pool allows, by a number; None if there is none of that sort."""
    volumes = [(kind, n) for (kind, _), n in pool.scalars.items() if kind.volume_id is not None]
    own = [(kind, n) for kind, n in volumes if not kind.is_shared]
    kept = pool.scalars.get((RESERVED, "disk"), 0)
    free = pool.scalars.get((UNRESERVED, "disk"), 0)
    match choice:
        case 0 | 1 if free:
            return reserve(of(RESERVED, disk=min(free, 40_000), mem=1_000))
        case 2 if kept:
            return unreserve(of(RESERVED, disk=min(kept, 15_000)))
        case 3 | 4 | 5 if kept:
            names = [kind.volume_id for kind in pool.kinds()]
            name = next(name for name in (f"v{at}" for at in range(99)) if name not in names)
            made = volume(name, is_shared=choice == 5)
            return create(of(made, disk=min(kept, 20_000)))
        case 6 if volumes:
            return destroy(of(volumes[0][0], disk=volumes[0][1]))
        case 7 | 8 if own and kept:
            return grow(of(own[0][0], disk=own[0][1]), of(RESERVED, disk=min(kept, 5_000)))
        case 9 if own and own[0][1] > 5_000:
            return shrink(of(own[0][0], disk=own[0][1]), 5.0)
        case 10:
            return reserve(of(RESERVED, disk=900_000))  # more than there is
        case 11:
            return create(of(volume("v0"), disk=20_000))  # perhaps there, perhaps not
    return None


class Operating(RuleBasedStateMachine):
    """One framework with everything, two agents that may forget to listen, and the operator."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.framework: SchedulerActor = self.stage.framework(
            capabilities=(*CAPABLE, "SHARED_RESOURCES")
        )
        self.workers = [Worker(self.stage, "cpus:4;mem:100;disk:200") for _ in range(2)]
        self.running: list[dict[str, TaskInfo]] = [{}, {}]
        self.offers: dict[str, Offer] = {}
        self.launched = 0

    def worker_of(self, offer: Offer) -> Worker:
        return next(w for w in self.workers if w.id == offer.agent_id.value)

    def gather(self) -> None:
        for offer in self.framework.offers():
            self.offers[offer.id.value] = offer
        known = self.stage.master.cluster.offers
        self.offers = {key: offer for key, offer in self.offers.items() if key in known}
        heard(self.framework)

    @rule(choices=st.lists(CHOICES, max_size=4), launches=st.booleans(), first=st.booleans())
    def accept(self, choices: list[int], launches: bool, first: bool) -> None:
        self.gather()
        if not self.offers:
            return
        offer = list(self.offers.values())[0 if first else -1]
        pool, chosen = from_wire(offer.resources), list[Operation]()
        for choice in choices:
            operation = fitting(choice, pool)
            if operation is not None:
                chosen.append(operation)
                applied = apply(pool, operation)
                pool = applied.left if isinstance(applied, Applied) else pool
        if launches:
            chosen.append(launch_of(self.new_task(offer, pool)))
        self.framework.accept([offer], *chosen, refuse_s=0)

    def new_task(self, offer: Offer, pool: Resources) -> TaskInfo:
        """Of what is offered: some cpus, and the volumes that there are."""
        self.launched += 1
        amounts: dict[tuple[Kind, str], int] = {(UNRESERVED, "cpus"): 1_000}
        for (kind, name), amount in pool.scalars.items():
            if kind.volume_id is not None:
                amounts[kind, name] = amount
        resources = to_wire(Resources(amounts), refined=True, allocated_to="test")
        actor = self.worker_of(offer).actor
        return task(f"t{self.launched}", actor, resources=resources)

    @rule(at=st.integers(0, 1))
    def work(self, at: int) -> None:
        self.take(at, self.workers[at].work())

    @rule(at=st.integers(0, 1))
    def listen_and_say_nothing(self, at: int) -> None:
        self.take(at, self.workers[at].listen())

    def take(self, at: int, events: list[object]) -> None:
        worker = self.workers[at]
        for event in events:
            info = getattr(event, "task", None)
            if info is None:
                continue
            if worker.total.contains(from_wire(info.resources).named_as_in(worker.total)):
                self.running[at][info.task_id.value] = info
            else:
                self.end(at, info.task_id.value, TaskState.DROPPED)

    def end(self, at: int, task_id: str, state: TaskState) -> None:
        actor = self.workers[at].actor
        update = actor.update(self.framework, task_id, state)
        actor.say(update)
        self.framework.acknowledge(update.status)

    @rule(at=st.integers(0, 1))
    def finish(self, at: int) -> None:
        if self.running[at]:
            task_id, _ = self.running[at].popitem()
            self.end(at, task_id, TaskState.FINISHED)

    @rule(at=st.integers(0, 1))
    def come_back(self, at: int) -> None:
        """What the master said meanwhile is lost."""
        actor = self.workers[at].actor
        tasks = [self.report(actor.agent_id, info) for info in self.running[at].values()]
        frameworks = [self.framework.info]
        believed = self.workers[at].come_back(tasks=tasks, frameworks=frameworks)
        for known in believed:
            if known not in self.running[at]:
                self.end(at, known, TaskState.DROPPED)

    def report(self, agent_id: str, info: TaskInfo) -> Task:
        return Task(
            name=info.name,
            task_id=info.task_id,
            framework_id=Id(self.framework.framework_id),
            agent_id=Id(agent_id),
            state=TaskState.RUNNING,
            resources=info.resources,
        )

    @rule()
    def master_dies(self) -> None:
        self.stage.restart()
        self.offers = {}
        self.framework.subscribe()
        for at in range(2):
            self.come_back(at)

    @rule(at=st.integers(0, 1), type_=st.sampled_from(["RESERVE", "CREATE", "GROW_VOLUME"]))
    def fail_for_once(self, at: int, type_: str) -> None:
        self.workers[at].fails[type_] = None
        self.work(at)
        self.workers[at].fails.clear()

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for worker in self.workers:
            books = self.stage.master.cluster.allocator.books
            (there,) = [books[agent_id].total for agent_id in books if agent_id == worker.id]
            assert there.scalar("cpus") == 4_000

    def teardown(self) -> None:
        """When all has been said, both know the same; when all has ended, all is free."""
        for at in range(2):
            for _ in range(3):
                self.work(at)
            while self.running[at]:
                self.finish(at)
        self.gather()
        books = self.stage.master.cluster.allocator.books
        for worker in self.workers:
            [total] = [books[agent_id].total for agent_id in books if agent_id == worker.id]
            assert total == worker.total
            assert worker.total.quantities() == {"cpus": 4_000, "mem": 100_000, "disk": 200_000}
            assert wire(worker.total)


TestOperating = Operating.TestCase
TestOperating.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
