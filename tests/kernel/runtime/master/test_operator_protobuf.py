"""The master's operator API in protobuf: the same answers, and the same news.

Source: recordings status-operator-*, "Accept protobuf (binary body)".
"""

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernel.messages.codec import RecordDecoder
from kernel.messages.protobuf import operator_pb2
from tests.kernel.runtime.master.live import LiveAgent, LiveMaster, LiveScheduler, live_master

PROTOBUF = {"Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    with live_master(tmp_path_factory.mktemp("protobuf")) as running:
        yield running


def ask(master: LiveMaster, **fields: Any) -> Any:
    body = operator_pb2.Call(**fields).SerializeToString()
    answer = master.request("POST", "/api/v1", body, PROTOBUF)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-protobuf")
    return operator_pb2.Response.FromString(answer.body)


def test_a_recorded_answer_is_the_same_bytes(master: LiveMaster) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/x-protobuf"}

    answer = master.request("POST", "/api/v1", {"type": "GET_HEALTH"}, headers)
    assert answer.body == b"\x08\x01\x12\x02\x08\x01"


def test_the_state_is_the_same_in_either_form(master: LiveMaster) -> None:
    agent, scheduler = LiveAgent(master), LiveScheduler(master)
    json = {"Content-Type": "application/json"}
    plain = master.request("POST", "/api/v1", {"type": "GET_STATE"}, json).json()["get_state"]

    state = ask(master, type="GET_STATE").get_state
    [framework] = state.get_frameworks.frameworks
    assert framework.framework_info.id.value == scheduler.framework_id
    [there] = state.get_agents.agents
    [also] = plain["get_agents"]["agents"]
    assert there.agent_info.id.value == also["agent_info"]["id"]["value"]
    assert there.registered_time.nanoseconds == also["registered_time"]["nanoseconds"]
    agent.close()


def test_a_refusal_stays_text(master: LiveMaster) -> None:
    call = operator_pb2.Call(type="TEARDOWN")
    call.teardown.framework_id.value = "nope"

    answer = master.request("POST", "/api/v1", call.SerializeToString(), PROTOBUF)
    assert (answer.status, answer.text) == (400, "No framework found with specified ID")
    garbage = master.request("POST", "/api/v1", b"\xff\xff", PROTOBUF)
    assert (garbage.status, garbage.text) == (400, "Failed to parse body into Call protobuf")


def test_a_watcher_hears_of_a_framework(master: LiveMaster) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", master.port, timeout=20)
    connection.request(
        "POST", "/api/v1", operator_pb2.Call(type="SUBSCRIBE").SerializeToString(), PROTOBUF
    )
    answer = connection.getresponse()
    assert answer.headers["content-type"] == "application/x-protobuf"
    scheduler = LiveScheduler(master, name="watched")
    decoder, told = RecordDecoder(), list[Any]()
    while not told or told[-1].type != operator_pb2.Event.FRAMEWORK_ADDED:
        records = decoder.feed(answer.read1(65536))
        told += [operator_pb2.Event.FromString(record) for record in records]
    connection.close()

    assert [operator_pb2.Event.Type.Name(event.type) for event in told] == [
        *("SUBSCRIBED", "HEARTBEAT", "FRAMEWORK_ADDED")
    ]
    assert told[0].subscribed.heartbeat_interval_seconds == 15.0
    added = told[2].framework_added.framework.framework_info
    assert (added.name, added.id.value) == ("watched", scheduler.framework_id)


def test_the_path_of_a_file_is_asked_for_in_protobuf(tmp_path: Path, master: LiveMaster) -> None:
    call = operator_pb2.Call(type="LIST_FILES")
    call.list_files.path = str(tmp_path)

    assert master.request("POST", "/api/v1", call.SerializeToString(), PROTOBUF).status == 404
