"""Who dies first, and how a load balancer is asked before."""

from kernel.machine import Persist
from kernel.messages import scheduler
from kernel.model.task import TaskState
from marathon_app.core import effects, events, views
from marathon_app.core.instance import Instance
from marathon_app.core.kill import order, order_balanced
from marathon_app.schema.app import KillSelection
from tests.marathon_app.core.world import World

CHECK = {"protocol": "HTTP", "gracePeriodSeconds": 0, "maxConsecutiveFailures": 2}


def instance(number: int, **more: object) -> Instance:
    fields: dict[str, object] = {
        "task_id": f"t{number}",
        "app_id": "/web",
        "number": number,
        "version": "v",
        "config": "v",
        "agent_id": "a0",
        "host": "h",
        "staged_ms": number,
        "started_ms": number,
        "state": TaskState.RUNNING,
    }
    return Instance(**(fields | more))  # type: ignore[arg-type]


def numbers(found: list[Instance]) -> list[int]:
    return [one.number for one in found]


def test_the_youngest_or_the_oldest_dies_first_as_the_app_says() -> None:
    found = [instance(2), instance(1), instance(3)]

    assert numbers(order(found, KillSelection.YOUNGEST_FIRST)) == [3, 2, 1]
    assert numbers(order(found, KillSelection.OLDEST_FIRST)) == [1, 2, 3]


def test_those_of_least_use_die_first() -> None:
    """Source: Marathon, InstanceKillSelection. DIFFERS: unhealthy before healthy."""
    found = [
        instance(1),
        instance(2, state=TaskState.STARTING),
        instance(3, alive=(False,)),
        instance(4, state=TaskState.STAGING),
        instance(5, state=TaskState.UNREACHABLE),
    ]

    assert numbers(order(found, KillSelection.OLDEST_FIRST)) == [5, 4, 2, 3, 1]


def test_the_fullest_group_gives_first() -> None:
    racks = ["x", "x", "x", "y", "z", "z"]
    found = [instance(n, attributes={"rack": rack}) for n, rack in enumerate(racks)]

    ordered = order_balanced(found, KillSelection.OLDEST_FIRST, ["rack"])

    assert [one.attributes["rack"] for one in ordered[:3]] == ["x", "x", "z"]


def routed(instances: int = 2) -> World:
    world = World()
    world.put("/web", cmd="sleep 1", instances=instances)
    world.post(events.DrainSubscribed("lb"))
    return world


def test_a_kill_waits_for_the_load_balancer() -> None:
    world = routed()

    world.put("/web", instances=1)
    [doomed] = [i for i in world.instances("/web") if i.is_doomed]
    assert world.killed == []
    shown = views.task(world.machine, doomed.task_id)
    assert shown is not None
    assert shown.state == "TASK_KILLING"
    said = [
        effect.data["taskStatus"]
        for effect in world.effects
        if isinstance(effect, effects.PublishEvent) and effect.data.get("taskId") == doomed.task_id
        if effect.event_type == "status_update_event"
    ]
    assert said[-1] == "TASK_KILLING"
    world.post(events.DrainedReported("lb", (doomed.task_id,)))

    assert world.killed == [doomed.task_id]


def test_a_silent_load_balancer_is_waited_for_only_so_long() -> None:
    world = routed()
    world.put("/web", instances=1)

    world.after(9_999)
    assert world.killed == []
    world.after(1)

    assert len(world.killed) == 1


def test_a_load_balancer_that_left_is_expected_back() -> None:
    """It was killed, its HAProxy was not: that one still routes to what it knew last."""
    world = routed()

    world.post(events.DrainUnsubscribed("lb"))
    world.put("/web", instances=1)
    assert world.killed == []
    [doomed] = [i.task_id for i in world.instances("/web") if i.is_doomed]
    world.post(events.DrainSubscribed("lb"))
    world.after(9_000)
    assert world.killed == []
    world.post(events.DrainedReported("lb", (doomed,)))

    assert world.killed == [doomed]


def test_a_load_balancer_that_left_for_good_is_waited_for_only_so_long() -> None:
    world = routed()
    world.post(events.DrainUnsubscribed("lb"))
    world.after(4_000)

    world.put("/web", instances=1)
    world.after(5_999)
    assert world.killed == []
    world.after(1)

    assert len(world.killed) == 1
    assert world.store["routers"] == {}


def test_all_load_balancers_must_have_reported() -> None:
    world = routed()
    world.post(events.DrainSubscribed("other"))
    world.put("/web", instances=1)
    [doomed] = [i.task_id for i in world.instances("/web") if i.is_doomed]

    world.post(events.DrainedReported("lb", (doomed,)))
    assert world.killed == []
    world.post(events.DrainedReported("other", (doomed,)))

    assert world.killed == [doomed]


def test_an_unhealthy_one_is_killed_without_waiting() -> None:
    world = World()
    world.put("/web", cmd="sleep 1", healthChecks=[CHECK])
    world.post(events.DrainSubscribed("lb"))
    [victim] = world.launched

    world.probe(victim, False, "500")
    world.probe(victim, False, "500")

    assert world.killed == [victim]


def test_a_drain_outlives_a_restart() -> None:
    world = routed()
    world.put("/web", instances=1)
    [doomed] = [i.task_id for i in world.instances("/web") if i.is_doomed]

    world.restart()
    assert world.killed == []
    world.post(events.DrainSubscribed("lb"))
    world.post(events.DrainedReported("lb", (doomed,)))

    assert world.killed == [doomed]


def test_a_load_balancer_is_expected_back_after_a_restart() -> None:
    """It still routes; a kill that is decided before it is back must wait for it."""
    world = routed()

    world.restart()
    world.put("/web", instances=1)
    assert world.killed == []
    [doomed] = [i.task_id for i in world.instances("/web") if i.is_doomed]
    world.post(events.DrainSubscribed("lb"))
    world.post(events.DrainedReported("lb", (doomed,)))

    assert world.killed == [doomed]


def test_a_load_balancer_that_stays_away_is_given_up() -> None:
    world = routed()
    world.restart()

    world.after(10_001)
    world.put("/web", instances=1)

    assert len(world.killed) == 1
    assert world.store["routers"] == {}


def test_a_kill_is_repeated_until_the_task_is_dead() -> None:
    world = World()
    world.put("/web", cmd="sleep 1")
    world.auto_die = False
    world.change(events.DeleteApps(("/web",)))

    world.after(65_000)

    calls = [e.call for e in world.effects if isinstance(e, effects.SendCall)]
    assert sum(call.type is scheduler.CallType.KILL for call in calls) == 3


def test_who_is_doomed_is_durable_before_the_kill_leaves() -> None:
    world = World()
    world.put("/web", cmd="sleep 1")

    request = events.RootUpdateRequested(9, events.DeleteApps(("/web",)))
    found = world.post(request)

    assert isinstance(found[0], Persist)
    kinds = [type(effect) for effect in found]
    assert kinds.index(effects.SendCall) > 0
    assert "the app was deleted" in str(found[0])
