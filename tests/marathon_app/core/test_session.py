"""Asking the master for the truth. Source: Mesos, docs/reconciliation.md."""

from kernel.messages import scheduler
from marathon_app.core import effects
from tests.marathon_app.core.world import World


def asked(world: World) -> list[int]:
    """How many tasks each RECONCILE named so far; 0 is implicit."""
    calls = [e.call for e in world.effects if isinstance(e, effects.SendCall)]
    return [len(call.reconcile.tasks) for call in calls if call.reconcile is not None]


def test_each_connection_asks_for_each_task_and_for_all() -> None:
    world = World()
    world.put("/web", cmd="sleep 1", instances=3)
    world.effects.clear()

    world.disconnect()
    world.connect()

    assert asked(world) == [3, 0]


def test_a_silent_master_is_asked_again() -> None:
    world = World()
    world.put("/web", cmd="sleep 1", instances=3)
    world._reconcile = lambda asked: None  # type: ignore[method-assign]
    world.restart()
    world.effects.clear()

    world.after(31_000)

    assert asked(world) == [3, 3]


def test_all_is_asked_for_every_ten_minutes() -> None:
    world = World()
    world.put("/web", cmd="sleep 1")
    world.after(20_000)
    world.effects.clear()

    world.after(601_000)

    assert asked(world) == [1, 0]


def test_nothing_is_sent_while_disconnected() -> None:
    world = World()
    world.put("/web", cmd="sleep 1")
    world.disconnect()
    world.effects.clear()

    world.put("/web", instances=0)
    world.after(700_000)
    assert [e for e in world.effects if isinstance(e, effects.SendCall)] == []
    assert world.killed == []
    world.connect()

    assert len(world.killed) == 1
    kinds = [e.call.type for e in world.effects if isinstance(e, effects.SendCall)]
    assert kinds[0] is scheduler.CallType.RECONCILE
