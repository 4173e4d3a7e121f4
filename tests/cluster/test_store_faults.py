"""What happens to the store happens to the deciding only: tasks run on, nothing accepted is lost.

Two masters and a Marathon keep their state in three ZooKeepers, or in one Redis; each test breaks
the store under them and looks at every task. Source: the fault matrix, rows S4, S5, S6 and S8;
issue "several machines", each fault's three promises.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import alive_with
from tests.cluster.parts import Part, Parts, parts_in
from tests.cluster.test_masters import redirect
from tests.processes import wait_until
from tests.servers import Server, is_zookeeper_leader, redis_server, zookeepers

pytestmark = pytest.mark.cluster

LEASE_S = 2.0
SETTLE_S = 60.0
OUTAGE_S = 5.0


class Stage:
    """Apps are added one a fault; all of them must run at its end as they ran before."""

    def __init__(self, parts: Parts, url: Callable[[str], str]) -> None:
        self.masters = [parts.start("kernel master", "--store", url("masters")) for _ in range(2)]
        where = ",".join(master.address for master in self.masters)
        parts.start("kernel agent", "--master", where, "--resources", "cpus:8;mem:4000")
        self.marathon = parts.start("marathon_app", "--master", where, "--store", url("marathon"))
        self.expected: dict[str, list[str]] = {}
        self.processes: dict[str, list[int]] = {}
        self.deploy("/first")

    def leader(self) -> Part | None:
        leading = [each for each in self.masters if redirect(each, "/state")[0] == 200]
        return leading[0] if leading else None

    def deploy(self, app_id: str) -> None:
        """As often as it takes; each app may be accepted once."""
        app = {"id": app_id, "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2}
        wait_until(
            lambda: self.marathon.ask("POST", "/v2/apps", app)[0] in (201, 409),
            SETTLE_S,
            f"{app_id} is accepted: {self.marathon.log()[-2000:]}",
        )
        wait_until(lambda: len(self.running(app_id)) == 2, SETTLE_S, f"{app_id} runs")
        self.expected[app_id] = self.running(app_id)
        tasks = self.expected[app_id]
        wait_until(lambda: all(len(processes_of(each)) == 1 for each in tasks), SETTLE_S)
        self.processes.update({each: processes_of(each) for each in tasks})

    def running(self, app_id: str) -> list[str]:
        status, answer, _ = self.marathon.ask("GET", f"/v2/apps{app_id}/tasks")
        tasks = answer["tasks"] if status == 200 else []
        return sorted(task["id"] for task in tasks if task["state"] == "TASK_RUNNING")

    def all_is_as_before(self) -> bool:
        leader = self.leader()
        if leader is None:
            return False
        status, state, _ = leader.ask("GET", "/state")
        tasks = [
            task["id"]
            for framework in (state["frameworks"] if status == 200 else [])
            for task in framework["tasks"]
            if task["state"] == "TASK_RUNNING"
        ]
        expected = [task for each in self.expected.values() for task in each]
        return sorted(tasks) == sorted(expected) and all(
            self.running(app_id) == before for app_id, before in self.expected.items()
        )

    def tasks_are_untouched(self) -> bool:
        return all(processes_of(task) == before for task, before in self.processes.items())

    def survives(self, name: str, broken: Callable[[], None]) -> None:
        began_s = time.monotonic()
        broken()
        print(f"{name}: broken for {time.monotonic() - began_s:.2f} s")
        wait_until(lambda: self.leader() is not None, SETTLE_S, "one leads")
        print(f"{name}: a leader answers {time.monotonic() - began_s:.2f} s after it began")
        self.deploy(f"/{name}")
        print(f"{name}: a new app runs {time.monotonic() - began_s:.2f} s after it began")
        wait_until(self.all_is_as_before, SETTLE_S, f"all is as before {name}")
        assert self.tasks_are_untouched()


def processes_of(task_id: str) -> list[int]:
    """Those that the task is, not what starts and watches it."""
    found = alive_with(f"MESOS_TASK_ID={task_id}")
    return sorted(pid for pid in found if Path(f"/proc/{pid}/comm").read_text() == "sleep\n")


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with zookeepers(tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture(scope="module")
def stage(ensemble: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    hosts = ",".join(f"127.0.0.1:{each.port}" for each in ensemble)
    with parts_in(tmp_path_factory.mktemp("parts")) as parts:
        yield Stage(parts, lambda name: f"zk://{hosts}/{name}?session={LEASE_S}")


def test_one_zookeeper_of_three_may_be_killed_whichever_it_is(
    stage: Stage, ensemble: list[Server]
) -> None:
    """Source: row S4."""
    for name, leads in (("follower-killed", False), ("leader-killed", True)):
        server = next(each for each in ensemble if is_zookeeper_leader(each) == leads)
        stage.survives(name, server.kill)
        server.restart()
        wait_until(lambda: all(each.serves() for each in ensemble), SETTLE_S, "three serve")


def test_a_paused_zookeeper_leader_is_replaced(stage: Stage, ensemble: list[Server]) -> None:
    """Source: row S5."""
    server = next(each for each in ensemble if is_zookeeper_leader(each))

    stage.survives("leader-paused", server.pause)

    server.go_on()
    wait_until(lambda: all(each.serves() for each in ensemble), SETTLE_S, "three serve")
    wait_until(stage.all_is_as_before, SETTLE_S)


def test_without_a_majority_nothing_is_decided_and_tasks_run_on(
    stage: Stage, ensemble: list[Server]
) -> None:
    """Source: row S6."""

    def lose_majority() -> None:
        for server in ensemble[:2]:
            server.kill()
        wait_until(lambda: stage.leader() is None, SETTLE_S, "nobody leads")
        refused = {"id": "/refused", "cmd": "sleep 1000", "instances": 1}
        assert stage.marathon.ask("POST", "/v2/apps", refused, 2)[0] in (0, 500, 502, 503, 507)
        end_s = time.monotonic() + OUTAGE_S
        while time.monotonic() < end_s:
            assert stage.leader() is None
            assert stage.tasks_are_untouched()
        for server in ensemble[:2]:
            server.restart()

    stage.survives("majority-lost", lose_majority)
    assert stage.running("/refused") == []


def test_a_redis_that_is_killed_comes_back_with_all_that_was_accepted(tmp_path: Path) -> None:
    """Source: row S8, without Sentinel."""
    (tmp_path / "redis").mkdir()
    numbers: dict[str, int] = {}

    def url(name: str) -> str:
        number = numbers.setdefault(name, len(numbers))
        return f"redis://127.0.0.1:{server.port}/{number}?lease={LEASE_S}"

    with redis_server(tmp_path / "redis") as server, parts_in(tmp_path / "parts") as parts:
        stage = Stage(parts, url)

        def kill_and_restart() -> None:
            server.kill()
            wait_until(lambda: stage.leader() is None, SETTLE_S, "nobody leads")
            server.restart()

        stage.survives("redis-killed", kill_and_restart)
