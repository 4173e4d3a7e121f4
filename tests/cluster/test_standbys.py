"""Two Marathons and two Chronoses that share a store: one leads, the other answers by proxy.

Source: the fault matrix, rows M1 and M2; Marathon, docs/high-availability.md.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.parts import Part, Parts, parts_in
from tests.processes import wait_until
from tests.servers import redis_server, zookeepers

pytestmark = pytest.mark.cluster

LEASE_S = 2.0
SETTLE_S = 60.0


@pytest.fixture(scope="module", params=["redis", "zookeeper"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "redis":
        with redis_server(directory) as server:
            yield f"redis://127.0.0.1:{server.port}/0?lease={LEASE_S}"
    else:
        with zookeepers(directory) as servers:
            hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
            yield f"zk://{hosts}/{{name}}?session={LEASE_S}"


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with parts_in(tmp_path) as started:
        yield started


@pytest.fixture
def master(parts: Parts) -> Part:
    found = parts.start("kernel master")
    parts.start("kernel agent", "--master", found.url, "--resources", "cpus:16;mem:8000")
    return found


def pair(parts: Parts, module: str, store: str, master: Part, tmp_path: Path) -> list[Part]:
    """The leader first."""
    name = f"{module}-{tmp_path.name}"
    url = store.replace("{name}", name)
    if store.startswith("redis"):
        url = url.replace("/0?", f"/{abs(hash(name)) % 16}?")
    words = ("--store", url, "--master", master.url)
    first = parts.start(module, *words)
    wait_until(lambda: leader_of(first) == first.address, SETTLE_S, first.log())
    return [first, parts.start(module, *words)]


def leader_of(part: Part) -> str:
    for path in ("/v2/leader", "/v1/scheduler/leader"):
        status, answer, _ = part.ask("GET", path)
        if status == 200:
            return str(answer["leader"])
    return ""


APP = {"id": "/web", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 4}


def running(part: Part) -> dict[str, str]:
    status, answer, _ = part.ask("GET", "/v2/apps/web/tasks")
    if status != 200:
        return {}
    return {t["id"]: t["state"] for t in answer["tasks"] if t["state"] == "TASK_RUNNING"}


def is_settled(part: Part, instances: int) -> bool:
    status, answer, _ = part.ask("GET", "/v2/deployments")
    return status == 200 and answer == [] and len(running(part)) == instances


def test_a_standby_passes_requests_on_and_says_so(
    parts: Parts, store: str, master: Part, tmp_path: Path
) -> None:
    leader, standby = pair(parts, "marathon_app", store, master, tmp_path)

    status, answer, headers = standby.ask("POST", "/v2/apps", APP)

    assert status == 201, answer
    assert headers["x-marathon-via"] == standby.address
    assert leader.ask("GET", "/v2/apps/web")[0] == 200
    assert leader_of(standby) == leader.address
    wait_until(lambda: is_settled(standby, 4), SETTLE_S, leader.log())
    assert standby.ask("GET", "/ping")[:2] == (200, "pong")
    status, answer, _ = standby.ask("GET", "/v2/apps/none")
    assert (status, answer["message"]) == (404, "App '/none' does not exist")


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_a_deployment_goes_on_under_the_next_leader(
    parts: Parts, store: str, master: Part, tmp_path: Path, how: str
) -> None:
    leader, standby = pair(parts, "marathon_app", store, master, tmp_path)
    assert leader.ask("POST", "/v2/apps", APP)[0] == 201
    wait_until(lambda: is_settled(leader, 4), SETTLE_S, leader.log())
    old = running(leader)
    status, _, _ = leader.ask("PUT", "/v2/apps/web", {**APP, "env": {"VERSION": "2"}})
    assert status == 200

    if how == "killed":
        leader.kill()
    else:
        leader.signal(signal.SIGSTOP)
    began_s = time.monotonic()
    wait_until(lambda: leader_of(standby) == standby.address, SETTLE_S, standby.log())
    print(f"{how}: time without a leader: {time.monotonic() - began_s:.2f} s; lease {LEASE_S} s")

    wait_until(lambda: is_settled(standby, 4), SETTLE_S, standby.log())
    assert not set(running(standby)) & set(old)
    tasks = [
        task["id"]
        for framework in master.ask("GET", "/state")[1]["frameworks"]
        for task in framework["tasks"]
        if task["state"] == "TASK_RUNNING"
    ]
    assert sorted(tasks) == sorted(running(standby))
    if how == "paused":
        leader.signal(signal.SIGCONT)
        wait_until(lambda: leader_of(leader) == standby.address, SETTLE_S, leader.log())
        assert sorted(running(leader)) == sorted(tasks)


def test_a_job_runs_once_a_turn_across_a_change_of_leader(
    parts: Parts, store: str, master: Part, tmp_path: Path
) -> None:
    leader, standby = pair(parts, "chronos_app", store, master, tmp_path)
    ran = tmp_path / "ran"
    job = {
        "name": "tick",
        "command": f"echo run >> {ran}",
        "schedule": "R8//PT1S",
        "epsilon": "PT60S",
        "owner": "",
    }
    status, answer, _ = standby.ask("POST", "/v1/scheduler/iso8601", job)
    assert status in (200, 204), answer
    wait_until(lambda: ran.exists() and ran.read_text().count("run") >= 2, SETTLE_S, leader.log())

    leader.kill()
    began_s = time.monotonic()
    wait_until(lambda: leader_of(standby) == standby.address, SETTLE_S, standby.log())
    print(f"time without a leader: {time.monotonic() - began_s:.2f} s; lease {LEASE_S} s")

    wait_until(lambda: is_over(standby), SETTLE_S, standby.log())
    runs = standby.ask("GET", "/v1/scheduler/tepui/job/tick/runs")[1]
    nominal = [run["nominal"] for run in runs]
    assert len(nominal) == len(set(nominal))
    assert turns(runs) == 8
    # Turns missed while nobody led are caught up as the job's policy says, here by the last one.
    states = [run["state"] for run in runs]
    assert set(states) <= {"succeeded", "coalesced"}
    assert ran.read_text().count("run") == states.count("succeeded")


def is_over(part: Part) -> bool:
    status, runs, _ = part.ask("GET", "/v1/scheduler/tepui/job/tick/runs")
    return status == 200 and turns(runs) == 8 and all(run["finished"] for run in runs)


def turns(runs: list[Any]) -> int:
    """Several that were missed in a row are told as one."""
    return sum(run["count"] or 1 for run in runs)
