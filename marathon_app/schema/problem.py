"""What is wrong with a client's JSON: all of it at once, each with the path of the field.

Source: Marathon's error bodies, `{"message": ..., "details": [{"path": ..., "errors": [...]}]}`.
"""

from collections.abc import Sequence

from msgspec import Struct


class Problem(Struct, frozen=True):
    """`path` is as in Marathon: `/upgradeStrategy/minimumHealthCapacity`, `/apps(0)/id`, `/`."""

    path: str
    message: str


class Details(Struct, frozen=True):
    path: str
    errors: tuple[str, ...]


def details(problems: Sequence[Problem]) -> list[Details]:
    """Problems grouped by path, in the order in which the paths were first named."""
    by_path: dict[str, list[str]] = {}
    for problem in problems:
        by_path.setdefault(problem.path, []).append(problem.message)
    return [Details(path, tuple(errors)) for path, errors in by_path.items()]


def under(prefix: str, problems: Sequence[Problem]) -> list[Problem]:
    """The same problems seen from an enclosing object: '/cpus' under '/apps(0)'."""
    return [
        Problem(prefix if problem.path == "/" else prefix + problem.path, problem.message)
        for problem in problems
    ]
