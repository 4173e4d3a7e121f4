"""A master with ACLs shows each reader over HTTP what he may see: all of it, some, or a 403."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel.runtime.master.live import (
    JSON_HEADERS,
    LiveMaster,
    LiveScheduler,
    Reply,
    Stream,
    live_master,
)

NOBODY: dict[str, Any] = {"type": "NONE"}
ANYBODY: dict[str, Any] = {"type": "ANY"}
OPS = {"values": ["ops"]}


def only_ops(objects: str) -> list[Any]:
    return [
        {"principals": OPS, objects: ANYBODY},
        {"principals": ANYBODY, objects: NOBODY},
    ]


ACLS = {
    "view_frameworks": [
        {"principals": OPS, "users": ANYBODY},
        {"principals": {"values": ["alice"]}, "users": {"values": ["alice"]}},
        {"principals": ANYBODY, "users": NOBODY},
    ],
    "view_flags": only_ops("flags"),
    "get_endpoints": only_ops("paths"),
    "view_roles": only_ops("roles"),
}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    where = tmp_path_factory.mktemp("filtered")
    (where / "credentials").write_text("ops s3cret\nalice s3cret\n")
    (where / "acls").write_text(json.dumps(ACLS))
    flags = ("--credentials", str(where / "credentials"), "--acls", str(where / "acls"))
    asking = ("--authenticate-http-readonly", "--authenticate-http-readwrite")
    with live_master(where / "master", *flags, *asking) as running:
        for user in ("alice", "bob"):
            LiveScheduler(running, name=user, user=user)
        yield running


def as_(principal: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{principal}:s3cret".encode()).decode()
    return {**JSON_HEADERS, "Authorization": f"Basic {encoded}"}


def get(master: LiveMaster, path: str, principal: str) -> Reply:
    return master.request("GET", path, headers=as_(principal))


@pytest.mark.parametrize("path", ["/state", "/frameworks", "/state-summary", "/master/state"])
def test_pages_have_the_frameworks_that_may_be_seen(master: LiveMaster, path: str) -> None:
    """Source: Mesos, docs/authorization.md (view_frameworks)."""
    for _ in range(2):  # the second time from what is kept
        seen = {
            who: [f["name"] for f in get(master, path, who).json()["frameworks"]]
            for who in ("ops", "alice")
        }
        assert seen == {"ops": ["alice", "bob"], "alice": ["alice"]}


def test_operator_calls_and_watchers_too(master: LiveMaster) -> None:
    seen: dict[str, list[str]] = {}
    for who in ("ops", "alice"):
        body = {"type": "GET_FRAMEWORKS"}
        answer = master.request("POST", "/api/v1", body, as_(who)).json()
        found = answer["get_frameworks"]["frameworks"]
        seen[who] = [each["framework_info"]["name"] for each in found]
    assert seen == {"ops": ["alice", "bob"], "alice": ["alice"]}

    stream = Stream(master, "/api/v1", {"type": "SUBSCRIBE"}, as_("alice"))
    first = stream.wait_for("SUBSCRIBED")["subscribed"]["get_state"]["get_frameworks"]
    assert [each["framework_info"]["name"] for each in first["frameworks"]] == ["alice"]
    LiveScheduler(master, name="more", user="bob", failover_timeout=0.0).call("TEARDOWN")
    LiveScheduler(master, name="late", user="alice", failover_timeout=0.0).call("TEARDOWN")
    added = stream.wait_for("FRAMEWORK_ADDED")["framework_added"]["framework"]["framework_info"]
    assert added["name"] == "late"


def test_flags_and_endpoints_are_forbidden_or_left_out(master: LiveMaster) -> None:
    """Source: Mesos, docs/authorization.md (view_flags, get_endpoints)."""
    for path in ("/flags", "/metrics/snapshot", "/files/debug", "/logging/toggle"):
        assert get(master, path, "alice").status == 403, path
        assert get(master, path, "ops").status == 200, path
    assert "flags" not in get(master, "/state", "alice").json()
    assert "flags" in get(master, "/state", "ops").json()
    assert get(master, "/roles", "alice").json() == {"roles": []}
    assert get(master, "/roles", "ops").json()["roles"]
