"""The v0 endpoints mean the same as the calls of the operator API."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from kernel.messages.codec import Malformed, encode
from kernel.messages.endpoints import CHANGING, Posted

CPUS = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "role": "r"}
WINDOW = {
    "machine_ids": [{"hostname": "h"}],
    "unavailability": {"start": {"nanoseconds": 5}},
}


def read(endpoint: str, method: str, body: str, rest: str = "") -> Any:
    return json.loads(encode(CHANGING[endpoint][method](Posted(rest, body.encode()))))


@pytest.mark.parametrize(
    ("endpoint", "name", "call"),
    [
        ("/reserve", "resources", "RESERVE_RESOURCES"),
        ("/unreserve", "resources", "UNRESERVE_RESOURCES"),
        ("/create-volumes", "volumes", "CREATE_VOLUMES"),
        ("/destroy-volumes", "volumes", "DESTROY_VOLUMES"),
    ],
)
def test_a_form_names_the_agent_and_what_of_it(endpoint: str, name: str, call: str) -> None:
    """Source: Mesos, docs/reservation.md, docs/persistent-volume.md."""
    form = urlencode({"slaveId": "S1", name: json.dumps([CPUS])})

    assert read(endpoint, "POST", form) == {
        "type": call,
        call.lower(): {"agent_id": {"value": "S1"}, name: [CPUS]},
    }


@pytest.mark.parametrize(
    ("endpoint", "body", "problem"),
    [
        ("/reserve", "resources=[]", "Missing 'slaveId' query parameter in the request body"),
        ("/reserve", "slaveId=a", "Missing 'resources' query parameter in the request body"),
        ("/create-volumes", "slaveId=a&volumes=[", "Error in parsing 'volumes'"),
        ("/create-volumes", "slaveId=a&volumes=[1]", "Error in parsing 'volumes'"),
        ("/teardown", "", "Missing 'frameworkId' query parameter in the request body"),
        ("/maintenance/schedule", "{", "Failed to parse the maintenance schedule"),
        ("/machine/up", "{}", "Failed to read the list of machines"),
        ("/quota", "[", "Failed to parse set quota request JSON '['"),
    ],
)
def test_what_is_missing_or_malformed_is_named(endpoint: str, body: str, problem: str) -> None:
    with pytest.raises(Malformed, match="^" + problem.replace("[", r"\[")):
        read(endpoint, "POST", body)


def test_weights_come_as_a_json_array() -> None:
    """Source: recordings v0-put-weights, v0-put-weights-word."""
    assert read("/weights", "PUT", '[{"role":"w","weight":3}]') == {
        "type": "UPDATE_WEIGHTS",
        "update_weights": {"weight_infos": [{"weight": 3.0, "role": "w"}]},
    }
    with pytest.raises(Malformed, match="^Failed to convert weights JSON array to protobuf"):
        read("/weights", "PUT", '[{"role":"w","weight":"heavy"}]')


def test_a_quota_is_set_by_its_body_and_removed_by_its_path() -> None:
    quota = {"force": True, "role": "r", "guarantee": [CPUS]}

    assert read("/quota", "POST", json.dumps(quota))["set_quota"] == {"quota_request": quota}
    assert read("/quota", "DELETE", "", "/a/b")["remove_quota"] == {"role": "a/b"}


def test_machines_go_away_and_come_back() -> None:
    assert read("/machine/down", "POST", '[{"hostname":"h"}]') == {
        "type": "START_MAINTENANCE",
        "start_maintenance": {"machines": [{"hostname": "h"}]},
    }
    assert read("/machine/up", "POST", '[{"ip":"1.2.3.4"}]')["type"] == "STOP_MAINTENANCE"
    schedule = read("/maintenance/schedule", "POST", json.dumps({"windows": [WINDOW]}))
    assert schedule["update_maintenance_schedule"] == {"schedule": {"windows": [WINDOW]}}
