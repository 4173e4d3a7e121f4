"""What counts for shares and for quota, by role."""

from kernel.allocator.consumption import Consumption, weigh
from kernel.allocator.ranking import Ranking
from kernel.model.ids import FrameworkId
from kernel.model.kinds import Disk, Reservation, kind
from kernel.model.resources import Resources, parse

F1 = FrameworkId("F1")


def test_what_is_plain_weighs_the_same_everywhere() -> None:
    weight = weigh(parse("cpus:1;mem:32;ports:[1-2]"))

    assert weight.whole is weight.counted
    assert weight.whole == {"cpus": 1_000, "mem": 32_000}


def test_what_is_reserved_or_revocable_is_not_counted_and_what_is_shared_not_at_all() -> None:
    shared = kind((Reservation("a", True),), Disk(volume_id="v"), is_shared=True)
    revocable = kind(is_revocable=True)
    more = Resources({(shared, "disk"): 5, (revocable, "cpus"): 7})

    weight = weigh(parse("cpus:1;cpus(a):2") + more)

    assert weight.whole == {"cpus": 3_007}
    assert weight.counted == {"cpus": 1_000}


def test_a_role_consumes_what_it_has_of_the_unreserved_and_all_reservations_below() -> None:
    """Source: mesos.md §3.3, quota consumption."""
    ranking = Ranking()
    consumption = Consumption(ranking)
    consumption.reserve(parse("cpus:8;cpus(a):4;cpus(a/b):1"), +1)
    weight = weigh(parse("cpus:2;cpus(a):3"))
    ranking.allocated(F1, "a/b", weight.whole)
    consumption.allocate("a/b", weight, +1)

    assert consumption.by("a") == {"cpus": 7_000}
    assert consumption.by("a/b") == {"cpus": 3_000}
    assert consumption.reserved_below("a") == {"cpus": 5_000}
    consumption.allocate("a/b", weight, -1)
    ranking.unallocated(F1, "a/b", weight.whole)
    consumption.reserve(parse("cpus:8;cpus(a):4;cpus(a/b):1"), -1)
    assert consumption.by("a") == {}
