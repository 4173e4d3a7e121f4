"""`tepui up` and `tepui down`: what they print, what they refuse, and that they leave nothing
behind.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kernel.cli import state
from tests.cluster.cluster import (
    STOP_S,
    Cluster,
    alive_with,
    app,
    eventually,
    is_idle,
    listening,
)

Maker = Callable[..., Cluster]

SLEEPER = {"id": "/sleeper", "cmd": "exec sleep 1234", "instances": 1, "cpus": 0.1, "mem": 32}


def left_of(cluster: Cluster) -> list[int]:
    return alive_with(str(cluster.directory))


def cgroups_of(task_ids: list[str]) -> list[Path]:
    found = Path("/sys/fs/cgroup").glob("**/*tepui*/**/")
    return [path for path in found if any(task_id in str(path) for task_id in task_ids)]


def ports_of(cluster: Cluster) -> list[int]:
    return listening(range(cluster.first_port, cluster.first_port + 1000))


def test_the_json_line_has_every_address_and_process(make_cluster: Maker) -> None:
    where = make_cluster("--agents", "2", "--cpus", "2", "--mem", "512").up().where

    assert sorted(where) == ["agents", "chronos", "lb", "marathon", "master", "pids", "web"]
    assert len(where["agents"]) == 2
    assert sorted(where["lb"]) == ["admin", "http"]
    parts = ["agent-1", "agent-2", "chronos", "deliveries", "lb", "marathon", "master", "web"]
    assert sorted(where["pids"]) == parts
    assert all(state.born(pid) for pid in where["pids"].values())


def test_ctrl_c_leaves_nothing_and_the_next_start_restores_everything(make_cluster: Maker) -> None:
    cluster = make_cluster("--cpus", "8", "--mem", "4096").up()
    cluster.deploy(app(cluster, "v1", instances=2))
    cluster.deploy(app(cluster, "v2", instances=2))
    job = {"name": "tick", "command": "echo ticked", "schedule": "R//PT1S", "cpus": 0.1, "mem": 32}
    assert cluster.chronos("POST", "iso8601", job)[0] == 204
    eventually(lambda: finished(cluster, "tick"))
    tasks = [task["id"] for task in cluster.tasks("/hello")]
    versions = cluster.marathon("GET", "/v2/apps/hello/versions")[1]
    runs = [run["runId"] for run in finished(cluster, "tick")]

    took_s = cluster.stop()

    assert took_s < STOP_S
    assert left_of(cluster) == []
    assert ports_of(cluster) == []
    assert cgroups_of(tasks) == []
    idle = is_idle()
    cluster.up()
    assert cluster.up_s < 5 or not idle
    assert cluster.marathon("GET", "/v2/apps/hello/versions")[1] == versions
    eventually(lambda: cluster.fetch() == "v2", why=cluster.deployments)
    assert runs[0] in [run["runId"] for run in all_runs(cluster, "tick")]
    before = len(finished(cluster, "tick"))
    eventually(lambda: len(finished(cluster, "tick")) > before)


def all_runs(cluster: Cluster, job: str) -> list[dict[str, object]]:
    status, answer = cluster.chronos("GET", f"tepui/job/{job}/runs")
    assert status == 200, answer
    return list(answer["runs"] if isinstance(answer, dict) else answer)


def finished(cluster: Cluster, job: str) -> list[dict[str, object]]:
    return [run for run in all_runs(cluster, job) if run.get("finished")]


def test_a_killed_supervisor_takes_its_processes_along_but_no_task(make_cluster: Maker) -> None:
    cluster = make_cluster("--cpus", "4", "--mem", "2048").up()
    cluster.deploy(
        {"id": "/sleeper", "cmd": "exec sleep 1234", "instances": 1, "cpus": 0.1, "mem": 32}
    )
    sleeper = pid_of_task(cluster, "/sleeper")
    assert cluster.process is not None

    os.kill(cluster.process.pid, signal.SIGKILL)
    cluster.process.wait()
    eventually(lambda: not any(state.born(pid) for pid in cluster.where["pids"].values()))

    assert state.born(sleeper)
    cluster.up()
    eventually(lambda: [task["state"] for task in cluster.tasks("/sleeper")] == ["TASK_RUNNING"])
    assert state.born(sleeper)
    assert pid_of_task(cluster, "/sleeper") == sleeper


def test_down_after_a_crash_ends_the_tasks_that_lived_on(make_cluster: Maker) -> None:
    cluster = make_cluster("--cpus", "4", "--mem", "2048").up()
    cluster.deploy(
        {"id": "/sleeper", "cmd": "exec sleep 1235", "instances": 1, "cpus": 0.1, "mem": 32}
    )
    sleeper = pid_of_task(cluster, "/sleeper")
    assert cluster.process is not None
    os.kill(cluster.process.pid, signal.SIGKILL)
    cluster.process.wait()

    done = cluster.run("down")

    assert done.returncode == 0, done.stderr
    assert not state.born(sleeper)
    assert left_of(cluster) == []
    assert ports_of(cluster) == []


def pid_of_task(cluster: Cluster, app_id: str) -> int:
    """The process of the app's one task, found as an operator would: by its environment."""
    (task,) = cluster.tasks(app_id)
    found = [
        pid for pid in alive_with(f"MESOS_TASK_ID={task['id']}") if command(pid)[:1] == ["sleep"]
    ]
    assert len(found) == 1, found
    return found[0]


def command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def test_a_taken_port_is_one_sentence_with_its_flag_and_nothing_starts(make_cluster: Maker) -> None:
    cluster = make_cluster()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", cluster.first_port + 1))
        squatter.listen()

        done = cluster.run("up", "--ports-from", str(cluster.first_port))

    assert done.returncode == 2
    assert "--marathon-port" in done.stderr and str(cluster.first_port + 1) in done.stderr
    assert not (cluster.directory / "master").exists()


def test_without_haproxy_everything_else_starts_and_one_sentence_says_so(
    make_cluster: Maker, tmp_path: Path
) -> None:
    cluster = make_cluster()
    hidden = tmp_path / "no-programs"
    hidden.mkdir()
    cluster.up("--without", "lb")

    assert cluster.where["lb"] is None
    assert cluster.ask("GET", f"{cluster.where['web']}/")[0] == 200


def test_a_second_start_in_one_directory_names_the_first(make_cluster: Maker) -> None:
    cluster = make_cluster("--without", "lb").up()
    assert cluster.process is not None

    second = cluster.run("up", "--ports-from", str(cluster.first_port))

    assert second.returncode == 5
    assert str(cluster.process.pid) in second.stderr and cluster.where["web"] in second.stderr


def test_detached_it_runs_on_until_down(make_cluster: Maker) -> None:
    cluster = make_cluster()
    done = cluster.run("up", "--ports-from", str(cluster.first_port), "--detach", "--json")
    assert done.returncode == 0, done.stderr
    where = json.loads(done.stdout)
    assert cluster.ask("GET", f"{where['marathon']}/ping")[1] == "pong"

    began = time.monotonic()
    ended = cluster.run("down")

    assert ended.returncode == 0, ended.stderr
    assert time.monotonic() - began < STOP_S + 1
    assert left_of(cluster) == []


def test_down_where_nothing_runs_is_content(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, 1)

    done = cluster.run("down")

    assert done.returncode == 0
    assert "Nothing runs" in done.stdout


def test_a_missing_haproxy_is_named_with_what_to_install(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, 1)
    command = cluster.command("up", "--haproxy", "/nowhere/haproxy")

    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert done.returncode == 2
    assert "--haproxy" in done.stderr
