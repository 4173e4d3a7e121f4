"""What an agent lends out and takes back. Source: mesos.md §1.2; docs/oversubscription.md."""

from msgspec.structs import replace

from kernel.agent.agent import Agent
from kernel.agent.estimator import Usage
from kernel.agent.pressure import Limits, Pressure
from kernel.agent.talk import Effect, KillContainer, SendCall, UsageMeasured
from kernel.messages.agent import RunTask, UpdateOversubscribed
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import Resource, ScalarValue
from kernel.model.task import TaskState
from tests.kernel.agent.world import FRAMEWORK, SETTINGS, World, command, sent

AT_EASE, SHORT = Pressure(4_000, 500), Pressure(100, 500)
REVOCABLE = Resource(name="cpus", type="SCALAR", scalar=ScalarValue(1.0), revocable={})


def ready(estimator: str = "usage") -> World:
    world = World()
    settings = replace(SETTINGS, estimator=estimator, limits=Limits(256, 4_000))
    world.agent = Agent(settings, world.disk)
    world.start()
    world.subscribed()
    return world


def measures(world: World, cpus_used: int, pressure: Pressure = AT_EASE) -> list[Effect]:
    usage = Usage("c", {"cpus": 4_000}, {"cpus": cpus_used})
    return world.gets(UsageMeasured([usage], pressure))


def lent(effects: list[Effect]) -> list[dict[str, int]]:
    calls = [each.call for each in effects if isinstance(each, SendCall)]
    updates = [call for call in calls if isinstance(call, UpdateOversubscribed)]
    return [from_wire(update.resources).revocable().quantities() for update in updates]


def lends(world: World, task_id: str, at_ms: int) -> str:
    """A task on revocable resources, launched then; returns its container."""
    task = command(task_id, resources=[REVOCABLE])
    world.hears(RunTask(framework=FRAMEWORK, task=task), at_ms)
    record = world.agent.tasks.find("F", task_id)
    assert record is not None
    return record.container_id


def test_the_master_hears_of_each_change_and_of_nothing_else() -> None:
    world = ready()
    told = [amounts for _ in range(100) for amounts in lent(measures(world, 0))]

    assert told[0] == {"cpus": 100} or told[0]["cpus"] < 500
    assert told[-1] == {"cpus": world.agent.oversubscription.lent.scalar("cpus")}
    assert len(told) == len({each["cpus"] for each in told})
    assert lent(measures(world, 4_000)) == [{}]


def test_a_new_master_hears_it_again_and_a_fixed_amount_at_once() -> None:
    world = ready("fixed:cpus:2")

    assert lent(world.subscribed()) == [{"cpus": 2_000}]
    assert lent(measures(world, 0)) == []


def test_under_pressure_the_youngest_revocable_container_goes_one_at_a_time() -> None:
    world = ready()
    world.runs("regular")
    old, young = lends(world, "old", 1_000), lends(world, "young", 2_000)

    kills = [
        [each for each in measures(world, 4_000, SHORT) if isinstance(each, KillContainer)]
        for _ in range(3)
    ]

    assert kills == [[KillContainer(young, 0)], [KillContainer(old, 0)], []]
    last = sent(world.reports(young, TaskState.KILLED))[-1]
    assert (last.state, last.reason) == (TaskState.GONE, "REASON_CONTAINER_PREEMPTED")


def test_a_load_above_its_limit_is_pressure_too_and_at_ease_nobody_goes() -> None:
    world = ready()
    container = lends(world, "t", 0)

    assert not any(isinstance(each, KillContainer) for each in measures(world, 4_000))
    assert KillContainer(container, 0) in measures(world, 4_000, Pressure(4_000, 4_001))
