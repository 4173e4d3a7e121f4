"""ACLs decide as Mesos's local authorizer does. Source: Mesos, docs/authorization.md."""

import json
from typing import Any

import pytest

from kernel.master.acls import EVERYTHING, Acls, read_acls
from kernel.messages.codec import Malformed
from kernel.messages.operator import Call, CallType
from kernel.messages.operator_calls import OfAgent, ReserveResources, Teardown
from kernel.messages.quantities import to_wire
from kernel.messages.v1 import Id
from kernel.model.resources import parse
from tests.kernel.master.stage import Stage


def acls(**entries: Any) -> Acls:
    return read_acls(json.dumps(entries).encode())


def test_what_no_entry_concerns_follows_permissive() -> None:
    assert EVERYTHING.allows("run_tasks", "a", ["root"])
    assert not acls(permissive=False).allows("run_tasks", "a", ["root"])


def test_the_first_entry_that_concerns_the_question_decides() -> None:
    rules = acls(
        register_frameworks=[
            {"principals": {"values": ["a"]}, "roles": {"values": ["x", "y"]}},
            {"principals": {"type": "ANY"}, "roles": {"type": "NONE"}},
        ]
    )

    assert rules.allows("register_frameworks", "a", ["x", "y"])
    assert not rules.allows("register_frameworks", "a", ["x", "z"])
    assert not rules.allows("register_frameworks", "b", ["x"])
    assert not rules.allows("register_frameworks", None, ["x"])


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"register_framework":[]}',
        '{"run_tasks":[{"principals":{"type":"ANY"}}]}',
        '{"run_tasks":[{"principals":{"type":"SOMEONE"},"users":{"type":"ANY"}}]}',
    ],
)
def test_a_mistake_in_the_file_is_refused_and_named(text: str) -> None:
    with pytest.raises(Malformed):
        read_acls(text.encode())


def nobody_may(action: str, objects: str) -> Acls:
    return acls(**{action: [{"principals": {"type": "ANY"}, objects: {"type": "NONE"}}]})


@pytest.mark.parametrize(
    ("action", "objects", "call"),
    [
        (
            "teardown_frameworks",
            "framework_principals",
            Call(type=CallType.TEARDOWN, teardown=Teardown(framework_id=Id("f"))),
        ),
        (
            "mark_agents_gone",
            "agents",
            Call(type=CallType.MARK_AGENT_GONE, mark_agent_gone=OfAgent(agent_id=Id("a"))),
        ),
        (
            "reserve_resources",
            "roles",
            Call(
                type=CallType.RESERVE_RESOURCES,
                reserve_resources=ReserveResources(
                    agent_id=Id("a"), resources=to_wire(parse("cpus(x):1"))
                ),
            ),
        ),
    ],
)
def test_a_forbidden_call_is_refused_before_it_is_looked_at(
    action: str, objects: str, call: Call
) -> None:
    """Source: mesos-observed.md row 20."""
    name = call.type.lower() if call.type is not None else ""
    stage = Stage(acls=nobody_may(action, objects))

    answer = stage.operate(str(call.type), **{name: getattr(call, name)})
    assert (answer.status, answer.message) == (403, "403 Forbidden.")
    assert Stage().operate(str(call.type), **{name: getattr(call, name)}).status != 403
