"""`/v2/deployments` and `/v2/queue`. Source: Marathon §2.7, §2.8, §3.6."""

from tests.marathon_app.runtime.api.steps import app, deployed, is_deployment, settle, stuck
from tests.marathon_app.runtime.process import MarathonProcess

FUNNEL = [
    "UnfulfilledRole",
    "UnfulfilledConstraint",
    "NoCorrespondingReservationFound",
    "AgentMaintenance",
    "InsufficientCpus",
    "InsufficientMemory",
    "InsufficientDisk",
    "InsufficientGpus",
    "InsufficientPorts",
    "DeclinedScarceResources",
]


def test_a_deployment_has_marathons_keys(marathon: MarathonProcess) -> None:
    created = stuck(marathon, "/d/keys")

    (found,) = marathon.get("/v2/deployments").json()

    assert found["id"] == created["deployments"][0]["id"]
    assert found["affectedApps"] == ["/d/keys"] and found["affectedPods"] == []
    assert found["steps"][0] == {"actions": [{"action": "StartApplication", "app": "/d/keys"}]}
    assert found["currentActions"] == [
        {"action": "ScaleApplication", "app": "/d/keys", "readinessCheckResults": []}
    ]
    assert (found["currentStep"], found["totalSteps"]) == (2, 2)
    assert app(marathon, "/d/keys")["deployments"] == [{"id": found["id"]}]
    marathon.delete("/v2/apps/d/keys")
    settle(marathon)


def test_deleting_a_deployment_rolls_back(marathon: MarathonProcess) -> None:
    """Source: §6.2 #36, rollback of a creation: the app is gone."""
    created = stuck(marathon, "/d/back")

    got = marathon.delete(f"/v2/deployments/{created['deployments'][0]['id']}")

    assert got.status == 200 and is_deployment(got)
    settle(marathon)
    assert marathon.get("/v2/apps/d/back").status == 404


def test_deleting_with_force_stops_it_where_it_stands(marathon: MarathonProcess) -> None:
    created = stuck(marathon, "/d/force")
    got = marathon.delete(f"/v2/deployments/{created['deployments'][0]['id']}", force="true")
    assert (got.status, got.body) == (202, b"")
    assert marathon.get("/v2/deployments").json() == []
    assert app(marathon, "/d/force")["cpus"] == 1000
    marathon.delete("/v2/apps/d/force")
    settle(marathon)


def test_an_unknown_deployment_is_404(marathon: MarathonProcess) -> None:
    got = marathon.delete("/v2/deployments/no")
    assert (got.status, got.json()) == (404, {"message": "DeploymentPlan 'no' does not exist"})


def test_an_empty_queue(marathon: MarathonProcess) -> None:
    """Source: §6.2 #50."""
    settle(marathon)
    assert marathon.get("/v2/queue").json() == {"queue": []}


def test_the_queue_says_what_is_short(marathon: MarathonProcess) -> None:
    stuck(marathon, "/q/short")

    def declined() -> int:
        (item,) = marathon.get("/v2/queue").json()["queue"]
        rows = {
            row["reason"]: row for row in item["processedOffersSummary"]["rejectSummaryLastOffers"]
        }
        assert list(rows) == FUNNEL
        count: int = rows["InsufficientCpus"]["declined"]
        return count

    marathon.until(lambda: declined() >= 1, "an offer with too few cpus")
    (item,) = marathon.get("/v2/queue", embed="lastUnusedOffers").json()["queue"]
    assert item["app"]["id"] == "/q/short" and item["count"] == 1
    assert item["delay"] == {"timeLeftSeconds": 0, "overdue": True}
    assert {"role", "pod"} & set(item) == set()  # C2
    (offer,) = item["lastUnusedOffers"]
    assert offer["reason"] == ["InsufficientCpus"] and offer["offer"]["hostname"] == "127.0.0.1"
    (with_role,) = marathon.get("/v2/queue", embed="role").json()["queue"]
    assert with_role["role"] == "marathon"

    (why,) = marathon.get("/v3/apps/q/short/why").json()["waiting"]
    assert "cpus" in why["reason"] and "1000" in why["reason"]
    (deployment,) = marathon.get("/v3/deployments").json()
    assert deployment["waitingFor"]
    marathon.delete("/v2/apps/q/short")
    settle(marathon)


def test_a_failing_app_waits_and_its_delay_can_be_reset(marathon: MarathonProcess) -> None:
    """Source: §6.2 #50, backed off: timeLeftSeconds > 0; §2.8 DELETE delay."""
    deployed(marathon, "/q/fail", backoffSeconds=3600, maxLaunchDelaySeconds=3600)
    (task,) = [task["id"] for task in app(marathon, "/q/fail")["tasks"]]
    master = marathon.master
    marathon.call(lambda: master.tell(task, master.FAILED))
    marathon.until(lambda: marathon.get("/v2/queue").json()["queue"])
    (item,) = marathon.get("/v2/queue").json()["queue"]
    assert item["delay"]["overdue"] is False and 3500 < item["delay"]["timeLeftSeconds"] <= 3600

    assert marathon.delete("/v2/queue//q/fail/delay").status == 204

    marathon.until(lambda: app(marathon, "/q/fail")["tasksRunning"] == 1)


def test_the_delay_of_an_unknown_app_is_404(marathon: MarathonProcess) -> None:
    got = marathon.delete("/v2/queue/q/no/delay")
    assert got.status == 404
    assert got.json() == {"message": "Application /q/no not found in tasks queue."}
