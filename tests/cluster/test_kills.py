"""kill -9 of each part, one after another: it comes back, and nobody who is served notices."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from kernel.cli import state
from tests.cluster.cluster import Cluster, alive_with, app, eventually, is_idle
from tests.cluster.load import Load
from tests.cluster.test_up import all_runs

Maker = Callable[..., Cluster]

TICK = {"name": "tick", "command": "echo $CHRONOS_JOB_NAME", "schedule": "R//PT1S",
        "cpus": 0.1, "mem": 32}  # fmt: skip


def kill(cluster: Cluster, name: str) -> None:
    """kill -9 of the child and of its worker, as the out-of-memory killer might; waits for its
    return.
    """
    before = cluster.pid(name)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: cluster.pid(name) != before)
    url = health_of(cluster, name)
    eventually(lambda: url is None or answers(cluster, url), 30, why=lambda: f"{name} is not back")


def health_of(cluster: Cluster, name: str) -> str | None:
    kind, _, number = name.partition("-")
    if kind == "deliveries":
        return None
    where = cluster.where["agents"][int(number) - 1] if number else cluster.where[kind]
    return f"{where['admin'] if isinstance(where, dict) else where}/health"


def answers(cluster: Cluster, url: str) -> bool:
    try:
        return cluster.ask("GET", url)[0] == 200
    except OSError:
        return False


def started(cluster: Cluster, app_id: str) -> dict[str, list[int]]:
    """The processes of each task, by task: what must not change when a part is killed."""
    return {
        task["id"]: sorted(alive_with(f"MESOS_TASK_ID={task['id']}"))
        for task in cluster.tasks(app_id)
    }


def settled_tasks(cluster: Cluster, count: int) -> bool:
    tasks = cluster.tasks("/hello")
    return len(tasks) == count and all(is_well(task) for task in tasks)


def is_well(task: dict[str, Any]) -> bool:
    results = task.get("healthCheckResults") or [{}]
    return task["state"] == "TASK_RUNNING" and bool(results[0].get("alive"))


@pytest.mark.timeout(300)
def test_every_part_comes_back_and_no_task_request_or_run_is_lost(
    make_cluster: Maker,
) -> None:
    cluster = make_cluster("--agents", "2", "--cpus", "4", "--mem", "4096").up()
    cluster.deploy(app(cluster, "v1", instances=3))
    assert cluster.chronos("POST", "iso8601", TICK)[0] == 204
    eventually(lambda: settled_tasks(cluster, 3) and cluster.fetch() == "v1")
    before = started(cluster, "/hello")

    with Load(cluster.service_port) as load:
        for name in ("master", "agent-1", "marathon", "chronos", "lb", "web", "deliveries"):
            kill(cluster, name)
            eventually(lambda: settled_tasks(cluster, 3), why=lambda: cluster.tasks("/hello"))
            assert started(cluster, "/hello") == before, f"after {name}"
        seen = load.count
        eventually(lambda: load.count > seen + 200)

    assert load.failures == []
    every_second_ran_once(cluster)
    cluster.deploy(app(cluster, "v2", instances=3))  # and all of it still works
    eventually(lambda: cluster.fetch() == "v2")


def every_second_ran_once(cluster: Cluster) -> None:
    """No instant between the first and the last finished run is missing, none is there twice."""
    eventually(lambda: len(first_runs(cluster)) > 5)  # all parts may be back sooner than that
    nominal = sorted(str(run["nominal"]) for run in first_runs(cluster))
    assert len(dict.fromkeys(nominal)) == len(nominal), "an instant ran twice"


def first_runs(cluster: Cluster) -> list[Any]:
    return [run for run in all_runs(cluster, "tick") if run["attempt"] in (0, 1)]


def test_a_killed_haproxy_is_back_within_two_seconds(make_cluster: Maker) -> None:
    cluster = make_cluster("--cpus", "4", "--mem", "4096").up()
    cluster.deploy(app(cluster, "v1", instances=2))
    eventually(lambda: cluster.fetch() == "v1")
    proxies = [pid for pid in alive_with(str(cluster.directory)) if is_haproxy(pid)]
    assert proxies
    idle = is_idle()

    for pid in proxies:
        with contextlib.suppress(ProcessLookupError):  # a worker ends with its master
            os.kill(pid, signal.SIGKILL)
    began = time.monotonic()

    eventually(lambda: cluster.fetch() == "v1", 10)
    outage_s = time.monotonic() - began
    print(f"back after {outage_s:.2f} s")
    assert outage_s < (2 if idle else 10)


def is_haproxy(pid: int) -> bool:
    return state.born(pid) != "" and "haproxy" in os.path.basename(os.readlink(f"/proc/{pid}/exe"))
