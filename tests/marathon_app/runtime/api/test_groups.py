"""`/v2/groups`, row by row. Source: Marathon §1.3, §2.6."""

from typing import Any

import pytest

from tests.marathon_app.runtime.api.steps import (
    SMALL,
    app,
    definition,
    deployed,
    is_deployment,
    settle,
    stuck,
    task_ids,
)
from tests.marathon_app.runtime.process import MarathonProcess


def member(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, **SMALL, "instances": 0, **fields}


def test_an_empty_group_is_created_read_updated_and_deleted(marathon: MarathonProcess) -> None:
    """Source: §6.2 #40."""
    created = marathon.post("/v2/groups", {"id": "/empty"})
    assert created.status == 201 and is_deployment(created)
    assert created.headers["location"] == "/v2/groups/empty"

    found = marathon.get("/v2/groups/empty").json()
    assert (found["id"], found["apps"], found["groups"], found["pods"]) == ("/empty", [], [], [])

    assert marathon.put("/v2/groups/empty", {"dependencies": []}).status == 200
    assert marathon.delete("/v2/groups/empty").status == 200
    settle(marathon)
    assert marathon.delete("/v2/groups/empty").status == 404


def test_the_root_always_exists(marathon: MarathonProcess) -> None:
    found = marathon.get("/v2/groups").json()
    assert found["id"] == "/" and isinstance(found["groups"], list) and "version" in found


def test_a_group_brings_its_apps(marathon: MarathonProcess) -> None:
    body = {"id": "/tree", "apps": [member("a")], "groups": [{"id": "b", "apps": [member("c")]}]}

    assert marathon.post("/v2/groups", body).status == 201
    settle(marathon)

    found = marathon.get("/v2/groups/tree").json()
    assert [each["id"] for each in found["apps"]] == ["/tree/a"]
    assert [each["id"] for each in found["groups"][0]["apps"]] == ["/tree/b/c"]
    assert [e["id"] for e in marathon.get("/v2/groups/tree/apps").json()] == [
        "/tree/a",
        "/tree/b/c",
    ]


def test_a_relative_group_is_created_below_the_path(marathon: MarathonProcess) -> None:
    assert marathon.post("/v2/groups/below", {"id": "x", "apps": [member("a")]}).status == 201
    assert marathon.get("/v2/apps/below/x/a").status == 200


def test_a_taken_id_is_409(marathon: MarathonProcess) -> None:
    marathon.post("/v2/groups", {"id": "/taken"})
    deployed(marathon, "/takenapp", instances=0)
    assert marathon.post("/v2/groups", {"id": "/taken"}).status == 409
    assert marathon.post("/v2/groups", {"id": "/takenapp"}).status == 409


def test_a_put_replaces_the_members(marathon: MarathonProcess) -> None:
    """Source: §1.3, apps that are not listed are deleted."""
    marathon.post("/v2/groups", {"id": "/swap", "apps": [member("a"), member("b")]})
    settle(marathon)

    got = marathon.put("/v2/groups/swap", {"apps": [member("b"), member("c")]})

    assert got.status == 200 and is_deployment(got)
    settle(marathon)
    assert [e["id"] for e in marathon.get("/v2/groups/swap/apps").json()] == ["/swap/b", "/swap/c"]


def test_members_that_a_put_does_not_mention_stay(marathon: MarathonProcess) -> None:
    marathon.post("/v2/groups", {"id": "/stay", "apps": [member("a")]})
    settle(marathon)
    assert marathon.put("/v2/groups/stay", {"dependencies": ["/tree"]}).status == 200
    settle(marathon)
    found = marathon.get("/v2/groups/stay").json()
    assert [each["id"] for each in found["apps"]] == ["/stay/a"]
    assert found["dependencies"] == ["/tree"]


def test_an_unchanged_app_of_a_group_is_not_restarted(marathon: MarathonProcess) -> None:
    """Source: §6.2 #41."""
    body = {"id": "/calm", "apps": [member("a", instances=1)]}
    marathon.post("/v2/groups", body)
    settle(marathon)
    before = task_ids(marathon, "/calm/a")

    marathon.put("/v2/groups/calm", {**body, "apps": [*body["apps"], member("b")]})
    settle(marathon)

    assert task_ids(marathon, "/calm/a") == before


def test_what_was_read_can_be_put_back(marathon: MarathonProcess) -> None:
    marathon.post("/v2/groups", {"id": "/echo", "apps": [member("a")]})
    settle(marathon)
    read = marathon.get("/v2/groups/echo").json()
    got = marathon.put("/v2/groups/echo", read)
    assert got.status == 200, got
    assert "x-tepui-warning" not in got.headers


def test_scale_by_multiplies_and_rounds_up(marathon: MarathonProcess) -> None:
    body = {"id": "/scale", "apps": [member("a", instances=1), member("b", instances=3)]}
    marathon.post("/v2/groups", body)
    settle(marathon)

    assert is_deployment(marathon.put("/v2/groups/scale", {"scaleBy": 1.5}))
    settle(marathon)

    assert [e["instances"] for e in marathon.get("/v2/groups/scale/apps").json()] == [2, 5]


@pytest.mark.parametrize(
    "body",
    [
        {"scaleBy": 2, "apps": []},
        {"scaleBy": -1},
        {"scaleBy": "2"},
        {"scaleBy": 1e9},
        {"version": "yesterday"},
        {"id": "/other"},
        {"apps": {}},
        {"apps": [{"id": "/elsewhere/a", "cmd": "x"}]},
    ],
)
def test_what_a_put_cannot_mean_is_422(marathon: MarathonProcess, body: dict[str, Any]) -> None:
    marathon.post("/v2/groups", {"id": "/wrong"})
    got = marathon.put("/v2/groups/wrong", body)
    assert got.status == 422 and got.json()["message"]


def test_a_dry_run_shows_the_steps_and_changes_nothing(marathon: MarathonProcess) -> None:
    marathon.post("/v2/groups", {"id": "/dry", "apps": [member("a", instances=1)]})
    settle(marathon)

    got = marathon.put("/v2/groups/dry", {"apps": [member("b", instances=1)]}, dryRun="true")

    assert got.status == 200
    actions = [each for step in got.json()["steps"] for each in step["actions"]]
    assert {"action": "StopApplication", "app": "/dry/a"} in actions
    assert {"action": "StartApplication", "app": "/dry/b"} in actions
    assert [e["id"] for e in marathon.get("/v2/groups/dry/apps").json()] == ["/dry/a"]


def test_a_version_brings_the_group_back(marathon: MarathonProcess) -> None:
    """Source: §6.2 #42."""
    created = marathon.post("/v2/groups", {"id": "/back", "apps": [member("a")]}).json()
    settle(marathon)
    marathon.put("/v2/groups/back", {"apps": []})
    settle(marathon)
    versions = marathon.get("/v2/groups/back/versions").json()
    assert created["version"] in versions

    old = marathon.get(f"/v2/groups/back/versions/{created['version']}")
    assert [each["id"] for each in old.json()["apps"]] == ["/back/a"]

    assert is_deployment(marathon.put("/v2/groups/back", {"version": created["version"]}))
    settle(marathon)
    assert marathon.get("/v2/apps/back/a").status == 200


def test_the_old_way_to_roll_back_works_too(marathon: MarathonProcess) -> None:
    """Source: marathon-python, rollback_group."""
    created = marathon.post("/v2/groups", {"id": "/oldway", "apps": [member("a")]}).json()
    settle(marathon)
    marathon.put("/v2/groups/oldway", {"apps": []})
    settle(marathon)
    path = f"/v2/groups/oldway/versions/{created['version']}"
    assert is_deployment(marathon.put(path))
    settle(marathon)
    assert marathon.get("/v2/apps/oldway/a").status == 200


def test_a_group_in_deployment_is_locked_unless_forced(marathon: MarathonProcess) -> None:
    """Source: §6.2 #44, #45."""
    stuck(marathon, "/busy/a")
    body = {"apps": [member("a", cmd="sleep 5")]}
    assert marathon.put("/v2/groups/busy", body).status == 409
    assert marathon.delete("/v2/groups/busy").status == 409
    assert marathon.put("/v2/groups/busy", body, force="true").status == 200
    assert marathon.delete("/v2/groups/busy", force="true").status == 200
    settle(marathon)
    assert marathon.get("/v2/apps/busy/a").status == 404


def test_members_are_embedded_as_asked(marathon: MarathonProcess) -> None:
    deployed(marathon, "/embed/a")
    bare = marathon.get("/v2/groups/embed", embed="group.groups").json()
    assert "apps" not in bare and "pods" not in bare and bare["groups"] == []
    full = marathon.get("/v2/groups/embed", embed=["group.apps", "group.apps.tasks"]).json()
    assert len(full["apps"][0]["tasks"]) == 1
    assert "tasks" not in marathon.get("/v2/groups/embed").json()["apps"][0]


def test_only_enforce_role_of_a_top_group_is_patched(marathon: MarathonProcess) -> None:
    """Source: §1.3, §6.2 #48."""
    marathon.post("/v2/groups", {"id": "/role", "groups": [{"id": "sub"}]})
    settle(marathon)
    assert marathon.patch("/v2/groups/role", {"enforceRole": False}).status == 200
    got = marathon.patch("/v2/groups/role", {"enforceRole": True})
    assert got.status == 422 and "not supported yet" in got.json()["details"][0]["errors"][0]
    assert "enforceRole" not in marathon.get("/v2/groups/role").json()
    assert marathon.patch("/v2/groups/role", {"apps": []}).status == 422
    assert marathon.patch("/v2/groups/role", {"enforceRole": "x"}).status == 422
    assert marathon.patch("/v2/groups/role/sub", {"enforceRole": False}).status == 422


def test_unknown_groups_are_404(marathon: MarathonProcess) -> None:
    for path in ("/v2/groups/no", "/v2/groups/no/apps", "/v2/groups/no/versions"):
        got = marathon.get(path)
        assert (got.status, got.json()) == (404, {"message": "Group '/no' does not exist"})
    assert marathon.put("/v2/groups/no", {"scaleBy": 2}).status == 404


def test_an_apps_id_in_a_group_may_be_absolute(marathon: MarathonProcess) -> None:
    body = {"id": "/abs", "apps": [definition("/abs/a", instances=0)]}
    assert marathon.post("/v2/groups", body).status == 201
    assert app(marathon, "/abs/a")["instances"] == 0
