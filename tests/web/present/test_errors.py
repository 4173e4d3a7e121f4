"""What Marathon refuses is said at the field it is about. Source: marathon.md §2.2."""

import pytest

from web.present.errors import field_of, named_field, refusal_of


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/cpus", "cpus"),
        ("/upgradeStrategy/minimumHealthCapacity", "minimumHealthCapacity"),
        ("/portDefinitions(0)/port", "ports"),
        ("/healthChecks(0)/path", "healthPath"),
        ("/healthChecks(1)/path", "healthProtocol"),
        ("/env(KEY)", "env"),
        ("/labels(HAPROXY_0_VHOST)", "vhost"),
        ("/", ""),
        ("/fetch(0)/uri", ""),
    ],
)
def test_a_path_leads_to_its_field(path: str, field: str) -> None:
    assert field_of(path) == field


def test_details_without_a_field_are_still_said() -> None:
    body = {
        "message": "Object is not valid",
        "details": [
            {"path": "/cpus", "errors": ["got -1", "expected 0 or more"]},
            {"path": "/fetch(0)/uri", "errors": ["is no URI"]},
            {"path": "/", "errors": ["cmd and args exclude each other"]},
        ],
    }

    refusal = refusal_of(422, body)

    assert refusal.by_field == {"cpus": "got -1; expected 0 or more"}
    assert refusal.other == ["/fetch(0)/uri: is no URI", "cmd and args exclude each other"]


def test_a_lock_names_the_deployments_that_hold_it() -> None:
    assert refusal_of(409, {"message": "locked", "deployments": [{"id": "d1"}]}).locked_by == ["d1"]


def test_an_answer_that_is_no_json_is_shown_as_it_is() -> None:
    assert refusal_of(400, None, "Job 'x' not found").message == "Job 'x' not found"
    assert refusal_of(500, None, "").message == "It was refused with status 500."


def test_a_sentence_that_names_its_field_is_parted_from_it() -> None:
    assert named_field("scheduleTimeZone: unknown zone: x") == (
        "scheduleTimeZone",
        "unknown zone: x",
    )
    assert named_field("the schedule is broken") == ("schedule", "the schedule is broken")
    assert named_field("no idea") == ("", "no idea")
