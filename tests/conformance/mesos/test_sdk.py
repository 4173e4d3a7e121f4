"""The framework SDK against what a real Mesos said and took: its recorded events, its messages.

No process here: the SDK's machine hears the recordings, and what it says must be what Mesos reads.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format

from kernel.framework import calls
from kernel.framework.session import framework_info
from kernel.framework.task import Task
from kernel.framework.workload import (
    SchedulerEventReceived,
    SendCall,
    TaskSubmitted,
    TellUpdated,
    Workload,
    WorkloadEffect,
)
from kernel.machine import Now
from kernel.messages import codec, v1
from kernel.messages.protobuf import scheduler_pb2
from kernel.messages.scheduler import Call, Event
from kernel.model.task import TaskState

RECORDINGS = Path(__file__).with_name("recordings")
PATH = "/api/v1/scheduler"


def streams() -> dict[str, list[Any]]:
    """Each recorded subscription of a scheduler, by the recording's name."""
    found: dict[str, list[Any]] = {}
    for path in sorted(RECORDINGS.glob("s*.json")):
        recording = json.loads(path.read_text())
        if isinstance(recording, dict) and recording.get("request", {}).get("path") == PATH:
            records = recording["response"].get("records")
            if records:
                found[path.stem] = records
    return found


def machine() -> Workload:
    return Workload(framework_info("sdk", user="root"))


def hear(workload: Workload, record: Any) -> list[WorkloadEffect]:
    event = codec.decode(Event, json.dumps(record).encode())
    effects = workload.step(SchedulerEventReceived(event), Now(0, 0))
    workload.check_invariants()
    return list(effects)


def wire(call: Call) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.json.decode(codec.encode(call))
    return said


def is_read_by_mesos(call: Call) -> None:
    """By Mesos's own definitions: every field is known, of its type, and none is missing."""
    message = json_format.ParseDict(wire(call), scheduler_pb2.Call())
    assert message.IsInitialized(), message.FindInitializationErrors()


@pytest.mark.parametrize("name", streams())
def test_every_event_that_a_real_master_sent_is_taken_in(name: str) -> None:
    """And whatever is said then, Mesos can read."""
    workload = machine()
    for number in range(3):
        workload.step(TaskSubmitted(Task(f"t{number}", "true", ports_count=1)), Now(0, 0))

    for record in streams()[name]:
        for effect in hear(workload, record):
            if isinstance(effect, SendCall):
                is_read_by_mesos(effect.call)


def test_a_task_goes_through_its_recorded_life() -> None:
    recording = json.loads((RECORDINGS / "scheduler-launch-finished.json").read_text())
    recorded = [call["request"]["body"] for call in recording["calls"]]
    task_id = recorded[1]["acknowledge"]["task_id"]["value"]
    workload = machine()
    workload.step(TaskSubmitted(Task(task_id, "sleep 2", cpus=0.1, mem=32)), Now(0, 0))
    said: list[dict[str, Any]] = []
    told: list[TaskState | None] = []
    for record in recording["response"]["records"]:
        for effect in hear(workload, record):
            if isinstance(effect, SendCall):
                said.append(wire(effect.call))
            elif isinstance(effect, TellUpdated):
                told.append(effect.record.state)

    assert told == [TaskState.STARTING, TaskState.RUNNING, TaskState.FINISHED]
    ours = [call for call in said if call["type"] in ("ACCEPT", "ACKNOWLEDGE")]
    assert ours[0]["accept"]["offer_ids"] == recorded[0]["accept"]["offer_ids"]
    assert ours[1:] == recorded[1:4], "the very acknowledgements that Mesos took"


def test_every_call_is_one_that_mesos_reads() -> None:
    status = v1.TaskStatus(
        task_id=v1.Id("a"), state=TaskState.RUNNING, agent_id=v1.Id("S1"), uuid=b"0" * 16
    )
    acknowledgement = calls.acknowledge(status)
    assert acknowledgement is not None
    for call in (
        machine().subscribe_call(),
        calls.accept(["O1"], [], refuse_ms=100),
        calls.decline(["O1"]),
        calls.revive(["eng"]),
        calls.suppress(),
        calls.kill("a", "S1", grace_ms=5),
        acknowledgement,
        calls.reconcile([("a", "S1"), ("b", None)]),
        calls.message("S1", "e", b"\x00\xff"),
        calls.shutdown("e", "S1"),
        calls.teardown(),
    ):
        is_read_by_mesos(call)
