"""The v0 endpoints over HTTP. Source: recordings v0-*, status-standby."""

from collections.abc import Iterator

import pytest

from tests.kernel.runtime.master.live import (
    LiveAgent,
    LiveMaster,
    LiveScheduler,
    live_master,
)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    with live_master(tmp_path_factory.mktemp("master"), "--cluster", "here") as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/state",
        "/state-summary",
        "/slaves",
        "/frameworks",
        "/tasks",
        "/roles",
        "/flags",
        "/version",
        "/metrics/snapshot",
    ],
)
@pytest.mark.parametrize("prefix", ["", "/master"])
def test_a_view_is_json(master: LiveMaster, prefix: str, path: str) -> None:
    answer = master.request("GET", prefix + path)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert isinstance(answer.json(), dict)


def test_health_is_an_empty_answer(master: LiveMaster) -> None:
    answer = master.request("GET", "/health")

    assert (answer.status, answer.body) == (200, b"")


def test_the_version_is_dotted_integers(master: LiveMaster) -> None:
    """Source: mesos.md §2.11: pymesos reads it with int()."""
    shown = master.request("GET", "/version").json()

    assert [int(part) for part in shown["version"].split(".")] == [1, 11, 0]
    assert "tepui_version" in shown


def test_redirect_names_the_leader(master: LiveMaster) -> None:
    answer = master.request("GET", "/redirect")

    assert answer.status == 307
    assert answer.headers["Location"] == f"//localhost:{master.port}"


def test_jsonp_calls_back(master: LiveMaster) -> None:
    """Source: recording v0-state-jsonp."""
    answer = master.request("GET", "/version?jsonp=cb")

    assert answer.headers["content-type"] == "text/javascript"
    assert answer.text.startswith("cb({") and answer.text.endswith("})")
    assert master.request("GET", "/version?jsonp=alert(1)").status == 400


def test_the_state_follows_what_happens(master: LiveMaster) -> None:
    assert master.request("GET", "/state").json()["cluster"] == "here"
    agent = LiveAgent(master)

    [slave] = master.request("GET", "/state").json()["slaves"]
    assert slave["active"] is True and slave["attributes"] == {"rack": "r1"}
    agent.close()
    scheduler = LiveScheduler(master)
    state = master.request("GET", "/state").json()
    assert [f["id"] for f in state["frameworks"]] == [scheduler.framework_id]
    assert master.request("GET", "/slaves?slave_id=no").json()["slaves"] == []


def test_a_teardown_by_the_operator(master: LiveMaster) -> None:
    """Source: recordings v0-post-teardown*."""
    scheduler = LiveScheduler(master)
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    body = f"frameworkId={scheduler.framework_id}".encode()
    assert master.request("POST", "/teardown", body, form).status == 200
    assert scheduler.stream.wait_for("HEARTBEAT")
    answer = master.request("POST", "/teardown", b"frameworkId=nope", form)
    assert (answer.status, answer.text) == (400, "No framework found with specified ID")
    answer = master.request("POST", "/teardown", b"", form)
    assert answer.text == "Missing 'frameworkId' query parameter in the request body"


def test_the_master_keeps_no_files(master: LiveMaster) -> None:
    assert master.request("GET", "/files/debug").json() == {}
    assert master.request("GET", "/files/read?path=/etc/passwd").status == 404
    assert master.request("GET", "/files/browse").status == 400


def test_a_bad_page_of_tasks_is_refused(master: LiveMaster) -> None:
    assert master.request("GET", "/tasks?limit=many").status == 400
