"""Knows who waits for whom: edges from parents to children, with no cycle ever.

When a child has earned a run is `cycles`'s. Source: Chronos, JobGraph.scala.
"""

from collections.abc import Mapping, Sequence


class Graph:
    """Invariant: `parents` and `children` mirror each other, and there is no way back."""

    def __init__(self) -> None:
        self.parents: dict[str, tuple[str, ...]] = {}
        self.children: dict[str, dict[str, None]] = {}

    def connect(self, child: str, parents: Sequence[str]) -> None:
        """Make these the parents of `child`; none disconnects it."""
        for parent in self.parents.pop(child, ()):
            del self.children[parent][child]
            if not self.children[parent]:
                del self.children[parent]
        if parents:
            self.parents[child] = tuple(parents)
        for parent in parents:
            self.children.setdefault(parent, {})[child] = None

    def children_of(self, parent: str) -> tuple[str, ...]:
        return tuple(self.children.get(parent, ()))

    def cycle_with(self, child: str, parents: Sequence[str]) -> tuple[str, ...] | None:
        """The cycle that these parents of `child` would close, as a path, or None."""
        came_from: dict[str, str] = {}
        waiting = [child]
        if child in parents:
            return (child, child)
        while waiting:
            name = waiting.pop()
            for following in self.children_of(name):
                if following in came_from or following == child:
                    continue
                came_from[following] = name
                if following in parents:
                    return _path(came_from, child, following)
                waiting.append(following)
        return None

    def check_invariants(self) -> None:
        for child, parents in self.parents.items():
            for parent in parents:
                assert child in self.children[parent], f"{parent} does not know {child}"
        edges = sum(len(children) for children in self.children.values())
        assert edges == sum(map(len, self.parents.values())), "an edge with one end"


def _path(came_from: Mapping[str, str], child: str, last: str) -> tuple[str, ...]:
    path = [child, last]
    while (name := came_from[path[-1]]) != child:
        path.append(name)
    path.append(child)
    return tuple(reversed(path))


def as_dot(names: Sequence[str], graph: Graph) -> str:
    """Numbered nodes, then edges, as JGraphT's exporter wrote them."""
    numbers = {name: number for number, name in enumerate(names, 1)}
    lines = [f'  {number} [ label="{name}" ];' for name, number in numbers.items()]
    lines += [
        f"  {numbers[parent]} -> {numbers[child]};"
        for child in names
        for parent in graph.parents.get(child, ())
        if parent in numbers
    ]
    return "\n".join(["digraph G {", *lines, "}", ""])


def as_csv(states: Mapping[str, tuple[str, str]], graph: Graph) -> str:
    """`node,<name>,<status>,<state>` for each job, then `link,<parent>,<child>`; no header."""
    lines = [f"node,{name},{status},{state}" for name, (status, state) in states.items()]
    lines += [
        f"link,{parent},{child}"
        for child in states
        for parent in graph.parents.get(child, ())
        if parent in states
    ]
    return "\n".join([*lines, ""])
