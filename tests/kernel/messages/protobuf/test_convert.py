"""Protobuf and JSON say the same: what goes in comes out, whichever way it is sent."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from kernel.messages.codec import Malformed
from kernel.messages.protobuf import convert, scheduler_pb2
from kernel.messages.scheduler import Call, CallType, Event, EventType

DEPTH_MAX = 12
ROOT = Path(__file__).parents[4]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**63 - 1),
}


def plain(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """One value of a field that is no message, as protobuf has it."""
    if field.enum_type is not None:
        return st.sampled_from([each.number for each in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=5)
    if field.type == FieldDescriptor.TYPE_STRING:
        return TEXT
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    return INTEGERS.get(field.cpp_type, st.floats(allow_nan=False))


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def put(draw: st.DrawFn, message: Any, depth: int) -> None:
    """Fill in some fields; below `depth` only those that must be there."""
    for field in message.DESCRIPTOR.fields:
        if not field.is_required and (depth <= 0 or not draw(st.booleans())):
            continue
        if is_map(field):
            of_entry = field.message_type.fields_by_name["value"]
            key = draw(TEXT)
            if of_entry.message_type is None:
                getattr(message, field.name)[key] = draw(plain(of_entry))
            else:
                put(draw, getattr(message, field.name)[key], depth - 1)
        elif field.message_type is not None:
            part = getattr(message, field.name)
            part = part.add() if field.is_repeated else part
            part.SetInParent()
            put(draw, part, depth - 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(plain(field), min_size=1)))
        else:
            setattr(message, field.name, draw(plain(field)))


@st.composite
def messages_of(draw: st.DrawFn, kind: Any, type_: str) -> Any:
    """A Call or an Event of a type, with its own payload and as much in it as is drawn."""
    message = kind()
    message.type = kind.Type.Value(type_)
    payload = message.DESCRIPTOR.fields_by_name.get(type_.lower())
    if payload is not None:
        part = getattr(message, payload.name)
        part.SetInParent()
        put(draw, part, 5)
    return message


CALLS = st.sampled_from(list(CallType)).flatmap(
    lambda each: messages_of(scheduler_pb2.Call, each.value)
)
EVENTS = st.sampled_from(list(EventType)).flatmap(
    lambda each: messages_of(scheduler_pb2.Event, each.value)
)


@given(CALLS)
@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
def test_a_call_means_the_same_as_protobuf_and_as_json(message: Any) -> None:
    call = convert.read_call(message.SerializeToString())
    as_json = msgspec.json.encode(convert.to_json_form(message))

    again = scheduler_pb2.Call()
    convert.fill(again, msgspec.to_builtins(call))

    assert convert.to_json_form(again) is not None and again.IsInitialized()
    assert convert.read_call(again.SerializeToString()) == call
    if b"null" not in as_json:  # how JSON writes the infinite
        assert msgspec.json.decode(as_json, type=Call) == call


@given(EVENTS)
@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
def test_an_event_comes_out_as_it_went_in(message: Any) -> None:
    event = msgspec.convert(convert.to_json_form(message), Event)

    read = scheduler_pb2.Event.FromString(convert.write_event(event))

    assert read.IsInitialized()
    assert msgspec.convert(convert.to_json_form(read), Event) == event


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_garbage_is_malformed_and_nothing_else(body: bytes) -> None:
    try:
        convert.read_call(body)
    except Malformed as error:
        assert str(error) == "Failed to parse body into Call protobuf"


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "SUBSCRIBE"}',
        b"\x1a\x00",  # subscribe without its framework_info
        b"\x0a\x03\x0a\x01\xff",  # framework_id.value is no UTF-8
        b"\x0a\x05",  # cut off
    ],
)
def test_what_cannot_be_read_is_malformed(body: bytes) -> None:
    """Source: recording status-scheduler, "protobuf Content-Type, JSON body"."""
    with pytest.raises(Malformed, match="^Failed to parse body into Call protobuf$"):
        convert.read_call(body)


def test_what_does_not_fit_is_left_out_and_ends_nothing() -> None:
    free = {"hostname": 5, "type": "NO_SUCH", "volumes": "x", "linux_info": {"shm_size": -1}}
    message = scheduler_pb2.ContainerInfo()

    convert.fill(message, {**free, "unknown": 1, "docker": {"image": "i", "network": "USER"}})

    assert convert.to_json_form(message) == {
        "docker": {"image": "i", "network": "USER"},
        "linux_info": {},
    }


def missing(kind: inspect.Type, of: Descriptor, path: str) -> list[str]:
    """The fields that ours has and protobuf's lacks, all the way down."""
    match kind:
        case _ if path.count(".") > DEPTH_MAX:
            return []  # a container's parent is a container
        case inspect.UnionType():
            return [name for each in kind.types for name in missing(each, of, path)]
        case inspect.ListType():
            return missing(kind.item_type, of, path)
        case inspect.StructType():
            found = []
            for field in kind.fields:
                name = f"{path}.{field.encode_name}"
                theirs = of.fields_by_name.get(field.encode_name)
                if theirs is None:
                    found.append(name)
                elif theirs.message_type is not None and not is_map(theirs):
                    found += missing(field.type, theirs.message_type, name)
            return found
    return []


def test_each_field_of_ours_has_its_number() -> None:
    call = missing(inspect.type_info(Call), scheduler_pb2.Call.DESCRIPTOR, "")
    event = missing(inspect.type_info(Event), scheduler_pb2.Event.DESCRIPTOR, "")

    assert call + event == []


def test_what_protoc_wrote_is_of_this_definition(tmp_path: Path) -> None:
    name = "kernel/messages/protobuf/scheduler"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}"]
    subprocess.run([*command, f"{name}.proto"], cwd=ROOT, check=True)

    written = descriptor_line((tmp_path / f"{name}_pb2.py").read_text())
    assert written == descriptor_line((ROOT / f"{name}_pb2.py").read_text())


def descriptor_line(source: str) -> str:
    """All that says something of the messages; the rest differs by protoc's version."""
    return next(line for line in source.splitlines() if line.startswith("DESCRIPTOR ="))
