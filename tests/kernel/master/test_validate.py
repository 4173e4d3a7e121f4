"""Refusals, in Mesos's words. Source: recordings status-scheduler, subscribe-rejected-*."""

import pytest

from kernel.master.validate import call_problem, role_problem
from kernel.messages.scheduler import Acknowledge, Call, CallType, Kill, Subscribe
from kernel.messages.v1 import FrameworkInfo, Id
from kernel.model.resources import parse
from kernel.model.words import shown

F1 = Id("f1")
INFO = FrameworkInfo(user="root", name="x")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (Call(), "Expecting 'type' to be present"),
        (Call(type=CallType.SUBSCRIBE), "Expecting 'subscribe' to be present"),
        (Call(type=CallType.UNKNOWN), "Expecting 'framework_id' to be present"),
        (Call(type=CallType.REVIVE), "Expecting 'framework_id' to be present"),
        (
            Call(
                type=CallType.SUBSCRIBE,
                framework_id=F1,
                subscribe=Subscribe(framework_info=INFO),
            ),
            "'framework_id' differs from 'subscribe.framework_info.id'",
        ),
        (
            Call(
                type=CallType.UPDATE_FRAMEWORK,
                framework_id=F1,
                update_framework=Subscribe(framework_info=INFO),
            ),
            "'framework_id' differs from 'update_framework.framework_info.id'",
        ),
        (
            Call(
                type=CallType.ACKNOWLEDGE,
                framework_id=F1,
                acknowledge=Acknowledge(agent_id=Id("a"), task_id=Id("t"), uuid=b"bad"),
            ),
            "Not a valid UUID",
        ),
        (Call(type=CallType.SUPPRESS, framework_id=F1), None),
        (Call(type=CallType.REVIVE, framework_id=F1), None),
        (Call(type=CallType.KILL, framework_id=F1, kill=Kill(task_id=Id("t"))), None),
    ],
)
def test_the_form_of_a_call(call: Call, text: str | None) -> None:
    assert call_problem(call) == text


@pytest.mark.parametrize(
    "type_",
    [
        "ACCEPT",
        "DECLINE",
        "KILL",
        "SHUTDOWN",
        "ACKNOWLEDGE",
        "RECONCILE",
        "MESSAGE",
        "REQUEST",
        "ACCEPT_INVERSE_OFFERS",
        "DECLINE_INVERSE_OFFERS",
        "ACKNOWLEDGE_OPERATION_STATUS",
        "RECONCILE_OPERATIONS",
        "UPDATE_FRAMEWORK",
    ],
)
def test_a_call_needs_its_sub_message(type_: str) -> None:
    call = Call(type=CallType(type_), framework_id=F1)

    assert call_problem(call) == f"Expecting '{type_.lower()}' to be present"


@pytest.mark.parametrize("role", ["*", "a", "eng/web", "a-b", "a.b", "Ä"])
def test_good_role_names(role: str) -> None:
    assert role_problem(role) is None


@pytest.mark.parametrize(
    "role", ["", "/a", "a/", "a//b", ".", "..", "a/..", "a/*", "-a", "a/-b", "a b", "a\tb", "a\bb"]
)
def test_bad_role_names(role: str) -> None:
    """Source: Mesos, docs/roles.md."""
    assert role_problem(role) is not None


def test_a_bundle_is_shown_as_mesos_prints_it() -> None:
    assert shown(parse("cpus:3.9;ports:[1-2,5-6];disks:{a,b}"), "r") == (
        "ports(allocated: r):[1-2, 5-6]; cpus(allocated: r):3.9; disks(allocated: r):{a, b}"
    )
