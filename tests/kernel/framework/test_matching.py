"""An offer satisfies a demand, or says by how much it falls short."""

from hypothesis import given
from hypothesis import strategies as st

from kernel.framework.matching import Demand, Shortage, Taken, take
from kernel.model.resources import parse


def test_reserved_resources_are_taken_first() -> None:
    taken = take(parse("cpus:2;cpus(web):1"), Demand({"cpus": 1_500}))

    assert isinstance(taken, Taken)
    assert taken.resources == parse("cpus:0.5;cpus(web):1")
    assert taken.left == parse("cpus:1.5")


def test_a_shortage_is_said_in_a_sentence() -> None:
    short = take(parse("cpus:2.5;mem:100;ports:[5-6]"), Demand({"cpus": 4_000, "mem": 1}, (80,), 0))

    assert isinstance(short, Shortage)
    assert short.sentence() == (
        "needs 4 cpus, has 2.5: short of 1.5; needs port 80, not in the offer"
    )


@given(st.integers(0, 50), st.integers(0, 6), st.booleans())
def test_ports_are_distinct_and_all_from_the_offer(spread: int, count: int, fixed: bool) -> None:
    offered = parse("ports:[10-12,20-24]")
    demand = Demand(fixed_ports=(21,) if fixed else (), ports_count=count)

    taken = take(offered, demand, spread=spread)

    assert isinstance(taken, Taken)
    assert len(set(taken.ports)) == count + fixed
    assert offered.contains(taken.resources)
    assert taken.resources + taken.left == offered
    assert taken.ports[: len(demand.fixed_ports)] == demand.fixed_ports
