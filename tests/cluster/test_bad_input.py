"""Bad input: each with a clear error that names the field, and nothing is changed by it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import Cluster, eventually

Maker = Callable[..., Cluster]


def sleeper(**changes: Any) -> dict[str, Any]:
    return {"id": "/x", "cmd": "sleep 1000", "instances": 1, "cpus": 0.1, "mem": 32} | changes


def job(**changes: Any) -> dict[str, Any]:
    base = {"name": "j", "command": "true", "schedule": "R//PT1H", "cpus": 0.1, "mem": 32}
    return base | changes


def all_apps(cluster: Cluster) -> list[str]:
    return [each["id"] for each in cluster.marathon("GET", "/v2/apps")[1]["apps"]]


def refused(cluster: Cluster, body: object, *words: str) -> None:
    before = all_apps(cluster)
    status, answer = cluster.marathon("POST", "/v2/apps", body)

    assert 400 <= status < 500, answer
    assert all(word in str(answer) for word in words), answer
    assert all_apps(cluster) == before


def test_malformed_json(cluster: Cluster) -> None:
    refused(cluster, b'{"id": "/x",', "Invalid JSON")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"instances": "three"}, "/instances"),
        ({"cpus": {}}, "/cpus"),
        ({"env": {"A": 1.5}}, "/env"),
        ({"healthChecks": "yes"}, "/healthChecks"),
        ({"cpus": -1}, "/cpus"),
        ({"mem": -5}, "/mem"),
        ({"id": "/Not OK"}, "/id"),
    ],
)
def test_a_field_of_the_wrong_type_or_range_is_named(
    cluster: Cluster, changes: dict[str, Any], path: str
) -> None:
    refused(cluster, sleeper(**changes), path)


def test_cyclic_dependencies(cluster: Cluster) -> None:
    first = {"id": "a", "cmd": "sleep 1", "dependencies": ["/ring/b"]}
    second = {"id": "b", "cmd": "sleep 1", "dependencies": ["/ring/a"]}

    status, answer = cluster.marathon("PUT", "/v2/groups", {"id": "/ring", "apps": [first, second]})

    assert 400 <= status < 500, answer
    assert "cyclic" in str(answer).lower()
    assert "/ring/a" not in all_apps(cluster)


def test_more_than_the_cluster_has_is_accepted_and_the_queue_says_what_is_short(
    cluster: Cluster,
) -> None:
    status, answer = cluster.marathon("POST", "/v2/apps", sleeper(id="/greedy", cpus=1000))
    assert status == 201, answer

    def reasons() -> str:
        queue = cluster.marathon("GET", "/v2/queue")[1]["queue"]
        why = cluster.marathon("GET", "/v3/apps/greedy/why")[1]
        return f"{queue} {why}"

    eventually(lambda: "InsufficientCpus" in reasons(), why=reasons)
    eventually(lambda: "984" in reasons(), why=reasons)  # the agent has 16
    cluster.marathon("DELETE", "/v2/apps/greedy")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"schedule": "R/whenever/PT1H"}, "schedule"),
        ({"schedule": "61 * * * *"}, "61 * * * *"),
        ({"schedule": "0 3 * * *", "scheduleTimeZone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"name": ""}, "name"),
        ({"cpus": -1}, "cpus"),
        ({"retries": "many"}, "retries"),
    ],
)
def test_a_job_with_a_mistake_is_refused_in_words(
    cluster: Cluster, changes: dict[str, Any], word: str
) -> None:
    status, answer = cluster.chronos("POST", "iso8601", job(**changes))

    assert 400 <= status < 500, answer
    assert word in str(answer)
    assert cluster.chronos("GET", "jobs")[1] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/apps", b"\xff\xfe"),
        ("/v2/apps", b"null"),
        ("/v2/apps", b"[1]"),
        ("/v2/apps", b"[" * 5000),
        ("/v2/groups", b"3"),
        ("/v2/apps//..%2f..%2f/restart", b""),
    ],
)
def test_nonsense_never_gives_a_server_error(cluster: Cluster, path: str, body: bytes) -> None:
    status, answer = cluster.marathon("POST", path, body)

    assert 400 <= status < 500, answer


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of some MiB at a place, as root may make one."""
    at.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(at)])
    if mounted.returncode != 0:
        pytest.skip("this needs the right to mount a small disk")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="this needs the right to mount a small disk")
def test_a_full_disk_refuses_changes_in_words_and_heals_when_there_is_room(
    make_cluster: Maker,
) -> None:
    cluster = make_cluster("--cpus", "1", "--mem", "512", "--without", "lb", "--without", "web")
    with small_disk(cluster.directory / "marathon") as disk:
        cluster.up()
        cluster.deploy(sleeper(id="/before", instances=0))
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

        status, answer = cluster.marathon("POST", "/v2/apps", sleeper(id="/after", instances=0))
        assert status == 507, answer
        assert "disk" in str(answer) or "full" in str(answer)
        assert all_apps(cluster) == ["/before"]

        filler.unlink()
        after = sleeper(id="/after", instances=0)
        eventually(lambda: cluster.marathon("PUT", "/v2/apps/after", after)[0] in (200, 201))
        assert all_apps(cluster) == ["/after", "/before"]
        cluster.stop()


def test_a_wrong_flag_is_named(tmp_path: Path) -> None:
    for words, flag in (
        (["up", "--agents", "0"], "--agents"),
        (["up", "--service-ports", "9-3"], "--service-ports"),
        (["up", "--master-port", "9000", "--web-port", "9000"], "--web-port"),
    ):
        command = [sys.executable, "-m", "kernel.cli", *words, "--dir", str(tmp_path / "state")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 2
        assert flag in done.stderr
    assert not (tmp_path / "state").exists()
