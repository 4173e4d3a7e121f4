"""Where everything of a task lies below the agent's work directory. Mesos's layout, so that tools
that compose these paths find them. Makes nothing. Source: Mesos, src/slave/paths.hpp.
"""

from msgspec import Struct


class Place(Struct, frozen=True):
    """What a path is made of; every part has passed `id_problem`."""

    agent_id: str
    framework_id: str
    executor_id: str  # a command task's executor has the task's id
    container_id: str
    nested: str = ""  # the container of one task of a group, inside that of its executor

    def sandbox(self, work_dir: str) -> str:
        inner = f"/containers/{self.nested}" if self.nested else ""
        return f"{self._runs(work_dir)}/{self.container_id}{inner}"

    def latest(self, work_dir: str) -> str:
        """A link to the newest run's sandbox."""
        return f"{self._runs(work_dir)}/latest"

    def virtual(self) -> str:
        """The path under /files that needs no knowledge of the work directory."""
        inner = f"/containers/{self.nested}" if self.nested else ""
        runs = f"/frameworks/{self.framework_id}/executors/{self.executor_id}/runs"
        return f"{runs}/latest{inner}"

    def record(self, work_dir: str) -> str:
        """What the runner wrote down of the run; not in the sandbox, so that no task forges it."""
        return f"{work_dir}/meta/runs/{self.nested or self.container_id}"

    def _runs(self, work_dir: str) -> str:
        return (
            f"{work_dir}/slaves/{self.agent_id}/frameworks/{self.framework_id}"
            f"/executors/{self.executor_id}/runs"
        )
