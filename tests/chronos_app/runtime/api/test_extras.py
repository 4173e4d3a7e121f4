"""What Tepui adds, under `/v1/scheduler/tepui`."""

from typing import Any

import pytest

from tests.chronos_app.runtime.conftest import ChronosProcess

TEPUI = "/v1/scheduler/tepui"


def test_a_preview_says_the_next_runs_and_the_schedule_in_words(chronos: ChronosProcess) -> None:
    body = {"schedule": "30 2 * * *", "scheduleTimeZone": "Europe/Berlin", "count": 3}

    shown = chronos.post(f"{TEPUI}/preview", body).json()

    assert shown["inWords"] == "at 02:30 every day (Europe/Berlin)"
    assert len(shown["runs"]) == 3 and all("T02:30:00+0" in run for run in shown["runs"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"schedule": "nonsense"}, "schedule"),
        ({}, "schedule"),
        ({"schedule": "@daily", "scheduleTimeZone": "Berlin"}, "scheduleTimeZone"),
        ({"schedule": "@daily", "count": 0}, "count"),
        ({"schedule": "@daily", "count": "x"}, "count"),
    ],
)
def test_a_preview_of_nonsense_names_the_field(
    chronos: ChronosProcess, body: dict[str, Any], field: str
) -> None:
    answer = chronos.post(f"{TEPUI}/preview", body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_jobs_tell_their_next_and_last_run(chronos: ChronosProcess) -> None:
    once = {"name": "once", "command": "true", "schedule": "R1//P"}
    daily = {"name": "daily", "schedule": "R/2099-01-31T08:00:00Z/P1M", "scheduleTimeZone": "BST"}
    for job in (once, daily):
        chronos.post("/v1/scheduler/iso8601", job)
    chronos.until(lambda: chronos.runs("once")[0]["state"] == "succeeded")

    ran, waits = chronos.get(f"{TEPUI}/jobs").json()

    assert (ran["state"], ran["nextRun"], ran["disabled"]) == ("idle", None, True)
    assert (ran["lastRun"]["state"], ran["lastRun"]["exitStatus"]) == ("succeeded", 0)
    assert waits["nextRun"] == "2099-01-31T02:00:00.000Z"
    assert "Dhaka" in waits["warning"]
    assert len(chronos.get(f"{TEPUI}/job/daily").json()["nextRuns"]) == 5


def test_logs_that_are_not_there_are_404_with_a_reason(chronos: ChronosProcess) -> None:
    chronos.post("/v1/scheduler/iso8601", {"name": "a", "command": "true", "schedule": "R1//P"})
    chronos.until(lambda: chronos.runs("a")[0]["state"] == "succeeded")
    log = chronos.runs("a")[0]["log"]

    assert chronos.get(f"{log}?stream=stderr").status_code == 200
    assert chronos.get(f"{log}?stream=secrets").status_code == 400
    assert chronos.get(f"{TEPUI}/job/a/runs/ct:1:0:a:/log").status_code == 404
    assert chronos.get(f"{TEPUI}/job/nobody/runs").status_code == 400
