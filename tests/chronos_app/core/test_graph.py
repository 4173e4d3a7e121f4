"""The graph of parents and children."""

from hypothesis import given
from hypothesis import strategies as st

from chronos_app.core.graph import Graph, as_csv, as_dot


def test_a_cycle_is_found_as_a_path() -> None:
    """Source: Chronos, JobGraphSpec."""
    graph = Graph()
    graph.connect("b", ["a"])
    graph.connect("c", ["b"])

    assert graph.cycle_with("a", ["c"]) == ("a", "b", "c", "a")
    assert graph.cycle_with("a", ["a"]) == ("a", "a")
    assert graph.cycle_with("d", ["c", "a"]) is None


def test_connecting_anew_replaces_the_edges() -> None:
    graph = Graph()
    graph.connect("c", ["a", "b"])
    graph.connect("c", ["b"])

    assert graph.children_of("a") == () and graph.children_of("b") == ("c",)
    graph.check_invariants()


def test_a_drawing_leaves_out_edges_to_what_is_gone() -> None:
    graph = Graph()
    graph.connect("b", ["a", "gone"])

    assert as_csv({"a": ("fresh", "idle"), "b": ("fresh", "idle")}, graph).count("link") == 1
    assert as_dot(["a", "b"], graph).count("->") == 1


EDGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"))))


@given(EDGES)
def test_edges_that_are_only_made_where_no_cycle_is_found_never_make_one(
    edges: list[tuple[str, set[str]]],
) -> None:
    graph = Graph()
    for child, parents in edges:
        if graph.cycle_with(child, sorted(parents)) is None:
            graph.connect(child, sorted(parents))
        graph.check_invariants()

    done: list[str] = []
    left = list("abcdef")
    while left:
        free = [n for n in left if all(p in done for p in graph.parents.get(n, ()))]
        assert free, "there is a cycle"
        done += free
        left = [n for n in left if n not in free]
