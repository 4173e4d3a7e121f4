"""Jobs posted with plain HTTP run on time, are listed with next run and history, and survive a
restart.
"""

import datetime
import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.cluster import EXAMPLES, Cluster, eventually, is_idle
from tests.cluster.test_up import all_runs, finished

Maker = Callable[..., Cluster]

LATENESS_P99_S = 0.25  # on an idle machine
RUNS = 25


def job(name: str, schedule: str, command: str = "true", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": command, "schedule": schedule, "cpus": 0.05, "mem": 32, **more}


def listed(cluster: Cluster, name: str) -> dict[str, Any]:
    answer = cluster.chronos("GET", "tepui/jobs")[1]
    jobs = answer["jobs"] if isinstance(answer, dict) else answer
    return next(each for each in jobs if each["name"] == name)


def when(text: object) -> datetime.datetime:
    return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))


def lateness_s(runs: list[dict[str, Any]]) -> list[float]:
    return sorted((when(run["started"]) - when(run["nominal"])).total_seconds() for run in runs)


@pytest.mark.timeout(240)
def test_an_iso_and_a_cron_job_run_on_time_and_survive_a_restart(make_cluster: Maker) -> None:
    cluster = make_cluster("--cpus", "4", "--mem", "2048", "--without", "lb").up()
    time.sleep(2)  # an idle machine, not one that is starting
    idle = is_idle()
    post = ["curl", "-sS", "-f", "-H", "Content-Type: application/json", "-X", "POST"]
    for each in (job("iso", "R//PT1S"), job("cron", "* * * * *", scheduleTimeZone="UTC")):
        url = f"{cluster.where['chronos']}/v1/scheduler/iso8601"
        subprocess.run([*post, "-d", json.dumps(each), url], check=True, timeout=10)
    eventually(lambda: len(finished(cluster, "iso")) >= RUNS, 60)
    eventually(lambda: finished(cluster, "cron"), 70)

    iso, cron = finished(cluster, "iso"), finished(cluster, "cron")
    late = lateness_s(iso)
    print(f"start lateness: median {late[len(late) // 2]:.3f} s, worst {late[-1]:.3f} s")
    bound_s = LATENESS_P99_S if idle else 10 * LATENESS_P99_S
    assert late[round(0.99 * (len(late) - 1))] < bound_s
    assert lateness_s(cron)[-1] < bound_s
    assert all(run["exitStatus"] == 0 for run in iso + cron)
    assert when(listed(cluster, "cron")["nextRun"]) > when(cron[0]["nominal"])

    cluster.stop()
    cluster.up()
    kept = [run["runId"] for run in all_runs(cluster, "cron")]
    assert cron[0]["runId"] in kept
    assert listed(cluster, "cron")["schedule"] == "* * * * *"
    eventually(lambda: len(finished(cluster, "iso")) > len(iso))


def test_a_chain_of_jobs_runs_in_its_order(cluster: Cluster) -> None:
    for each in example_chain():
        kind = "dependency" if each.get("parents") else "iso8601"
        assert cluster.chronos("POST", kind, each)[0] == 204
    assert cluster.chronos("PUT", "job/fetch")[0] == 204

    eventually(lambda: finished(cluster, "report"), 30)

    ends = {
        name: when(finished(cluster, name)[0]["finished"]) for name in ("fetch", "count", "sort")
    }
    assert ends["fetch"] <= min(ends["count"], ends["sort"])
    assert max(ends["count"], ends["sort"]) <= when(finished(cluster, "report")[0]["finished"])


def ended(cluster: Cluster, name: str) -> datetime.datetime:
    return when(finished(cluster, name)[0]["finished"])


def example_chain() -> list[dict[str, Any]]:
    chain: Any = json.loads((EXAMPLES / "jobs-dag.json").read_text())
    chain[0]["schedule"] = "R1/2099-01-01T00:00:00Z/PT1H"  # started by hand here
    return list(chain)


def test_a_failing_job_keeps_its_exit_status_and_its_log(cluster: Cluster) -> None:
    bad = job("bad", "R1//PT1H", "echo it went wrong >&2; exit 7", retries=0)
    assert cluster.chronos("POST", "iso8601", bad)[0] == 204

    eventually(lambda: finished(cluster, "bad"))

    (run,) = finished(cluster, "bad")
    assert run["exitStatus"] == 7
    log = cluster.chronos("GET", f"tepui/job/bad/runs/{run['runId']}/log?stream=stderr")
    assert "it went wrong" in str(log[1])
