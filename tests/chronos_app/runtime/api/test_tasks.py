"""Tasks over the API. Source: Chronos 2.4, TaskManagementResource.scala."""

from urllib.parse import quote

from tests.chronos_app.runtime.conftest import ChronosProcess


def test_an_asynchronous_job_reports_its_own_end(chronos: ChronosProcess) -> None:
    job = {"name": "a", "command": "true", "schedule": "R1//P", "async": True}
    chronos.post("/scheduler/iso8601", job)
    chronos.until(lambda: chronos.runs("a")[0]["state"] == "reporting")
    path = f"/scheduler/task/{quote(chronos.runs('a')[0]['taskId'], safe='')}"

    assert chronos.put(path, {"statusCode": "0"}).status_code == 400
    assert chronos.put(path, {"statusCode": 0}).status_code == 204

    assert chronos.runs("a")[0]["state"] == "succeeded"
    assert chronos.put(path, {"statusCode": 0}).status_code == 400


def test_the_queue_can_be_cleared_in_2x(chronos: ChronosProcess) -> None:
    job = {"name": "a", "command": "true", "schedule": "R1//P", "cpus": 1000}
    chronos.post("/scheduler/iso8601", job)
    chronos.until(lambda: chronos.runs("a")[0]["state"] == "queued")

    assert chronos.delete("/scheduler/task/all").status_code == 204

    assert chronos.runs("a")[0]["state"] == "killed"
    assert chronos.delete("/v1/scheduler/task/all").status_code in (404, 405)


def test_a_job_that_fits_nowhere_says_what_is_short(chronos: ChronosProcess) -> None:
    job = {"name": "big", "command": "true", "schedule": "R1//P", "cpus": 1000}
    chronos.post("/v1/scheduler/iso8601", job)

    def reasons() -> list[str]:
        (found,) = chronos.get("/v1/scheduler/tepui/jobs").json()
        return list(found["waitingFor"])

    chronos.until(reasons)
    assert "needs 1000 cpus, has 8: short of 992" in reasons()[0]
