"""What a reader may see of frameworks, tasks, executors and roles: the rest is left out, unsaid.

Tasks and executors are those of a user: the command's, else their framework's. Who may see all is
told apart at once (`sight_of` is None), so that reads which leave out nothing cost nothing more.
Source: Mesos, docs/authorization.md (view_frameworks, view_tasks, view_executors, view_roles),
src/master/readonly_handler.cpp.
"""

from collections.abc import Iterable

from msgspec import Struct

from kernel.master.acls import Acls
from kernel.master.cluster import Agent, Cluster, ExecutorRecord, Framework, TaskRecord
from kernel.model.ids import FrameworkId

VIEWS = ("view_frameworks", "view_tasks", "view_executors", "view_roles")


class Sight(Struct, frozen=True):
    """Of one reader."""

    acls: Acls
    principal: str | None

    def framework(self, framework: Framework) -> bool:
        return self._sees("view_frameworks", framework.info.user)

    def tasks(self, framework: Framework, records: Iterable[TaskRecord]) -> list[TaskRecord]:
        """Those of the framework's that it sees: one question for each user, not for each task."""
        if not self.framework(framework):
            return []
        verdicts: dict[str | None, bool] = {}
        seen: list[TaskRecord] = []
        for record in records:
            user = record.task.user
            verdict = verdicts.get(user)
            if verdict is None:
                named = user or framework.info.user
                verdict = verdicts[user] = self._sees("view_tasks", named)
            if verdict:
                seen.append(record)
        return seen

    def executor(self, framework: Framework, executor: ExecutorRecord) -> bool:
        command = executor.info.command
        user = command.user if command is not None else None
        return self.framework(framework) and self._sees(
            "view_executors", user or framework.info.user
        )

    def role(self, role: str) -> bool:
        return self._sees("view_roles", role)

    def subject(self, cluster: Cluster, subject: object) -> bool:
        """Whether it may be told of what happens to this: agents are everybody's to see."""
        match subject:
            case Framework():
                return self.framework(subject)
            case TaskRecord():
                framework = cluster.framework(FrameworkId(subject.task.framework_id.value))
                return framework is not None and bool(self.tasks(framework, [subject]))
            case Agent():
                return True
            case _:
                return False

    def _sees(self, action: str, name: str) -> bool:
        return self.acls.allows(action, self.principal, [name])


def sight_of(acls: Acls, principal: str | None) -> Sight | None:
    """None is all there is."""
    if all(acls.allows_all(action, principal) for action in VIEWS):
        return None
    return Sight(acls, principal)
