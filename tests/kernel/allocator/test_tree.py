"""Nodes: sums up to the root, shares by the pool, orders by share, grants and path."""

from kernel.allocator.tree import SHARE_SCALE, Node, Pool, Scales


def scales_of(**totals: int) -> Scales:
    pool = Pool()
    pool.change(totals, +1)
    scales = Scales(pool)
    scales.ranked_version = pool.version
    return scales


def test_what_a_leaf_holds_every_node_above_holds() -> None:
    scales = scales_of(cpus=10)
    root = Node("", None)
    middle = root.children["a"] = Node("a", root)
    leaf = middle.children["b"] = Node("a/b", middle, is_client=True)

    leaf.shift({"cpus": 4}, 1, scales)

    assert root.held == middle.held == leaf.held == {"cpus": 4}
    assert (root.grants, leaf.grants) == (1, 1)
    leaf.shift({"cpus": -4}, 0, scales)
    assert root.held == {}


def test_a_share_is_measured_by_the_pool_and_the_weight() -> None:
    scales = scales_of(cpus=10, mem=100)

    assert scales.share("a", {"cpus": 5, "mem": 10}) == SHARE_SCALE // 2
    scales.weights_milli["a"] = 2_000
    assert scales.share("a", {"cpus": 5}) == SHARE_SCALE // 4
    assert scales.share("a", {"unknown": 5}) == 0


def test_only_the_active_are_walked() -> None:
    scales = scales_of(cpus=10)
    root = Node("", None)
    for name in ("b", "a"):
        root.children[name] = Node(name, root, is_client=True)
    root.children["b"].count_active(+1, scales)

    assert list(root.walk()) == ["b"]
    root.children["a"].count_active(+1, scales)
    assert list(root.walk()) == ["a", "b"]
    root.children["b"].count_active(-1, scales)
    assert list(root.walk()) == ["a"]
