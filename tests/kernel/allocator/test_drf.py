"""The ranking by dominant share: trees of roles, weights, ties, hidden leaves."""

from hypothesis import given
from hypothesis import strategies as st

from kernel.allocator.drf import DrfSorter
from kernel.allocator.tree import SHARE_SCALE, Pool


def sorter_of(*clients: str, **totals: int) -> DrfSorter:
    pool = Pool()
    pool.change(totals or {"cpus": 100_000, "mem": 100_000}, +1)
    sorter = DrfSorter(pool)
    for client in clients:
        sorter.add(client)
        sorter.activate(client)
    return sorter


def test_the_largest_of_the_shares_counts() -> None:
    """Source: DRF paper §4.1, the example of 9 cpus and 18 GB."""
    sorter = sorter_of("a", "b", cpus=9_000, mem=18_000)

    sorter.allocated("a", {"cpus": 3_000, "mem": 12_000})
    sorter.allocated("b", {"cpus": 6_000, "mem": 2_000})

    shares = [sorter.place_of(client)[-1][0] for client in ("a", "b")]
    assert shares == [2 * SHARE_SCALE // 3] * 2


def test_the_poorest_comes_first() -> None:
    sorter = sorter_of("a", "b", "c")

    sorter.allocated("a", {"cpus": 5_000})
    sorter.allocated("b", {"cpus": 2_000})
    sorter.allocated("c", {"mem": 9_000})

    assert list(sorter.sort()) == ["b", "a", "c"]


def test_a_tie_goes_to_who_got_fewer_grants_and_then_by_name() -> None:
    sorter = sorter_of("b", "a", "c")

    sorter.allocated("a", {"cpus": 1_000})
    sorter.unallocated("a", {"cpus": 1_000})

    assert list(sorter.sort()) == ["b", "c", "a"]


def test_a_weight_divides_the_share() -> None:
    sorter = sorter_of("a", "b")
    sorter.set_weight("a", 3_000)

    sorter.allocated("a", {"cpus": 5_000})
    sorter.allocated("b", {"cpus": 2_000})

    assert list(sorter.sort()) == ["a", "b"]


def test_who_left_while_the_totals_changed_is_not_ranked_when_another_joins_its_level() -> None:
    sorter = sorter_of("a/b", "a/c")
    list(sorter.sort())
    sorter.set_weight("a", 2_000)  # every rank is to be made anew
    for client in ("a/b", "a/c"):
        sorter.deactivate(client)
    assert list(sorter.sort()) == []

    sorter.activate("a/c")

    assert list(sorter.sort()) == ["a/c"]
    sorter.check_invariants()


def test_a_subtree_is_ranked_before_its_members() -> None:
    """Source: Mesos, sorter tests: hierarchy."""
    sorter = sorter_of("eng/web", "eng/db", "ops")

    sorter.allocated("eng/web", {"cpus": 5_000})
    sorter.allocated("ops", {"cpus": 3_000})

    assert list(sorter.sort()) == ["ops", "eng/db", "eng/web"]


def test_a_role_with_children_competes_with_them_by_a_hidden_leaf() -> None:
    sorter = sorter_of("a", "a/b", "c")

    sorter.allocated("a", {"cpus": 4_000})

    assert list(sorter.sort()) == ["c", "a/b", "a"]
    sorter.remove("a/b")
    assert list(sorter.sort()) == ["c", "a"]
    assert sorter.held_by("a") == {"cpus": 4_000}
    sorter.check_invariants()


def test_an_inactive_client_keeps_its_books_and_is_not_ranked() -> None:
    sorter = sorter_of("a/x", "b")

    sorter.allocated("a/x", {"cpus": 1_000})
    sorter.deactivate("a/x")

    assert list(sorter.sort()) == ["b"]
    assert sorter.held_by("a/x") == {"cpus": 1_000}


def test_changed_totals_change_the_order() -> None:
    pool = Pool()
    pool.change({"cpus": 10_000, "mem": 10_000}, +1)
    sorter = DrfSorter(pool)
    for client in ("a", "b"):
        sorter.add(client)
        sorter.activate(client)
    sorter.allocated("a", {"cpus": 4_000})
    sorter.allocated("b", {"mem": 5_000})
    assert list(sorter.sort()) == ["a", "b"]

    pool.change({"mem": 90_000}, +1)

    assert list(sorter.sort()) == ["b", "a"]


CLIENTS = ["a", "a/b", "a/b/c", "a/d", "e", "e/f"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "remove", "on", "off", "take", "give", "grow"]),
            st.sampled_from(CLIENTS),
            st.integers(1, 5_000),
        ),
        max_size=60,
    )
)
def test_the_books_and_the_order_hold_whatever_happens(steps: list[tuple[str, str, int]]) -> None:
    pool = Pool()
    sorter = DrfSorter(pool)
    held: dict[str, int] = {}
    active: dict[str, bool] = {}
    for what, client, amount in steps:
        if what == "grow":
            pool.change({"cpus": amount}, +1)
        elif what == "add" and client not in held:
            sorter.add(client)
            held[client], active[client] = 0, False
        elif client not in held:
            continue
        elif what == "remove":
            sorter.remove(client)
            del held[client], active[client]
        elif what in ("on", "off"):
            (sorter.activate if what == "on" else sorter.deactivate)(client)
            active[client] = what == "on"
        elif what == "take":
            sorter.allocated(client, {"cpus": amount})
            held[client] += amount
        elif what == "give" and held[client]:
            back = min(amount, held[client])
            sorter.unallocated(client, {"cpus": back})
            held[client] -= back
        assert sorted(sorter.sort()) == sorted(c for c, is_on in active.items() if is_on)
        assert all(sorter.held_by(c).get("cpus", 0) == h for c, h in held.items())
        sorter.check_invariants()
