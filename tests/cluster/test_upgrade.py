"""Upgrade, rollback and scaling under load: not one failed request, never too few healthy
instances.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.cluster import Cluster, app, eventually
from tests.cluster.load import Load

SAMPLE_S = 0.03


@contextmanager
def healthy_at_least(cluster: Cluster, app_id: str, least: int) -> Iterator[list[int]]:
    """Looks at the app all the while, as an operator would; fails if it ever had fewer healthy."""
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(cluster.marathon("GET", f"/v2/apps{app_id}")[1]["app"]["tasksHealthy"])
            time.sleep(SAMPLE_S)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
    assert min(seen) >= least, f"of {len(seen)} samples the lowest was {min(seen)}"


def scale(cluster: Cluster, spec: dict[str, Any], instances: int) -> None:
    status, answer = cluster.marathon("PUT", f"/v2/apps{spec['id']}", {"instances": instances})
    assert status == 200, answer
    cluster.settled()


def test_upgrade_rollback_and_scaling_lose_no_request(cluster: Cluster) -> None:
    first, second = app(cluster, "v1"), app(cluster, "v2")
    cluster.deploy(first)
    eventually(lambda: cluster.fetch() == "v1")
    versions = cluster.marathon("GET", "/v2/apps/hello/versions")[1]["versions"]

    with Load(cluster.service_port) as load:
        with healthy_at_least(cluster, "/hello", 4):
            cluster.deploy(second)
            eventually(lambda: cluster.fetch() == "v2")
            cluster.marathon("PUT", "/v2/apps/hello?force=true", {"version": versions[0]})
            cluster.settled()
            eventually(lambda: cluster.fetch() == "v1")
            scale(cluster, first, 8)
        with healthy_at_least(cluster, "/hello", 2):
            scale(cluster, first, 2)
        before = load.count
        eventually(lambda: load.count > before + 100)

    assert load.failures == []
    assert sorted(load.answers) == ["v1", "v2"]
    assert len(cluster.tasks("/hello")) == 2


def test_a_broken_version_leaves_the_old_one_serving_and_says_why(cluster: Cluster) -> None:
    good = app(cluster, "v1", id="/broken", instances=2)
    bad = app(cluster, "broken", id="/broken", instances=2)
    good["portDefinitions"][0]["port"] = bad["portDefinitions"][0]["port"] = (
        cluster.service_port + 1
    )
    cluster.deploy(good)
    eventually(lambda: cluster.fetch(cluster.service_port + 1) == "v1")
    versions = cluster.marathon("GET", "/v2/apps/broken/versions")[1]["versions"]

    with Load(cluster.service_port + 1) as load, healthy_at_least(cluster, "/broken", 2):
        assert cluster.marathon("PUT", "/v2/apps/broken", bad)[0] == 200
        eventually(lambda: "health" in str(waiting_for(cluster)), why=cluster.deployments)
        before = load.count
        eventually(lambda: load.count > before + 300)

        done = cluster.run("app", "rollback", "/broken")

    assert done.returncode == 0, done.stderr
    assert load.failures == []
    assert list(load.answers) == ["v1"]
    now = cluster.marathon("GET", "/v2/apps/broken")[1]["app"]
    assert now["cmd"] == good["cmd"]
    assert versions[0] in cluster.marathon("GET", "/v2/apps/broken/versions")[1]["versions"]


def on_port(cluster: Cluster, offset: int, version: str, **changes: Any) -> dict[str, Any]:
    """The example app on another service port than its namesakes of the other tests."""
    found = app(cluster, version, **changes)
    found["portDefinitions"][0]["port"] = cluster.service_port + offset
    return found


def test_an_only_instance_is_replaced_without_a_gap(cluster: Cluster) -> None:
    port = cluster.service_port + 2
    cluster.deploy(on_port(cluster, 2, "v1", id="/only", instances=1))
    eventually(lambda: cluster.fetch(port) == "v1")

    with Load(port) as load, healthy_at_least(cluster, "/only", 1):
        for version in ("v2", "v1", "v2"):
            cluster.deploy(on_port(cluster, 2, version, id="/only", instances=1))

    assert load.failures == []
    assert sorted(load.answers) == ["v1", "v2"]


def test_a_load_balancer_killed_during_an_upgrade_costs_no_request(cluster: Cluster) -> None:
    port = cluster.service_port + 3
    cluster.deploy(on_port(cluster, 3, "v1", id="/kept", instances=2))
    eventually(lambda: cluster.fetch(port) == "v1")

    with Load(port) as load, healthy_at_least(cluster, "/kept", 2):
        os.kill(cluster.pid("lb"), signal.SIGKILL)
        cluster.deploy(on_port(cluster, 3, "v2", id="/kept", instances=2))
        eventually(lambda: cluster.fetch(port) == "v2")

    assert load.failures == []


def waiting_for(cluster: Cluster) -> list[str]:
    return [reason for each in cluster.deployments() for reason in each["waitingFor"]]
