"""One task's process as the runner knows it, and its start: a recorder in a session of its own.

What happens to it afterwards is `runner`'s. Imported by the runner: few imports.
"""

import os
import signal

from kernel.runtime.agent import recorder
from kernel.runtime.agent.identity import Identity

_PLAIN = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33})  # a task's own


class Run:
    """One task's process. `task` is its identity once known; `end_waits` what will be told of its
    end as soon as its groups are empty, `ended` what was told."""

    def __init__(self, run: str, order: dict) -> None:  # type: ignore[type-arg]
        self.run = run
        self.record: str = order["record"]
        self.sandbox: str = order["sandbox"]
        self.groups: dict[str, str] = {}
        self.recorder = 0
        self.task: Identity | None = None
        self.ended: dict | None = None  # type: ignore[type-arg]
        self.killed_for_memory = False
        self.out_of_memory_fds: list[int] = []
        self.sweeps = 0
        self.end_waits: dict | None = None  # type: ignore[type-arg]


def spawn(run: Run, order: dict, tools: dict[str, str], news: int) -> int:  # type: ignore[type-arg]
    """Start its recorder, which starts the task and tells of it on `news`; answers its pid."""
    environment: dict[str, str] = order["environment"]
    joins = [group + "/cgroup.procs" for group in dict.fromkeys(run.groups.values())]
    words = recorder.words(
        run.run,
        run.record,
        joins,
        order["argv"],
        environment,
        tools,
        order.get("owner", ""),
    )
    early = {name: value for name, value in environment.items() if not recorder.is_late(name)}
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW  # archives may hold links
    files = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, "stdout", append, 0o644),
        (os.POSIX_SPAWN_OPEN, 2, "stderr", append, 0o644),
    ]
    streams: dict[str, str] = order.get("streams", {})
    opened: list[tuple[int, int]] = []
    try:
        for number, path in streams.items():
            opened.append((_open_pipe(path, int(number)), int(number)))
        # The recorder inherits it: no `cd` that would export OLDPWD.
        os.chdir(order.get("directory") or run.sandbox)
        return os.posix_spawn(
            tools["sh"],
            words,
            early,
            file_actions=[
                *(each for each in files if str(each[1]) not in streams),
                *((os.POSIX_SPAWN_DUP2, handle, number) for handle, number in opened),
                (os.POSIX_SPAWN_DUP2, news, 3),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=_PLAIN,
        )
    finally:
        os.chdir("/")
        for handle, _ in opened:
            os.close(handle)


def _open_pipe(path: str, number: int) -> int:
    """The agent holds the other end; if it died, fail rather than wait for it. Raises OSError."""
    end = os.O_RDONLY if number == 0 else os.O_WRONLY
    handle = os.open(path, end | os.O_NONBLOCK | os.O_NOFOLLOW)
    os.set_blocking(handle, True)
    return handle
