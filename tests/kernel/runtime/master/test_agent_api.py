"""POST /tepui/v1/agent: refusals, and an agent that comes back after the master was killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.runtime.master.live import (
    JSON_HEADERS,
    LiveAgent,
    LiveMaster,
    LiveScheduler,
    live_master,
    scalar,
    task,
)
from tests.processes import free_port

PATH = "/tepui/v1/agent"


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    with live_master(tmp_path_factory.mktemp("master")) as running:
        yield running


def test_a_batch_without_subscription_is_refused(master: LiveMaster) -> None:
    body = {"type": "BATCH", "agent_id": {"value": "nobody"}, "calls": [{"type": "PONG"}]}

    answer = master.request("POST", PATH, body, JSON_HEADERS)

    assert answer.status == 403
    assert "SUBSCRIBE first" in answer.text


def test_resources_that_make_no_sense_are_refused_by_name(master: LiveMaster) -> None:
    info = {"hostname": "h", "resources": [scalar("cpus", -1)]}
    body = {"type": "SUBSCRIBE", "agent_info": info, "version": "1"}

    answer = master.request("POST", PATH, body, JSON_HEADERS)

    assert answer.status == 400
    assert "cpus:-1" in answer.text


@given(st.binary(max_size=100) | st.dictionaries(st.text(max_size=8), st.integers()))
@settings(max_examples=60, deadline=None)
def test_garbage_is_refused(master: LiveMaster, body: object) -> None:
    assert 400 <= master.request("POST", PATH, body, JSON_HEADERS).status < 500


def test_everything_is_there_again_after_the_master_was_killed(tmp_path: Path) -> None:
    """A task survives kill -9 of the master: the agent keeps its id, the scheduler its task."""
    port = free_port()
    master = LiveMaster(tmp_path, port)
    scheduler, agent = LiveScheduler(master), LiveAgent(master)
    scheduler.launch(scheduler.offer(), task("t1", agent.agent_id, cpus=1))
    run = agent.stream.wait_for("RUNTASK")
    master.kill()
    assert agent.stream.next() is None

    master = LiveMaster(tmp_path, port)
    try:
        reported = {
            **{k: run["task"][k] for k in ("name", "task_id", "agent_id", "resources")},
            "framework_id": {"value": scheduler.framework_id},
            "state": "TASK_RUNNING",
        }
        agent = LiveAgent(
            master, agent_id=agent.agent_id, tasks=[reported], frameworks=[run["framework"]]
        )
        back = LiveScheduler(master, framework_id=scheduler.framework_id)
        assert agent.subscribed["epoch"] == 2
        assert back.first["subscribed"]["framework_id"]["value"] == scheduler.framework_id
        assert back.offer()["resources"][0]["scalar"]["value"] == 3.0
        back.call("RECONCILE", tasks=[])
        assert back.update("t1")["state"] == "TASK_RUNNING"
    finally:
        master.stop()


def test_an_agent_that_hangs_is_given_up(tmp_path: Path) -> None:
    """Source: mesos.md §6, C12, with short pings."""
    flags = ("--agent-ping-timeout", "0.1", "--max-agent-ping-timeouts", "2")
    with live_master(tmp_path, *flags) as master:
        scheduler, agent = LiveScheduler(master), LiveAgent(master)
        scheduler.launch(scheduler.offer(), task("t1", agent.agent_id))

        assert scheduler.update("t1")["state"] == "TASK_UNREACHABLE"
        scheduler.stream.wait_for("FAILURE")
        assert agent.stream.wait_for("PING")
