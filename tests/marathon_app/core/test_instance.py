"""Task ids and the counts that every decision rests on."""

from kernel.model.task import TaskState
from marathon_app.core.instance import Instances, Tally, task_id, uuid
from marathon_app.core.news import app_id_of
from marathon_app.core.outbox import Outbox
from tests.marathon_app.core.test_kill import instance


def test_a_task_id_tells_its_app_and_is_never_used_twice() -> None:
    """Source: Marathon's form: group_app.instance-<uuid>._app.<incarnation>."""
    first, second = task_id("/shop/web", "fw", 1), task_id("/shop/web", "fw", 2)

    assert first.startswith("shop_web.instance-")
    assert first.endswith("._app.1")
    assert first != second
    assert first == task_id("/shop/web", "fw", 1)
    assert app_id_of(first) == "/shop/web"


def test_a_uuid_looks_like_one() -> None:
    parts = uuid("x").split("-")

    assert [len(part) for part in parts] == [8, 4, 4, 4, 12]
    assert (parts[2][0], parts[3][0]) == ("4", "a")


def test_counts_follow_every_change() -> None:
    instances = Instances(Outbox())
    instances.put(instance(1, alive=(None,)))
    instances.put(instance(2, state=TaskState.STAGING))

    instances.put(instance(1, alive=(True,)))
    tally = instances.tally("/web")
    assert (tally.running, tally.staged, tally.judged_healthy) == (1, 1, 1)
    assert (tally.active, tally.healthy) == ({"v": 2}, {"v": 1})
    instances.put(instance(1, alive=(True,), doomed="test"))
    assert (instances.tally("/web").doomed, instances.tally("/web").healthy) == (1, {})
    instances.check_invariants()
    instances.remove("t1")
    instances.remove("t2")

    assert instances.tally("/web") == Tally()
    instances.check_invariants()
