"""Knows which apps wait for which: the dependency graph, its cycles and its levels.

A dependency on a group is one on every app below it; a group's own dependencies are its apps'.
What is named but not there is no dependency (yet). Source: Marathon, docs/application-groups.md.
"""

from collections.abc import Iterable, Mapping

from marathon_app.core.root import GroupRecord, Spec
from marathon_app.schema import path


class Dependencies:
    """One look at one root; levels are remembered, so all levels together cost one walk."""

    def __init__(self, apps: Mapping[str, Spec], groups: Mapping[str, GroupRecord]) -> None:
        self._apps, self._groups = apps, groups
        self._levels: dict[str, int] = {}
        self._below: dict[str, list[str]] = {}

    def of(self, app_id: str) -> list[str]:
        """The apps that must be up before `app_id` is touched."""
        named = list(self._apps[app_id].app.dependencies)
        group_id = app_id
        while group_id != path.ROOT:
            group_id = path.parent(group_id)
            group = self._groups.get(group_id)
            named += group.dependencies if group else ()
        found: dict[str, None] = {}
        for name in named:
            for wanted in [name] if name in self._apps else self._apps_below(name):
                found[wanted] = None
        found.pop(app_id, None)
        return list(found)

    def _apps_below(self, group_id: str) -> list[str]:
        if group_id not in self._groups:
            return []
        if group_id not in self._below:
            self._below[group_id] = [a for a in self._apps if path.is_below(a, group_id)]
        return self._below[group_id]

    def cycle(self, starts: Iterable[str]) -> list[str] | None:
        """A circle that is reachable from `starts`, as a path that ends where it begins."""
        done: dict[str, None] = {}
        for start in starts:
            trail: dict[str, None] = {}
            walk = [(start, False)]  # (app, whether its dependencies are behind us)
            while walk:
                app_id, is_behind = walk.pop()
                if is_behind:
                    del trail[app_id]
                    done[app_id] = None
                elif app_id in trail:
                    circle = list(trail)
                    return [*circle[circle.index(app_id) :], app_id]
                elif app_id not in done:
                    trail[app_id] = None
                    walk.append((app_id, True))
                    walk.extend((wanted, False) for wanted in self.of(app_id))
        return None

    def level(self, app_id: str) -> int:
        """0 for an app without dependencies, else one more than the highest of them."""
        walk = [app_id]
        while walk:
            top = walk[-1]
            wanted = self.of(top)
            missing = [other for other in wanted if other not in self._levels]
            if missing:
                walk.extend(missing)
                assert len(walk) <= len(self._apps) ** 2 + 1, "a cycle was let in"
            else:
                self._levels[top] = 1 + max((self._levels[w] for w in wanted), default=-1)
                walk.pop()
        return self._levels[app_id]
