"""Readers are shown what they may see, and nothing tells them that there is more.

Source: Mesos, docs/authorization.md (view_frameworks, view_tasks, view_executors, view_roles).
"""

import json
from typing import Any

import pytest

from kernel.master import role_views
from kernel.master.acls import read_acls
from kernel.master.events import OperatorSubscribed, SchedulerCallReceived, SendToOperators
from kernel.master.reads import Reads, whole
from kernel.master.sight import sight_of
from kernel.messages.operator import EventType
from kernel.messages.scheduler import Call, CallType
from kernel.messages.v1 import CommandInfo, ExecutorInfo, Id
from tests.kernel.master.stage import SchedulerActor, Stage, task

ALICES = {
    action: [
        {"principals": {"values": ["ops"]}, "users": {"type": "ANY"}},
        {"principals": {"values": ["alice"]}, "users": {"values": ["alice"]}},
        {"principals": {"type": "ANY"}, "users": {"type": "NONE"}},
    ]
    for action in ("view_frameworks", "view_tasks", "view_executors")
}
ROLES = [
    {"principals": {"values": ["ops"]}, "roles": {"type": "ANY"}},
    {"principals": {"values": ["alice"]}, "roles": {"values": ["a"]}},
    {"principals": {"type": "ANY"}, "roles": {"type": "NONE"}},
]
ACLS = read_acls(json.dumps({**ALICES, "view_roles": ROLES}).encode())


def scene() -> tuple[Stage, SchedulerActor]:
    """Alice's framework runs a task of hers with an executor, and one as root; bob's one of his."""
    stage = Stage(acls=ACLS)
    alice = stage.framework("alice", user="alice", roles=("a",))
    agent = stage.agent()
    [offer] = alice.offers()
    executor = ExecutorInfo(
        executor_id=Id("e"), type="CUSTOM", framework_id=Id(alice.framework_id),
        command=CommandInfo(value="e"),
    )  # fmt: skip
    as_root = CommandInfo(value="x", user="root")
    alice.launch(
        offer,
        task("hers", agent, command=None, executor=executor),
        task("roots", agent, command=as_root),
        refuse_s=3600,
    )
    bob = stage.framework("bob", user="bob", roles=("b",))
    [offer] = bob.offers()
    bob.launch(offer, task("his", agent))
    return stage, bob


def shown(pieces: Any) -> Any:
    return json.loads(bytes(pieces))


def names(stage: Stage, reads: Reads) -> dict[str, list[str]]:
    """What each read has of tasks and frameworks."""
    cluster = stage.master.cluster
    state = shown(whole(reads.state({})))
    v1 = shown(whole(reads.get_state()))
    summary = shown(whole(reads.state_summary("h")))
    return {
        "state": [f["name"] for f in state["frameworks"]],
        "state tasks": [t["id"] for f in state["frameworks"] for t in f["tasks"]],
        "summary": [f["name"] for f in summary["frameworks"]],
        "tasks": sorted(t["id"] for t in shown(whole(reads.tasks()))["tasks"]),
        "v1": [f["framework_info"]["name"] for f in v1["get_frameworks"]["frameworks"]],
        "v1 tasks": [t["task_id"]["value"] for t in v1["get_tasks"]["tasks"]],
        "executors": [
            e["executor_info"]["executor_id"]["value"] for e in v1["get_executors"]["executors"]
        ],
        "roles": [role["name"] for role in role_views.roles(cluster, reads.sight)["roles"]],
        "v1 roles": [role["name"] for role in role_views.get_roles(cluster, reads.sight)["roles"]],
    }


def test_each_read_leaves_out_what_may_not_be_seen() -> None:
    stage, _ = scene()

    assert names(stage, stage.master.reads.seen_by("alice")) == {
        "state": ["alice"],
        "state tasks": ["hers"],
        "summary": ["alice"],
        "tasks": ["hers"],
        "v1": ["alice"],
        "v1 tasks": ["hers"],
        "executors": ["e"],
        "roles": ["a"],
        "v1 roles": ["a"],
    }
    assert not any(names(stage, stage.master.reads.seen_by("stranger")).values())
    assert not any(names(stage, stage.master.reads.seen_by(None)).values())


def test_who_may_see_everything_has_the_reads_that_are_kept() -> None:
    stage, _ = scene()
    reads = stage.master.reads

    assert reads.seen_by("ops") is reads
    assert names(stage, reads)["tasks"] == ["hers", "his", "roots"]
    assert Stage().master.reads.seen_by(None) is not None
    names(stage, reads.seen_by("alice"))
    reads.check()  # what others saw has not changed what is kept


def test_watchers_are_told_of_what_they_may_see() -> None:
    stage, bob = scene()
    for name in ("ops", "alice"):
        stage.post(OperatorSubscribed(name, name))
    call = Call(type=CallType.TEARDOWN, framework_id=Id(bob.framework_id))
    effects = stage.post(SchedulerCallReceived(stage.new_request(), bob.stream_id, call))

    told = [e for e in effects if isinstance(e, SendToOperators)]
    assert [e.event.type for e in told] == [EventType.FRAMEWORK_REMOVED]
    assert [e.stream_ids for e in told] == [("ops",)]


@pytest.mark.parametrize(
    ("entries", "sees_all"),
    [
        ([], True),
        ([{"principals": {"type": "ANY"}, "users": {"type": "ANY"}}], True),
        ([{"principals": {"values": ["p"]}, "users": {"type": "ANY"}}], True),
        ([{"principals": {"values": ["q"]}, "users": {"type": "NONE"}}], True),
        ([{"principals": {"type": "NONE"}, "users": {"values": ["root"]}}], False),
        ([{"principals": {"type": "ANY"}, "users": {"type": "NONE"}}], False),
    ],
)
def test_who_sees_all_is_told_apart_at_once(entries: list[Any], sees_all: bool) -> None:
    acls = read_acls(json.dumps({"view_tasks": entries}).encode())

    assert (sight_of(acls, "p") is None) is sees_all
    assert sight_of(read_acls(b'{"permissive":false}'), "p") is not None
