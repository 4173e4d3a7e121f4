"""A framework's side of the conversation, joined from its parts."""

from kernel.framework.scheduler import Scheduler
from kernel.framework.session import framework_info
from kernel.machine import Now
from kernel.messages import v1
from kernel.messages.scheduler import Call, CallType, Error, Event, EventType, Subscribed, Update
from kernel.model.task import TaskState


def at(ms: int) -> Now:
    return Now(ms, ms)


class Peer:
    """A scheduler with one task, and what it said and was told to keep."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.kept: list[str | None] = []
        self.tasks = {"a": "S1"}
        self.scheduler = Scheduler(
            framework_info("batch", user="me"),
            tasks=lambda: self.tasks,
            send=self.calls.append,
            on_framework_id=self.kept.append,
        )

    def subscribed(self) -> None:
        event = Event(type=EventType.SUBSCRIBED, subscribed=Subscribed(framework_id=v1.Id("F1")))
        self.scheduler.received(event, at(0))

    def updated(self, state: TaskState, *, uuid: bytes | None = None) -> v1.TaskStatus:
        status = v1.TaskStatus(task_id=v1.Id("a"), state=state, agent_id=v1.Id("S1"), uuid=uuid)
        self.scheduler.received(Event(type=EventType.UPDATE, update=Update(status=status)), at(10))
        return status

    def take(self) -> list[CallType | None]:
        said = [call.type for call in self.calls]
        self.calls.clear()
        return said


def test_a_stream_begins_with_reconciliation_and_then_the_kills_under_way() -> None:
    peer = Peer()
    peer.scheduler.kill("a", "S1", at(0))
    assert peer.take() == []

    peer.subscribed()

    assert peer.kept == ["F1"]
    assert peer.take() == [CallType.RECONCILE, CallType.RECONCILE, CallType.KILL]


def test_an_end_ends_the_kill_and_unknown_is_an_end() -> None:
    for state in (TaskState.KILLED, TaskState.UNKNOWN):
        peer = Peer()
        peer.subscribed()
        peer.scheduler.kill("a", "S1", at(0))
        peer.updated(state)
        peer.take()

        peer.scheduler.elapsed(at(20_000))

        assert CallType.KILL not in peer.take()


def test_only_an_update_with_a_uuid_is_acknowledged() -> None:
    """Source: mesos.md §2.6 (uuid present if and only if an acknowledgement is due)."""
    peer = Peer()
    peer.subscribed()
    peer.take()

    peer.scheduler.acknowledge(peer.updated(TaskState.RUNNING))
    assert peer.take() == []
    peer.scheduler.acknowledge(peer.updated(TaskState.RUNNING, uuid=b"0" * 16))
    assert peer.take() == [CallType.ACKNOWLEDGE]


def test_a_framework_that_was_removed_begins_anew() -> None:
    peer = Peer()
    peer.subscribed()

    error = Error(message="Framework has been removed")
    peer.scheduler.received(Event(type=EventType.ERROR, error=error), at(1))

    assert peer.kept == ["F1", None]
    assert not peer.scheduler.is_connected
    assert peer.scheduler.subscribe_call().framework_id is None


def test_a_restarted_framework_resumes_its_id() -> None:
    peer = Peer()
    peer.scheduler.resume("F1")

    call = peer.scheduler.subscribe_call(is_suppressed=True)
    peer.subscribed()

    assert call.framework_id == v1.Id("F1")
    assert call.subscribe is not None and call.subscribe.suppressed_roles == ["*"]
    assert peer.kept == [], "no news"


def test_without_a_stream_nothing_is_due_and_nothing_said() -> None:
    peer = Peer()
    peer.subscribed()
    peer.scheduler.disconnected()
    peer.take()

    peer.scheduler.want_offers(1, at(1))
    peer.scheduler.rest()
    peer.scheduler.decline(["O1"], refuse_ms=5_000)
    peer.scheduler.elapsed(at(1_000_000))

    assert peer.take() == []
    assert peer.scheduler.next_deadline_ms() is None
