"""A cluster is saved while it is written to, lost, and brought back in a fresh directory."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import Cluster, eventually
from tests.cluster.test_up import all_runs, finished

Maker = Callable[..., Cluster]

FLAGS = ("--cpus", "8", "--mem", "4096", "--without", "lb", "--without", "web")
REREGISTER_S = 10


def sleeper(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, **more}


@contextmanager
def written_to(cluster: Cluster) -> Iterator[list[str]]:
    """Adds apps as fast as they are taken; gives the names of those that were acknowledged."""
    taken: list[str] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            name = f"/written/{len(taken)}"
            assert cluster.marathon("POST", "/v2/apps", sleeper(name, instances=0))[0] == 201
            taken.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield taken
    finally:
        done.set()
        writer.join()


def set_quota(cluster: Cluster) -> None:
    limits = {"cpus": {"value": 3}}
    quota = {"force": True, "quota_configs": [{"role": "eng", "limits": limits}]}
    call = {"type": "UPDATE_QUOTA", "update_quota": quota}
    assert cluster.ask("POST", f"{cluster.where['master']}/api/v1", call)[0] == 200


def quota_of(cluster: Cluster) -> Any:
    return cluster.ask("POST", f"{cluster.where['master']}/api/v1", {"type": "GET_QUOTA"})[1]


def app_ids(cluster: Cluster) -> list[str]:
    return [each["id"] for each in cluster.marathon("GET", "/v2/apps")[1]["apps"]]


def versions_of(cluster: Cluster, app: str) -> list[Any]:
    versions = cluster.marathon("GET", f"/v2/apps{app}/versions")[1]["versions"]
    return [cluster.marathon("GET", f"/v2/apps{app}/versions/{each}")[1] for each in versions]


@pytest.mark.timeout(240)
def test_a_cluster_that_is_written_to_is_saved_and_comes_back_elsewhere(
    make_cluster: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEPUI_MASTER_AGENT_REREGISTER_TIMEOUT", str(REREGISTER_S))
    cluster = make_cluster(*FLAGS).up()
    for instances in (1, 2):
        cluster.deploy(sleeper("/kept", instances=instances))
    job = {"name": "tick", "command": "true", "schedule": "R//PT1S", "cpus": 0.1, "mem": 32}
    assert cluster.chronos("POST", "iso8601", job)[0] == 204
    eventually(lambda: finished(cluster, "tick"))
    set_quota(cluster)
    versions, quota = versions_of(cluster, "/kept"), quota_of(cluster)
    runs = [run["runId"] for run in finished(cluster, "tick")]

    file = str(tmp_path / "it.backup")
    with written_to(cluster) as taken:
        eventually(lambda: len(taken) >= 10)
        before = list(taken)
        saved = cluster.run("backup", file)
        eventually(lambda: len(taken) > len(before))
    assert saved.returncode == 0, saved.stderr
    refused = cluster.run("restore", file, "--replace")
    assert refused.returncode == 5 and "is held by" in refused.stderr
    cluster.stop()

    fresh = Cluster(tmp_path / "fresh", cluster.first_port, *FLAGS)
    restored = fresh.run("restore", file)
    assert restored.returncode == 0, restored.stderr
    try:
        fresh.up()
        assert [each for each in before if each not in app_ids(fresh)] == []
        assert versions_of(fresh, "/kept") == versions
        assert quota_of(fresh) == quota
        assert runs[0] in [run["runId"] for run in all_runs(fresh, "tick")]
        count = len(finished(fresh, "tick"))
        eventually(lambda: len(finished(fresh, "tick")) > count, timeout_s=30 + REREGISTER_S)
        eventually(lambda: running(fresh, "/kept") == 2, 60, lambda: fresh.tasks("/kept"))
        subprocess.run(fresh.command("backup", "--check", file), check=True)
    finally:
        fresh.clear()


def running(cluster: Cluster, app: str) -> int:
    return cluster.marathon("GET", f"/v2/apps{app}")[1]["app"]["tasksRunning"]  # type: ignore[no-any-return]
