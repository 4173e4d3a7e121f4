"""A master and agents of our own, for when the suite is not pointed at somebody else's.

The only module here that knows how Tepui's processes are started.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.contracts.wire import Address, request, wait_until
from tests.processes import free_port

RESOURCES = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]"
ATTRIBUTES = "rack:r1;level:10"


class Process:
    """One process that listens; comes back on the same port and directory after a stop."""

    def __init__(self, kind: str, directory: Path, *flags: str, log: Path | None = None) -> None:
        self._kind = kind
        self._log = log  # else it speaks where the test does
        self.directory = directory
        self.address = Address("127.0.0.1", free_port())
        self._flags = flags
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "kernel", self._kind, "--work-dir", str(self.directory)]
        command += ["--port", str(self.address.port), *self._flags]
        env = {"TEPUI_LOG": "warning", **os.environ}
        if self._log is None:
            return subprocess.Popen(command, env=env)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(command, env=env, stderr=log)

    def listens(self) -> None:
        wait_until(lambda: self._answers("/health"), what=f"the {self._kind} answers")

    def _answers(self, path: str) -> bool:
        assert self._process.poll() is None, f"the {self._kind} ended"
        try:
            return request(self.address, "GET", path).status == 200
        except OSError:
            return False

    def signal(self, number: int) -> None:
        """To the process and those it made to serve (not to tasks)."""
        for pid in (*_children(self._process.pid), self._process.pid):
            os.kill(pid, number)

    def kill(self) -> None:
        """As kill -9 does."""
        self.signal(signal.SIGKILL)
        self._process.wait(10)

    def start(self, *flags: str) -> None:
        """Again, after `kill`; with other flags if any are given."""
        self._flags = flags or self._flags
        self.begin()
        self.listens()

    def begin(self) -> None:
        """As `start`, but nobody waits until it answers."""
        self._process = self._started()

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> None:
        """For good, with all that it runs."""
        if self.has_ended():
            return
        self.signal(signal.SIGCONT)
        if self._kind == "agent":
            wait_until(self._takes_shutdown, what="the agent takes its end")
        else:
            self._process.terminate()
        self._process.wait(15)

    def _takes_shutdown(self) -> bool:
        try:
            return request(self.address, "POST", "/tepui/v1/shutdown").status == 202
        except OSError:
            return self.has_ended()


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(part) for part in found.read_text().split()] if found.exists() else []


class Cluster:
    """What a contract is tried on. `processes` are ours to stop and kill; elsewhere there are
    none."""

    def __init__(self, master: Address, agent: Address | None = None) -> None:
        self.master = master
        self._agent = agent

    @property
    def agent(self) -> Address:
        """An agent's address: told, or found where Mesos says it, in its pid."""
        if self._agent is None:
            pid = request(self.master, "GET", "/slaves").json()["slaves"][0]["pid"]
            self._agent = Address.parse(pid.partition("@")[2])
        return self._agent


class OwnCluster(Cluster):
    """Fresh processes in fresh directories."""

    def __init__(
        self,
        directory: Path,
        *,
        agents: int = 1,
        master_flags: tuple[str, ...] = (),
        agent_flags: tuple[str, ...] = (),
        log: Path | None = None,
    ) -> None:
        self.directory = directory
        self._log = log
        self.the_master = Process("master", directory / "master", *master_flags, log=log)
        self.the_agents: list[Process] = []
        super().__init__(self.the_master.address)
        try:
            self.the_master.listens()
            for _ in range(agents):
                self.add_agent(*agent_flags)
        except BaseException:
            self.end()
            raise

    @property
    def the_agent(self) -> Process:
        return self.the_agents[0]

    def add_agent(self, *flags: str) -> Process:
        """Started and registered. Of a flag that is given twice the last one counts."""
        given = {flag for flag in flags if flag.startswith("--")}
        usual = {"--resources": RESOURCES, "--attributes": ATTRIBUTES}
        own = [part for name in usual if name not in given for part in (name, usual[name])]
        master = ("--master", f"http://{self.master}")
        directory = self.directory / f"agent{len(self.the_agents)}"
        agent = Process("agent", directory, *master, *own, *flags, log=self._log)
        self.the_agents.append(agent)
        agent.listens()
        wait_until(lambda: self._is_registered(agent), what="the agent is registered")
        return agent

    def _is_registered(self, agent: Process) -> bool:
        slaves = request(self.master, "GET", "/slaves").json()["slaves"]
        at = f":{agent.address.port}"
        return any(slave["active"] and slave["pid"].endswith(at) for slave in slaves)

    def agents_count(self) -> int:
        slaves = request(self.master, "GET", "/slaves").json()["slaves"]
        return sum(slave["active"] for slave in slaves)

    def agent_id(self, agent: Process) -> str:
        slaves = request(self.master, "GET", "/slaves").json()["slaves"]
        at = f":{agent.address.port}"  # before it: our address, or a name of this machine
        found: str = next(slave["id"] for slave in slaves if slave["pid"].endswith(at))
        return found

    @property
    def agent(self) -> Address:
        return self.the_agent.address

    def end(self) -> None:
        for process in (*self.the_agents, self.the_master):
            process.end()
