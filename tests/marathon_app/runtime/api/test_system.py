"""What the process says of itself. Source: Marathon §2.8."""

from tests.marathon_app.runtime.api.steps import deployed
from tests.marathon_app.runtime.process import MarathonProcess


def test_info_has_marathons_keys_and_no_other(marathon: MarathonProcess) -> None:
    body = marathon.get("/v2/info").json()
    assert set(body) == {
        "name",
        "version",
        "buildref",
        "elected",
        "leader",
        "frameworkId",
        "marathon_config",
        "zookeeper_config",
        "http_config",
    }
    assert tuple(map(int, body["version"].split("."))) >= (1, 5, 0)  # C15
    assert (body["elected"], body["frameworkId"]) == (True, "framework-1")
    assert body["marathon_config"]["mesos_leader_ui_url"] == marathon.master.url


def test_the_leader_is_this_process(marathon: MarathonProcess) -> None:
    assert marathon.get("/v2/leader").json() == {"leader": "127.0.0.1:8080"}


def test_a_backup_that_we_cannot_make_is_refused(marathon: MarathonProcess) -> None:
    answer = marathon.delete("/v2/leader", backup="file:///x")
    assert answer.status == 400
    assert "`tepui backup FILE`" in answer.json()["message"]


def test_ping_is_text_or_json(marathon: MarathonProcess) -> None:
    assert marathon.get("/ping").body == b"pong"
    got = marathon.request("GET", "/ping", headers={"accept": "application/json"})
    assert got.json() == "pong"


def test_health_is_200_once_ready(marathon: MarathonProcess) -> None:
    assert marathon.get("/health").json() == {"healthy": True, "master": True}


def test_metrics_count_apps_and_instances(marathon: MarathonProcess) -> None:
    """Source: §1.11, §6.2 #14."""

    def apps() -> int:
        gauges = marathon.get("/metrics").json()["gauges"]
        count: int = gauges["marathon.apps.active.gauge"]["value"]
        return count

    before = apps()
    deployed(marathon, "/metrics/a", instances=0)
    assert apps() == before + 1
    text = marathon.get("/metrics/prometheus").body.decode()
    assert f"marathon_apps_active_gauge {before + 1}\n" in text


def test_the_summary_counts_for_dashboards(marathon: MarathonProcess) -> None:
    body = marathon.get("/v3/summary").json()
    assert body["master"] == {"url": marathon.master.url, "connected": True}
    assert {"apps", "running", "deployments"} <= set(body)


def test_there_are_no_pods_and_that_is_said(marathon: MarathonProcess) -> None:
    assert marathon.request("HEAD", "/v2/pods").status == 404
    got = marathon.post("/v2/pods", {"id": "/p"})
    assert got.status == 501 and "not supported" in got.json()["message"]


def test_callbacks_are_gone_and_that_is_said(marathon: MarathonProcess) -> None:
    got = marathon.get("/v2/eventSubscriptions")
    assert got.status == 404 and "/v2/events" in got.json()["message"]


def test_the_front_page_leads_somewhere(marathon: MarathonProcess) -> None:
    assert marathon.get("/").status == 200
    assert marathon.get("/v2/plugins").json() == {"plugins": []}
