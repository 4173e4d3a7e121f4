"""What most tests of the API do first: deploy an app and wait until it is settled."""

from typing import Any

from tests.marathon_app.runtime.process import Got, MarathonProcess

SMALL = {"cmd": "sleep 1000", "cpus": 0.01, "mem": 1}


def definition(app_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": app_id, **SMALL, **fields}


def deployed(marathon: MarathonProcess, app_id: str, **fields: Any) -> dict[str, Any]:
    """A new app whose deployment is over; the answer to its creation."""
    got = marathon.post("/v2/apps", definition(app_id, **fields))
    assert got.status == 201, got
    settle(marathon)
    created: dict[str, Any] = got.json()
    return created


def settle(marathon: MarathonProcess) -> None:
    marathon.until(lambda: marathon.get("/v2/deployments").json() == [], "no deployment")


def app(marathon: MarathonProcess, app_id: str) -> dict[str, Any]:
    found: dict[str, Any] = marathon.get(f"/v2/apps{app_id}").json()["app"]
    return found


def task_ids(marathon: MarathonProcess, app_id: str) -> list[str]:
    return [task["id"] for task in app(marathon, app_id)["tasks"]]


def stuck(marathon: MarathonProcess, app_id: str) -> dict[str, Any]:
    """A new app that no agent can hold, so that its deployment stays."""
    got = marathon.post("/v2/apps", definition(app_id, cpus=1000))
    assert got.status == 201, got
    created: dict[str, Any] = got.json()
    return created


def is_deployment(got: Got) -> bool:
    """Whether this is Marathon's answer to an accepted change."""
    body = got.json()
    assert set(body) == {"version", "deploymentId"}, body
    assert got.headers["marathon-deployment-id"] == body["deploymentId"]
    return True
