"""The records in the books that one reader sees: all, or those that his sight leaves.

What may be seen is `sight`'s. A list that is whole is given as it is.
"""

from collections.abc import Iterable, Mapping, Sequence

from kernel.master import views
from kernel.master.cluster import Agent, Cluster, ExecutorRecord, Framework, TaskRecord
from kernel.master.encoded import everyone
from kernel.master.sight import Sight
from kernel.model.ids import FrameworkId


class Seen:
    """Of one `Cluster`, through one sight; None sees everything."""

    def __init__(self, cluster: Cluster, sight: Sight | None) -> None:
        self._cluster = cluster
        self._sight = sight

    def sees(self, framework: Framework) -> bool:
        return self._sight is None or self._sight.framework(framework)

    def everyone(self) -> Sequence[Framework]:
        found = everyone(self._cluster)
        return found if self._sight is None else [f for f in found if self.sees(f)]

    def tasks(self, framework: Framework, records: Iterable[TaskRecord]) -> Iterable[TaskRecord]:
        return records if self._sight is None else self._sight.tasks(framework, records)

    def tasks_of(self, framework: Framework) -> list[TaskRecord]:
        """All of it, as they are at this moment."""
        records = [*framework.tasks.values(), *framework.unreachable.values(), *framework.completed]
        return records if self._sight is None else self._sight.tasks(framework, records)

    def executors(self) -> Mapping[FrameworkId, Sequence[tuple[Agent, ExecutorRecord]]]:
        """The custom ones, by framework, with where they are."""
        found = views.executors_of(self._cluster)
        sight = self._sight
        if sight is None:
            return found
        known = [f for each in found if (f := self._cluster.framework(each)) is not None]
        return {
            framework.framework_id: [
                (agent, executor)
                for agent, executor in found[framework.framework_id]
                if sight.executor(framework, executor)
            ]
            for framework in known
        }
