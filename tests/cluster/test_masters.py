"""Several masters that share a store: one leads, the others send everybody there.

Source: the fault matrix, rows M1 and M2; Mesos, docs/high-availability.md; a recording of a real
standby.
"""

import http.client
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.cluster.parts import Part, Parts, parts_in
from tests.processes import wait_until
from tests.servers import redis_server, zookeepers

pytestmark = pytest.mark.cluster

LEASE_S = 2.0
SETTLE_S = 60.0


class Stage:
    """Two masters, the leader first, an agent and a Marathon that found them by `where`."""

    def __init__(self, parts: Parts, store: str) -> None:
        self.masters = [parts.start("kernel master", "--store", store)]
        wait_until(lambda: redirect(self.masters[0], "/state")[0] == 200, SETTLE_S)
        self.masters.append(parts.start("kernel master", "--store", store))
        self.where = ",".join(master.address for master in self.masters)
        if store.startswith("zk:"):
            self.where = store.partition("?")[0]
        self.agent = parts.start(
            "kernel agent", "--master", self.where, "--resources", "cpus:8;mem:4000"
        )
        self.marathon = parts.start("marathon_app", "--master", self.where)

    @property
    def leader(self) -> Part:
        return self.masters[0]

    @property
    def standby(self) -> Part:
        return self.masters[1]

    def running(self) -> list[str]:
        _, answer, _ = self.marathon.ask("GET", "/v2/tasks")
        tasks = (answer or {}).get("tasks", [])
        return sorted(task["id"] for task in tasks if task["state"] == "TASK_RUNNING")

    def deploy(self, app_id: str, instances: int) -> None:
        app = {"id": app_id, "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": instances}
        status, answer, _ = self.marathon.ask("POST", "/v2/apps", app)
        assert status == 201, answer


@pytest.fixture(scope="module", params=["redis", "zookeeper"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "redis":
        with redis_server(directory) as found:
            yield f"redis://127.0.0.1:{found.port}/{{}}?lease={LEASE_S}"
    else:
        with zookeepers(directory) as servers:
            hosts = ",".join(f"127.0.0.1:{each.port}" for each in servers)
            yield f"zk://{hosts}/tepui-{{}}?session={LEASE_S}"


_numbers = iter(range(16))


@pytest.fixture
def stage(server: str, tmp_path: Path) -> Iterator[Stage]:
    with parts_in(tmp_path) as parts:
        yield Stage(parts, server.format(next(_numbers)))


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_tasks_live_on_and_offers_flow_under_the_next_master(stage: Stage, how: str) -> None:
    stage.deploy("/before", 5)
    wait_until(lambda: len(stage.running()) == 5, SETTLE_S, stage.marathon.log())
    before = stage.running()

    stage.leader.signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    began_s = time.monotonic()
    wait_until(lambda: redirect(stage.standby, "/state")[0] == 200, SETTLE_S, stage.standby.log())
    print(f"{how}: time without a leader {time.monotonic() - began_s:.2f} s; lease {LEASE_S} s")
    stage.deploy("/after", 3)
    wait_until(lambda: len(stage.running()) == 8, 2 * SETTLE_S, stage.marathon.log())
    print(f"{how}: new tasks run after {time.monotonic() - began_s:.2f} s")

    assert set(before) <= set(stage.running())
    state = stage.standby.ask("GET", "/state")[1]
    (framework,) = state["frameworks"]
    assert len(framework["tasks"]) == 8
    assert not framework["completed_tasks"] and not framework["unreachable_tasks"]
    assert len(state["slaves"]) == 1
    if how == "paused":
        stage.leader.signal(signal.SIGCONT)
        # It ends, is started anew by its arbiter and stands by; nothing of it reaches anybody.
        wait_until(lambda: redirect(stage.leader, "/state")[0] == 307, SETTLE_S, stage.leader.log())
        assert len(stage.running()) == 8


def redirect(
    part: Part, path: str, method: str = "GET", body: str | None = None
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", part.port, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Location", "")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


RECORDING = Path(__file__).parents[1] / "conformance/mesos/recordings/status-standby.json"


def test_a_standby_answers_as_mesoss(stage: Stage) -> None:
    """Source: the recording status-standby."""
    rows: list[Any] = json.loads(RECORDING.read_text())["rows"]
    of_standby = [row for row in rows if row["what"].startswith("standby")]
    assert len(of_standby) > 10
    for row in of_standby:
        body = row["request"]["body"]
        text = json.dumps(body) if isinstance(body, dict) else body
        wait_until(lambda: redirect(stage.standby, "/state")[0] == 307, SETTLE_S)
        status, location = redirect(
            stage.standby, row["request"]["path"], row["request"]["method"], text
        )
        expected = row["response"]["headers"].get("Location", "")
        assert status == row["response"]["status"], row["what"]
        assert location == expected.replace("localhost:15090", stage.leader.address), row["what"]


def test_the_leader_publishes_itself_as_mesoss_does(stage: Stage) -> None:
    """Source: the recording zookeeper-nodes; frameworks look for the lowest json.info node."""
    if not stage.where.startswith("zk:"):
        pytest.skip("only ZooKeeper is looked at by Mesos's clients")
    hosts, _, path = stage.where.removeprefix("zk://").partition("/")
    client = KazooClient(hosts)
    client.start()
    try:
        (name,) = [n for n in client.get_children(f"/{path}") if n.startswith("json.info_")]
        data, stat = client.get(f"/{path}/{name}")
        info = json.loads(data)
        assert stat.ephemeralOwner != 0
        assert info["address"] == {
            "hostname": "localhost",
            "ip": "127.0.0.1",
            "port": stage.leader.port,
        }
        keys = {"address", "capabilities", "hostname", "id", "ip", "pid", "port", "version"}
        assert keys <= set(info)
        assert info["ip"] == 16777343
    finally:
        client.stop()
        client.close()
