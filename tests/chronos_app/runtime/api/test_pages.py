"""Whatever comes in, the answer is no failure of ours."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chronos_app.runtime.conftest import ChronosProcess

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "name",
        "command",
        "schedule",
        "scheduleTimeZone",
        "epsilon",
        "parents",
        "cpus",
        "mem",
        "disk",
        "retries",
        "uris",
        "fetch",
        "environmentVariables",
        "constraints",
        "container",
        "arguments",
        "shell",
        "disabled",
        "owner",
        "executor",
        "count",
        "maxCompletionTime",
        "numAdditionalElementsProcessed",
        "statusCode",
        "successCount",
        "lastError",
    ]
)
ALMOST = st.fixed_dictionaries(
    {"name": st.just("a") | JSON, "schedule": st.just("R1/2099-01-01T00:00:00Z/P1D") | JSON}
)
BODIES = st.one_of(
    st.builds(lambda almost, more: {**almost, **more}, ALMOST, st.dictionaries(FIELDS, JSON)), JSON
).map(lambda value: json.dumps(value).encode())
PATHS = st.sampled_from(
    ["iso8601", "dependency", "tepui/preview", "job/a", "job/success/a", "task/kill/a", "task/all",
     "task/ct:1:0:a:", "job/a/task/x/progress", "stats/x", "jobs/search?limit=-1", "job/%00",
     "job/%ff", "jobs", "tepui/job/a/runs", "tepui/job/a/runs/x/log", "graph/csv", "nothing"]
)  # fmt: skip
SLOW = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(
    prefix=st.sampled_from(["/scheduler", "/v1/scheduler"]),
    path=PATHS,
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    body=BODIES | st.binary(max_size=40),
)
def test_garbage_never_makes_a_failure(
    chronos: ChronosProcess, prefix: str, path: str, method: str, body: bytes
) -> None:
    answer = chronos.request(method, f"{prefix}/{path}", data=body)

    assert answer.status_code < 500, answer.text
    assert answer.status_code < 400 or answer.text


def test_a_page_of_another_site_may_not_change_jobs(chronos: ChronosProcess) -> None:
    body = {"name": "a", "schedule": "R1/2099-01-01T00:00:00Z/P1D"}
    elsewhere = {"Origin": "https://evil.example"}

    refused = chronos.post("/v1/scheduler/iso8601", body, headers=elsewhere)
    own = chronos.post("/v1/scheduler/iso8601", body, headers={"Origin": chronos.url})

    assert (refused.status_code, own.status_code) == (403, 204)
    assert chronos.get("/v1/scheduler/jobs", headers=elsewhere).status_code == 200


def test_what_is_not_there_says_so(chronos: ChronosProcess) -> None:
    answer = chronos.get("/v1/scheduler/bogus")

    assert answer.status_code == 404
    assert answer.json()["message"] == "there is nothing at /v1/scheduler/bogus"
