"""pymesos's operator drivers, unmodified, on a real master and a real agent.

They post to /api/v1/operator, and find all they know in what they are answered. Source: mesos.md
§2.9, §2.11; pymesos, operator_v1.py.
"""

import queue
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contracts.cluster import OwnCluster
from tests.contracts.scheduler import Scheduler, framework_info, scalar
from tests.contracts.wire import Json, wait_until

READS = {
    "getHealth": "get_health",
    "getFlags": "get_flags",
    "getVersion": "get_version",
    "getLoggingLevel": "get_logging_level",
    "getState": "get_state",
    "getFrameworks": "get_frameworks",
    "getExecutors": "get_executors",
    "getTasks": "get_tasks",
}
MASTERS_READS = READS | {
    "getAgents": "get_agents",
    "getRoles": "get_roles",
    "getWeights": "get_weights",
    "getMaster": "get_master",
    "getQuota": "get_quota",
    "getMaintenanceStatus": "get_maintenance_status",
    "getMaintenanceSchedule": "get_maintenance_schedule",
}
AGENTS_READS = READS | {"getContainers": "get_containers"}


class Watcher:
    """Hears what the master's driver tells, on a thread of that driver."""

    def __init__(self) -> None:
        self._heard: queue.Queue[tuple[str, Any]] = queue.Queue()

    def __getattr__(self, name: str) -> Callable[[Any], None]:
        return lambda said: self._heard.put((name, said))

    def next(self, name: str, fits: Callable[[Any], bool] = lambda said: True) -> Any:
        """The next of that name that fits; others before it are passed over."""
        while True:
            heard, said = self._heard.get(timeout=20)
            if heard == name and fits(said):
                return said


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    own = OwnCluster(tmp_path_factory.mktemp("operators"))
    try:
        yield own
    finally:
        own.end()


@contextmanager
def watching(pymesos: Any, cluster: OwnCluster) -> Iterator[Watcher]:
    """Until the first thing that happens after the driver has subscribed can be heard."""
    watcher = Watcher()
    driver = pymesos.MesosOperatorMasterDriver(str(cluster.master), watcher)
    subscribed: queue.Queue[Json] = queue.Queue()
    driver.on_subscribed = subscribed.put
    driver.start()
    try:
        assert "get_state" in subscribed.get(timeout=20)
        yield watcher
    finally:
        driver.stop()
        driver.join()


@pytest.mark.parametrize("name", MASTERS_READS)
def test_the_masters_driver_reads(pymesos: Any, cluster: OwnCluster, name: str) -> None:
    driver = pymesos.MesosOperatorMasterDriver(str(cluster.master))

    answer = getattr(driver, name)()

    assert answer["type"] == MASTERS_READS[name].upper()
    assert MASTERS_READS[name] in answer


@pytest.mark.parametrize("name", AGENTS_READS)
def test_the_agents_driver_reads(pymesos: Any, cluster: OwnCluster, name: str) -> None:
    driver = pymesos.MesosOperatorAgentDriver(str(cluster.agent))

    answer = getattr(driver, name)()

    assert answer["type"] == AGENTS_READS[name].upper()
    assert AGENTS_READS[name] in answer


def test_metrics_are_read_within_the_time_that_is_given(pymesos: Any, cluster: OwnCluster) -> None:
    for driver in (
        pymesos.MesosOperatorMasterDriver(str(cluster.master)),
        pymesos.MesosOperatorAgentDriver(str(cluster.agent)),
    ):
        metrics = driver.getMetrics(5_000_000_000)["get_metrics"]["metrics"]

        assert all({"name", "value"} == set(metric) for metric in metrics)


def test_a_watcher_is_told_of_a_framework_and_its_task(pymesos: Any, cluster: OwnCluster) -> None:
    with watching(pymesos, cluster) as watcher, Scheduler(cluster.master) as scheduler:
        added = watcher.next("frameworkAdded")
        scheduler.run("watched", "sleep 1000")
        task = watcher.next("taskAdded")
        running = watcher.next("taskUpdated", lambda said: said["state"] == "TASK_RUNNING")
        info = {**scheduler.info, "id": {"value": scheduler.id}, "name": "renamed"}
        scheduler.must("UPDATE_FRAMEWORK", framework_info=info)
        updated = watcher.next("frameworkUpdated")
        scheduler.teardown()
        removed = watcher.next("frameworkRemoved")

        assert added["framework_info"]["id"]["value"] == scheduler.id
        assert task["task_id"]["value"] == "watched"
        assert running["status"]["task_id"]["value"] == "watched"
        assert updated["framework_info"]["name"] == "renamed"
        assert removed["id"]["value"] == scheduler.id


def test_a_watcher_is_told_of_an_agent(pymesos: Any, cluster: OwnCluster) -> None:
    with watching(pymesos, cluster) as watcher:
        agent = cluster.add_agent()
        agent_id = cluster.agent_id(agent)

        assert watcher.next("agentAdded")["agent_info"]["id"]["value"] == agent_id
        agent.end()
        assert watcher.next("agentRemoved") == agent_id


def test_the_agents_driver_reads_a_sandbox(pymesos: Any, cluster: OwnCluster) -> None:
    driver = pymesos.MesosOperatorAgentDriver(str(cluster.agent))
    with Scheduler(cluster.master, framework_info()) as scheduler:
        offer = scheduler.run("speaks", "printf 'said by the task'; sleep 1000")
        assert offer["task_id"]["value"] == "speaks"
        path = f"/frameworks/{scheduler.id}/executors/speaks/runs/latest"

        def size_now() -> int:
            listed = driver.listFiles(path)["list_files"]["file_infos"]
            return int(next(each["size"] for each in listed if each["path"].endswith("/stdout")))

        # RUNNING says that it was started, not what it has said so far.
        wait_until(lambda: size_now() > 0, what="the task has spoken")
        size = size_now()
        read = driver.readFile(f"{path}/stdout", size, 0)["read_file"]

        assert b64decode(read["data"]) == b"said by the task"


def test_a_refusal_is_an_error_with_the_reason(pymesos: Any, cluster: OwnCluster) -> None:
    driver = pymesos.MesosOperatorMasterDriver(str(cluster.master))

    with pytest.raises(RuntimeError, match="code=404"):
        driver.listFiles("/no/such/file")


def test_weights_and_quota_are_set_by_the_driver(pymesos: Any, cluster: OwnCluster) -> None:
    driver = pymesos.MesosOperatorMasterDriver(str(cluster.master))
    guarantee = [scalar("cpus", 1.0), scalar("mem", 128.0)]

    driver.updateWeights([{"role": "operators", "weight": 2.5}])
    driver.setQuota({"role": "operators", "guarantee": guarantee})

    weights = driver.getWeights()["get_weights"]["weight_infos"]
    assert {"role": "operators", "weight": 2.5} in weights
    roles = [each["role"] for each in driver.getQuota()["get_quota"]["status"]["configs"]]
    assert "operators" in roles
    driver.removeQuota("operators")
    status = driver.getQuota()["get_quota"].get("status", {})
    assert "operators" not in [each["role"] for each in status.get("configs", [])]


def test_resources_are_reserved_and_volumes_made_by_the_driver(
    pymesos: Any, cluster: OwnCluster
) -> None:
    driver = pymesos.MesosOperatorMasterDriver(str(cluster.master))
    agent_id = cluster.agent_id(cluster.the_agent)
    disk = scalar("disk", 64.0, reservations=[{"type": "DYNAMIC", "role": "operators"}])
    mount = {"persistence": {"id": "v"}, "volume": {"mode": "RW", "container_path": "data"}}

    driver.reserveResources(agent_id, [disk])
    driver.createVolumes(agent_id, [{**disk, "disk": mount}])

    with pytest.raises(RuntimeError, match="code=409"):
        driver.unreserveResources(agent_id, [disk])
    wait_until(lambda: _is_done(driver.destroyVolumes, agent_id, [{**disk, "disk": mount}]))
    wait_until(lambda: _is_done(driver.unreserveResources, agent_id, [disk]))


def _is_done(call: Callable[..., None], *arguments: Any) -> bool:
    """What the agent has not confirmed yet can't be built upon."""
    try:
        call(*arguments)
    except RuntimeError as error:
        assert "code=409" in str(error)
        return False
    return True


def test_a_machine_is_taken_down_and_an_agent_marked_gone_by_the_driver(
    pymesos: Any, cluster: OwnCluster
) -> None:
    driver = pymesos.MesosOperatorMasterDriver(str(cluster.master))
    machine = {"hostname": "elsewhere.example", "ip": "10.1.2.3"}
    start = {"nanoseconds": 2_000_000_000_000_000_000}
    agent = cluster.add_agent()

    driver.updateMaintenanceSchedule(
        [{"machine_ids": [machine], "unavailability": {"start": start}}]
    )
    driver.startMaintenance([machine])
    down = driver.getMaintenanceStatus()["get_maintenance_status"]["status"]["down_machines"]
    driver.stopMaintenance([machine])
    driver.markAgentGone(cluster.agent_id(agent))

    assert down == [machine]
    wait_until(agent.has_ended, what="the agent was told to go")
