"""POST /api/v1/scheduler: every status in Mesos's order and words, and nothing but refusals for
garbage. Source: mesos.md §2.3; recording status-scheduler."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.messages.codec import RecordDecoder
from kernel.messages.protobuf import convert, scheduler_pb2
from tests.kernel.runtime.master.live import (
    JSON_HEADERS,
    Json,
    LiveAgent,
    LiveMaster,
    LiveScheduler,
    Reply,
    Stream,
    live_master,
    scalar,
    task,
)

PATH = "/api/v1/scheduler"
ONLY_JSON = {"Content-Type": "application/json"}
SUBSCRIBE = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "x"}}}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    with live_master(tmp_path_factory.mktemp("master")) as running:
        yield running


@pytest.fixture(scope="module")
def scheduler(master: LiveMaster) -> LiveScheduler:
    return LiveScheduler(master)


def post(master: LiveMaster, body: object, **headers: str) -> Reply:
    return master.request("POST", PATH, body, headers or JSON_HEADERS)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_allowed(master: LiveMaster, method: str) -> None:
    answer = master.request(method, PATH, SUBSCRIBE, ONLY_JSON)

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert answer.text == (
        f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'."
    )


HEAD = "Failed to convert JSON into Call protobuf: "
INVALID = "Failed to validate scheduler::Call: "
REFUSED: list[tuple[str, object, int, str]] = [
    (
        "empty",
        b"",
        400,
        "Failed to parse body into JSON: syntax error at line 1 near: ",
    ),
    (
        "truncated",
        b'{"type": "SUBSCR',
        400,
        "Failed to parse body into JSON: syntax error at line 1 near: ",
    ),
    ("no object", [1], 400, f"{HEAD}Expecting a JSON object"),
    ("nothing", {}, 400, f"{INVALID}Expecting 'type' to be present"),
    ("unknown fields", {"string": "x"}, 400, f"{INVALID}Expecting 'type' to be present"),
    ("unknown type", {"type": "NO_SUCH"}, 400, f"{INVALID}Expecting 'type' to be present"),
    (
        "type UNKNOWN",
        {"type": "UNKNOWN"},
        400,
        f"{INVALID}Expecting 'framework_id' to be present",
    ),
    (
        "type is a number",
        {**SUBSCRIBE, "type": 1},
        400,
        f"{HEAD}Not expecting a JSON number for field 'type'",
    ),
    ("no subscribe", {"type": "SUBSCRIBE"}, 400, f"{INVALID}Expecting 'subscribe' to be present"),
    (
        "no user",
        {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"name": "x"}}},
        400,
        f"{HEAD}Missing required fields: subscribe.framework_info.user",
    ),
    (
        "name is a number",
        {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "x", "name": 5}}},
        400,
        f"{HEAD}Not expecting a JSON number for field 'name'",
    ),
    (
        "array for a singular field",
        {"type": "SUBSCRIBE", "subscribe": {"framework_info": [{"user": "x", "name": "x"}]}},
        400,
        f"{HEAD}Not expecting a JSON array for field 'framework_info'",
    ),
    (
        "ids differ",
        {**SUBSCRIBE, "framework_id": {"value": "other"}},
        400,
        f"{INVALID}'framework_id' differs from 'subscribe.framework_info.id'",
    ),
    (
        "framework unknown",
        {"type": "REVIVE", "framework_id": {"value": "nope"}},
        400,
        "Framework cannot be found",
    ),
    (
        "task_id as text",
        {"type": "KILL", "framework_id": {"value": "nope"}, "kill": {"task_id": "t"}},
        400,
        f"{HEAD}Not expecting a JSON string for field 'task_id'",
    ),
    (
        "refuse_seconds as a word",
        {
            "type": "DECLINE",
            "framework_id": {"value": "nope"},
            "decline": {"offer_ids": [], "filters": {"refuse_seconds": "five"}},
        },
        400,
        f"{HEAD}Failed to parse 'five' as a JSON number for field 'refuse_seconds': syntax error"
        " at line 1 near: ive",
    ),
    (
        "resource without type",
        {
            "type": "ACCEPT",
            "framework_id": {"value": "nope"},
            "accept": {
                "operations": [{"type": "RESERVE", "reserve": {"resources": [{"name": "cpus"}]}}]
            },
        },
        400,
        f"{HEAD}Missing required fields: accept.operations[0].reserve.resources[0].type",
    ),
    (
        "uuid not base64",
        {
            "type": "ACKNOWLEDGE",
            "framework_id": {"value": "nope"},
            "acknowledge": {
                "agent_id": {"value": "a"},
                "task_id": {"value": "t"},
                "uuid": "!!!",
            },
        },
        400,
        f"{HEAD}Failed to base64 decode bytes field 'uuid': Invalid character '!'",
    ),
]


@pytest.mark.parametrize(
    ("body", "status", "text"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_refusal_is_in_mesos_words(
    master: LiveMaster, body: object, status: int, text: str
) -> None:
    answer = post(master, body)

    assert (answer.status, answer.text) == (status, text)


def test_the_content_type_counts(master: LiveMaster) -> None:
    """DIFFERS: a charset is allowed."""
    assert post(master, SUBSCRIBE, Accept="*/*").text == "Expecting 'Content-Type' to be present"
    answer = post(master, SUBSCRIBE, **{"Content-Type": "text/plain"})
    assert answer.status == 415
    assert answer.text == "Expecting 'Content-Type' of application/json or application/x-protobuf"
    charset = {"Content-Type": "application/json; charset=utf-8"}
    assert post(master, {"type": "NOPE"}, **charset).status == 400


def test_the_accept_header_counts_for_streams_only(
    master: LiveMaster, scheduler: LiveScheduler
) -> None:
    html = {**ONLY_JSON, "Accept": "text/html"}

    answer = post(master, SUBSCRIBE, **html)
    assert answer.status == 406
    assert (
        answer.text == "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"
    )
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}
    assert post(master, call, **html, **stream_of(scheduler)).status == 202
    call = {**call, "type": "RECONCILE_OPERATIONS", "reconcile_operations": {}}
    assert post(master, call, **html, **stream_of(scheduler)).status == 406


def stream_of(scheduler: LiveScheduler) -> dict[str, str]:
    return {"Mesos-Stream-Id": scheduler.stream.stream_id}


def test_subscribe_must_not_name_a_stream(master: LiveMaster) -> None:
    answer = post(master, SUBSCRIBE, **ONLY_JSON, **{"Mesos-Stream-Id": "x"})

    assert answer.status == 400
    assert answer.text == "Subscribe calls should not include the 'Mesos-Stream-Id' header"


@pytest.mark.parametrize("path", [f"/master{PATH}", f"{PATH}/", f"{PATH}/extra", f"/master{PATH}/"])
def test_every_spelling_of_the_path_reaches_it(
    master: LiveMaster, scheduler: LiveScheduler, path: str
) -> None:
    """Source: mesos-observed.md §2, routing."""
    call = {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}

    answer = master.request("POST", path, call, {**ONLY_JSON, **stream_of(scheduler)})

    assert answer.status == 202
    assert answer.headers["content-length"] == "0"
    assert answer.body == b""


def test_an_unknown_path_is_not_found(master: LiveMaster) -> None:
    answer = master.request("POST", "/api/v2/scheduler", SUBSCRIBE, JSON_HEADERS)
    assert (answer.status, answer.text) == (404, "404 Not Found.")


@pytest.mark.parametrize(
    "more",
    [
        {"type": "SUPPRESS", "suppress": {"roles": ["foreign"]}},
        {"type": "REVIVE", "revive": {"roles": "test"}},
        {"type": "DECLINE", "decline": {"offer_ids": [], "filters": {"refuse_seconds": "5"}}},
        {"type": "DECLINE", "decline": {"offer_ids": None, "filters": None}},
        {
            "type": "ACCEPT",
            "accept": {"offer_ids": [{"value": "x"}], "operations": [{"type": "FLY"}]},
        },
        {"type": "ACCEPT", "accept": {"operations": {"type": "LAUNCH", "launch": {}}}},
        {"type": "REQUEST", "request": {"requests": []}},
        {"type": "ACCEPT_INVERSE_OFFERS", "accept_inverse_offers": {}},
    ],
)
def test_mesos_leniency(master: LiveMaster, scheduler: LiveScheduler, more: Json) -> None:
    """Source: mesos.md §2.4; recording status-scheduler."""
    call = {"framework_id": {"value": scheduler.framework_id}, **more}

    assert post(master, call, **ONLY_JSON, **stream_of(scheduler)).status == 202


def test_a_subscription_is_an_answer_without_end(master: LiveMaster) -> None:
    """Source: recording scheduler-subscribe."""
    body: Any = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "", "name": "x"}}}

    stream = Stream(master, PATH, body)

    subscribed, heartbeat = stream.next(), stream.next()
    assert stream.status == 200 and len(stream.stream_id) == 36
    assert subscribed is not None and subscribed["type"] == "SUBSCRIBED"
    info = subscribed["subscribed"]["master_info"]
    assert info["ip"] == 16777343 and info["port"] == master.port
    assert info["hostname"] == "localhost" and info["address"]["ip"] == "127.0.0.1"
    assert heartbeat == {"type": "HEARTBEAT"}
    stream.close()


def test_a_rejected_framework_gets_one_error_and_the_end(master: LiveMaster) -> None:
    """Source: mesos.md §6, A7."""
    scheduler = LiveScheduler(master, roles=["/test/test1"])

    assert scheduler.first["error"]["message"] == (
        "'FrameworkInfo.roles' contains invalid role: Role '/test/test1' cannot start with a slash"
    )
    assert scheduler.stream.next() is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
PARTS = st.sampled_from(["subscribe", "accept", "kill", "reconcile", "acknowledge", "decline"])


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda type_, part, value: {
            "type": type_,
            "framework_id": {"value": "f"},
            part: value,
        },
        st.sampled_from(["SUBSCRIBE", "ACCEPT", "KILL", "RECONCILE", "UPDATE_FRAMEWORK"]),
        PARTS,
        JSON_VALUES,
    )
)
@settings(max_examples=150, deadline=None)
def test_garbage_is_refused_and_never_breaks_anything(master: LiveMaster, body: object) -> None:
    assert 400 <= post(master, body).status < 500


@given(JSON_VALUES, PARTS)
@settings(max_examples=100, deadline=None)
def test_garbage_from_a_subscribed_framework_is_no_server_error(
    master: LiveMaster, scheduler: LiveScheduler, value: object, part: str
) -> None:
    call = {
        "type": part.upper(),
        "framework_id": {"value": scheduler.framework_id},
        part: value,
    }

    assert post(master, call, **ONLY_JSON, **stream_of(scheduler)).status < 500


def test_a_client_that_asks_to_close_gets_a_chunked_stream_all_the_same(
    master: LiveMaster,
) -> None:
    """Source: mesos.md §2.11, pymesos SUBSCRIBE; recording pymesos-session."""
    body = (
        b'{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"pymesos",'
        b'"capabilities":[{"type":"GPU_RESOURCES"}],"failover_timeout":100}}}'
    )
    head = (
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", master.port), timeout=10) as client:
        client.sendall(head.encode() + body)
        answer = b""
        while b"HEARTBEAT" not in answer:
            answer += client.recv(65536)

    lines = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 200")
    assert b"transfer-encoding: chunked" in lines
    assert b"content-type: application/json" in lines


NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1e308, -1e308, 1e15, 0.0001, "nan", "Infinity", 2**70]),
    st.floats(allow_nan=False, allow_infinity=False),
)
TEXTS = st.one_of(st.sampled_from(["", "a/b", "..", "*", "a/.", "\x00", "x" * 300]), st.text())


@given(NUMBERS, NUMBERS, NUMBERS, TEXTS, TEXTS)
@settings(max_examples=100, deadline=None)
def test_no_number_and_no_name_breaks_the_master(
    master: LiveMaster, cpus: object, seconds: object, nanoseconds: object, name: str, role: str
) -> None:
    """Well-formed messages with values that make no sense, on a real offer."""
    agent = LiveAgent(master)
    scheduler = LiveScheduler(
        master,
        name=name,
        failover_timeout=0,
        offer_filters={
            "test": {
                "min_allocatable_resources": {
                    "quantities": [{"quantities": {name: {"value": cpus}}}]
                }
            }
        },
    )
    info = task(name, agent.agent_id, kill_policy={"grace_period": {"nanoseconds": nanoseconds}})
    info["resources"] = [scalar("cpus", cpus), {**scalar("mem", 1), "role": role}]  # type: ignore[arg-type]
    info["limits"] = {"cpus": {"value": cpus}}
    body = {
        "type": "ACCEPT",
        "framework_id": {"value": scheduler.framework_id},
        "accept": {
            "offer_ids": [{"value": name}],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [info]}}],
            "filters": {"refuse_seconds": seconds},
        },
    }
    offers = [r for r in scheduler.stream.drain(0.03) if r["type"] == "OFFERS"]
    if offers:
        body["accept"]["offer_ids"] = [offers[0]["offers"]["offers"][0]["id"]]  # type: ignore[index]

    assert post(master, body, **ONLY_JSON, **stream_of(scheduler)).status in (202, 400)
    scheduler.stream.close()
    agent.close()
    assert master.request("GET", "/state").status == 200


def protobuf(call: Json) -> bytes:
    message = scheduler_pb2.Call()
    convert.fill(message, call)
    return bytes(message.SerializeToString())


PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/x-protobuf", "application/x-protobuf"),
        ("application/json;q=0, */*", "application/x-protobuf"),
        ("application/x-protobuf, application/json", "application/json"),
        ("*/*", "application/json"),
        (None, "application/json"),
    ],
)
def test_the_accept_header_chooses_the_stream_s_form(
    master: LiveMaster, accept: str | None, content_type: str
) -> None:
    """Whatever the form of the call. Source: mesos.md §2.3, row 9."""
    headers = {**PROTOBUF, **({"Accept": accept} if accept else {})}
    connection = http.client.HTTPConnection("127.0.0.1", master.port, timeout=10)
    connection.request("POST", PATH, protobuf(SUBSCRIBE), headers)
    answer = connection.getresponse()
    decoder, records = RecordDecoder(), list[bytes]()
    while len(records) < 2:
        records += decoder.feed(answer.read1(65536))

    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    if content_type == "application/json":
        assert json.loads(records[0])["type"] == "SUBSCRIBED"
    else:
        subscribed, heartbeat = (scheduler_pb2.Event.FromString(each) for each in records)
        assert subscribed.type == scheduler_pb2.Event.SUBSCRIBED and subscribed.IsInitialized()
        assert subscribed.subscribed.master_info.port == master.port
        assert convert.to_json_form(heartbeat) == {"type": "HEARTBEAT"}
    if connection.sock is not None:
        connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()


class ProtobufStream:
    """A subscription whose records are protobuf; calls go the same way."""

    def __init__(self, master: LiveMaster, info: Json) -> None:
        self._master = master
        self._connection = http.client.HTTPConnection("127.0.0.1", master.port, timeout=10)
        call = protobuf({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}})
        headers = {**PROTOBUF, "Accept": PROTOBUF["Content-Type"]}
        self._connection.request("POST", PATH, call, headers)
        self._answer = self._connection.getresponse()
        self._stream_id = self._answer.headers["Mesos-Stream-Id"]
        self._decoder = RecordDecoder()
        self._records: list[bytes] = []
        self._framework_id = self.next("SUBSCRIBED").subscribed.framework_id.value

    @property
    def framework_id(self) -> str:
        return str(self._framework_id)

    def next(self, type_: str) -> Any:
        while True:
            while not self._records:
                self._records += self._decoder.feed(self._answer.read1(65536))
            event = scheduler_pb2.Event.FromString(self._records.pop(0))
            assert event.IsInitialized()
            if scheduler_pb2.Event.Type.Name(event.type) == type_:
                return event

    def call(self, message: Any) -> int:
        message.framework_id.value = self._framework_id
        headers = {**PROTOBUF, "Mesos-Stream-Id": self._stream_id}
        return post(self._master, message.SerializeToString(), **headers).status

    def close(self) -> None:
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()


@pytest.fixture
def lone_master(tmp_path: Path) -> Iterator[LiveMaster]:
    """Nobody else gets its offers."""
    with live_master(tmp_path / "master") as running:
        yield running


def test_a_task_lives_its_life_in_protobuf(lone_master: LiveMaster) -> None:
    agent = LiveAgent(lone_master)
    capabilities = [{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}]
    scheduler = ProtobufStream(
        lone_master, {"user": "root", "name": "p", "roles": ["p"], "capabilities": capabilities}
    )
    [offer] = scheduler.next("OFFERS").offers.offers
    assert offer.allocation_info.role == "p" and offer.attributes[0].text.value == "r1"
    assert {r.name: r.scalar.value for r in offer.resources}["mem"] == 4096

    accept = scheduler_pb2.Call(type="ACCEPT")
    accept.accept.offer_ids.add().CopyFrom(offer.id)
    launch = accept.accept.operations.add(type="LAUNCH").launch
    convert.fill(launch.task_infos.add(data=b"\x00\xff"), task("t", agent.agent_id))
    assert scheduler.call(accept) == 202
    run = agent.stream.wait_for("RUNTASK")
    assert run["task"]["data"] == "AP8=" and run["task"]["command"]["value"] == "sleep 1000"

    agent.say(agent.update(scheduler.framework_id, "t", "TASK_RUNNING"))
    status = scheduler.next("UPDATE").update.status
    assert (status.state, status.uuid) == (scheduler_pb2.TASK_RUNNING, bytes(16))
    acknowledge = scheduler_pb2.Call(type="ACKNOWLEDGE")
    acknowledge.acknowledge.agent_id.CopyFrom(status.agent_id)
    acknowledge.acknowledge.task_id.CopyFrom(status.task_id)
    acknowledge.acknowledge.uuid = status.uuid
    assert scheduler.call(acknowledge) == 202
    assert agent.stream.wait_for("ACKNOWLEDGEUPDATE")["uuid"] == "AAAAAAAAAAAAAAAAAAAAAA=="

    scheduler.close()
    agent.close()


def test_a_call_may_be_protobuf(master: LiveMaster, scheduler: LiveScheduler) -> None:
    """On the stream of a framework that subscribed with JSON."""
    call = {"type": "RECONCILE", "framework_id": {"value": scheduler.framework_id}}
    call["reconcile"] = {"tasks": [{"task_id": {"value": "nobody-s"}}]}

    answer = post(master, protobuf(call), **PROTOBUF, **stream_of(scheduler))

    assert (answer.status, answer.body) == (202, b"")
    assert scheduler.update("nobody-s")["reason"] == "REASON_RECONCILIATION"


def test_malformed_protobuf_is_refused(master: LiveMaster) -> None:
    """Source: recording status-scheduler, "protobuf Content-Type, JSON body"."""
    answer = post(master, SUBSCRIBE, **PROTOBUF)
    assert (answer.status, answer.text) == (400, "Failed to parse body into Call protobuf")

    answer = post(master, b"", **PROTOBUF)
    assert (answer.status, answer.text) == (400, f"{INVALID}Expecting 'type' to be present")

    answer = post(master, protobuf(SUBSCRIBE), **PROTOBUF, Accept="text/html")
    assert answer.status == 406


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_garbage_as_protobuf_is_refused(master: LiveMaster, body: bytes) -> None:
    assert 400 <= post(master, body, **PROTOBUF).status < 500
