"""Recordings of a real Mesos replayed against Tepui: same request, same status, same shape.

Values may differ, keys and types may not. What differs on purpose is in `DIFFERENCES`, with its
reason; what is not replayed yet in `NOT_YET`. Both may only shrink: an entry that is not needed
fails. Source: recordings of Apache Mesos 1.12-dev, see the README of `recordings`.
"""

import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.mesos.differences import DIFFERENCES, NOT_YET, OTHER_STATUS, OTHER_WORDS
from tests.conformance.mesos.stage import Stage, apart, stage
from tests.kernel.runtime.master.live import (
    JSON_HEADERS,
    LiveAgent,
    LiveMaster,
    LiveScheduler,
    Stream,
    live_master,
)

RECORDINGS = Path(__file__).parent / "recordings"
SANDBOX = re.compile(r"<work_dir>/a1/slaves/[^/]+/frameworks/[^/]+/executors/[^/]+/")
VIRTUAL = re.compile(r"/frameworks/[^/]+/executors/[^/]+/")
FRAMEWORK = re.compile(r"[0-9a-f-]{36}-\d{4}")
AGENT = re.compile(r"[0-9a-f-]{36}-S\d+")
STREAM_ID = "16fdbe9d-0881-42fa-8fc4-6794b48ecba2"  # of the framework in status-scheduler
AFTER = ("operator-get-frameworks-after-teardown", "operator-get-tasks-after-teardown")
STREAMS = (
    "operator-subscribe",
    "operator-subscribe-cap",
    "status-authentication",
    "status-scheduler",
)
LAST = ("v0-post-teardown",)
BOOKED = ("operator-reserve-resources", "operator-create-volumes")  # by `Stage.book`
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json") if path.stem != "index")
STATUSES = [name for name in NAMES if name.startswith(("status-operator", "status-executor"))]
SUBSCRIBES = [name for name in NAMES if name.startswith("subscribe-")]
APART = (*BOOKED, *AFTER, *STREAMS, *STATUSES, *LAST, *SUBSCRIBES)


def is_exchange(name: str) -> bool:
    """One request and its answer; conversations are replayed by modules of their own, what takes
    several masters by `tests/cluster/test_masters.py`."""
    known = json.loads((RECORDINGS / f"{name}.json").read_text())
    return "request" in known and not {"calls", "records"} & {*known, *known["response"]}


PLAIN = [name for name in NAMES if name not in APART and is_exchange(name)]

used: set[tuple[str, str]] = set()
met: set[str] = set()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("mesos")) as running:
        yield running


@pytest.fixture(scope="module")
def torn_down(live: Stage) -> Stage:
    """After the framework's end, which is a recording of its own."""
    check(live, "v0-post-teardown")
    call = {"type": "GET_TASKS"}
    deadline = time.monotonic() + 20
    while live.master.request("POST", "/api/v1", call, JSON_HEADERS).json()["get_tasks"]["tasks"]:
        assert time.monotonic() < deadline, "the agent did not end the framework's task"
        time.sleep(0.05)
    return live


def recording(name: str) -> Any:
    return json.loads((RECORDINGS / f"{name}.json").read_text())


def ours(live: Stage, text: str) -> str:
    """The ids and paths of the recording replaced by those of this stage."""
    text = SANDBOX.sub(live.sandboxes, text)
    if "slaves/" not in text:
        text = VIRTUAL.sub(live.virtual, text)
    text = FRAMEWORK.sub(live.scheduler.framework_id, text)
    return AGENT.sub(live.agent_id, text)


def replay(live: Stage, name: str, request: Any) -> tuple[int, dict[str, str], Any]:
    is_agents = name.startswith(("agent-", "v0-agent-", "status-operator-agent", "status-executor"))
    port = live.agent_port if is_agents else live.master.port
    body = request["body"]
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        path = ours(live, request["path"])
        raw = ours(live, text).encode() if text is not None else None
        connection.request(request["method"], path, raw, request["headers"] or {})
        answer = connection.getresponse()
        read = answer.read()
        headers = dict(answer.getheaders())
    finally:
        connection.close()
    if headers.get("Content-Type", headers.get("content-type")) == "application/json":
        return answer.status, headers, json.loads(read)
    return answer.status, headers, read.decode(errors="replace")


def unexpected(name: str, lines: list[str]) -> list[str]:
    """What is apart and has no reason in the table."""
    left = []
    for line in lines:
        for key in DIFFERENCES:
            if re.fullmatch(key[0], name) and re.match(key[1], line[1:]):
                used.add(key)
                break
        else:
            left.append(line)
    return left


def check(live: Stage, name: str) -> None:
    known = recording(name)
    response = known["response"]
    status, headers, body = replay(live, name, known["request"])

    assert status == response["status"], body
    if name == "operator-unreserve-refused":
        assert body == words(live, response["body"], body)
    kind = {key.lower(): value for key, value in headers.items()}.get("content-type")
    if response["body"]:
        assert kind == response["headers"].get("Content-Type")
        assert unexpected(name, apart(response["body"], body)) == []


def test_every_recording_is_replayed_or_listed() -> None:
    index = json.loads((RECORDINGS / "index.json").read_text())

    assert sorted({*NAMES, *NOT_YET}) == sorted(index)
    assert [name for name in NOT_YET if name in NAMES] == []


@pytest.mark.parametrize("name", PLAIN)
def test_an_exchange_has_the_same_status_and_shape(live: Stage, name: str) -> None:
    check(live, name)


@pytest.mark.parametrize("prefix", ["", "/master", "/slave(1)"])
@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/operator", "/api/v1/operator/"])
def test_each_spelling_of_the_path_is_answered(live: Stage, prefix: str, path: str) -> None:
    """Source: recordings status-operator-*."""
    asked = {
        "method": "POST",
        "path": prefix + path,
        "headers": JSON_HEADERS,
        "body": {"type": "GET_HEALTH"},
    }
    for name in ("operator-get-health", "agent-get-health"):
        is_others = prefix == ("/slave(1)" if name.startswith("operator") else "/master")
        if not is_others:
            status, _, body = replay(live, name, asked)
            assert (status, body) == (200, recording(name)["response"]["body"])


@pytest.mark.parametrize("name", STATUSES)
def test_every_provoked_status_is_the_same(live: Stage, name: str) -> None:
    wrong = []
    live.set_quota(guarantees={})  # one refusal counts all guarantees there are
    for row in recording(name)["rows"]:
        status, _, body = replay(live, name, row["request"])
        asked = row["request"]["body"]
        type_ = asked.get("type") if isinstance(asked, dict) else None
        expected = row["response"]["status"]
        key = next((k for k in (row["what"], type_) if k in OTHER_STATUS), None)
        text = row["response"]["body"]
        is_refusal = isinstance(text, str) and expected >= 400
        if status == expected and not (is_refusal and body != words(live, text, body)):
            continue
        if key is not None and status == OTHER_STATUS[key][0]:
            met.add(key)
            continue
        wrong.append((row["what"], expected, text, status, body))
    live.set_quota()

    assert wrong == []


def words(live: Stage, text: str, said: object) -> str:
    """The recording's words about this stage's agent, which does not have the same amounts."""
    head, lacks, tail = ours(live, text).partition(" does not contain ")
    if lacks and isinstance(said, str):
        head = said.partition(lacks)[0]
    return (head + lacks + tail).replace("127.0.0.1:15051", f"127.0.0.1:{live.agent_port}")


def test_every_provoked_status_of_a_scheduler_is_the_same(tmp_path: Path) -> None:
    """Source: recording status-scheduler; its last rows are those of a framework that is away,
    and then torn down."""
    known = json.dumps(recording("status-scheduler")["rows"])
    with live_master(tmp_path) as master:
        scheduler = LiveScheduler(master)
        known = FRAMEWORK.sub(scheduler.framework_id, known)
        known = known.replace(STREAM_ID, scheduler.stream.stream_id)
        wrong = []
        for row in json.loads(known):
            if row["what"] == "framework disconnected":
                leave(master, scheduler)
            if row["what"] == "framework torn down":
                form = f"frameworkId={scheduler.framework_id}".encode()
                assert master.request("POST", "/teardown", form).status == 200
            asked, expected = row["request"], row["response"]
            reply = master.request(
                asked["method"], asked["path"], raw(asked["body"]), asked["headers"] or {}
            )
            if row["what"] in OTHER_STATUS and row["what"] != "unknown path":
                assert reply.status == OTHER_STATUS[row["what"]][0], reply.text
                met.add(row["what"])
                continue
            is_text = isinstance(expected["body"], str) and expected["status"] >= 400
            if reply.status != expected["status"] or (is_text and reply.text != expected["body"]):
                wrong.append((row["what"], expected["status"], reply.status, reply.text))

    assert wrong == []


def raw(body: object) -> bytes | None:
    if body is None:
        return None
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def leave(master: LiveMaster, scheduler: LiveScheduler) -> None:
    """Break the stream and wait until the master has noticed."""
    scheduler.stream.close()
    deadline = time.monotonic() + 10
    while master.request("GET", "/frameworks").json()["frameworks"][0]["connected"]:
        assert time.monotonic() < deadline, "the master did not notice"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def offering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    """A master with an agent that nobody else uses."""
    attributes = [
        {"name": "rack", "type": "TEXT", "text": {"value": "r1"}},
        {"name": "level", "type": "SCALAR", "scalar": {"value": 10.0}},
    ]
    with live_master(tmp_path_factory.mktemp("offering")) as master:
        agent = LiveAgent(master, attributes=attributes)
        yield master
        agent.close()


@pytest.mark.parametrize("name", SUBSCRIBES)
def test_a_subscription_is_answered_with_the_same_records(offering: LiveMaster, name: str) -> None:
    known = recording(name)
    stream = Stream(offering, known["request"]["path"], known["request"]["body"])
    told = []
    for theirs in known["response"]["records"]:
        mine = stream.next()
        assert mine is not None and mine["type"] == theirs["type"]
        assert unexpected(name, apart(theirs, mine)) == []
        assert (mine.get("error") != theirs.get("error")) == (name in OTHER_WORDS)
        told.append(mine)
    if known["response"]["ended"]:
        assert stream.next() is None
    else:
        framework_id = told[0]["subscribed"]["framework_id"]["value"]
        form = f"frameworkId={framework_id}".encode()
        assert offering.request("POST", "/teardown", form).status == 200
    stream.close()


@pytest.mark.parametrize("name", AFTER)
def test_a_teardown_leaves_the_same_behind(torn_down: Stage, name: str) -> None:
    check(torn_down, name)


def test_a_watcher_hears_of_a_framework_and_its_task(torn_down: Stage) -> None:
    """Source: recording operator-subscribe."""
    known = recording("operator-subscribe")
    master = torn_down.master
    torn_down.unbook()
    stream = Stream(master, known["request"]["path"], known["request"]["body"])
    records = [stream.next(), stream.next()]
    scheduler = LiveScheduler(master, name="watched")
    torn_down.play(scheduler, "watched", "true", "TASK_FINISHED")
    renamed = {**scheduler.info, "name": "renamed", "id": {"value": scheduler.framework_id}}
    assert scheduler.call("UPDATE_FRAMEWORK", framework_info=renamed).status == 200
    scheduler.call("TEARDOWN")
    while records[-1] is not None and records[-1]["type"] != "FRAMEWORK_REMOVED":
        records.append(stream.next())
    stream.close()

    recorded = known["response"]["records"][:-1]  # without the HEARTBEAT of 15 s later
    told = [record for record in records if record is not None]
    assert [record["type"] for record in told] == [record["type"] for record in recorded]
    for theirs, mine in zip(recorded, told, strict=True):
        assert unexpected("operator-subscribe", apart(theirs, mine)) == [], mine["type"]


def test_the_oldest_watcher_goes_when_there_are_too_many(tmp_path: Path) -> None:
    """Source: recording operator-subscribe-cap."""
    known = recording("operator-subscribe-cap")
    with live_master(tmp_path, "--max-operator-event-stream-subscribers", "2") as master:
        streams = [Stream(master, "/api/v1", {"type": "SUBSCRIBE"}) for _ in range(3)]
        first = streams[0].drain(2)

        assert [record["type"] for record in first] == known["first_stream_types"]
        metrics = master.request("GET", "/metrics/snapshot").json()
        name = "master/operator_event_stream_subscribers"
        assert metrics[name] == known["metric"][name]
        for stream in streams[1:]:
            stream.close()


def test_no_difference_is_listed_that_is_none(request: pytest.FixtureRequest) -> None:
    if request.session.testscollected < len(NAMES):
        pytest.skip("only a part was replayed in this run")

    assert [key for key in DIFFERENCES if key not in used] == []
    assert [key for key in OTHER_STATUS if key not in met] == []
