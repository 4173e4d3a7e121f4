"""A bare master and its agents as real processes, without the supervisor: each can be killed with
SIGKILL at any instant and is started again only when a test says so.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.agents import shut_down
from tests.processes import free_port, wait_until

SIZE = "cpus:4;mem:8192;disk:10000;ports:[31000-31499]"


class Nodes:
    """`agents` of `resources` each, and a master that keeps its port."""

    def __init__(self, directory: Path, agents: int, resources: str = SIZE) -> None:
        self.directory, self.resources = directory, resources
        self.master_port = free_port()
        self.master: subprocess.Popen[bytes] | None = None
        self.agent_ports = [free_port() for _ in range(agents)]
        self.agents: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.master_port}"

    def start(self) -> None:
        self.start_master()
        self.agents = [self._agent(number) for number in range(len(self.agent_ports))]
        wait_until(lambda: len(self.state()["slaves"]) == len(self.agents), 30, "all agents")

    def _agent(self, number: int) -> subprocess.Popen[bytes]:
        words = ["agent", "--port", str(self.agent_ports[number])]
        words += ["--work-dir", str(self.directory / f"agent-{number}")]
        words += ["--master", f"http://{self.address}", "--resources", self.resources]
        return self._process(*words)

    def _process(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "kernel", *words],
            env={**os.environ, "TEPUI_LOG": "warning"},
            stderr=(self.directory / f"{words[0]}.err").open("ab"),
        )

    def start_master(self) -> None:
        work_dir = str(self.directory / "master")
        self.master = self._process(
            "master", "--port", str(self.master_port), "--work-dir", work_dir
        )
        wait_until(self.answers, 30, "the master answers")

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def state(self) -> Any:
        """The master's `/state`."""
        with urllib.request.urlopen(f"http://{self.address}/master/state", timeout=30) as answer:
            return json.loads(answer.read())

    def kill_master(self) -> None:
        """kill -9, of gunicorn and of its worker at once."""
        assert self.master is not None
        _kill_hard(self.master)

    def kill_agent(self, number: int) -> None:
        """kill -9, of gunicorn and of its worker; what it started lives on."""
        _kill_hard(self.agents[number])

    def start_agent(self, number: int) -> None:
        self.agents[number] = self._agent(number)

    def clear(self) -> None:
        """Ends agents, tasks, runners and master, whatever happened."""
        for port, process in zip(self.agent_ports, self.agents, strict=False):
            shut_down(port)
            process.wait(30)
        if self.master is not None and self.master.poll() is None:
            self.master.terminate()
            self.master.wait(10)


def _kill_hard(process: subprocess.Popen[bytes]) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for pid in [*map(int, children.read_text().split()), process.pid]:
        if pid == process.pid or b"runner" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    process.wait(10)


@contextmanager
def nodes(directory: Path, agents: int) -> Iterator[Nodes]:
    made = Nodes(directory, agents)
    try:
        made.start()
        yield made
    finally:
        made.clear()
