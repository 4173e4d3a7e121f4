"""Recording status-authentication replayed: who is asked who he is, and what he may not do."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.runtime.master.live import LiveMaster, Stream, live_master

RECORDING = Path(__file__).parent / "recordings" / "status-authentication.json"
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
ROWS: list[Any] = json.loads(RECORDING.read_text())["rows"]
ACLS = {
    "register_frameworks": [
        {"principals": {"values": ["fw"]}, "roles": {"values": ["allowed", "*"]}},
        {"principals": {"type": "ANY"}, "roles": {"type": "NONE"}},
    ],
    "teardown_frameworks": [
        {"principals": {"values": ["ops"]}, "framework_principals": {"type": "ANY"}},
        {"principals": {"type": "ANY"}, "framework_principals": {"type": "NONE"}},
    ],
}


def basic(principal: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{principal}:s3cret".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    where = tmp_path_factory.mktemp("guarded")
    (where / "credentials").write_text("ops s3cret\nfw s3cret\n")
    (where / "acls").write_text(json.dumps(ACLS))
    with live_master(
        where / "master",
        *("--credentials", str(where / "credentials"), "--acls", str(where / "acls")),
        "--authenticate-http-readonly",
        "--authenticate-http-readwrite",
        "--authenticate-http-frameworks",
        "--authenticate-agents",
    ) as master:
        yield master


def subscribed(master: LiveMaster, role: str, **more: Any) -> Stream:
    info = {
        "user": "root",
        "name": "x",
        "roles": [role],
        "capabilities": [{"type": "MULTI_ROLE"}],
        **more,
    }
    body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
    return Stream(master, "/api/v1/scheduler", body, basic("fw"))


def test_each_row_is_answered_as_recorded(guarded: LiveMaster) -> None:
    framework = subscribed(guarded, "allowed", principal="fw")
    framework_id = framework.next()["subscribed"]["framework_id"]["value"]  # type: ignore[index]
    theirs = next(r for r in ROWS if r["what"] == "call with credentials")["request"]
    wrong = []
    for row in ROWS:
        if "records" in row["response"]:
            continue  # streams are below
        asked, expected = json.loads(
            json.dumps([row["request"], row["response"]])
            .replace(theirs["headers"]["Mesos-Stream-Id"], framework.stream_id)
            .replace(theirs["body"]["framework_id"]["value"], framework_id)
        )
        body = asked["body"]
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        answer = guarded.request(
            asked["method"], asked["path"], raw if body is not None else None, asked["headers"]
        )
        challenge = answer.headers.get("WWW-Authenticate")
        is_text = isinstance(expected["body"], str) and expected["status"] >= 400
        if (answer.status, challenge) != (
            expected["status"],
            expected["headers"].get("WWW-Authenticate"),
        ) or (is_text and answer.text != expected["body"]):
            wrong.append((row["what"], expected["status"], answer.status, answer.text))

    assert wrong == []
    framework.close()


def test_a_forbidden_role_is_an_error_event(guarded: LiveMaster) -> None:
    """Source: mesos-observed.md row 20."""
    stream = subscribed(guarded, "forbidden", principal="fw")

    assert stream.status == 200
    assert stream.next() == {
        "type": "ERROR",
        "error": {"message": "Not authorized to register framework  with roles { forbidden }"},
    }
    assert stream.next() is None


def test_credentials_suffice_without_a_principal_in_the_info(guarded: LiveMaster) -> None:
    """Source: mesos-observed.md row 19."""
    stream = subscribed(guarded, "allowed")

    assert stream.next()["type"] == "SUBSCRIBED"  # type: ignore[index]
    stream.close()


def test_an_agent_needs_credentials_where_they_are_asked_for(guarded: LiveMaster) -> None:
    answer = guarded.request("POST", "/tepui/v1/agent", b"{}", JSON_HEADERS)

    assert answer.status == 401
    known = guarded.request("POST", "/tepui/v1/agent", b"{}", {**JSON_HEADERS, **basic("ops")})
    assert known.status == 400


def test_no_secret_is_shown(guarded: LiveMaster) -> None:
    shown = guarded.request("GET", "/flags", None, basic("ops"))

    assert shown.status == 200 and "credentials" in shown.text
    assert "s3cret" not in shown.text
    command = Path("/proc", str(guarded.process.pid), "cmdline").read_bytes()
    assert b"credentials" in command and b"s3cret" not in command
