"""What an executor owes its agent. Source: Mesos, docs/executor-http-api.md; mesos.md §2.8."""

import pytest

from kernel.framework.executor import ExecutorSession, read_duration_ms
from kernel.messages import scheduler, v1
from kernel.messages.executor import (
    Acknowledged,
    Event,
    EventType,
    Launch,
    LaunchGroup,
    call_problem,
)
from kernel.model.task import Source, TaskState


def task(task_id: str) -> v1.TaskInfo:
    return v1.TaskInfo(name=task_id, task_id=v1.Id(task_id), agent_id=v1.Id("S1"))


def launch(task_id: str) -> Event:
    return Event(type=EventType.LAUNCH, launch=Launch(task=task(task_id)))


def status(task_id: str, state: TaskState, number: int) -> v1.TaskStatus:
    return v1.TaskStatus(
        task_id=v1.Id(task_id),
        state=state,
        source=Source.EXECUTOR,
        executor_id=v1.Id("E1"),
        uuid=number.to_bytes(16, "big"),
    )


def acknowledged(task_id: str, number: int) -> Event:
    found = Acknowledged(task_id=v1.Id(task_id), uuid=number.to_bytes(16, "big"))
    return Event(type=EventType.ACKNOWLEDGED, acknowledged=found)


def owed(session: ExecutorSession) -> tuple[list[str], list[TaskState]]:
    call = session.subscribe_call()
    assert call_problem(call) is None and call.subscribe is not None
    tasks = [one.task_id.value for one in call.subscribe.unacknowledged_tasks]
    return tasks, [one.status.state for one in call.subscribe.unacknowledged_updates]


def test_a_task_is_owed_until_an_update_of_it_is_stored_and_an_update_until_it_is() -> None:
    session = ExecutorSession("F1", "E1")
    assert [one.name for one in session.received(launch("a"))] == ["a"]
    assert owed(session) == (["a"], [])

    session.update_call(status("a", TaskState.RUNNING, 1))
    session.update_call(status("a", TaskState.FINISHED, 2))
    assert owed(session) == (["a"], [TaskState.RUNNING, TaskState.FINISHED])

    session.received(acknowledged("a", 1))
    assert owed(session) == ([], [TaskState.FINISHED])
    assert session.owes
    session.received(acknowledged("a", 2))
    assert not session.owes


def test_a_task_that_is_sent_twice_is_launched_once() -> None:
    session = ExecutorSession("F1", "E1")
    session.received(launch("a"))

    assert session.received(launch("a")) == []


def test_a_group_is_several_tasks() -> None:
    session = ExecutorSession("F1", "E1")
    group = scheduler.TaskGroupInfo(tasks=[task("a"), task("b")])

    new = session.received(
        Event(type=EventType.LAUNCH_GROUP, launch_group=LaunchGroup(task_group=group))
    )

    assert [one.name for one in new] == ["a", "b"]
    assert list(session.live) == ["a", "b"]


def test_a_task_lives_until_its_end_is_said() -> None:
    session = ExecutorSession("F1", "E1")
    session.received(launch("a"))
    session.update_call(status("a", TaskState.RUNNING, 1))
    assert list(session.live) == ["a"]

    session.update_call(status("a", TaskState.FAILED, 2))

    assert session.live == {}


def test_what_is_said_has_the_form_that_an_agent_asks_for() -> None:
    session = ExecutorSession("F1", "E1")

    assert call_problem(session.update_call(status("a", TaskState.RUNNING, 1))) is None
    assert call_problem(session.message_call(b"hi")) is None


@pytest.mark.parametrize(
    ("text", "ms"), [("15mins", 900_000), ("2secs", 2_000), ("500ms", 500), ("1.5hrs", 5_400_000)]
)
def test_durations_are_read_as_agents_write_them(text: str, ms: int) -> None:
    assert read_duration_ms(text) == ms


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="'15' is no duration"):
        read_duration_ms("15")
