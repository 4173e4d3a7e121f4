"""A real master and a real agent: volumes, drains, changed flags and lent resources, end to end.

Source: mesos.md §1.2, §1.3, §5 row 7, §6 B15 and D9; Mesos, docs/persistent-volume.md.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.cluster import Process
from tests.contracts.wire import request, wait_until
from tests.kernel.runtime.master.live import (
    CAPABLE,
    JSON_HEADERS,
    Json,
    LiveMaster,
    LiveScheduler,
    scalar,
    task,
)
from tests.processes import free_port

RESOURCES = "cpus:4;mem:4096;disk:1000"
DYNAMIC = [{"type": "DYNAMIC", "role": "test", "principal": "p"}]


class Both:
    """The two processes, each of which may die and come back."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.master = LiveMaster(directory / "master", self.port)
        master = ("--master", f"http://127.0.0.1:{self.port}")
        self.flags = (*master, "--resources", RESOURCES)
        self.agent = Process("agent", directory / "agent", *self.flags)
        self.agent.listens()

    def restart_master(self) -> None:
        self.master.kill()
        self.master = LiveMaster(self.directory / "master", self.port)

    def operate(self, type_: str, **payload: Any) -> Any:
        body = {"type": type_, **({type_.lower(): payload} if payload else {})}
        reply = self.master.request("POST", "/api/v1", body, JSON_HEADERS)
        assert reply.status == 200, reply.text
        return reply.json() if reply.body else None

    def state(self) -> Json:
        """Of the agent, as it shows itself."""
        shown: Json = request(self.agent.address, "GET", "/state").json()
        return shown

    def end(self) -> None:
        self.agent.end()
        self.master.stop()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    running = Both(tmp_path)
    try:
        yield running
    finally:
        running.end()


def reserved(name: str, amount: float, **more: Any) -> Json:
    return {**scalar(name, amount), "reservations": DYNAMIC, **more}


def volume(size: float = 100) -> Json:
    disk = {
        "persistence": {"id": "v1", "principal": "p"},
        "volume": {"mode": "RW", "container_path": "data"},
    }
    return reserved("disk", size, disk=disk)


def accept(scheduler: LiveScheduler, offer: Json, *operations: Json) -> None:
    filters = {"refuse_seconds": 0.0}
    ids = [offer["id"]]
    reply = scheduler.call("ACCEPT", offer_ids=ids, operations=list(operations), filters=filters)
    assert reply.status == 202, reply.text


def launch(agent_id: str, name: str, text: str) -> Json:
    info = task(name, agent_id, command={"value": text})
    info["resources"].append(volume())
    return {"type": "LAUNCH", "launch": {"task_infos": [info]}}


def until(scheduler: LiveScheduler, name: str, state: str) -> Json:
    """The status in that state; all before it are acknowledged, too."""
    while True:
        status = scheduler.update(name)
        if "uuid" in status:
            scheduler.acknowledge(status)
        if status["state"] == state:
            return status
        assert status["state"] in ("TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"), status


def offer_where(scheduler: LiveScheduler, fits: Any) -> Json:
    while True:
        offer = scheduler.offer(30)
        if fits(offer):
            return offer
        scheduler.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 0.0})


def has_volume(offer: Json) -> bool:
    return any("persistence" in each.get("disk", {}) for each in offer["resources"])


def test_a_volume_outlives_its_task_its_agent_and_its_master(both: Both) -> None:
    scheduler = LiveScheduler(both.master, principal="p")
    offer = scheduler.offer(30)
    agent_id = offer["agent_id"]["value"]
    accept(
        scheduler,
        offer,
        {"type": "RESERVE", "reserve": {"resources": [reserved("disk", 100)]}},
        {"type": "CREATE", "create": {"volumes": [volume()]}},
        launch(agent_id, "writes", "echo hello > data/file"),
    )
    until(scheduler, "writes", "TASK_FINISHED")

    both.agent.kill()
    both.restart_master()
    both.agent.start()
    scheduler = LiveScheduler(both.master, principal="p", framework_id=scheduler.framework_id)
    offer = offer_where(scheduler, has_volume)
    assert offer["agent_id"]["value"] == agent_id
    accept(scheduler, offer, launch(agent_id, "reads", "grep hello data/file"))
    until(scheduler, "reads", "TASK_FINISHED")

    offer = offer_where(scheduler, has_volume)
    accept(
        scheduler,
        offer,
        {"type": "DESTROY", "destroy": {"volumes": [volume()]}},
        {"type": "UNRESERVE", "unreserve": {"resources": [reserved("disk", 100)]}},
    )
    offer_where(scheduler, lambda each: not has_volume(each))
    place = "agent/volumes/roles/*/*"
    wait_until(lambda: not list(both.directory.glob(place)), what="the data is gone")


def test_an_agent_is_drained_and_reactivated_and_at_last_gone(both: Both) -> None:
    """Source: mesos.md §6 D9."""
    scheduler = LiveScheduler(both.master)
    offer = scheduler.offer(30)
    agent_id = offer["agent_id"]["value"]
    scheduler.launch(offer, task("one", agent_id))
    until(scheduler, "one", "TASK_RUNNING")

    both.operate("DRAIN_AGENT", agent_id={"value": agent_id}, max_grace_period={"seconds": 1})
    assert until(scheduler, "one", "TASK_KILLED")["reason"] == "REASON_AGENT_DRAINING"
    while True:
        (agent,) = both.operate("GET_AGENTS")["get_agents"]["agents"]
        if agent["drain_info"]["state"] == "DRAINED":
            break
    grace = {"nanoseconds": 1_000_000_000}
    assert both.state()["drain_config"] == {"mark_gone": False, "max_grace_period": grace}
    both.operate("REACTIVATE_AGENT", agent_id={"value": agent_id})
    scheduler.launch(scheduler.offer(30), task("two", agent_id))
    until(scheduler, "two", "TASK_RUNNING")
    assert "drain_config" not in both.state()

    both.operate("DRAIN_AGENT", agent_id={"value": agent_id}, mark_gone=True)
    until(scheduler, "two", "TASK_KILLED")
    wait_until(both.agent.has_ended, what="the agent ends")
    both.agent.start()
    assert scheduler.offer(30)["agent_id"]["value"] != agent_id


def test_an_agent_that_comes_back_smaller_keeps_its_task(both: Both) -> None:
    """Source: mesos.md §5 row 7. DIFFERS: Mesos makes its operator wipe the agent."""
    scheduler = LiveScheduler(both.master)
    offer = scheduler.offer(30)
    agent_id = offer["agent_id"]["value"]
    scheduler.launch(offer, task("one", agent_id, cpus=3))
    until(scheduler, "one", "TASK_RUNNING")

    both.agent.kill()
    small = [*both.flags, "--attributes", "rack:r2"]
    small[small.index(RESOURCES)] = "cpus:2;mem:4096;disk:1000"
    both.agent.start(*small)
    offer = offer_where(scheduler, lambda each: each.get("attributes"))

    assert offer["agent_id"]["value"] == agent_id
    assert not [each for each in offer["resources"] if each["name"] == "cpus"]
    scheduler.call("KILL", task_id={"value": "one"})
    until(scheduler, "one", "TASK_KILLED")
    offer = offer_where(
        scheduler, lambda each: any(one["name"] == "cpus" for one in each["resources"])
    )
    amounts = {each["name"]: each.get("scalar") for each in offer["resources"]}
    assert amounts["cpus"] == {"value": 2.0}


def test_what_an_agent_lends_is_offered_and_a_task_runs_on_it(both: Both) -> None:
    """Source: Mesos, docs/oversubscription.md."""
    both.agent.kill()
    both.agent.start(*both.flags, "--resource-estimator", "fixed:cpus:1")
    capabilities = [*CAPABLE, {"type": "REVOCABLE_RESOURCES"}]
    scheduler = LiveScheduler(both.master, capabilities=capabilities)
    offer = offer_where(
        scheduler, lambda each: any("revocable" in one for one in each["resources"])
    )

    info = task("one", offer["agent_id"]["value"])
    info["resources"] = [{**scalar("cpus", 1), "revocable": {}}]  # all that may be in the offer
    scheduler.launch(offer, info)
    until(scheduler, "one", "TASK_RUNNING")
