"""The operator APIs say the same in protobuf and in JSON; each call and answer, both ways."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from kernel.messages import operator
from kernel.messages.agent_operator import AgentCall, AgentCallType
from kernel.messages.codec import Malformed
from kernel.messages.operator import CallType, EventType
from kernel.messages.protobuf import agent_pb2, convert, operator_pb2
from tests.kernel.messages.protobuf.test_convert import (
    ROOT,
    SLOW,
    descriptor_line,
    messages_of,
    missing,
)

RECORDINGS = ROOT / "tests" / "conformance" / "mesos" / "recordings"
ANSWERS = {
    **{path.stem: operator_pb2.Response for path in RECORDINGS.glob("operator-get-*.json")},
    **{path.stem: agent_pb2.Response for path in RECORDINGS.glob("agent-*.json")},
}
NOT_IN_V1 = ".agent_info.checkpoint"  # v1's AgentInfo has no such field; the JSON is v0's
OURS = ("EXPLAIN",)  # what Mesos's messages have no number for

CALLS = st.sampled_from([each for each in CallType if each not in OURS]).flatmap(
    lambda each: messages_of(operator_pb2.Call, each.value)
)
AGENT_CALLS = st.sampled_from(list(AgentCallType)).flatmap(
    lambda each: messages_of(agent_pb2.Call, each.value)
)
EVENTS = st.sampled_from(list(EventType)).flatmap(
    lambda each: messages_of(operator_pb2.Event, each.value)
)


@given(CALLS)
@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
def test_a_call_to_the_master_comes_out_as_it_went_in(message: Any) -> None:
    call = convert.read_operator_call(message.SerializeToString())

    again = operator_pb2.Call()
    convert.fill(again, msgspec.to_builtins(call))
    assert convert.read_operator_call(again.SerializePartialToString()) == call


@given(AGENT_CALLS)
@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
def test_a_call_to_an_agent_comes_out_as_it_went_in(message: Any) -> None:
    call = convert.read_agent_call(message.SerializeToString())

    again = agent_pb2.Call()
    convert.fill(again, msgspec.to_builtins(call))
    assert convert.read_agent_call(again.SerializePartialToString()) == call


@given(EVENTS)
@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
def test_an_event_comes_out_as_it_went_in(message: Any) -> None:
    event = msgspec.convert(convert.to_json_form(message), operator.Event)

    read = operator_pb2.Event.FromString(convert.write_operator_event(event))
    assert msgspec.convert(convert.to_json_form(read), operator.Event) == event


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_recorded_answer_survives_protobuf(name: str) -> None:
    """Source: recordings operator-get-*, agent-*: a real Mesos's JSON, key by key."""
    body = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]["body"]
    write = convert.operator_answer_of if name.startswith("operator") else convert.agent_answer_of

    read = ANSWERS[name].FromString(write(json.dumps(body).encode()))
    found = lost(body, convert.to_json_form(read), "")
    assert [path for path in found if not path.endswith(NOT_IN_V1)] == []


def lost(theirs: Any, ours: Any, path: str) -> list[str]:
    """What did not come through. An empty list is no list in protobuf."""
    if isinstance(theirs, dict):
        found = []
        for key, value in theirs.items():
            if value == [] or (isinstance(ours, dict) and key in ours):
                found += [] if value == [] else lost(value, ours[key], f"{path}.{key}")
            else:
                found.append(f"{path}.{key}")
        return found
    if isinstance(theirs, list):
        if not isinstance(ours, list) or len(ours) != len(theirs):
            return [path]
        pairs = enumerate(zip(theirs, ours, strict=True))
        return [each for at, (a, b) in pairs for each in lost(a, b, f"{path}[{at}]")]
    return [] if theirs == ours else [f"{path}: {theirs!r} became {ours!r}"]


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_garbage_is_malformed_and_nothing_else(body: bytes) -> None:
    for read in (convert.read_operator_call, convert.read_agent_call):
        try:
            read(body)
        except Malformed as error:
            assert str(error) == "Failed to parse body into Call protobuf"


def test_each_field_of_ours_has_its_number() -> None:
    call = missing(inspect.type_info(operator.Call), operator_pb2.Call.DESCRIPTOR, "")
    agent = missing(inspect.type_info(AgentCall), agent_pb2.Call.DESCRIPTOR, "")
    event = missing(inspect.type_info(operator.Event), operator_pb2.Event.DESCRIPTOR, "")

    assert [name for name in call if name != ".explain"] + agent + event == []


@pytest.mark.parametrize("name", ["shown", "operator", "agent"])
def test_what_protoc_wrote_is_of_this_definition(tmp_path: Path, name: str) -> None:
    path = f"kernel/messages/protobuf/{name}"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}"]
    subprocess.run([*command, f"{path}.proto"], cwd=ROOT, check=True)

    written = descriptor_line((tmp_path / f"{path}_pb2.py").read_text())
    assert written == descriptor_line((ROOT / f"{path}_pb2.py").read_text())
