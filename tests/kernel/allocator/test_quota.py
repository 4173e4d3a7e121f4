"""Floors and ceilings in the tree of roles: what is consumed, required, owed, and what fits."""

from kernel.allocator.quota import NO_QUOTA, Quota, QuotaTree


class Books(dict[str, dict[str, int]]):
    """What each role itself consumes."""

    def by(self, role: str) -> dict[str, int]:
        sums: dict[str, int] = {}
        for each, amounts in self.items():
            if each == role or each.startswith(f"{role}/"):
                for name, amount in amounts.items():
                    sums[name] = sums.get(name, 0) + amount
        return sums


def tree_of(books: Books | None = None, **cpus: tuple[int, int | None]) -> QuotaTree:
    """Guarantee and limit of cpus by role; `a__b` is `a/b`."""
    tree = QuotaTree((books if books is not None else Books()).by)
    for role, (guarantee, limit) in cpus.items():
        guarantees = {"cpus": guarantee} if guarantee else {}
        limits = {"cpus": limit} if limit is not None else {}
        tree.set(role.replace("__", "/"), Quota(guarantees, limits))
    return tree


def test_a_role_without_quota_is_bound_by_nothing() -> None:
    tree = tree_of(a=(0, 5))

    assert tree.room("b", "cpus", 100) is None
    assert tree.room("a", "mem", 100) is None


def test_a_limit_binds_all_below_its_role() -> None:
    tree = tree_of(a=(0, 5), a__b=(0, 4))

    tree.consume("a/c", {"cpus": 3})

    assert tree.room("a/b/x", "cpus", 100) == 2
    assert tree.room("a", "cpus", 100) == 2
    tree.consume("a/b", {"cpus": 2})
    assert tree.room("a/b", "cpus", 100) == 0


def test_what_a_guarantee_lacks_is_required_to_stay_spare_for_others() -> None:
    tree = tree_of(a=(10, None))
    tree.consume("a", {"cpus": 4})

    assert tree.required == {"cpus": 6}
    assert tree.room("b", "cpus", 8) == 2
    assert tree.room("b", "cpus", 5) == 0
    assert tree.room("a", "cpus", 8) == 8
    assert tree.room("a", "cpus", 5) == 6


def test_a_parents_guarantee_is_its_childrens_first() -> None:
    """Nested quota: the rest of a parent's guarantee is for anyone below it."""
    tree = tree_of(a=(10, None), a__b=(4, None), a__c=(4, None))

    assert tree.required == {"cpus": 10}
    assert tree.owed("a/b", "cpus") == 6
    assert tree.owed("a/d", "cpus") == 2
    tree.consume("a/b", {"cpus": 6})
    assert tree.required == {"cpus": 4}
    assert tree.owed("a/b", "cpus") == 0
    assert tree.owed("a/c", "cpus") == 4


def test_children_of_a_parent_without_guarantee_are_guaranteed_theirs() -> None:
    tree = tree_of(a__b=(4, None), a__c=(3, None))

    assert tree.required == {"cpus": 7}
    assert not tree.is_owed("a")
    assert tree.is_owed("a/b")


def test_a_sibling_that_takes_more_does_not_lower_what_another_lacks() -> None:
    tree = tree_of(a=(5, None), a__b=(4, None))

    tree.consume("a/c", {"cpus": 5})

    assert tree.required == {"cpus": 4}
    assert tree.owed("a/b", "cpus") == 4
    assert tree.owed("a/c", "cpus") == 0


def test_quota_that_comes_late_counts_what_is_consumed_already() -> None:
    tree = tree_of(Books({"a/b": {"cpus": 3}, "a": {"cpus": 1}}), a=(10, 10))

    assert tree.room("a", "cpus", 100) == 6
    assert tree.required == {"cpus": 6}


def test_quota_that_is_taken_back_leaves_nothing() -> None:
    tree = tree_of(a__b=(4, 4))

    tree.set("a/b", NO_QUOTA)

    assert tree.is_empty
    assert not tree.has_guarantees
    assert tree.room("a/b", "cpus", 0) is None
    assert not any(tree.required.values())


def test_a_limit_below_what_is_consumed_leaves_no_room_and_no_debt() -> None:
    tree = tree_of(Books({"a": {"cpus": 9}}), a=(0, 5))

    assert tree.room("a", "cpus", 100) == 0
