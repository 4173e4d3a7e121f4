"""Calls of schedulers, executors and operators from protobuf, and what they are told to protobuf.

Both go by the JSON form, whose names are the protobuf fields' names: one walk along a message's
descriptor, enums by name, bytes as base64, so that a body means the same in either form. Leaves the
meaning of a message to `kernel.messages.scheduler`. Source: Mesos, include/mesos/v1.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from kernel.messages import executor, operator
from kernel.messages.agent_operator import AgentCall
from kernel.messages.codec import Malformed
from kernel.messages.protobuf import agent_pb2, executor_pb2, operator_pb2, scheduler_pb2
from kernel.messages.scheduler import Call, Event

T = TypeVar("T")

_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)


def read_call(body: bytes) -> Call:
    """A scheduler's call. Raises `Malformed` with the text that Mesos answers with 400."""
    return _read(scheduler_pb2.Call(), Call, body)


def read_operator_call(body: bytes) -> operator.Call:
    """As `read_call`, to the master's operator API."""
    return _read(operator_pb2.Call(), operator.Call, body)


def read_agent_call(body: bytes) -> AgentCall:
    """As `read_call`, to an agent's operator API."""
    return _read(agent_pb2.Call(), AgentCall, body)


def read_executor_call(body: bytes) -> executor.Call:
    """As `read_call`, to an agent's executor API."""
    return _read(executor_pb2.Call(), executor.Call, body)


def write_executor_event(event: executor.Event) -> bytes:
    return _written(executor_pb2.Event(), msgspec.to_builtins(event))


def write_event(event: Event) -> bytes:
    """The event's bytes; what has no place in Mesos's message is left out."""
    return _written(scheduler_pb2.Event(), msgspec.to_builtins(event))


def write_operator_event(event: operator.Event) -> bytes:
    return _written(operator_pb2.Event(), msgspec.to_builtins(event))


def operator_event_of(json: bytes) -> bytes:
    """An event that is encoded as JSON already."""
    return _written(operator_pb2.Event(), msgspec.json.decode(json))


def operator_answer_of(json: bytes) -> bytes:
    """The master's answer, which is encoded as JSON already."""
    return _written(operator_pb2.Response(), msgspec.json.decode(json))


def agent_answer_of(json: bytes) -> bytes:
    """An agent's answer, which is encoded as JSON already."""
    return _written(agent_pb2.Response(), msgspec.json.decode(json))


def write_process_io(form: Mapping[str, Any]) -> bytes:
    return _written(agent_pb2.ProcessIO(), form)


def _read(message: Message, kind: type[T], body: bytes) -> T:
    try:
        message.ParseFromString(body)
        if not message.IsInitialized():  # a required field is missing
            raise Malformed("Failed to parse body into Call protobuf")
        return msgspec.convert(to_json_form(message), kind)
    except (DecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError):
        raise Malformed("Failed to parse body into Call protobuf") from None


def _written(message: Message, form: Mapping[str, Any]) -> bytes:
    fill(message, form)
    # Partial, so that a field that could not be written never ends the master.
    return message.SerializePartialToString()


def to_json_form(message: Message) -> dict[str, Any]:
    """The fields that are set, as JSON would have them."""
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if _is_map(field):
            found[field.name] = {key: _plain(_entry(field), each) for key, each in value.items()}
        elif field.is_repeated:
            found[field.name] = [_plain(field, each) for each in value]
        else:
            found[field.name] = _plain(field, value)
    return found


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return to_json_form(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b64encode(value).decode()
    return value


def fill(message: Message, form: Mapping[str, Any]) -> None:
    """Set the fields that `form` has; unknown names and values that do not fit are left out."""
    for name, value in form.items():
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None or value is None:
            continue
        try:
            _set(message, field, value)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
            message.ClearField(name)  # free-form parts of messages may hold anything


def _set(message: Message, field: Any, value: Any) -> None:
    target = getattr(message, field.name)
    if _is_map(field):
        of_entry = _entry(field)
        for key, each in value.items():
            if of_entry.message_type is not None:
                fill(target[key], each)
            else:
                target[key] = _native(of_entry, each)
    elif field.is_repeated:
        for each in value:
            if field.message_type is not None:
                fill(target.add(), each)
            else:
                target.append(_native(field, each))
    elif field.message_type is not None:
        target.SetInParent()
        fill(target, value)
    else:
        setattr(message, field.name, _native(field, value))


def _native(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values_by_name[value].number
    if field.type == FieldDescriptor.TYPE_BYTES:
        try:
            return b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    return float(value) if field.cpp_type in _FLOATS else value


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _entry(field: FieldDescriptor) -> FieldDescriptor:
    """What a map's values are; on the wire a map is a list of entries."""
    assert field.message_type is not None
    return field.message_type.fields_by_name["value"]
