"""The job form over the job's JSON."""

from typing import Any

from web.present import job_form
from web.present.job_form import JobValues

JOB: dict[str, Any] = {
    "name": "nightly",
    "command": "report",
    "schedule": "0 2 * * *",
    "scheduleTimeZone": "Europe/Berlin",
    "cpus": 0.1,
    "epsilon": "PT60S",
    "fetch": [{"uri": "http://example.org/x"}],
    "environmentVariables": [{"name": "A", "value": "1"}],
    "successCount": 4,
    "disabled": False,
}


def test_an_untouched_form_gives_the_same_job() -> None:
    assert job_form.job_of(job_form.values_of(JOB), JOB) == (JOB, {})


def test_an_iso_schedule_is_told_from_a_cron_line() -> None:
    assert job_form.values_of({"schedule": "R/2026-01-01T00:00:00Z/PT1H"}).kind == "iso"
    assert job_form.values_of({"schedule": "*/5 * * * *"}).kind == "cron"
    assert job_form.values_of({"parents": ["a"]}).kind == "parents"


def test_a_job_that_follows_others_has_no_schedule() -> None:
    job, errors = job_form.job_of(JobValues(kind="parents", parents=["a"]), JOB)

    assert errors == {}
    assert job["parents"] == ["a"]
    assert "schedule" not in job


def test_a_job_must_say_when_it_runs() -> None:
    assert "cron" in job_form.job_of(JobValues(kind="cron"), {})[1]
    assert "parents" in job_form.job_of(JobValues(kind="parents"), {})[1]


def test_a_number_that_is_none_is_an_error_at_its_field() -> None:
    values = JobValues(texts={"cpus": "lots"}, kind="cron", cron="* * * * *")

    assert list(job_form.job_of(values, {})[1]) == ["cpus"]
