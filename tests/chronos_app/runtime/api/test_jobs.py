"""Every row of the table of Chronos's API, on both paths. Source: Chronos, docs/docs/api.md."""

import json
from typing import Any

import pytest

from tests.chronos_app.runtime.conftest import ChronosProcess

BOTH = pytest.mark.parametrize("prefix", ["/scheduler", "/v1/scheduler"])
NEVER = "R/2099-01-01T00:00:00Z/P1D"
KEYS_V3 = [
    "name",
    "command",
    "shell",
    "executor",
    "executorFlags",
    "taskInfoData",
    "retries",
    "owner",
    "ownerName",
    "description",
    "successCount",
    "errorCount",
    "lastSuccess",
    "lastError",
    "cpus",
    "disk",
    "mem",
    "disabled",
    "softError",
    "dataProcessingJobType",
    "errorsSinceLastSuccess",
    "fetch",
    "uris",
    "environmentVariables",
    "arguments",
    "highPriority",
    "runAsUser",
    "concurrent",
    "maxCompletionTime",
    "constraints",
    "schedule",
    "scheduleTimeZone",
]
KEYS_V2 = [
    "name",
    "command",
    "shell",
    "epsilon",
    "executor",
    "executorFlags",
    "retries",
    "owner",
    "ownerName",
    "description",
    "async",
    "successCount",
    "errorCount",
    "lastSuccess",
    "lastError",
    "cpus",
    "disk",
    "mem",
    "disabled",
    "softError",
    "dataProcessingJobType",
    "errorsSinceLastSuccess",
    "uris",
    "environmentVariables",
    "arguments",
    "highPriority",
    "runAsUser",
    "constraints",
    "schedule",
    "scheduleTimeZone",
]


def job(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": "true", "schedule": NEVER, **more}


@BOTH
def test_upserts_answer_204_and_listings_are_one_line_in_order_of_insertion(
    chronos: ChronosProcess, prefix: str
) -> None:
    for name in ("z", "a", "m"):
        answer = chronos.post(f"{prefix}/iso8601", job(name))
        assert (answer.status_code, answer.content) == (204, b"")
    chronos.post(f"{prefix}/iso8601", job("z", command="date"))

    listed = chronos.get(f"{prefix}/jobs")

    assert b"\n" not in listed.content
    assert [each["name"] for each in listed.json()] == ["z", "a", "m"]


def test_the_keys_of_a_listing_are_in_the_order_of_each_dialect(chronos: ChronosProcess) -> None:
    chronos.post("/v1/scheduler/iso8601", job())

    assert list(chronos.get("/v1/scheduler/jobs").json()[0]) == KEYS_V3
    assert list(chronos.get("/scheduler/jobs").json()[0]) == KEYS_V2


def test_an_update_is_a_put_as_well_as_a_post_in_2x_and_a_post_in_3x(
    chronos: ChronosProcess,
) -> None:
    assert chronos.put("/scheduler/iso8601", job()).status_code == 204
    assert chronos.put("/scheduler/dependency", job("b", parents=["a"])).status_code == 204
    refused = chronos.put("/v1/scheduler/iso8601", job())
    assert refused.status_code == 405 and "PUT" not in refused.headers["Allow"]


@BOTH
def test_every_key_that_was_sent_comes_back_with_its_value(
    chronos: ChronosProcess, prefix: str
) -> None:
    """chronos-sync-jobs.py compares them, and posts for ever where one differs."""
    sent = job(
        shell=True, epsilon="PT15M", executor="", executorFlags="", retries=5, owner="a@b.c",
        ownerName="A", description="says \"hi\"\nand bye", cpus=0.5, mem=256, disk=1, disabled=True,
        softError=True, highPriority=True, concurrent=True, maxCompletionTime=60,
        runAsUser="nobody", uris=["http://x/y.tgz"], scheduleTimeZone="Europe/Berlin",
        environmentVariables=[{"name": "A", "value": "1"}], arguments=["x"],
        constraints=[["rack", "EQUALS", "r1"]], dataProcessingJobType=True, taskInfoData="d",
        container={"type": "DOCKER", "image": "x", "volumes": []}, somethingOfOurs={"a": [1]},
    )  # fmt: skip
    sent["async"] = False
    assert chronos.post(f"{prefix}/iso8601", sent).status_code == 204

    (listed,) = chronos.get(f"{prefix}/jobs").json()

    differing = {key for key, value in sent.items() if listed.get(key) != value}
    assert differing <= {"async"} and not listed.get("async")
    assert listed["uris"] == ["http://x/y.tgz"]
    assert prefix == "/scheduler" or listed["fetch"][0]["uri"] == "http://x/y.tgz"


@BOTH
def test_what_was_listed_can_be_posted_again_and_changes_nothing(
    chronos: ChronosProcess, prefix: str
) -> None:
    chronos.post(f"{prefix}/iso8601", job(successCount=7, errorCount=1, lastError="2020-01-01"))
    (listed,) = chronos.get(f"{prefix}/jobs").json()

    assert chronos.post(f"{prefix}/iso8601", listed).status_code == 204

    assert chronos.get(f"{prefix}/jobs").json() == [listed]
    assert (listed["successCount"], listed["errorCount"]) == (7, 1)


def test_defaults_are_echoed(chronos: ChronosProcess) -> None:
    chronos.post("/scheduler/iso8601", {"name": 17, "schedule": NEVER, "cpus": "0.5"})

    (listed,) = chronos.get("/scheduler/jobs").json()

    assert (listed["name"], listed["cpus"], listed["mem"], listed["disk"]) == ("17", 0.5, 128, 256)
    assert (listed["retries"], listed["epsilon"], listed["shell"]) == (2, "PT60S", True)


def test_a_job_with_neither_schedule_nor_parents_runs_once_now(chronos: ChronosProcess) -> None:
    chronos.post("/v1/scheduler/iso8601", {"name": "a", "command": "true"})

    (listed,) = chronos.get("/v1/scheduler/jobs").json()

    assert listed["schedule"].startswith("R1/") and listed["schedule"].endswith("/PT24H")
    chronos.until(lambda: [r["state"] for r in chronos.runs("a")] == ["succeeded"])


@BOTH
def test_search_finds_substrings_in_any_case(chronos: ChronosProcess, prefix: str) -> None:
    for number in range(15):
        chronos.post(f"{prefix}/iso8601", job(f"Report-{number}", command=f"echo {number}"))
    chronos.post(f"{prefix}/iso8601", job("other", command="run report"))

    def found(query: str) -> list[str]:
        return [each["name"] for each in chronos.get(f"{prefix}/jobs/search?{query}").json()]

    assert len(found("name=rEPORT")) == 10
    assert found("name=report&limit=3&offset=13") == ["Report-13", "Report-14"]
    assert found("name=report&command=echo%207") == ["Report-7"]
    assert found("any=run") == ["other"]
    assert chronos.get(f"{prefix}/jobs/search?limit=x").status_code == 400


def test_summary_says_status_and_state(chronos: ChronosProcess) -> None:
    chronos.post("/v1/scheduler/iso8601", job())
    chronos.post("/v1/scheduler/dependency", {"name": "b", "parents": ["a"]})

    assert chronos.get("/v1/scheduler/jobs/summary").json() == {
        "jobs": [
            {"name": "a", "status": "fresh", "state": "idle", "schedule": NEVER,
             "parents": [], "disabled": False},
            {"name": "b", "status": "fresh", "state": "idle", "schedule": "",
             "parents": ["a"], "disabled": False},
        ]
    }  # fmt: skip


@BOTH
def test_a_job_is_run_shown_marked_killed_and_deleted(chronos: ChronosProcess, prefix: str) -> None:
    chronos.post(f"{prefix}/iso8601", job(command="echo"))

    assert chronos.get(f"{prefix}/job/a").json()["name"] == "a"
    assert chronos.put(f"{prefix}/job/a?arguments=--now%20x").status_code == 204
    chronos.until(lambda: chronos.runs("a")[0]["state"] == "succeeded")
    assert chronos.get(chronos.runs("a")[0]["log"]).text == "--now x\n"
    marked = chronos.put(f"{prefix}/job/success/a")
    assert marked.text == "marked job a as successful: true"
    assert chronos.get(f"{prefix}/job/a").json()["successCount"] == 2
    assert chronos.delete(f"{prefix}/task/kill/a").status_code == 204
    assert chronos.delete(f"{prefix}/job/a").status_code == 204
    assert chronos.get(f"{prefix}/jobs").json() == []


def test_marking_an_unknown_job_is_200_and_false(chronos: ChronosProcess) -> None:
    marked = chronos.put("/v1/scheduler/job/success/nobody")

    assert marked.status_code == 200
    assert marked.text == "marked job nobody as successful: false"


def test_the_statistics_of_a_fresh_job_are_zero(chronos: ChronosProcess) -> None:
    """Source: chronos-python, itests (job_stat)."""
    chronos.post("/v1/scheduler/iso8601", job("myjob"))

    stat = chronos.get("/v1/scheduler/job/stat/myjob").json()

    histogram = dict.fromkeys(
        ["75thPercentile", "95thPercentile", "98thPercentile", "99thPercentile", "median", "mean"],
        0.0,
    )
    assert stat == {"histogram": {**histogram, "count": 0}, "taskStatHistory": []}
    for which in [*histogram]:
        found = chronos.get(f"/v1/scheduler/stats/{which}").json()
        assert found == [{"jobNameLabel": "myjob", "time": 0.0}]


def test_the_statistics_of_a_job_that_ran_name_its_task(chronos: ChronosProcess) -> None:
    chronos.post("/v1/scheduler/iso8601", job("myjob", schedule="R1//P"))
    chronos.until(lambda: chronos.runs("myjob")[0]["state"] == "succeeded")

    stat = chronos.get("/v1/scheduler/job/stat/myjob").json()

    (task,) = stat["taskStatHistory"]
    assert stat["histogram"]["count"] == 1 and stat["histogram"]["mean"] > 0
    assert (task["status"], task["slaveId"], task["jobName"]) == ("Success", "agent-1", "myjob")


def test_progress_is_for_data_processing_jobs(chronos: ChronosProcess) -> None:
    chronos.post("/v1/scheduler/iso8601", job("plain"))
    data = job("data", command="sleep 100", schedule="R1//P", dataProcessingJobType=True)
    chronos.post("/v1/scheduler/iso8601", data)
    chronos.until(lambda: chronos.runs("data")[0]["state"] == "running")
    task_id = chronos.runs("data")[0]["taskId"]
    path = f"/v1/scheduler/job/data/task/{task_id}/progress"

    for _ in range(2):
        assert chronos.post(path, {"numAdditionalElementsProcessed": 5}).status_code == 204

    assert chronos.post(path, {"numAdditionalElementsProcessed": -1}).status_code == 400
    assert chronos.post(path, {}).status_code == 400
    wrong = path.replace("/data/", "/plain/")
    assert chronos.post(wrong, {"numAdditionalElementsProcessed": 5}).status_code == 400
    stat = chronos.get("/v1/scheduler/job/stat/data").json()
    assert stat["taskStatHistory"][0]["numElementsProcessed"] == 10


BAD = [
    ({"schedule": "R/2014-01-01T00:00:00Z"}, "schedule"),
    ({"schedule": "every day"}, "schedule"),
    ({"schedule": ""}, "schedule"),
    ({"schedule": 5}, "schedule"),
    ({"schedule": "61 * * * *"}, "schedule"),
    ({"schedule": "R/1969-01-01T00:00:00Z/P1D"}, "schedule"),
    ({"scheduleTimeZone": "Mars/Phobos"}, "scheduleTimeZone"),
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": "a/b"}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "x" * 300}, "name"),
    ({"name": ["a"]}, "name"),
    ({"cpus": -1}, "cpus"),
    ({"cpus": "many"}, "cpus"),
    ({"mem": {"a": 1}}, "mem"),
    ({"disk": 1e300}, "disk"),
    ({"retries": -1}, "retries"),
    ({"retries": 1.5}, "retries"),
    ({"shell": "perhaps"}, "shell"),
    ({"uris": "http://x"}, "uris"),
    ({"uris": ["http://x"], "fetch": [{"uri": "http://y"}]}, "fetch"),
    ({"fetch": [{}]}, "fetch[0].uri"),
    ({"environmentVariables": [{"value": "x"}]}, "environmentVariables[0].name"),
    ({"constraints": [["rack", "NEAR", "r1"]]}, "constraints[0]"),
    ({"constraints": [["rack", "LIKE", "("]]}, "constraints[0]"),
    ({"constraints": [["rack"]]}, "constraints[0]"),
    ({"container": []}, "container"),
    ({"container": {"image": "x", "type": "LXC"}}, "container.type"),
    ({"container": {"image": "x", "volumes": [{}]}}, "container.volumes[0].containerPath"),
    ({"parents": ["nobody"]}, "parents"),
    ({"parents": "a"}, "parents"),
]


@BOTH
@pytest.mark.parametrize(("wrong", "field"), BAD)
def test_bad_jobs_are_refused_by_field_and_nothing_changes(
    chronos: ChronosProcess, prefix: str, wrong: dict[str, Any], field: str
) -> None:
    answer = chronos.post(f"{prefix}/iso8601", job(**wrong) | wrong)

    assert answer.status_code == 400
    if prefix == "/v1/scheduler":
        assert answer.json()["status"] == "Bad Request"
        assert answer.json()["field"] == field
        assert answer.json()["message"].startswith(field)
    else:
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.text.startswith(field)
    assert chronos.get(f"{prefix}/jobs").json() == []


def test_names_with_spaces_are_for_2x_only(chronos: ChronosProcess) -> None:
    """Source: chronos-python, itests (opposite outcomes on the two paths)."""
    assert chronos.post("/scheduler/iso8601", job("with space #1")).status_code == 204
    assert chronos.post("/v1/scheduler/iso8601", job("with space")).status_code == 400
    assert chronos.delete("/v1/scheduler/job/with%20space%20%231").status_code == 204


def test_a_dependent_job_needs_parents_and_no_cycle(chronos: ChronosProcess) -> None:
    path = "/v1/scheduler/dependency"
    chronos.post("/v1/scheduler/iso8601", job("a"))
    assert chronos.post(path, {"name": "b", "parents": []}).status_code == 400
    assert chronos.post(path, {"name": "b", "parents": ["a"]}).status_code == 204

    cycle = chronos.post(path, {"name": "a", "parents": ["b"]})

    assert cycle.status_code == 400 and "a -> b -> a" in cycle.json()["message"]


@BOTH
def test_an_unknown_job_is_400_in_the_words_of_the_path(
    chronos: ChronosProcess, prefix: str
) -> None:
    for method, path in [
        ("PUT", "job/x"), ("DELETE", "job/x"), ("GET", "job/x"), ("GET", "job/stat/x"),
        ("DELETE", "task/kill/x"),
    ]:  # fmt: skip
        answer = chronos.request(method, f"{prefix}/{path}")

        assert answer.status_code == 400
        assert "Job 'x' not found" in answer.text
        if prefix == "/v1/scheduler":
            assert json.loads(answer.text)["status"] == "Bad Request"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name":"\\ud800"}'])
def test_bodies_that_are_no_job_are_refused(chronos: ChronosProcess, body: bytes) -> None:
    answer = chronos.request("POST", "/v1/scheduler/iso8601", data=body)

    assert answer.status_code == 400 and answer.json()["message"]
