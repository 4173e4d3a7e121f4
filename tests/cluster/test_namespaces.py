"""Three agents on machines of their own, whose links are cut one way and both ways.

Source: the fault matrix, row M5.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.namespaces import Inhabitant, Net, NoRights, network
from tests.cluster.parts import Part, Parts, parts_in
from tests.cluster.test_store_faults import processes_of
from tests.processes import wait_until

pytestmark = pytest.mark.cluster

AGENTS = ("a1", "a2", "a3")
PING_S, PINGS = 1, 3
SETTLE_S = 60.0
PATIENT = {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}


class Machines:
    def __init__(self, net: Net, parts: Parts, directory: Path) -> None:
        self.net, self._parts, self._directory = net, parts, directory
        host = net.add("m")
        self.master = self._start(
            "kernel master", "m", host,
            "--agent-ping-timeout", str(PING_S), "--max-agent-ping-timeouts", str(PINGS),
        )  # fmt: skip
        self.marathon = self._start("marathon_app", "m", host, "--master", self.master.url)
        for node in AGENTS:
            self._start(
                "kernel agent", node, net.add(node),
                "--master", self.master.url, "--resources", "cpus:4;mem:2000",
            )  # fmt: skip
        wait_until(lambda: len(self.agents()) == 3, SETTLE_S, "three agents")

    def _start(self, module: str, node: str, host: str, *words: str) -> Part:
        directory = self._directory / f"{module.split()[-1]}-{node}"
        more = ["--ip", host, "--insecure", *words]
        part = Inhabitant(module, more, directory, self.net.space(node), host)
        return self._parts.add(part, module)

    def agents(self) -> list[str]:
        """The addresses of those that the master can reach."""
        status, state, _ = self.master.ask("GET", "/state")
        found = state["slaves"] if status == 200 else []
        return sorted(agent["hostname"] for agent in found if agent["active"])

    def deploy(self, app_id: str, instances: int) -> dict[str, str]:
        """At most one an agent; the task at each."""
        app = {
            "id": app_id, "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": instances,
            "constraints": [["hostname", "UNIQUE"]], "unreachableStrategy": PATIENT,
        }  # fmt: skip
        status, answer, _ = self.marathon.ask("POST", "/v2/apps", app)
        assert status == 201, answer
        wait_until(lambda: len(self.running(app_id)) == instances, SETTLE_S, f"{app_id} runs")
        return self.running(app_id)

    def tasks(self, app_id: str) -> list[Any]:
        status, answer, _ = self.marathon.ask("GET", f"/v2/apps{app_id}/tasks")
        return list(answer["tasks"]) if status == 200 else []

    def running(self, app_id: str) -> dict[str, str]:
        found = [task for task in self.tasks(app_id) if task["state"] == "TASK_RUNNING"]
        return {task["host"]: task["id"] for task in found}

    def states(self, app_id: str) -> list[str]:
        return sorted(task["state"] for task in self.tasks(app_id))


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    directory = tmp_path_factory.mktemp("machines")
    try:
        with network() as net, parts_in(directory) as parts:
            yield Machines(net, parts, directory)
    except NoRights as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no network namespaces here, run as root with iproute2: {error}")


def cut(net: Net, how: str) -> None:
    if how == "both ways":
        net.cut("a1")
    elif how == "agent to master":
        net.mute("a1", "m")
    else:
        net.mute("m", "a1")


@pytest.mark.parametrize("how", ["both ways", "agent to master", "master to agent"])
def test_an_agent_that_is_cut_off_is_unreachable_and_its_task_comes_back_with_it(
    machines: Machines, how: str
) -> None:
    name = how.replace(" ", "-")
    before = machines.deploy(f"/{name}", 3)
    processes = {task: processes_of(task) for task in before.values()}
    here = machines.agents()

    cut(machines.net, how)
    cut_s = time.monotonic()
    wait_until(lambda: len(machines.agents()) == 2, SETTLE_S, "it is unreachable")
    print(f"{how}: unreachable after {time.monotonic() - cut_s:.2f} s; pings {PINGS} x {PING_S} s")
    wait_until(
        lambda: machines.states(f"/{name}") == ["TASK_RUNNING"] * 2 + ["TASK_UNREACHABLE"],
        SETTLE_S,
        "its task is unreachable",
    )
    others = machines.deploy(f"/{name}-others", 2)  # offers of it are gone, the rest goes on
    assert set(others) == set(machines.agents())
    assert {task: processes_of(task) for task in before.values()} == processes

    machines.net.heal("a1", "m")
    healed_s = time.monotonic()
    wait_until(lambda: machines.running(f"/{name}") == before, SETTLE_S, "all three run")
    print(f"{how}: all runs as before {time.monotonic() - healed_s:.2f} s after it was healed")
    assert machines.agents() == here
    assert {task: processes_of(task) for task in before.values()} == processes
