"""pymesos as it was published, with a real master and a real agent: a framework's whole life.

Source: mesos.md §2.11; recording pymesos-session.
"""

import os
import queue
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agents import live_agent
from tests.conformance.mesos.conftest import STAND_IN
from tests.kernel.runtime.master.live import LiveMaster, live_master, scalar
from tests.processes import wait_until

Json = dict[str, Any]
ECHO = Path(__file__).with_name("pymesos_executor.py")
REFUSE_NOTHING = {"refuse_seconds": 0}


class Framework:
    """Hears everything, does nothing by itself; pymesos calls it on a thread of its own."""

    def __init__(self) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.seen: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda driver, *said: self.heard.put((name, said[0] if said else None))

    def next(self, name: str, fits: Callable[[Any], bool] = lambda said: True) -> Any:
        deadline = time.monotonic() + 20
        while True:
            try:
                heard = self.heard.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name}; heard {self.seen}") from None
            self.seen.append(heard)
            if heard[0] == name and fits(heard[1]):
                return heard[1]

    def status(self, task_id: str, state: str) -> Json:
        found: Json = self.next(
            "statusUpdate", lambda s: (s["task_id"]["value"], s["state"]) == (task_id, state)
        )
        return found

    def hears_no(self, name: str, for_s: float) -> bool:
        deadline = time.monotonic() + for_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                if self.heard.get(timeout=left)[0] == name:
                    return False
            except queue.Empty:
                return True
        return True


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    root = tmp_path_factory.mktemp("cluster")
    with (
        live_master(root / "master") as master,
        live_agent(
            root / "agent",
            f"http://127.0.0.1:{master.port}",
            "--resources",
            "cpus:4;mem:4096;disk:1000",
        ),
    ):
        wait_until(lambda: master.request("GET", "/slaves").json()["slaves"], 30, "no agent")
        yield master


@contextmanager
def driving(pymesos: Any, master: LiveMaster, **info: Any) -> Iterator[tuple[Any, Framework]]:
    """A driver that runs; stopped for good at the end, unless it was stopped before."""
    framework = Framework()
    described = {"user": "root", "name": "pymesos", **info}
    driver = pymesos.MesosSchedulerDriver(framework, described, f"127.0.0.1:{master.port}")
    driver.start()
    try:
        yield driver, framework
    finally:
        driver.stop(failover=driver._failover)
        driver.join()


def task(offer: Json, task_id: str, command: str) -> Json:
    return {
        "task_id": {"value": task_id},
        "agent_id": offer["agent_id"],
        "name": task_id,
        "command": {"value": command},
        "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
    }


def frameworks(master: LiveMaster, of: str) -> list[str]:
    return [each["id"] for each in master.request("GET", "/frameworks").json()[of]]


def test_a_task_runs_and_ends(pymesos: Any, master: LiveMaster) -> None:
    with driving(pymesos, master) as (driver, framework):
        framework.next("registered")
        offer = framework.next("resourceOffers")[0]

        driver.launchTasks(offer["id"], [task(offer, "short", "true")], REFUSE_NOTHING)

        framework.status("short", "TASK_RUNNING")
        last = framework.status("short", "TASK_FINISHED")
        assert last["source"] == "SOURCE_EXECUTOR" and last["agent_id"] == offer["agent_id"]


def test_an_executor_runs_a_task_and_talks_with_its_scheduler(
    pymesos: Any, master: LiveMaster
) -> None:
    """Both drivers: launch, message both ways, kill, teardown."""
    path = os.pathsep.join((str(STAND_IN), *sys.path))
    executor = {
        "executor_id": {"value": "echo"},
        "command": {
            "value": f"exec {sys.executable} {ECHO}",
            "environment": {"variables": [{"name": "PYTHONPATH", "value": path}]},
        },
    }
    with driving(pymesos, master) as (driver, framework):
        offer = framework.next("resourceOffers")[0]
        told = task(offer, "spoken", "")
        del told["command"]
        driver.launchTasks(offer["id"], [{**told, "executor": executor}], REFUSE_NOTHING)
        framework.status("spoken", "TASK_RUNNING")
        driver.sendFrameworkMessage(executor["executor_id"], offer["agent_id"], "aGVsbG8=")

        assert framework.next("frameworkMessage") is not None
        driver.killTask({"value": "spoken"})
        framework.status("spoken", "TASK_KILLED")


def test_a_task_is_reconciled_and_killed(pymesos: Any, master: LiveMaster) -> None:
    with driving(pymesos, master) as (driver, framework):
        offer = framework.next("resourceOffers")[0]
        driver.launchTasks(offer["id"], [task(offer, "long", "sleep 1000")], REFUSE_NOTHING)
        framework.status("long", "TASK_RUNNING")

        driver.reconcileTasks([{"task_id": {"value": "long"}}, {"task_id": {"value": "lost"}}])
        assert framework.status("long", "TASK_RUNNING")["reason"] == "REASON_RECONCILIATION"
        assert "uuid" not in framework.status("lost", "TASK_LOST")
        driver.reconcileTasks([])
        assert framework.status("long", "TASK_RUNNING")["reason"] == "REASON_RECONCILIATION"

        driver.killTask({"value": "long"})
        framework.status("long", "TASK_KILLED")


def test_offers_are_suppressed_and_revived(pymesos: Any, master: LiveMaster) -> None:
    with driving(pymesos, master) as (driver, framework):
        offer = framework.next("resourceOffers")[0]
        driver.suppressOffers()
        driver.declineOffer(offer["id"], REFUSE_NOTHING)
        assert framework.hears_no("resourceOffers", 1.5)

        driver.reviveOffers()
        framework.next("resourceOffers")


def test_a_framework_that_stops_takes_its_tasks_with_it(pymesos: Any, master: LiveMaster) -> None:
    with driving(pymesos, master) as (driver, framework):
        framework_id = framework.next("registered")["value"]
        assert framework_id in frameworks(master, "frameworks")

    wait_until(lambda: framework_id not in frameworks(master, "frameworks"), 10, "still there")
    assert framework_id in frameworks(master, "completed_frameworks")


def test_a_framework_fails_over_and_finds_its_task(pymesos: Any, master: LiveMaster) -> None:
    with driving(pymesos, master) as (driver, framework):
        framework_id = framework.next("registered")
        offer = framework.next("resourceOffers")[0]
        driver.launchTasks(offer["id"], [task(offer, "kept", "sleep 1000")], REFUSE_NOTHING)
        framework.status("kept", "TASK_RUNNING")
        driver.stop(failover=True)
        driver.join()

    with driving(pymesos, master, id=framework_id) as (driver, framework):
        framework.next("reregistered")
        driver.reconcileTasks([])
        framework.status("kept", "TASK_RUNNING")
        driver.killTask({"value": "kept"})
        framework.status("kept", "TASK_KILLED")
