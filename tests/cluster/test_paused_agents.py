"""An agent that is stopped for longer than the master waits, and woken: nothing runs twice.

Source: the fault matrix, row A3.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.parts import Part, Parts, parts_in
from tests.cluster.test_store_faults import processes_of
from tests.processes import wait_until

pytestmark = pytest.mark.cluster

PING_S, PINGS = 1, 3
SETTLE_S = 60.0
END_S = 10.0  # the grace of a kill and five seconds


class Pair:
    """Two agents, of which the one that has the task is stopped."""

    def __init__(self, parts: Parts) -> None:
        self.master = parts.start(
            "kernel master",
            "--agent-ping-timeout", str(PING_S), "--max-agent-ping-timeouts", str(PINGS),
        )  # fmt: skip
        self.agents = [
            parts.start("kernel agent", "--master", self.master.url, "--resources", "cpus:2;mem:99")
            for _ in range(2)
        ]
        self.marathon = parts.start("marathon_app", "--master", self.master.url)

    def deploy(self, seconds: int) -> str:
        strategy = {"inactiveAfterSeconds": seconds, "expungeAfterSeconds": seconds}
        app = {
            "id": "/one", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32,
            "unreachableStrategy": strategy,
        }  # fmt: skip
        status, answer, _ = self.marathon.ask("POST", "/v2/apps", app)
        assert status == 201, answer
        wait_until(lambda: self.running(), SETTLE_S, "it runs")
        return self.running()[0]

    def tasks(self) -> list[Any]:
        status, answer, _ = self.marathon.ask("GET", "/v2/apps/one/tasks")
        return list(answer["tasks"]) if status == 200 else []

    def running(self) -> list[str]:
        return [task["id"] for task in self.tasks() if task["state"] == "TASK_RUNNING"]

    def with_task(self, task_id: str) -> Part:
        for agent in self.agents:
            state = agent.ask("GET", "/state")[1]
            if task_id in str(state["frameworks"]):
                return agent
        raise AssertionError(f"no agent has {task_id}")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with parts_in(tmp_path) as parts:
        yield Pair(parts)


def pause(agent: Part) -> None:
    agent.signal(signal.SIGSTOP)


def wake(agent: Part) -> None:
    agent.signal(signal.SIGCONT)


def test_a_short_pause_of_an_agent_is_only_a_delay(pair: Pair) -> None:
    task = pair.deploy(300)
    processes = processes_of(task)
    agent = pair.with_task(task)

    pause(agent)
    time.sleep(PING_S)  # less than is waited for: nothing can be seen to happen
    wake(agent)

    wait_until(lambda: agent.is_healthy(), SETTLE_S)
    assert pair.running() == [task]
    assert processes_of(task) == processes


def test_a_task_replaced_while_its_agent_slept_ends_when_it_wakes(pair: Pair) -> None:
    task = pair.deploy(0)
    (process,) = processes_of(task)
    agent = pair.with_task(task)

    pause(agent)
    paused_s = time.monotonic()
    wait_until(lambda: pair.running() and pair.running() != [task], SETTLE_S, "it is replaced")
    print(f"replaced after {time.monotonic() - paused_s:.2f} s; pings {PINGS} x {PING_S} s")
    heir = pair.running()
    wake(agent)
    woken_s = time.monotonic()
    wait_until(lambda: not os.path.exists(f"/proc/{process}"), END_S, "the replaced one ends")
    print(f"the replaced one ended {time.monotonic() - woken_s:.2f} s after its agent woke")

    wait_until(lambda: len(pair.tasks()) == 1, SETTLE_S, "one is left")
    assert pair.running() == heir
