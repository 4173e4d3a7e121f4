"""The images are built and the whole cluster of docker-compose.yml comes up, as it is there but for
the numbers of the published ports.
"""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.containers.compose import ROOT, cluster, read
from tests.containers.engine import Engine, engine, make_base
from tests.processes import free_port, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TARGETS = ("tepui", "lb", "zookeeper", "redis")
HEALTHY_S, SETTLE_S = 240.0, 120.0


def compose() -> list[str]:
    """`docker compose`, else the older program; skips without either."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip("no docker-compose: install it (Debian: apt-get install docker-compose)")
    return ["docker-compose"]


class Running:
    """The cluster, and which of its ports is which of ours."""

    def __init__(self, found: Engine) -> None:
        self.engine = found
        self.ports: dict[str, int] = {}
        self._compose = [*compose(), "--project-name", "tepui-test", "--profile", "zookeeper"]

    def up(self) -> None:
        file = self.engine.directory / "docker-compose.yml"
        written = yaml.safe_dump(self._shifted(), sort_keys=False)
        file.write_text(written.replace("$", "$$"))  # our variables have their values
        self.engine.run(*self._compose, "up", "--detach", "--no-build")

    def down(self) -> None:
        self.engine.run(*self._compose, "down", "--volumes", "--timeout", "2")

    def _shifted(self) -> dict[str, Any]:
        """Others may hold those ports here, so each is another; the range is left out."""
        whole = read({"TEPUI_TAG": "test", "TEPUI_BASE": "tepui-test-base"})
        for service in whole["services"].values():
            given = [port for port in service.get("ports", []) if port.count("-") == 0]
            for number, port in enumerate(given):
                address, published, inside = port.split(":")
                self.ports[published] = free_port()
                given[number] = f"{address}:{self.ports[published]}:{inside}"
            service["ports"] = given
        return whole

    def ask(self, port: int, method: str, path: str, body: object = None) -> tuple[int, Any, Any]:
        """At a published port, by the number that the file gives it."""
        url = f"http://127.0.0.1:{self.ports[str(port)]}{path}"
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(url, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                raw = answer.read()
                is_json = "json" in answer.headers.get("Content-Type", "")
                return answer.status, json.loads(raw) if is_json else raw, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers
        except OSError:
            return 0, None, {}

    def inside(self, service: str, *words: str) -> str:
        return self.engine.docker("exec", f"{self._container(service)}", *words)

    def kill(self, service: str) -> None:
        self.engine.docker("kill", self._container(service))

    def _container(self, service: str) -> str:
        label = f"label=com.docker.compose.service={service}"
        return self.engine.docker("ps", "--quiet", "--filter", label).strip()

    def leading_master(self) -> str:
        state = json.loads(self.inside("web", "python3", "-c", _STATE))
        return str(state["hostname"])

    def instances(self, app: str) -> int:
        """Running and, where it has health checks, healthy."""
        status, answer, _ = self.ask(8080, "GET", f"/v2/apps/{app}")
        return int(answer["app"]["tasksRunning"]) if status == 200 else 0


_STATE = (
    "import urllib.request as u; print(u.urlopen('http://master:5050/state', timeout=10)"
    ".read().decode())"
)


@pytest.fixture(scope="module")
def built() -> Iterator[Engine]:
    compose()
    with engine() as found:
        began_s = time.monotonic()
        make_base(found, "tepui-test-base")
        print(f"base image: {time.monotonic() - began_s:.0f} s")
        for target in TARGETS:
            began_s = time.monotonic()
            name = "tepui" if target == "tepui" else f"tepui-{target}"
            found.docker("build", "--network", "none", "--build-arg", "BASE=tepui-test-base",
                         "--target", target, "--tag", f"{name}:test", str(ROOT))  # fmt: skip
            print(f"{name}: built without a network in {time.monotonic() - began_s:.0f} s")
        yield found


@pytest.fixture(scope="module")
def running(built: Engine) -> Iterator[Running]:
    started = Running(built)
    began_s = time.monotonic()
    try:
        started.up()
        wanted = dict.fromkeys(cluster(), "healthy")
        wait_until(lambda: built.health() == wanted, HEALTHY_S, str(wanted))
        print(f"all {len(wanted)} healthy after {time.monotonic() - began_s:.0f} s")
        yield started
    finally:
        print(built.health())
        started.down()


def test_the_images_add_little_to_their_base_and_run_as_nobody_special(built: Engine) -> None:
    sizes = {
        each["RepoTags"][0]: each["Size"] / 1e6
        for each in json.loads(built.docker("inspect", "tepui:test", "tepui-test-base:latest"))
    }
    added = sizes["tepui:test"] - sizes["tepui-test-base:latest"]
    print(f"image tepui: {added:.0f} MB on top of its base")

    assert added < 100
    for target in TARGETS:
        name = "tepui" if target == "tepui" else f"tepui-{target}"
        assert json.loads(built.docker("inspect", f"{name}:test"))[0]["Config"]["User"] == "tepui"


def test_the_cluster_serves_an_app_deployed_at_a_standby(running: Running) -> None:
    _, answer, _ = running.ask(8080, "GET", "/v2/leader")
    standby = 8081 if answer["leader"].startswith("marathon-1") else 8080
    app = {
        "id": "/hello",
        "cmd": "echo hello from $HOST > index.html; exec python3 -m http.server $PORT0",
        "cpus": 0.1,
        "mem": 64,
        "instances": 3,
        "constraints": [["hostname", "UNIQUE"]],
        "portDefinitions": [{"port": 10080, "protocol": "tcp"}],
        "labels": {"HAPROXY_GROUP": "external"},
    }

    status, answer, headers = running.ask(standby, "POST", "/v2/apps", app)

    assert status == 201, answer
    assert headers["X-Marathon-Via"]
    wait_until(lambda: running.instances("hello") == 3, SETTLE_S, "an instance on each agent")
    seen: dict[bytes, None] = {}

    def is_spread() -> bool:
        status, answer, _ = running.ask(10080, "GET", "/")
        if status == 200:
            seen[answer] = None
        return len(seen) == 3

    wait_until(is_spread, SETTLE_S, f"HAProxy reaches all three: {seen}")
    assert sorted(seen) == [f"hello from agent-{n}\n".encode() for n in (1, 2, 3)]


def agents_shown(running: Running) -> list[bool]:
    shown = running.inside("web", "tepui", "agents")
    return [f"agent-{number}" in shown for number in (1, 2, 3)]


def test_an_app_runs_after_the_leading_master_was_killed(running: Running) -> None:
    former = running.leading_master()

    running.kill(former)
    began_s = time.monotonic()
    status, answer, _ = running.ask(
        8080, "POST", "/v2/apps", {"id": "/later", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32}
    )

    assert status == 201, answer
    wait_until(lambda: running.instances("later") == 1, SETTLE_S, "the next master's app runs")
    print(f"a new app ran {time.monotonic() - began_s:.1f} s after the leading master was killed")
    assert running.leading_master() != former
    wait_until(lambda: agents_shown(running) == [True] * 3, SETTLE_S, "all agents are back")
    status, page, _ = running.ask(8000, "GET", "/agents")
    assert status == 200 and b"agent-3" in page
