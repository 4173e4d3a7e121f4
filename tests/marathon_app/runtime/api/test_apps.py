"""`/v2/apps`, row by row. Source: Marathon §2.3 unless said otherwise."""

import re

import pytest

from tests.marathon_app.runtime.api.steps import (
    app,
    definition,
    deployed,
    is_deployment,
    settle,
    stuck,
    task_ids,
)
from tests.marathon_app.runtime.process import MarathonProcess

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
COUNTS = {"tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy"}
NEVER = {"executorResources", "check", "resourceLimits", "tty", "tasksStats", "taskStats"}


# --- create --------------------------------------------------------------------------------------
def test_create_answers_201_with_the_app_its_counts_and_its_deployment(
    marathon: MarathonProcess,
) -> None:
    got = marathon.post("/v2/apps", definition("/create/a", instances=0))

    body = got.json()
    assert got.status == 201
    assert body["id"] == "/create/a" and TIMESTAMP.fullmatch(body["version"])
    assert {name: body[name] for name in COUNTS} == dict.fromkeys(COUNTS, 0)
    assert body["deployments"] == [{"id": got.headers["marathon-deployment-id"]}]
    assert got.headers["location"] == "/v2/apps/create/a"
    assert not {"tasks", "versionInfo"} & set(body)


def test_no_key_appears_that_breaks_clients(marathon: MarathonProcess) -> None:
    """Source: C2, C3."""
    deployed(marathon, "/create/keys")
    assert not NEVER & set(app(marathon, "/create/keys"))


def test_a_new_deployment_is_visible_before_the_answer_leaves(marathon: MarathonProcess) -> None:
    """Source: C8, MARATHON-8566."""
    created = stuck(marathon, "/create/visible")

    found = marathon.get("/v2/deployments").json()

    assert created["deployments"][0]["id"] in [deployment["id"] for deployment in found]
    marathon.delete("/v2/apps/create/visible")
    settle(marathon)


def test_a_taken_id_is_409_without_deployments(marathon: MarathonProcess) -> None:
    """Source: §2.2; go-marathon tells a duplicate from a lock by the missing key."""
    deployed(marathon, "/create/taken", instances=0)

    got = marathon.post("/v2/apps", definition("/create/taken"))

    assert got.status == 409
    assert got.json() == {"message": "An app with id [/create/taken] already exists."}


def test_an_app_may_not_be_named_like_a_group(marathon: MarathonProcess) -> None:
    deployed(marathon, "/create/group/app", instances=0)
    assert marathon.post("/v2/apps", definition("/create/group")).status in (409, 422)


def test_the_default_port_gets_a_service_port(marathon: MarathonProcess) -> None:
    """Source: §1.9, service ports auto-assigned from [10000,20000]."""
    (port,) = deployed(marathon, "/create/port", instances=0)["portDefinitions"]
    assert 10_000 <= port["port"] <= 20_000


@pytest.mark.parametrize("path", ["/v2/apps/", "//v2//apps", "/marathon/v2/apps"])
def test_other_spellings_of_the_path_create_too(marathon: MarathonProcess, path: str) -> None:
    """Source: C6, C17; the dcos CLI posts to /v2/apps/."""
    app_id = "/create/spelling" + str(len(path))
    assert marathon.post(path, definition(app_id, instances=0)).status == 201


# --- read ----------------------------------------------------------------------------------------
def test_the_list_has_counts_and_deployments_but_no_tasks(marathon: MarathonProcess) -> None:
    deployed(marathon, "/read/list")

    got = marathon.get("/v2/apps", id="/read/list")

    (found,) = got.json()["apps"]
    assert got.status == 200
    assert COUNTS | {"deployments", "labels"} <= set(found)  # C12
    assert "tasks" not in found and "lastTaskFailure" not in found


@pytest.mark.parametrize("embed", ["apps.tasks", "app.tasks", "tasks", "group.apps.tasks"])
def test_tasks_are_embedded_under_every_prefix(marathon: MarathonProcess, embed: str) -> None:
    """Source: Prometheus asks /v2/apps/?embed=apps.tasks, Bamboo app.tasks."""
    if marathon.get("/v2/apps/read/embed").status == 404:
        deployed(marathon, "/read/embed")

    (found,) = marathon.get("/v2/apps/", embed=embed, id="/read/embed").json()["apps"]

    (task,) = found["tasks"]
    assert task["appId"] == "/read/embed" and task["state"] == "TASK_RUNNING"
    assert all(isinstance(port, int) for port in task["ports"])


def test_unknown_embeds_are_ignored(marathon: MarathonProcess) -> None:
    assert marathon.get("/v2/apps", embed=["nonsense", "apps.counts"]).status == 200


def test_more_can_be_embedded(marathon: MarathonProcess) -> None:
    """Source: §2.4; C3: statistics under taskStats."""
    deployed(marathon, "/read/more")
    embeds = ["apps.taskStats", "apps.readiness", "apps.lastTaskFailure"]

    (found,) = marathon.get("/v2/apps", embed=embeds, id="/read/more").json()["apps"]

    assert found["taskStats"]["totalSummary"]["stats"]["counts"]["running"] == 1
    assert found["readinessCheckResults"] == []


def test_one_app_has_its_tasks_and_deployments(marathon: MarathonProcess) -> None:
    deployed(marathon, "/read/one")

    found = app(marathon, "/read/one")

    assert found["tasksRunning"] == 1 and len(found["tasks"]) == 1
    assert found["deployments"] == []
    assert "servicePorts" not in found["tasks"][0]


@pytest.mark.parametrize(
    "path", ["/v2/apps//read/slash", "/v2/apps/read/slash/", "/service/marathon/v2/apps/read/slash"]
)
def test_one_app_is_found_under_other_spellings(marathon: MarathonProcess, path: str) -> None:
    """Source: C6, C17."""
    if marathon.get("/v2/apps/read/slash").status == 404:
        deployed(marathon, "/read/slash", instances=0)
    assert marathon.get(path).json()["app"]["id"] == "/read/slash"


def test_an_unknown_app_is_404_by_name(marathon: MarathonProcess) -> None:
    got = marathon.get("/v2/apps/no/such")
    assert (got.status, got.json()) == (404, {"message": "App '/no/such' does not exist"})


def test_a_star_lists_all_below_a_group(marathon: MarathonProcess) -> None:
    for name in ("a", "b/c"):
        deployed(marathon, f"/star/{name}", instances=0)
    found = marathon.get("/v2/apps/star/*").json()["*"]
    assert [each["id"] for each in found] == ["/star/a", "/star/b/c"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"cmd": "SLEEP 77"}, ["/filter/a"]),
        ({"id": "FILTER"}, ["/filter/a", "/filter/b"]),
        ({"label": "filter==b"}, ["/filter/b"]),
        ({"label": "filter in (a, b)"}, ["/filter/a", "/filter/b"]),
        ({"label": "filter!=a"}, ["/filter/b"]),
        ({"label": "filter==a", "cmd": "nothing"}, []),
    ],
)
def test_the_list_can_be_filtered(
    marathon: MarathonProcess, query: dict[str, str], ids: list[str]
) -> None:
    if marathon.get("/v2/apps/filter/a").status == 404:
        deployed(marathon, "/filter/a", cmd="sleep 77", labels={"filter": "a"}, instances=0)
        deployed(marathon, "/filter/b", labels={"filter": "b"}, instances=0)
    assert [found["id"] for found in marathon.get("/v2/apps", **query).json()["apps"]] == ids


def test_a_selector_that_cannot_be_read_is_422(marathon: MarathonProcess) -> None:
    got = marathon.get("/v2/apps", label="a==")
    assert got.status == 422 and "selector" in got.json()["message"]


# --- update --------------------------------------------------------------------------------------
def test_put_changes_one_field_and_keeps_the_rest(marathon: MarathonProcess) -> None:
    deployed(marathon, "/put/merge", env={"A": "1"}, labels={"x": "y"})

    got = marathon.put("/v2/apps/put/merge", {"env": {"B": "2"}})

    assert got.status == 200 and is_deployment(got)
    settle(marathon)
    found = app(marathon, "/put/merge")
    assert (found["env"], found["labels"]) == ({"B": "2"}, {"x": "y"})


def test_put_creates_with_201(marathon: MarathonProcess) -> None:
    got = marathon.put("/v2/apps/put/new", definition("/put/new", instances=0))
    assert got.status == 201 and is_deployment(got)
    assert app(marathon, "/put/new")["instances"] == 0


def test_put_without_partial_update_is_a_whole_definition(marathon: MarathonProcess) -> None:
    deployed(marathon, "/put/whole", labels={"x": "y"}, instances=0)
    body = definition("/put/whole", instances=0)
    assert marathon.put("/v2/apps/put/whole", body, partialUpdate="False").status == 200
    assert app(marathon, "/put/whole")["labels"] == {}


def test_the_id_in_the_body_must_be_that_of_the_path(marathon: MarathonProcess) -> None:
    got = marathon.put("/v2/apps/put/id", definition("/put/other"))
    assert got.status == 422 and got.json()["details"][0]["path"] == "/id"


def test_an_identical_definition_restarts_nothing(marathon: MarathonProcess) -> None:
    created = deployed(marathon, "/put/same")
    before = task_ids(marathon, "/put/same")

    got = marathon.put("/v2/apps/put/same", definition("/put/same"))

    settle(marathon)
    assert got.status == 200 and is_deployment(got)
    assert task_ids(marathon, "/put/same") == before
    assert app(marathon, "/put/same")["version"] == created["version"]


def test_scaling_keeps_the_running_tasks(marathon: MarathonProcess) -> None:
    """Source: §6.2 #26."""
    deployed(marathon, "/put/scale")
    (before,) = task_ids(marathon, "/put/scale")

    marathon.put("/v2/apps/put/scale", {"instances": 3})
    marathon.until(lambda: app(marathon, "/put/scale")["tasksRunning"] == 3)
    settle(marathon)
    assert before in task_ids(marathon, "/put/scale")

    marathon.put("/v2/apps/put/scale", {"instances": 0})
    marathon.until(lambda: task_ids(marathon, "/put/scale") == [])
    settle(marathon)


def test_a_new_command_replaces_every_task(marathon: MarathonProcess) -> None:
    deployed(marathon, "/put/upgrade", instances=2)
    before = task_ids(marathon, "/put/upgrade")

    marathon.put("/v2/apps/put/upgrade", {"cmd": "sleep 2000"})
    settle(marathon)

    after = task_ids(marathon, "/put/upgrade")
    assert len(after) == 2 and not set(before) & set(after)


def test_patch_changes_a_known_app_and_refuses_an_unknown_one(marathon: MarathonProcess) -> None:
    deployed(marathon, "/patch/a", instances=0)
    assert is_deployment(marathon.patch("/v2/apps/patch/a", {"labels": {"a": "b"}}))
    assert app(marathon, "/patch/a")["labels"] == {"a": "b"}
    got = marathon.patch("/v2/apps/patch/no", {"instances": 1})
    assert (got.status, got.json()) == (404, {"message": "App '/patch/no' does not exist"})


def test_put_of_a_list_is_one_deployment(marathon: MarathonProcess) -> None:
    deployed(marathon, "/bulk/a", instances=0)
    bodies = [{"id": "/bulk/a", "labels": {"x": "1"}}, definition("/bulk/b", instances=0)]

    got = marathon.put("/v2/apps", bodies)

    assert got.status == 200 and is_deployment(got)
    assert app(marathon, "/bulk/a")["labels"] == {"x": "1"}
    assert app(marathon, "/bulk/b")["instances"] == 0


def test_patch_of_a_list_refuses_an_unknown_app_and_changes_nothing(
    marathon: MarathonProcess,
) -> None:
    deployed(marathon, "/bulk/c", instances=0)
    bodies = [{"id": "/bulk/c", "labels": {"x": "1"}}, {"id": "/bulk/no", "instances": 0}]

    assert marathon.patch("/v2/apps", bodies).status == 404
    assert app(marathon, "/bulk/c")["labels"] == {}

    assert marathon.patch("/v2/apps", bodies[:1]).status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_each_element_of_a_list_needs_an_id(marathon: MarathonProcess, method: str) -> None:
    got = marathon.request(method, "/v2/apps", [{"cmd": "x"}])
    assert got.status == 422 and got.json()["details"][0]["path"] == "/(0)/id"


def test_an_update_that_breaks_a_rule_changes_nothing(marathon: MarathonProcess) -> None:
    deployed(marathon, "/put/rule", instances=0)

    got = marathon.put("/v2/apps/put/rule", {"healthChecks": [{"portIndex": 7}], "cpus": -1})

    paths = [detail["path"] for detail in got.json()["details"]]
    assert got.status == 422 and paths == ["/cpus", "/healthChecks(0)/portIndex"]
    assert app(marathon, "/put/rule")["cpus"] == 0.01


# --- versions ------------------------------------------------------------------------------------
def test_versions_are_listed_newest_first_and_each_can_be_read(marathon: MarathonProcess) -> None:
    first = deployed(marathon, "/versions/a", instances=0)["version"]
    second = marathon.put("/v2/apps/versions/a", {"labels": {"x": "y"}}).json()["version"]

    assert marathon.get("/v2/apps/versions/a/versions").json() == {"versions": [second, first]}
    got = marathon.get(f"/v2/apps/versions/a/versions/{first}")
    assert got.status == 200 and got.json()["labels"] == {} and got.json()["version"] == first


def test_a_version_alone_rolls_back(marathon: MarathonProcess) -> None:
    """Source: §2.3, `{"version":ts}` alone restores that configuration."""
    first = deployed(marathon, "/versions/back", instances=0, labels={"v": "1"})["version"]
    marathon.put("/v2/apps/versions/back", {"labels": {"v": "2"}})

    got = marathon.put("/v2/apps/versions/back", {"version": first})

    assert got.status == 200 and is_deployment(got)
    assert app(marathon, "/versions/back")["labels"] == {"v": "1"}


def test_a_version_with_anything_else_is_refused(marathon: MarathonProcess) -> None:
    first = deployed(marathon, "/versions/mixed", instances=0)["version"]
    got = marathon.put("/v2/apps/versions/mixed", {"version": first, "cmd": "x"})
    assert got.status == 422 and got.json()["details"][0]["path"] == "/version"


def test_unknown_versions_are_refused(marathon: MarathonProcess) -> None:
    deployed(marathon, "/versions/no", instances=0)
    unknown = "2001-01-01T00:00:00.000Z"
    assert marathon.put("/v2/apps/versions/no", {"version": unknown}).status in (404, 422)
    assert marathon.put("/v2/apps/versions/no", {"version": "x"}).status == 422
    assert marathon.put("/v2/apps/versions/no", {"version": 1}).status == 422
    assert marathon.get(f"/v2/apps/versions/no/versions/{unknown}").status == 404
    assert marathon.get("/v2/apps/versions/no/versions/x").status == 422
    assert marathon.get("/v2/apps/versions/unknown/versions").status == 404


# --- restart and delete --------------------------------------------------------------------------
def test_a_restart_replaces_every_task(marathon: MarathonProcess) -> None:
    """Source: §6.2 #27."""
    deployed(marathon, "/restart/a", instances=2)
    before = task_ids(marathon, "/restart/a")

    got = marathon.post("/v2/apps/restart/a/restart")
    settle(marathon)

    assert got.status == 200 and is_deployment(got)
    assert not set(before) & set(task_ids(marathon, "/restart/a"))


def test_a_restart_of_an_unknown_app_is_404(marathon: MarathonProcess) -> None:
    assert marathon.post("/v2/apps/restart/no/restart").status == 404


def test_delete_removes_the_app_and_its_tasks(marathon: MarathonProcess) -> None:
    deployed(marathon, "/delete/a")
    (task,) = task_ids(marathon, "/delete/a")

    got = marathon.delete("/v2/apps/delete/a")
    settle(marathon)

    assert got.status == 200 and is_deployment(got)
    assert marathon.get("/v2/apps/delete/a").status == 404
    assert task in marathon.master.killed


def test_delete_of_an_unknown_app_is_404(marathon: MarathonProcess) -> None:
    assert marathon.delete("/v2/apps/delete/no").status == 404


# --- locks ---------------------------------------------------------------------------------------
def test_a_locked_app_is_409_with_the_deployment_and_force_overrides(
    marathon: MarathonProcess,
) -> None:
    """Source: §2.2; go-marathon reads `deployments[].id`."""
    deployment = stuck(marathon, "/lock/a")["deployments"][0]["id"]

    got = marathon.put("/v2/apps/lock/a", {"instances": 2})

    assert got.status == 409
    assert got.json()["deployments"] == [{"id": deployment}]
    assert "force=true" in got.json()["message"]
    assert marathon.put("/v2/apps/lock/a", {"instances": 2}, force="True").status == 200  # C5
    assert marathon.delete("/v2/apps/lock/a").status == 200  # force is the default here [Q]
    settle(marathon)


def test_delete_without_force_respects_the_lock(marathon: MarathonProcess) -> None:
    stuck(marathon, "/lock/b")
    assert marathon.delete("/v2/apps/lock/b", force="false").status == 409
    assert marathon.delete("/v2/apps/lock/b").status == 200
    settle(marathon)


def test_a_cycle_of_dependencies_is_422_and_says_so(marathon: MarathonProcess) -> None:
    """Source: §2.2; the words "cyclic dependencies" are asserted by Marathon's own test."""
    deployed(marathon, "/cycle/a", instances=0)
    deployed(marathon, "/cycle/b", instances=0, dependencies=["/cycle/a"])

    got = marathon.put("/v2/apps/cycle/a", {"dependencies": ["/cycle/b"]})

    assert got.status == 422 and "cyclic dependencies" in str(got.json()).lower()
    assert "dependencies" not in app(marathon, "/cycle/a")
