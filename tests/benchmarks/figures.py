"""The measurements. Each answers figures; judging and printing them is the caller's."""

import asyncio
import subprocess
import time
from pathlib import Path

from kernel.cli import processes
from kernel.framework.task import Task, TaskRecord
from kernel.messages.v1 import TaskStatus
from kernel.model.task import TaskState
from kernel.runtime.framework import Framework
from tests.cluster.cluster import Cluster, app, eventually

TASKS = 100


def plain_loop_s(count: int = TASKS) -> float:
    """The least that is possible: fork the same processes in a loop, and look that each runs."""
    began = time.monotonic()
    started = [subprocess.Popen(["sh", "-c", "exec sleep 600"]) for _ in range(count)]
    assert all(process.poll() is None for process in started)
    took_s = time.monotonic() - began
    for process in started:
        process.kill()
        process.wait()
    return took_s


def launch_s(cluster: Cluster, count: int = TASKS) -> float:
    """From the POST of an app to that many TASK_RUNNING."""
    spec = {"id": "/hundred", "cmd": "exec sleep 600", "instances": count, "cpus": 0.01, "mem": 8}
    began = time.monotonic()
    status, answer = cluster.marathon("POST", "/v2/apps", spec)
    assert status == 201, answer
    while running(cluster) < count:
        assert time.monotonic() - began < 120, f"only {running(cluster)} run"
        time.sleep(0.02)
    took_s = time.monotonic() - began
    cluster.settled()
    cluster.marathon("DELETE", "/v2/apps/hundred")
    cluster.settled()
    return took_s


class Hundred(Framework):
    """The same by the framework SDK, from the first submission."""

    began_s = took_s = 0.0

    def subscribed(self) -> None:
        self.began_s = time.monotonic()
        for number in range(TASKS):
            self.submit(Task(f"t{number}", "exec sleep 600", cpus=0.01, mem=8))

    def updated(self, task: TaskRecord, status: TaskStatus | None) -> None:
        if all(each.state is TaskState.RUNNING for each in self.tasks.values()):
            self.took_s = time.monotonic() - self.began_s
            self.stop(teardown=True)


def framework_launch_s(cluster: Cluster, state: Path) -> float:
    """From the first submission to the last TASK_RUNNING, each durable meanwhile."""
    framework = Hundred("hundred", masters=cluster.where["master"], state=state)
    asyncio.run(asyncio.wait_for(framework.run(), 120))
    return framework.took_s


def running(cluster: Cluster) -> int:
    answer = cluster.marathon("GET", "/v2/apps/hundred?embed=app.counts")[1]
    return int(answer["app"]["tasksRunning"])


def first_new_answer_s(cluster: Cluster) -> float:
    """From the PUT of a new version to the first request it serves, through the load balancer."""
    cluster.deploy(app(cluster, "v1", instances=2))
    eventually(lambda: cluster.fetch() == "v1")
    began = time.monotonic()
    assert cluster.marathon("PUT", "/v2/apps/hello", app(cluster, "v2", instances=2))[0] == 200
    while cluster.fetch() != "v2":
        assert time.monotonic() - began < 60
        time.sleep(0.005)
    took_s = time.monotonic() - began
    cluster.settled()
    cluster.marathon("DELETE", "/v2/apps/hello")
    cluster.settled()
    return took_s


def memory_mib(cluster: Cluster) -> dict[str, float]:
    """Of each child with all below it: its proportional share, so that nothing is counted twice."""
    assert cluster.process is not None
    names = {cluster.pid(name): name for name in cluster.where["pids"]}
    found = {"tepui up": pss_mib(cluster.process.pid)}
    for pid, name in names.items():
        family = [pid, *processes.descendants(pid)]
        found[name] = sum(pss_mib(each) for each in family)
    counted = [each for pid in names for each in [pid, *processes.descendants(pid)]]
    rest = [each for each in processes.descendants(cluster.process.pid) if each not in counted]
    if rest:
        found["runners, proxies"] = sum(pss_mib(each) for each in rest)
    return found


def pss_mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0  # it ended meanwhile
    kib = next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))
    return int(kib) / 1024
