"""The executor API's protobuf form means what its JSON form means."""

import pytest

from kernel.agent import executor_events
from kernel.messages.codec import Malformed
from kernel.messages.executor import CallType
from kernel.messages.protobuf import executor_pb2
from kernel.messages.protobuf.convert import (
    fill,
    read_executor_call,
    to_json_form,
    write_executor_event,
)
from kernel.messages.v1 import AgentInfo, ExecutorInfo, FrameworkInfo, Id, TaskInfo
from kernel.model.task import TaskState


def test_an_update_is_read_with_its_uuid() -> None:
    message = executor_pb2.Call()
    status = {
        "task_id": {"value": "t"},
        "state": "TASK_RUNNING",
        "source": "SOURCE_EXECUTOR",
        "uuid": "AAECAwQFBgcICQoLDA0ODw==",
    }
    form = {"executor_id": {"value": "e"}, "framework_id": {"value": "F"}, "type": "UPDATE"}
    fill(message, {**form, "update": {"status": status}})

    call = read_executor_call(message.SerializeToString())

    assert call.type is CallType.UPDATE and call.executor_id == Id("e")
    assert call.update is not None and call.update.status.state is TaskState.RUNNING
    assert call.update.status.uuid == bytes(range(16))


def test_a_call_without_who_speaks_is_refused() -> None:
    with pytest.raises(Malformed):
        read_executor_call(b"")


def test_what_an_executor_is_told_survives_the_way() -> None:
    task = TaskInfo(name="t", task_id=Id("t"), agent_id=Id("S0"), data=b"\0\xff")
    executor = ExecutorInfo(executor_id=Id("e"), type="CUSTOM")
    framework = FrameworkInfo(user="u", name="f", id=Id("F"))
    agent = AgentInfo(hostname="h", id=Id("S0"))
    for event in (
        executor_events.subscribed(executor, framework, agent, "c"),
        executor_events.launch(task),
        executor_events.launch_group([task, task]),
        executor_events.kill(Id("t"), None),
        executor_events.acknowledged(Id("t"), bytes(16)),
        executor_events.message(b"\0\1"),
        executor_events.SHUTDOWN,
        executor_events.HEARTBEAT,
    ):
        message = executor_pb2.Event()
        message.ParseFromString(write_executor_event(event))

        form = to_json_form(message)
        assert form["type"] == event.type.value
        name = event.type.value.lower()
        assert (name in form) == (getattr(event, name, None) is not None)
    assert message.IsInitialized()
