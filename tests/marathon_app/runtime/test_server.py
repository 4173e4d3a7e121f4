"""The process as a whole: events, drains, the master's absence, restarts, full disks."""

from typing import Any

import pytest

from kernel.store.memory import MemoryStore
from tests.marathon_app.runtime.api.steps import app, definition, deployed, settle, stuck, task_ids
from tests.marathon_app.runtime.process import Followed, MarathonProcess


# --- events --------------------------------------------------------------------------------------
def test_a_deployment_tells_its_story_in_order(marathon: MarathonProcess) -> None:
    """Source: §6.2 #34."""
    stream = marathon.follow()

    deployed(marathon, "/story/a", instances=2)

    stream.until("deployment_success")
    types = stream.types()
    assert types[0] == "event_stream_attached"
    running = [
        frame["data"]["taskId"]
        for frame in stream.frames()
        if frame["event"] == "status_update_event" and frame["data"]["taskStatus"] == "TASK_RUNNING"
    ]
    assert len(running) == 2
    told = [name for name in types if name.startswith(("group_change", "deployment_"))]
    assert told[:2] == ["group_change_success", "deployment_info"]
    assert told[-2:] == ["deployment_step_success", "deployment_success"]
    stream.close()


def test_plans_are_whole_where_clients_need_them_and_absent_where_not(
    marathon: MarathonProcess,
) -> None:
    """Source: C9."""
    full, light = marathon.follow(), marathon.follow(**{"plan-format": "light"})

    deployed(marathon, "/plan/a", instances=0)

    for name in ("deployment_info", "deployment_step_success"):
        assert {"original", "target"} <= set(full.until(name)["plan"])
        assert not {"original", "target"} & set(light.until(name)["plan"])
    assert not {"original", "target"} & set(full.until("deployment_success")["plan"])
    full.close()
    light.close()


def test_whoever_posts_an_app_is_told(marathon: MarathonProcess) -> None:
    stream = marathon.follow(event_type=["api_post_event"])
    deployed(marathon, "/posted/a", instances=0)
    data = stream.until("api_post_event")
    assert (data["clientIp"], data["uri"]) == ("127.0.0.1", "/v2/apps")
    assert data["appDefinition"]["id"] == "/posted/a"
    assert set(stream.types()) == {"event_stream_attached", "api_post_event"}
    stream.close()


def test_a_reader_that_comes_back_misses_nothing(marathon: MarathonProcess) -> None:
    first = marathon.follow(event_type=["group_change_success"])
    deployed(marathon, "/missed/a", instances=0)
    first.until("group_change_success")
    last_id = first.frames()[-1]["id"]
    first.close()
    deployed(marathon, "/missed/b", instances=0)
    deployed(marathon, "/missed/c", instances=0)

    second = Followed(marathon, {"event_type": ["group_change_success"]}, last_id)

    second.until("group_change_success", 2)
    second.close()


def test_the_stream_wants_its_media_type(marathon: MarathonProcess) -> None:
    """Source: §2.9, else 405."""
    got = marathon.request("GET", "/v2/events", headers={"accept": "application/json"})
    assert got.status == 405 and "text/event-stream" in got.json()["message"]


# --- drains --------------------------------------------------------------------------------------
def test_a_load_balancer_is_asked_before_a_task_is_killed(marathon: MarathonProcess) -> None:
    deployed(marathon, "/drain/a", instances=2)
    stream = marathon.follow(drain="lb1")
    before = task_ids(marathon, "/drain/a")

    marathon.put("/v2/apps/drain/a", {"instances": 1})

    marathon.until(lambda: "TASK_KILLING" in states(marathon, "/drain/a"))
    (victim,) = [
        frame["data"]["taskId"]
        for frame in stream.frames()
        if frame["data"].get("taskStatus") == "TASK_KILLING"
    ]
    assert victim in before and victim not in marathon.master.killed
    got = marathon.post("/v3/drained", {"lb": "lb1", "taskIds": [victim]})
    assert (got.status, got.body) == (204, b"")
    marathon.until(lambda: victim in marathon.master.killed)
    stream.close()
    settle(marathon)


def test_a_load_balancer_that_goes_away_is_not_waited_for(marathon: MarathonProcess) -> None:
    deployed(marathon, "/drain/b")
    stream = marathon.follow(drain="lb2")
    (victim,) = task_ids(marathon, "/drain/b")
    marathon.delete("/v2/apps/drain/b")
    marathon.until(lambda: "TASK_KILLING" in stream.bytes.decode())
    assert victim not in marathon.master.killed

    stream.close()

    marathon.until(lambda: victim in marathon.master.killed)
    settle(marathon)


@pytest.mark.parametrize(
    "body", [{}, {"lb": "x"}, {"lb": 1, "taskIds": []}, [], {"taskIds": ["x"]}]
)
def test_a_drain_report_must_say_who_and_what(marathon: MarathonProcess, body: Any) -> None:
    assert marathon.post("/v3/drained", body).status == 422


def states(marathon: MarathonProcess, app_id: str) -> list[str]:
    return [task["state"] for task in app(marathon, app_id)["tasks"]]


# --- the store and the master --------------------------------------------------------------------
def test_a_restart_loses_nothing_and_restarts_nothing() -> None:
    with MarathonProcess() as marathon:
        deployed(marathon, "/keep/a", instances=2, labels={"x": "1"})
        marathon.put("/v2/apps/keep/a", {"instances": 1})
        settle(marathon)
        stuck(marathon, "/keep/b")
        before = marathon.get("/v2/apps", embed="apps.tasks").json()
        versions = marathon.get("/v2/apps/keep/a/versions").json()

        marathon.stop()
        marathon.start()

        assert marathon.get("/v2/apps", embed="apps.tasks").json() == before
        assert marathon.get("/v2/apps/keep/a/versions").json() == versions
        assert len(marathon.master.tasks) == 1


def test_without_a_master_the_api_reads_accepts_and_says_so() -> None:
    with MarathonProcess() as marathon:
        deployed(marathon, "/away/a")
        marathon.on_loop(marathon.master.stop())
        marathon.until(lambda: not marathon.get("/health").json()["master"])

        assert app(marathon, "/away/a")["tasksRunning"] == 1
        assert marathon.post("/v2/apps", definition("/away/b")).status == 201
        info = marathon.get("/v2/info")
        assert info.headers["x-tepui-warning"] == "the master is away"
        assert info.json()["marathon_config"]["mesos_leader_ui_url"] is None
        (why,) = marathon.get("/v3/apps/away/b/why").json()["waiting"]
        assert "master" in why["reason"]


class FullStore(MemoryStore):
    """Memory that can run out."""

    is_full = False

    def refusal(self) -> str | None:
        return "the disk is full; nothing was changed" if self.is_full else None


def test_a_full_store_refuses_changes_and_changes_nothing() -> None:
    store = FullStore()
    with MarathonProcess(store) as marathon:
        deployed(marathon, "/full/a")
        store.is_full = True

        for got in (
            marathon.post("/v2/apps", definition("/full/b")),
            marathon.put("/v2/apps/full/a", {"instances": 2}),
            marathon.delete("/v2/apps/full/a"),
            marathon.delete("/v2/apps/full/a/tasks"),
        ):
            assert got.status == 507
            assert got.json() == {"message": "the disk is full; nothing was changed"}
        assert [each["id"] for each in marathon.get("/v2/apps").json()["apps"]] == ["/full/a"]
        assert app(marathon, "/full/a")["instances"] == 1

        store.is_full = False
        assert marathon.put("/v2/apps/full/a", {"instances": 2}).status == 200


# --- health --------------------------------------------------------------------------------------
def test_a_health_check_is_probed_against_the_tasks_port(marathon: MarathonProcess) -> None:
    """The stand-in's tasks listen nowhere, so a TCP check must find them unhealthy."""
    check = {"protocol": "TCP", "gracePeriodSeconds": 0, "maxConsecutiveFailures": 0}
    marathon.post("/v2/apps", definition("/health/a", healthChecks=[check]))

    def results() -> list[dict[str, Any]]:
        tasks = app(marathon, "/health/a")["tasks"]
        found: list[dict[str, Any]] = tasks[0].get("healthCheckResults", []) if tasks else []
        return found

    marathon.until(results, "a result")  # C13
    (result,) = results()
    assert result["alive"] is False and result["lastFailureCause"]
    marathon.delete("/v2/apps/health/a")
    settle(marathon)
