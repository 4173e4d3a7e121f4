"""The commands for people and scripts, against a real cluster: what they do, say and exit with."""

import json
from pathlib import Path
from typing import Any

from tests.cluster.cluster import EXAMPLES, Cluster, app, eventually


def write(directory: Path, name: str, content: object) -> str:
    path = directory / name
    path.write_text(json.dumps(content))
    return str(path)


def done(cluster: Cluster, *words: str, code: int = 0) -> str:
    """What the command prints; fails unless it exits as it should."""
    finished = cluster.run(*words)
    assert finished.returncode == code, f"{finished.returncode}: {finished.stderr}"
    return finished.stdout if code == 0 else finished.stderr


def data(cluster: Cluster, *words: str) -> Any:
    return json.loads(done(cluster, *words, "--json"))


def test_the_life_of_an_app(cluster: Cluster, tmp_path: Path) -> None:
    first = write(tmp_path, "v1.json", app(cluster, "v1", id="/cli", instances=2))
    second = write(tmp_path, "v2.json", app(cluster, "v2", id="/cli", instances=2))

    assert "Deployed /cli" in done(cluster, "app", "deploy", first)
    assert "2/2" in done(cluster, "app", "list")
    assert "running" in done(cluster, "app", "show", "cli")
    eventually(lambda: "v1 listens" in done(cluster, "app", "logs", "cli"))
    assert done(cluster, "app", "logs", "cli", "--stderr", "-n", "0") == ""

    done(cluster, "app", "deploy", second)
    assert data(cluster, "app", "show", "cli")["app"]["cmd"].endswith("v2")
    done(cluster, "app", "rollback", "cli")
    assert data(cluster, "app", "show", "cli")["app"]["cmd"].endswith("v1")
    done(cluster, "app", "scale", "cli", "3")
    assert data(cluster, "app", "show", "cli")["app"]["tasksRunning"] == 3
    before = [task["id"] for task in cluster.tasks("/cli")]
    done(cluster, "app", "restart", "cli")
    assert not any(task["id"] in before for task in cluster.tasks("/cli"))

    done(cluster, "app", "delete", "cli")
    assert "does not exist" in done(cluster, "app", "show", "cli", code=4)


def test_a_deployment_that_cannot_finish_is_reported_with_its_reason(
    cluster: Cluster, tmp_path: Path
) -> None:
    greedy = {"id": "/greedy", "cmd": "sleep 1000", "cpus": 1000, "mem": 32}
    path = write(tmp_path, "greedy.json", greedy)

    said = done(cluster, "app", "deploy", path, "--timeout", "2", code=1)
    assert "waits" in said and "cpus" in said
    assert "locked" in done(cluster, "app", "scale", "greedy", "2", code=5)

    done(cluster, "app", "delete", "greedy")


def test_a_deployment_that_is_taken_back_fails_for_who_waits_for_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    greedy = {"id": "/taken", "cmd": "sleep 1000", "cpus": 1000, "mem": 32}
    path = write(tmp_path, "taken.json", greedy)
    answer = data(cluster, "app", "deploy", path, "--no-wait")
    deployment = answer.get("deploymentId") or answer["deployments"][0]["id"]

    assert cluster.marathon("DELETE", f"/v2/deployments/{deployment}")[0] == 200
    cluster.settled()

    assert "does not exist" in done(cluster, "app", "show", "taken", code=4)


def test_a_group_with_a_dependency_comes_up_in_order(cluster: Cluster, tmp_path: Path) -> None:
    group = json.loads((EXAMPLES / "group.json").read_text())
    for number, each in enumerate(group["apps"]):
        each["portDefinitions"][0]["port"] = cluster.service_port + 10 + number

    done(cluster, "app", "deploy", write(tmp_path, "group.json", group))

    assert (
        cluster.tasks("/shop/store")[0]["startedAt"] < cluster.tasks("/shop/front")[0]["startedAt"]
    )
    cluster.marathon("DELETE", "/v2/groups/shop?force=true")
    cluster.settled()


def test_mistakes_in_a_file_are_named_by_field(cluster: Cluster, tmp_path: Path) -> None:
    wrong = write(tmp_path, "wrong.json", {"id": "/wrong", "cmd": "x", "cpus": -1})

    assert "/cpus" in done(cluster, "app", "deploy", wrong, code=1)
    (tmp_path / "half.json").write_text("{")
    assert "not JSON" in done(cluster, "app", "deploy", str(tmp_path / "half.json"), code=2)


def test_the_life_of_a_job(cluster: Cluster) -> None:
    done(cluster, "job", "add", str(EXAMPLES / "job-cron.json"))
    assert "* * * * *" in done(cluster, "job", "list")

    done(cluster, "job", "run", "minutely")
    eventually(
        lambda: any(run.get("finished") for run in data(cluster, "job", "history", "minutely"))
    )

    assert done(cluster, "job", "logs", "minutely").strip().isdigit()
    done(cluster, "job", "delete", "minutely")
    assert "no job" in done(cluster, "job", "history", "minutely", code=4)


def test_agents_and_status(cluster: Cluster) -> None:
    assert len(data(cluster, "agents")) == 1
    assert "16" in done(cluster, "agents")

    status = data(cluster, "status")

    assert all(status["parts"].values())
    assert status["agents"] == 1
    assert sorted(status["parts"]) == ["agent 1", "chronos", "lb", "marathon", "master", "web"]


def test_why_something_waits_is_said_in_sentences(cluster: Cluster, tmp_path: Path) -> None:
    spec = {"id": "/huge", "cmd": "sleep 1000", "cpus": 1000, "mem": 32}
    done(cluster, "app", "deploy", write(tmp_path, "huge.json", spec), "--no-wait")

    eventually(lambda: "short of" in done(cluster, "explain", "/huge"))

    said = done(cluster, "explain", "/huge")
    assert said.startswith("App /huge runs 0 of its 1 instances.")
    assert "No agent has 1000 cpus and 32 MiB of memory" in said
    assert "Framework 'marathon'" in done(cluster, "explain", "marathon", "--cpus", "1")
    assert data(cluster, "explain", "*", "--role")["facts"]["role"] == "*"
    small = {"id": "/small", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32}
    done(cluster, "app", "deploy", write(tmp_path, "small.json", small))
    [task] = cluster.tasks("/small")
    assert "is running on" in done(cluster, "explain", task["id"])
    assert done(cluster, "explain", "small").startswith("App /small runs 1 of its 1 instances.")
    done(cluster, "app", "delete", "small")
    assert "no framework, task or app named nobody" in done(cluster, "explain", "nobody", code=4)
    cluster.marathon("DELETE", "/v2/apps/huge?force=true")
