"""The sentences that say why an app waits."""

from marathon_app.core import events, views
from tests.marathon_app.core.world import World

CHECK = {"protocol": "HTTP", "gracePeriodSeconds": 60}


def why(world: World) -> list[str]:
    return views.why(world.machine, "/web", world.now)


def test_an_app_that_is_as_it_should_be_waits_for_nothing() -> None:
    world = World()
    world.put("/web", cmd="sleep 1")

    assert why(world) == []


def test_without_a_master_it_says_so() -> None:
    world = World()
    world.disconnect()

    world.put("/web", cmd="sleep 1")

    assert why(world) == ["1 instance of /web not started: there is no connection to the master"]


def test_a_broken_constraint_is_named() -> None:
    world = World()

    world.put("/web", cmd="sleep 1", constraints=[["rack", "CLUSTER", "r1"]])

    assert why(world) == [
        "1 instance of /web not started: host-a0 the agent has no attribute 'rack', "
        "which rack:CLUSTER:r1 needs"
    ]


def test_an_unjudged_instance_is_named_with_what_its_check_saw() -> None:
    world = World()
    world.put("/web", cmd="sleep 1", healthChecks=[CHECK])
    assert why(world) == ["1 instance of /web not healthy yet"]

    world.probe(world.launched[0], False, "connection refused")

    assert why(world) == [
        "1 instance of /web not healthy yet: the health check says: connection refused"
    ]


def test_a_drain_is_told() -> None:
    world = World()
    world.put("/web", cmd="sleep 1", instances=2)
    world.post(events.DrainSubscribed("lb"))

    world.put("/web", instances=0)

    assert why(world) == [
        "2 instances of /web being stopped, 2 of them being drained by load balancers first"
    ]
