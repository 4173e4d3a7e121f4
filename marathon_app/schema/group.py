"""Groups: a tree of apps that is changed, scaled and rolled back as one.

`Group` is what `/v2/groups` answers. Which apps a group holds follows from the apps' paths, so the
core may keep apps flat and build the tree on reading.
Source: Marathon, docs/docs/application-groups.md.
"""

from msgspec import Struct

from marathon_app.schema.app import App
from marathon_app.schema.field import always


class Group(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`apps` and `groups` hold direct members only, sorted by id. Pods are always empty here."""

    id: str
    apps: tuple[App, ...] = always(())
    groups: tuple["Group", ...] = always(())
    pods: tuple[App, ...] = always(())
    dependencies: tuple[str, ...] = always(())
    version: str = always("")
    enforce_role: bool = always(False)

    def transitive_apps(self) -> list[App]:
        """Its own apps first, then those of each subgroup, in order."""
        found = list(self.apps)
        for group in self.groups:
            found.extend(group.transitive_apps())
        return found
