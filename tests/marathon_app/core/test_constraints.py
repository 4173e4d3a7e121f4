"""Placement constraints, operator by operator. Source: Marathon, docs/constraints.md."""

from marathon_app.core.constraints import Spread
from marathon_app.schema.constraint import parse
from tests.marathon_app.core.world import World

Parts = tuple[str, ...]


def accepts(parts: Parts, value: str | None, *placed: str, target: int = 10) -> bool:
    spread = Spread([parse(parts)], target, [{parts[0]: one} for one in placed])
    return spread.violation({} if value is None else {parts[0]: value}) is None


def test_unique_takes_each_value_once() -> None:
    assert accepts(("hostname", "UNIQUE"), "a", "b")
    assert not accepts(("hostname", "UNIQUE"), "a", "b", "a")


def test_cluster_stays_with_the_value_or_with_the_first() -> None:
    assert accepts(("rack", "CLUSTER", "r1"), "r1")
    assert not accepts(("rack", "CLUSTER", "r1"), "r2")
    assert accepts(("rack", "CLUSTER"), "r2")
    assert not accepts(("rack", "CLUSTER"), "r2", "r1")


def test_max_per_counts() -> None:
    assert accepts(("rack", "MAX_PER", "2"), "r1", "r1")
    assert not accepts(("rack", "MAX_PER", "2"), "r1", "r1", "r1")


def test_like_and_unlike_match_the_whole_value() -> None:
    assert accepts(("rack", "LIKE", "r[12]"), "r1")
    assert not accepts(("rack", "LIKE", "r"), "r1")
    assert not accepts(("rack", "UNLIKE", "r[12]"), "r1")
    assert accepts(("rack", "UNLIKE", "r"), "r1")


def test_is_compares_numbers_at_three_decimals() -> None:
    assert accepts(("level", "IS", "1.50"), "1.5")
    assert accepts(("level", "IS", "1.5004"), "1.5")
    assert not accepts(("level", "IS", "2"), "1.5")
    assert accepts(("level", "IS", "high"), "high")


def test_a_missing_attribute_meets_only_unlike() -> None:
    assert accepts(("rack", "UNLIKE", "r1"), None)
    for parts in [("rack", "UNIQUE"), ("rack", "CLUSTER"), ("rack", "LIKE", ".*")]:
        assert not accepts(parts, None)


def test_group_by_fills_the_emptiest_group_first() -> None:
    """DIFFERS: the skew is never more than one; upstream may fill one group up."""
    assert accepts(("rack", "GROUP_BY"), "r2", "r1")
    assert not accepts(("rack", "GROUP_BY"), "r1", "r1", "r2", "r1")
    known = Spread([parse(("rack", "GROUP_BY"))], 4, [{"rack": "r1"}], [{"rack": "r2"}])
    assert known.violation({"rack": "r1"}) is not None
    assert known.violation({"rack": "r2"}) is None


def test_group_by_with_a_number_of_groups_keeps_room_for_all() -> None:
    assert not accepts(("rack", "GROUP_BY", "3"), "r1", "r1", "r1", target=6)
    assert accepts(("rack", "GROUP_BY", "3"), "r1", "r1", target=6)


def racks(world: World) -> dict[str, int]:
    found: dict[str, int] = {}
    for instance in world.running("/web"):
        rack = instance.attributes["rack"]
        found[rack] = found.get(rack, 0) + 1
    return found


def test_group_by_spreads_over_racks() -> None:
    rich = "cpus:100;mem:10000;ports:[31000-31999]|rack:"
    world = World(rich + "r1", rich + "r2", rich + "r3")

    world.put("/web", cmd="sleep 1", instances=7, constraints=[["rack", "GROUP_BY"]])
    for _ in range(10):
        world.after(6_000)
        world.machine.queue.wake()

    assert sorted(racks(world).values()) == [2, 2, 3]


def test_unique_hosts_leave_the_rest_waiting_and_say_so() -> None:
    rich = "cpus:100;mem:10000;ports:[31000-31999]"
    world = World(rich, rich)

    world.put("/web", cmd="sleep 1", instances=3, constraints=[["hostname", "UNIQUE"]])

    assert len({i.host for i in world.running("/web")}) == 2
    entry = world.machine.queue.entries["/web"]
    assert entry.count == 1
    world.after(1)


def test_old_instances_do_not_count_in_an_upgrade() -> None:
    """Source: Marathon: UNIQUE apps upgrade on the hosts that they have."""
    world = World()
    world.put("/web", cmd="v1", constraints=[["hostname", "UNIQUE"]])

    world.put("/web", cmd="v2")

    assert len(world.running("/web")) == 1
    assert world.deployments == []
