"""Bad input: a clear answer that names the field, nothing changed, never a 5xx.

Source: Marathon §2.1, §2.2.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.marathon_app.runtime.api.steps import definition
from tests.marathon_app.runtime.process import MarathonProcess
from tests.marathon_app.schema.test_request import FIELDS, JSON


def test_bad_json_is_400_with_what_is_wrong(marathon: MarathonProcess) -> None:
    got = marathon.request("POST", "/v2/apps", raw=b'{"id": ')
    assert got.status == 400
    assert got.json()["message"] == "Invalid JSON" and isinstance(got.json()["details"], str)


def test_an_empty_body_is_400(marathon: MarathonProcess) -> None:
    for method, path in (("POST", "/v2/apps"), ("PUT", "/v2/apps/a"), ("PUT", "/v2/groups")):
        got = marathon.request(method, path)
        assert got.status == 400 and "body" in got.json()["message"]


def test_a_wrong_type_is_422_with_path_and_marathons_word(marathon: MarathonProcess) -> None:
    got = marathon.post("/v2/apps", {"id": 1, "cpus": "x"})
    assert got.status == 422
    assert got.json() == {
        "message": "Invalid JSON",
        "details": [
            {"path": "/id", "errors": ["error.expected.jsstring"]},
            {"path": "/cpus", "errors": ["error.expected.jsnumber"]},
        ],
    }


def test_broken_rules_are_422_all_at_once(marathon: MarathonProcess) -> None:
    body = {"id": "/bad", "cmd": "x", "cpus": -1, "upgradeStrategy": {"minimumHealthCapacity": 2}}

    got = marathon.post("/v2/apps", body)

    assert (got.status, got.json()["message"]) == (422, "Object is not valid")
    assert [detail["path"] for detail in got.json()["details"]] == [
        "/cpus",
        "/upgradeStrategy/minimumHealthCapacity",
    ]
    assert marathon.get("/v2/apps/bad").status == 404


def test_a_wrong_media_type_is_415_and_a_missing_one_is_fine(marathon: MarathonProcess) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    got = marathon.request("POST", "/v2/apps", definition("/media/a", instances=0), headers=form)
    assert got.status == 415 and "application/json" in got.json()["message"]
    none = {"content-type": ""}
    body = definition("/media/b", instances=0)
    assert marathon.request("POST", "/v2/apps", body, headers=none).status == 201


def test_null_means_absent(marathon: MarathonProcess) -> None:
    """Source: C7; go-marathon sends nulls."""
    nulls = {"ports": None, "dependencies": None, "constraints": None, "container": None}
    assert marathon.post("/v2/apps", definition("/null/a", instances=0, **nulls)).status == 201


def test_unknown_fields_are_accepted_with_a_warning_that_names_the_likely_one(
    marathon: MarathonProcess,
) -> None:
    """Source: issues #2164, #2564: typos were accepted silently."""
    got = marathon.post("/v2/apps", definition("/typo/a", instnces=5, instances=0))
    assert got.status == 201
    assert got.headers["x-tepui-warning"] == (
        "unknown field '/instnces' was ignored; did you mean 'instances'?"
    )


@pytest.mark.parametrize(
    "path", ["/nope", "/v2", "/v2/nope", "/v3/nope", "/v2/apps/x/y/z/tasks/a/b"]
)
def test_an_unknown_route_is_404_in_json(marathon: MarathonProcess, path: str) -> None:
    """DIFFERS: upstream answers 500 to some."""
    got = marathon.get(path)
    assert got.status == 404 and got.json()["message"]


def test_a_wrong_method_is_405_and_says_which_are_right(marathon: MarathonProcess) -> None:
    got = marathon.delete("/v2/info")
    assert got.status == 405 and "GET" in got.headers["allow"] and got.json()["message"]


def test_head_and_options_are_sane(marathon: MarathonProcess) -> None:
    head, options = marathon.request("HEAD", "/v2/apps"), marathon.request("OPTIONS", "/v2/apps")
    assert (head.status, head.body) == (200, b"")
    assert options.status == 200 and "POST" in options.headers["allow"]


@pytest.mark.parametrize("value", ["yes", "1", "x"])
def test_a_flag_that_is_no_boolean_is_400(marathon: MarathonProcess, value: str) -> None:
    assert marathon.delete("/v2/apps/any", force=value).status == 400


def test_every_answer_has_marathons_headers(marathon: MarathonProcess) -> None:
    headers = marathon.get("/v2/info").headers
    assert headers["x-marathon-leader"] == "http://127.0.0.1:8080"
    assert headers["cache-control"] == "no-cache, no-store, must-revalidate"
    assert headers["pragma"] == "no-cache" and headers["expires"] == "0"
    assert headers["x-frame-options"] == "DENY"


def test_a_reader_that_has_the_body_already_gets_304(marathon: MarathonProcess) -> None:
    etag = marathon.get("/v2/apps").headers["etag"]
    got = marathon.request("GET", "/v2/apps", headers={"if-none-match": etag})
    assert (got.status, got.body) == (304, b"")


def test_long_answers_are_packed_for_those_who_can_unpack(marathon: MarathonProcess) -> None:
    body = definition("/long/a", instances=0, labels={"text": "x" * 10_000})
    assert marathon.post("/v2/apps", body).status == 201
    got = marathon.request("GET", "/v2/apps", headers={"accept-encoding": "gzip"})
    assert got.headers["content-encoding"] == "gzip" and len(got.body) < 5_000
    assert "content-encoding" not in marathon.get("/v2/apps").headers


TARGETS = [
    ("POST", "/v2/apps"),
    ("PUT", "/v2/apps"),
    ("PATCH", "/v2/apps"),
    ("PUT", "/v2/apps/garbage"),
    ("PATCH", "/v2/apps/garbage"),
    ("POST", "/v2/groups"),
    ("PUT", "/v2/groups/garbage"),
    ("PATCH", "/v2/groups/garbage"),
    ("POST", "/v2/tasks/delete"),
    ("POST", "/v3/drained"),
]
OBJECTS = st.dictionaries(
    st.sampled_from([*FIELDS, "apps", "groups", "ids", "scaleBy", "enforceRole", "lb", "taskIds"]),
    JSON,
    max_size=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(TARGETS), OBJECTS | st.lists(OBJECTS, max_size=2) | JSON)
@example(("PUT", "/v2/groups/garbage"), {"scaleBy": 1e308})
@example(("PUT", "/v2/groups/garbage"), {"version": []})
def test_garbage_is_never_our_mistake(
    marathon: MarathonProcess, target: tuple[str, str], body: Any
) -> None:
    got = marathon.request(*target, body)
    assert got.status < 500, (target, body, got)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(TARGETS), st.binary(max_size=60))
def test_bytes_that_are_no_json_are_never_our_mistake(
    marathon: MarathonProcess, target: tuple[str, str], raw: bytes
) -> None:
    assert marathon.request(*target, raw=raw).status < 500


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
    st.sampled_from(["/v2/apps", "/v2/groups", "/v2/queue", "/v2/deployments", "/v3/apps", ""]),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
)
def test_odd_paths_are_never_our_mistake(
    marathon: MarathonProcess, method: str, base: str, rest: str
) -> None:
    if "?" not in rest and (method, base.rstrip("/") + rest.strip("/")) != ("DELETE", "/v2/leader"):
        assert marathon.request(method, f"{base}/{rest}").status in range(200, 505)
        assert marathon.get("/ping").status == 200


def test_nesting_beyond_measure_is_400(marathon: MarathonProcess) -> None:
    for raw in (b"[" * 100_000, b'{"a":' * 200 + b"1" + b"}" * 200):
        got = marathon.request("POST", "/v2/apps", raw=raw)
        assert got.status == 400 and got.json()["message"] == "Invalid JSON"
