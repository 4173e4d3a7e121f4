"""Bytes that are no call, and no HTTP, to every endpoint: a refusal with a reason, soon.

What the calls say is `test_calls`'s. Afterwards a framework that behaves still gets its task run.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.scheduler import framework_info, subscribe_call
from tests.contracts.wire import Address, request
from tests.garbage.making import broken_bodies, broken_protobuf, odd_paths
from tests.garbage.sending import Reply, request_bytes, send
from tests.garbage.stage import HEALTHY_WITHIN_S, Stage, judge

EXAMPLES = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
JSON, PROTOBUF = "application/json", "application/x-protobuf"
MASTERS_POSTS = (
    *("/api/v1/scheduler", "/api/v1", "/tepui/v1/agent", "/teardown", "/reserve", "/unreserve"),
    *("/create-volumes", "/destroy-volumes", "/weights", "/quota", "/maintenance/schedule"),
    *("/machine/down", "/machine/up"),
)
MASTERS_GETS = (
    *(
        "/state",
        "/state-summary",
        "/slaves",
        "/frameworks",
        "/tasks",
        "/roles",
        "/flags",
        "/health",
    ),
    *("/version", "/metrics/snapshot", "/redirect", "/files/browse", "/weights", "/quota"),
    *("/maintenance/schedule", "/maintenance/status", "/files/read", "/logging/toggle"),
)
AGENTS_POSTS = ("/api/v1", "/api/v1/executor")
AGENTS_GETS = (
    *("/state", "/flags", "/health", "/version", "/containers", "/monitor/statistics"),
    *("/files/browse", "/files/read", "/files/download", "/files/debug", "/metrics/snapshot"),
)
POSTS = [("master", path) for path in MASTERS_POSTS] + [("agent", path) for path in AGENTS_POSTS]
RIGHT = json.dumps(subscribe_call(framework_info())).encode()
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("garbage"))
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(autouse=True)
def unharmed(stage: Stage) -> Iterator[None]:
    """After each batch."""
    yield
    stage.is_unharmed()


def where(stage: Stage, place: tuple[str, str]) -> tuple[Address, bytes]:
    who, path = place
    return (stage.master if who == "master" else stage.agent), path.encode()


def post(stage: Stage, place: tuple[str, str], kind: str, body: bytes) -> Reply:
    address, path = where(stage, place)
    headers = {"Content-Type": kind, "Accept": JSON}
    return send(address, request_bytes("POST", path, headers, body))


@EXAMPLES
@given(place=st.sampled_from(POSTS), data=st.data())
def test_bodies_that_are_nearly_json(
    stage: Stage, place: tuple[str, str], data: st.DataObject
) -> None:
    judge(post(stage, place, JSON, data.draw(broken_bodies(RIGHT))))


@EXAMPLES
@given(place=st.sampled_from(POSTS), data=st.data())
def test_bodies_that_are_nearly_protobuf(
    stage: Stage, place: tuple[str, str], data: st.DataObject
) -> None:
    right = b"\x08\x01\x12\x18\x0a\x16\x0a\x04root\x12\x04name\x22\x08victims1"

    judge(post(stage, place, PROTOBUF, data.draw(broken_protobuf(right))))


@EXAMPLES
@given(place=st.sampled_from(POSTS), data=st.data())
def test_bodies_of_other_kinds(stage: Stage, place: tuple[str, str], data: st.DataObject) -> None:
    kinds = ("", "text/plain", "application/recordio", "multipart/form-data", "x" * 300, "a/b;c=é")
    kind = data.draw(st.sampled_from((*kinds, "application/x-www-form-urlencoded")))

    judge(post(stage, place, kind, data.draw(broken_bodies(b"frameworkId=a&slaveId=b"))))


@EXAMPLES
@given(who=st.sampled_from(["master", "agent"]), data=st.data())
def test_odd_methods_paths_and_queries(stage: Stage, who: str, data: st.DataObject) -> None:
    known = [*MASTERS_GETS, *MASTERS_POSTS] if who == "master" else [*AGENTS_GETS, *AGENTS_POSTS]
    prefix = "/master" if who == "master" else "/slave(1)"
    target = data.draw(odd_paths([*known, *(prefix + path for path in known)]))
    methods = ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get")
    method = data.draw(st.sampled_from(methods))
    address = where(stage, (who, ""))[0]

    reply = send(address, request_bytes(method, target, {}, None), method=method)
    judge(reply, has_body=method != "HEAD")


@EXAMPLES
@given(data=st.data())
def test_odd_headers(stage: Stage, data: st.DataObject) -> None:
    odd = st.sampled_from(("", " ", "x" * 3000, "é", "a,b;q=x", "*/*;q=0", "\x7f", "1", "-1", "*"))
    names = ("Mesos-Stream-Id", "Accept", "Content-Type", "Authorization", "Origin", "Expect")
    headers = data.draw(st.dictionaries(st.sampled_from((*names, "X" * 200)), odd, max_size=4))
    place = data.draw(st.sampled_from(POSTS))
    address, path = where(stage, place)

    judge(send(address, request_bytes("POST", path, headers, RIGHT)))


HTTP_THAT_IS_NONE = (
    b"\x00\x01\x02\x03\r\n\r\n",
    b"POST\r\n\r\n",
    b"POST /api/v1 HTTP/9.9\r\nHost: a\r\n\r\n",
    b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n{}",
    b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST /api/v1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n{}",
    b"POST /api/v1 HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET " + b"/a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    b"GET http://elsewhere/health HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS greeting
)


@pytest.mark.parametrize("raw", HTTP_THAT_IS_NONE)
@pytest.mark.parametrize("who", ["master", "agent"])
def test_what_is_no_http(stage: Stage, who: str, raw: bytes) -> None:
    reply = send(where(stage, (who, ""))[0], raw, half_close=True)

    assert reply.status is None or reply.status < 500, reply


BIG = {
    "text": b'{"type":"' + b"x" * 10 * MEBIBYTE + b'"}',
    "list": b'{"type":"KILL","kill":[' + b"1," * 5 * MEBIBYTE + b"1]}",
    "depth": b"[" * 10 * MEBIBYTE,
    "depth of objects": b'{"a":' * 2 * MEBIBYTE,
    "objects": b'{"type":"RECONCILE","reconcile":{"tasks":['
    + b'{"task_id":{"value":1}},' * 400_000
    + b"{}]}}",
    "keys": b"{" + b",".join(b'"%d":{}' % number for number in range(800_000)) + b"}",
    "spaces": b" " * 10 * MEBIBYTE,
    "protobuf": b"\x0a\x00" * 5 * MEBIBYTE,
    "zeroes": b"\x00" * 10 * MEBIBYTE,
}


@pytest.mark.parametrize("what", BIG)
@pytest.mark.parametrize("place", [*POSTS[:3], *POSTS[-2:]], ids=lambda place: "".join(place))
def test_bodies_of_ten_mebibytes_hold_nobody_up(
    stage: Stage, place: tuple[str, str], what: str
) -> None:
    replies: list[Reply] = []
    kind = PROTOBUF if what == "protobuf" else JSON
    sending = threading.Thread(target=lambda: replies.append(post(stage, place, kind, BIG[what])))
    sending.start()
    slowest = 0.0
    address, _ = where(stage, place)
    while sending.is_alive():
        started = time.monotonic()
        assert request(address, "GET", "/health").status == 200
        slowest = max(slowest, time.monotonic() - started)
    sending.join()

    judge(replies[0])
    assert replies[0].status is not None and replies[0].status >= 400
    assert slowest < HEALTHY_WITHIN_S


def test_a_body_that_is_too_large_is_refused_with_the_limit(stage: Stage) -> None:
    for place in (POSTS[0], POSTS[-1]):
        reply = post(stage, place, JSON, b" " * 33 * MEBIBYTE)

        assert reply.status == 413
        assert "32 MiB" in reply.text


def half_sent(address: Address, path: bytes, body: bytes) -> socket.socket:
    """A connection with a request of which one half has arrived."""
    connection = socket.create_connection(address, timeout=40)
    raw = request_bytes("POST", path, {"Content-Type": JSON}, body)
    connection.sendall(raw[: len(raw) - len(body) // 2])
    return connection


def test_who_sends_half_a_body_and_waits_holds_nobody_up(stage: Stage) -> None:
    with contextlib.ExitStack() as stack:
        for place in POSTS:
            address, path = where(stage, place)
            for _ in range(10):
                stack.enter_context(half_sent(address, path, RIGHT))

        stage.is_unharmed()


@pytest.mark.parametrize("place", POSTS, ids=lambda place: "".join(place))
def test_half_a_body_that_ends_is_refused_and_carried_out_by_nobody(
    stage: Stage, place: tuple[str, str]
) -> None:
    before = framework_count(stage)
    address, path = where(stage, place)
    with half_sent(address, path, RIGHT) as connection:
        connection.shutdown(socket.SHUT_WR)
        read = connection.makefile("rb").read()

    assert read.startswith(b"HTTP/1.1 400")
    assert b"before the body was complete" in read
    assert framework_count(stage) == before


def test_who_ends_its_side_after_a_whole_request_is_answered(stage: Stage) -> None:
    for address in (stage.master, stage.agent):
        body = b'{"type":"GET_HEALTH"}'
        raw = request_bytes("POST", b"/api/v1", {"Content-Type": JSON}, body)

        assert send(address, raw, half_close=True).status == 200


def framework_count(stage: Stage) -> int:
    shown = request(stage.master, "GET", "/frameworks").json()
    return len(shown["frameworks"]) + len(shown["completed_frameworks"])
