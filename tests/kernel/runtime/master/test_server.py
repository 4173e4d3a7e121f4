"""A real master process: a framework and an agent over HTTP, from subscription to kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.runtime.master.live import (
    LiveAgent,
    LiveMaster,
    LiveScheduler,
    live_master,
    task,
)


@pytest.fixture
def master(tmp_path: Path) -> Iterator[LiveMaster]:
    with live_master(tmp_path) as running:
        yield running


def test_a_task_lives_from_offer_to_kill(master: LiveMaster) -> None:
    scheduler = LiveScheduler(master)
    agent = LiveAgent(master)
    offer = scheduler.offer()
    assert offer["agent_id"]["value"] == agent.agent_id

    assert scheduler.launch(offer, task("t1", agent.agent_id)).status == 202
    run = agent.stream.wait_for("RUNTASK")
    assert run["task"]["task_id"]["value"] == "t1"
    assert run["framework"]["id"]["value"] == scheduler.framework_id
    agent.say(agent.update(scheduler.framework_id, "t1", "TASK_RUNNING"))
    status = scheduler.update("t1")
    assert status["state"] == "TASK_RUNNING"
    assert scheduler.acknowledge(status).status == 202
    assert agent.stream.wait_for("ACKNOWLEDGEUPDATE")["uuid"] == status["uuid"]

    assert scheduler.call("KILL", task_id={"value": "t1"}).status == 202
    assert agent.stream.wait_for("KILLTASK")["task_id"]["value"] == "t1"
    agent.say(agent.update(scheduler.framework_id, "t1", "TASK_KILLED"))
    status = scheduler.update("t1")
    scheduler.acknowledge(status)

    state = master.request("GET", "/state").json()
    [framework] = state["frameworks"]
    assert [t["state"] for t in framework["completed_tasks"]] == ["TASK_KILLED"]
    assert framework["tasks"] == []
