"""The containers that operators launch: beside all frameworks, or inside a task's container.

Knows what they are called, which there are and how each ended; what is inside another ends with
it. Not on record: they end with the agent's process. Starting and ending them is the shell's.
Source: mesos.md §1.2, §2.9; Mesos, src/slave/http.cpp (_launchContainer), docs/nested-containers.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from kernel.messages.agent_operator import ContainerId
from kernel.messages.v1 import CommandInfo
from kernel.model.ids import id_problem
from kernel.model.task import TaskState

Path = tuple[str, ...]  # of values, the outermost first

DEPTH_MAX = 8
ENDED_MAX = 1_000  # of which is still known how they ended
SIGNAL_MAX = 64
_NO_IMAGE = "The provided ContainerInfo is not supported"


class Ended(Struct, frozen=True):
    """`exit_status` is the raw one of wait(2), None when nobody saw the end."""

    exit_status: int | None
    state: TaskState
    reason: str | None = None
    message: str | None = None


class OperatorContainer(Struct):
    """`run` is the name of its one execution; a session dies with who asked for it."""

    path: Path
    run: str
    is_session: bool = False
    ended: Ended | None = None


def path_of(container_id: ContainerId) -> Path:
    values: list[str] = []
    each: ContainerId | None = container_id
    while each is not None:
        values.append(each.value)
        each = each.parent
    return tuple(reversed(values))


def name_of(path: Path) -> str:
    """As Mesos writes it in sentences."""
    return ".".join(path)


def path_problem(path: Path) -> str | None:
    if len(path) > DEPTH_MAX:
        return f"'container_id' is {len(path)} containers deep; the most is {DEPTH_MAX}"
    for value in path:
        problem = id_problem(value)
        if problem is not None:
            return f"'container_id.value' is invalid: {problem}"
    return None


def launch_problem(
    path: Path,
    command: CommandInfo | None,
    container: Mapping[str, Any] | None,
    *,
    inside: bool,
    with_resources: bool,
) -> str | None:
    """Why nothing of that form can be launched here, or None. `inside`: it must have a parent."""
    if inside and len(path) == 1:
        return "Expecting 'container_id.parent' to be present"
    if command is None or (command.shell and not command.value):
        return "Expecting 'command' with a 'value' to be present: there are no images to start"
    if not command.shell and not command.value and not command.arguments:
        return "Expecting 'command.value' or 'command.arguments' to be present"
    if len(path) > 1 and command.user:
        return "'command.user' may not be set: a nested container runs as its parent's user"
    if command.uris and inside:
        return "'command.uris' may not be set: the files are its parent's"
    if len(path) > 1 and with_resources:
        return "'resources' may not be set: a nested container may use what its parent may"
    if container is not None and (container.get("type") != "MESOS" or len(container) > 1):
        return _NO_IMAGE
    return None


class OperatorContainers:
    """In the order of their launch."""

    def __init__(self) -> None:
        self.by_path: dict[Path, OperatorContainer] = {}
        self._by_run: dict[str, OperatorContainer] = {}

    def find(self, path: Path) -> OperatorContainer | None:
        return self.by_path.get(path)

    def on_run(self, run: str) -> OperatorContainer | None:
        return self._by_run.get(run)

    def runs(self) -> list[str]:
        return list(self._by_run)

    def add(self, path: Path, run: str, *, is_session: bool) -> OperatorContainer:
        assert path not in self.by_path, f"{name_of(path)} is there"
        container = self.by_path[path] = self._by_run[run] = OperatorContainer(
            path, run, is_session
        )
        return container

    def below(self, path: Path) -> list[OperatorContainer]:
        """All inside it, however deep."""
        depth = len(path)
        return [each for of, each in self.by_path.items() if len(of) > depth and of[:depth] == path]

    def forget(self, container: OperatorContainer) -> None:
        self.by_path.pop(container.path, None)
        self._by_run.pop(container.run, None)

    def surplus(self) -> list[OperatorContainer]:
        """The oldest that have ended, beyond what is kept."""
        over = [each for each in self.by_path.values() if each.ended is not None]
        return over[: max(0, len(over) - ENDED_MAX)]
