"""Tasks: listing and killing. Source: Marathon §2.3, §2.5."""

import re

import pytest

from tests.marathon_app.runtime.api.steps import (
    app,
    deployed,
    is_deployment,
    settle,
    stuck,
    task_ids,
)
from tests.marathon_app.runtime.process import MarathonProcess

TASK_ID = re.compile(r"tasks_id\.instance-[0-9a-f-]{36}\._app\.1")


def test_a_task_has_marathons_keys(marathon: MarathonProcess) -> None:
    deployed(marathon, "/tasks/id")

    (task,) = marathon.get("/v2/apps/tasks/id/tasks").json()["tasks"]

    assert TASK_ID.fullmatch(task["id"])
    assert {key: task[key] for key in ("appId", "host", "slaveId", "state")} == {
        "appId": "/tasks/id",
        "host": "127.0.0.1",
        "slaveId": "agent-1",
        "state": "TASK_RUNNING",
    }
    assert len(task["ports"]) == 1 and task["stagedAt"] <= task["startedAt"]
    assert not {"healthCheckResults", "checkResult"} & set(task)


def test_all_tasks_have_their_service_ports(marathon: MarathonProcess) -> None:
    deployed(marathon, "/tasks/all")
    found = marathon.get("/v2/tasks").json()["tasks"]
    (task,) = [each for each in found if each["appId"] == "/tasks/all"]
    (definition,) = app(marathon, "/tasks/all")["portDefinitions"]
    assert task["servicePorts"] == [definition["port"]]


def test_all_tasks_can_be_filtered_by_status(marathon: MarathonProcess) -> None:
    deployed(marathon, "/tasks/status")
    running = marathon.get("/v2/tasks", **{"status": "running"}).json()["tasks"]
    staging = marathon.get("/v2/tasks", **{"status[]": "staging"}).json()["tasks"]
    assert "/tasks/status" in [task["appId"] for task in running] and staging == []


def test_the_old_text_form_has_a_line_per_service_port(marathon: MarathonProcess) -> None:
    deployed(marathon, "/tasks/text", instances=2)
    tasks = marathon.get("/v2/apps/tasks/text/tasks").json()["tasks"]
    (definition,) = app(marathon, "/tasks/text")["portDefinitions"]

    got = marathon.request("GET", "/v2/apps/tasks/text/tasks", headers={"accept": "text/plain"})

    places = "\t".join(f"127.0.0.1:{task['ports'][0]}" for task in tasks)
    assert got.headers["content-type"].startswith("text/plain")
    assert got.body.decode() == f"tasks_text\t{definition['port']}\t{places}\n"


def test_tasks_of_a_group(marathon: MarathonProcess) -> None:
    deployed(marathon, "/tasks/group/a")
    found = marathon.get("/v2/apps/tasks/group/*/tasks").json()["tasks"]
    assert [task["appId"] for task in found] == ["/tasks/group/a"]


def test_tasks_of_an_unknown_app_are_404(marathon: MarathonProcess) -> None:
    assert marathon.get("/v2/apps/tasks/no/tasks").status == 404
    assert marathon.delete("/v2/apps/tasks/no/tasks").status == 404
    assert marathon.delete("/v2/apps/tasks/no/tasks/x").status == 404


def test_a_killed_task_is_answered_and_replaced(marathon: MarathonProcess) -> None:
    """Source: §6.2 #29."""
    deployed(marathon, "/kill/one")
    (before,) = task_ids(marathon, "/kill/one")

    got = marathon.delete(f"/v2/apps/kill/one/tasks/{before}")

    assert got.status == 200 and got.json()["task"]["id"] == before
    marathon.until(lambda: task_ids(marathon, "/kill/one") not in ([], [before]))


def test_a_kill_with_scale_shrinks_the_app(marathon: MarathonProcess) -> None:
    """Source: §6.2 #30."""
    deployed(marathon, "/kill/scale", instances=2)
    victim, survivor = task_ids(marathon, "/kill/scale")

    got = marathon.delete(f"/v2/apps/kill/scale/tasks/{victim}", scale="True")

    assert got.status == 200 and is_deployment(got)
    settle(marathon)
    assert app(marathon, "/kill/scale")["instances"] == 1
    assert task_ids(marathon, "/kill/scale") == [survivor]


def test_all_tasks_of_an_app_are_killed_and_replaced(marathon: MarathonProcess) -> None:
    """Source: §6.2 #31."""
    deployed(marathon, "/kill/all", instances=2)
    before = task_ids(marathon, "/kill/all")

    got = marathon.delete("/v2/apps//kill/all/tasks")

    assert [task["id"] for task in got.json()["tasks"]] == before
    marathon.until(lambda: app(marathon, "/kill/all")["tasksRunning"] == 2)
    assert not set(before) & set(task_ids(marathon, "/kill/all"))


def test_all_tasks_with_scale_leave_none(marathon: MarathonProcess) -> None:
    """Source: §6.2 #32."""
    deployed(marathon, "/kill/none", instances=2)
    assert is_deployment(marathon.delete("/v2/apps/kill/none/tasks", scale="true"))
    settle(marathon)
    assert app(marathon, "/kill/none")["instances"] == 0


@pytest.mark.parametrize(("host", "count"), [("127.0.0.1", 1), ("*", 1), ("elsewhere", 0)])
def test_kills_can_be_limited_to_a_host(marathon: MarathonProcess, host: str, count: int) -> None:
    if marathon.get("/v2/apps/kill/host").status == 404:
        deployed(marathon, "/kill/host")
    marathon.until(lambda: app(marathon, "/kill/host")["tasksRunning"] == 1)
    killed = marathon.delete("/v2/apps/kill/host/tasks", host=host).json()["tasks"]
    assert len(killed) == count


def test_tasks_are_killed_by_list_and_unknown_ids_are_skipped(marathon: MarathonProcess) -> None:
    """Source: §6.2 #6."""
    deployed(marathon, "/kill/list", instances=3)
    before = task_ids(marathon, "/kill/list")
    unknown = before[0].replace("kill_list", "nobody")

    got = marathon.post("/v2/tasks/delete", {"ids": [*before[:2], unknown]})

    assert [task["id"] for task in got.json()["tasks"]] == before[:2]
    marathon.until(lambda: app(marathon, "/kill/list")["tasksRunning"] == 3)
    assert before[2] in task_ids(marathon, "/kill/list")


def test_a_list_with_scale_is_a_deployment(marathon: MarathonProcess) -> None:
    deployed(marathon, "/kill/listed", instances=2)
    ids = task_ids(marathon, "/kill/listed")[:1]
    assert is_deployment(marathon.post("/v2/tasks/delete", {"ids": ids}, scale="true"))
    settle(marathon)
    assert app(marathon, "/kill/listed")["instances"] == 1


@pytest.mark.parametrize("body", [{"ids": ["nonsense"]}, {"ids": "x"}, {}, [], {"ids": [1]}])
def test_a_malformed_task_id_is_400(marathon: MarathonProcess, body: object) -> None:
    """Source: §2.2."""
    assert marathon.post("/v2/tasks/delete", body).status == 400


def test_scale_and_wipe_together_are_400(marathon: MarathonProcess) -> None:
    """Source: §2.2."""
    deployed(marathon, "/kill/both")
    assert marathon.delete("/v2/apps/kill/both/tasks", scale="true", wipe="true").status == 400


def test_a_kill_with_scale_respects_the_lock(marathon: MarathonProcess) -> None:
    """Source: §3.6, kill with scale=true needs force."""
    deployed(marathon, "/kill/lock", instances=2)
    victim = task_ids(marathon, "/kill/lock")[0]
    marathon.put("/v2/apps/kill/lock", {"cpus": 1000})

    assert marathon.delete(f"/v2/apps/kill/lock/tasks/{victim}", scale="true").status == 409

    marathon.delete("/v2/apps/kill/lock")
    settle(marathon)


def test_a_task_that_failed_is_told_with_the_app(marathon: MarathonProcess) -> None:
    """Source: §2.4 lastTaskFailure."""
    deployed(marathon, "/fail/a")
    (task,) = task_ids(marathon, "/fail/a")
    from_master = marathon.master

    marathon.call(lambda: from_master.tell(task, from_master.FAILED, message="exit 3"))
    marathon.until(lambda: "lastTaskFailure" in app(marathon, "/fail/a"))

    failure = app(marathon, "/fail/a")["lastTaskFailure"]
    assert (failure["taskId"], failure["state"], failure["message"]) == (
        task,
        "TASK_FAILED",
        "exit 3",
    )


def test_a_task_that_cannot_be_placed_is_not_listed(marathon: MarathonProcess) -> None:
    """Source: §2.5."""
    stuck(marathon, "/kill/unplaced")
    assert task_ids(marathon, "/kill/unplaced") == []
    marathon.delete("/v2/apps/kill/unplaced")
    settle(marathon)
