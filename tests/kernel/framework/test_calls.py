"""The calls of a scheduler as the wire has them. Source: mesos.md §2.5."""

import msgspec

from kernel.framework import calls
from kernel.messages import codec, v1
from kernel.messages.scheduler import Call


def wire(call: Call) -> object:
    return msgspec.json.decode(codec.encode(call))


def test_durations_are_seconds_on_the_wire() -> None:
    assert wire(calls.decline(["O1"], refuse_ms=2_500)) == {
        "type": "DECLINE",
        "decline": {"offer_ids": [{"value": "O1"}], "filters": {"refuse_seconds": 2.5}},
    }


def test_a_launch_is_an_accept_with_one_operation() -> None:
    task = v1.TaskInfo(name="a", task_id=v1.Id("a"), agent_id=v1.Id("S1"))

    call = calls.launch(["O1", "O2"], [task])

    assert call.accept is not None
    assert [offer_id.value for offer_id in call.accept.offer_ids] == ["O1", "O2"]
    assert [operation.type for operation in call.accept.operations] == ["LAUNCH"]


def test_a_kill_may_say_how_long_the_task_has_to_end() -> None:
    assert wire(calls.kill("a", "S1", grace_ms=1_500)) == {
        "type": "KILL",
        "kill": {
            "task_id": {"value": "a"},
            "agent_id": {"value": "S1"},
            "kill_policy": {"grace_period": {"nanoseconds": 1_500_000_000}},
        },
    }


def test_no_role_given_means_all() -> None:
    assert wire(calls.suppress()) == {"type": "SUPPRESS", "suppress": {}}
    assert wire(calls.revive(["eng"])) == {"type": "REVIVE", "revive": {"roles": ["eng"]}}


def test_other_calls_say_whom_they_are_about() -> None:
    assert wire(calls.reconcile([("a", None)])) == {
        "type": "RECONCILE",
        "reconcile": {"tasks": [{"task_id": {"value": "a"}}]},
    }
    assert wire(calls.message("S1", "e", b"hi")) == {
        "type": "MESSAGE",
        "message": {"agent_id": {"value": "S1"}, "executor_id": {"value": "e"}, "data": "aGk="},
    }
    assert wire(calls.shutdown("e", "S1")) == {
        "type": "SHUTDOWN",
        "shutdown": {"executor_id": {"value": "e"}, "agent_id": {"value": "S1"}},
    }
    assert wire(calls.teardown()) == {"type": "TEARDOWN"}
