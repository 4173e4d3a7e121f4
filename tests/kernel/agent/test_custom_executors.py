"""Custom executors as the agent's machine follows them: started, believed, ended, recovered.

Source: mesos.md §1.4, §2.8, §6 C9, C10, C14, D2; mesos-observed.md §1 rows 9, 10; recordings,
executor-*; Mesos, src/tests/{slave_recovery,executor_http_api}_tests.cpp.
"""

from typing import Any

from kernel.agent.talk import (
    CloseExecutorStream,
    Effect,
    ExecutorAnswered,
    ExecutorCalled,
    ExecutorStreamClosed,
    ExecutorSubscribed,
    KillContainer,
    LaunchExecutor,
    RecoverExecutor,
    ResizeExecutor,
    SendCall,
    SendToExecutor,
    ShutdownRequested,
    StatusReported,
)
from kernel.machine import DeadlineReached, Now, Persist
from kernel.messages.agent import (
    ExecutorEnded,
    ExecutorMessage,
    KillTask,
    MessageExecutor,
    RunGroup,
    RunTask,
    ShutdownExecutor,
    ShutdownFramework,
)
from kernel.messages.executor import Call, CallType, EventType, Message, Subscribe
from kernel.messages.executor import Update as ExecutorUpdate
from kernel.messages.v1 import (
    CommandInfo,
    DurationInfo,
    ExecutorInfo,
    Id,
    KillPolicy,
    TaskInfo,
    TaskStatus,
)
from kernel.model.task import Source, TaskState
from tests.kernel.agent.world import FRAMEWORK, command, ready, sent, states

INFO = ExecutorInfo(
    executor_id=Id("e"), framework_id=Id("F"), command=CommandInfo(value="run"), type="CUSTOM"
)


def on_executor(task_id: str, info: ExecutorInfo = INFO) -> TaskInfo:
    return command(task_id, command=None, executor=info)


class Stage:
    """An agent with one executor `e`, whose calls are numbered."""

    def __init__(self, *task_ids: str, subscribes: bool = True) -> None:
        self.world = ready()
        self.requests = 0
        for task_id in task_ids or ("t",):
            self.effects = self.run(task_id)
        (executor,) = self.world.agent.books.executors.live.values()
        self.container = executor.record.container_id
        if subscribes:
            self.reports(TaskState.STARTING)
            self.reports(TaskState.RUNNING, pid=7)
            self.effects = self.subscribe("stream-1")

    def run(self, task_id: str, **more: Any) -> list[Effect]:
        event = RunTask(framework=FRAMEWORK, task=on_executor(task_id), **more)
        return self.world.hears(event)

    def reports(self, state: TaskState, **more: Any) -> list[Effect]:
        return self.world.gets(StatusReported(self.container, state, **more))

    def subscribe(
        self, stream_id: str, *, tasks: list[str] | None = None, updates: Any = ()
    ) -> list[Effect]:
        self.requests += 1
        lists = Subscribe(
            unacknowledged_tasks=[on_executor(each) for each in tasks or []],
            unacknowledged_updates=[ExecutorUpdate(status=each) for each in updates],
        )
        call = self.call(CallType.SUBSCRIBE, subscribe=lists)
        return self.world.gets(ExecutorSubscribed(self.requests, stream_id, call))

    def call(self, type_: CallType, **more: Any) -> Call:
        fields = {"executor_id": Id("e"), "framework_id": Id("F"), "type": type_, **more}
        return Call(**fields)

    def calls(self, type_: CallType, **more: Any) -> list[Effect]:
        self.requests += 1
        return self.world.gets(ExecutorCalled(self.requests, self.call(type_, **more)))

    def says(self, task_id: str, state: TaskState, uuid: bytes, **more: Any) -> list[Effect]:
        update = ExecutorUpdate(status=status(task_id, state, uuid, **more))
        return self.calls(CallType.UPDATE, update=update)

    def deadline(self) -> list[Effect]:
        at_ms = self.world.agent.next_deadline_ms()
        assert at_ms is not None
        return self.world.gets(DeadlineReached(), at_ms)


def status(task_id: str, state: TaskState, uuid: bytes, **more: Any) -> TaskStatus:
    return TaskStatus(
        task_id=Id(task_id), state=state, source=Source.EXECUTOR, uuid=uuid.ljust(16), **more
    )


def told(effects: list[Effect]) -> list[EventType]:
    """The types of what executors are told."""
    return [each.event.type for each in effects if isinstance(each, SendToExecutor)]


def answer(effects: list[Effect]) -> tuple[int, str]:
    (found,) = [each for each in effects if isinstance(each, ExecutorAnswered)]
    return found.status, found.message


def kinds(effects: list[Effect]) -> list[str]:
    """What the master is told, in order."""
    return [type(each.call).__name__ for each in effects if isinstance(each, SendCall)]


# -- beginning ------------------------------------------------------------------------------


def test_an_executor_is_on_disk_before_it_is_started_and_started_once() -> None:
    stage = Stage("t", subscribes=False)

    assert [type(effect) for effect in stage.world.effects] == [Persist, LaunchExecutor]
    again = stage.run("t2")
    assert [type(effect) for effect in again] == [ResizeExecutor]


def test_its_tasks_wait_until_it_has_subscribed() -> None:
    stage = Stage("a", "b", subscribes=False)

    effects = stage.subscribe("stream-1")

    assert answer(effects) == (200, "")
    assert told(effects) == [EventType.SUBSCRIBED, EventType.LAUNCH, EventType.LAUNCH]
    greeting = next(each.event for each in effects if isinstance(each, SendToExecutor))
    assert greeting.subscribed is not None and greeting.subscribed.container_id is not None
    assert greeting.subscribed.container_id.value == stage.container
    assert told(stage.run("c")) == [EventType.LAUNCH]


def test_a_group_on_a_custom_executor_is_one_event() -> None:
    stage = Stage("a")
    tasks = [on_executor("b"), on_executor("c")]

    effects = stage.world.hears(RunGroup(framework=FRAMEWORK, executor=INFO, tasks=tasks))

    (sent_event,) = [each.event for each in effects if isinstance(each, SendToExecutor)]
    assert sent_event.launch_group is not None
    names = [task.task_id.value for task in sent_event.launch_group.task_group.tasks]
    assert names == ["b", "c"]


def test_an_executor_that_nobody_holds_resources_for_is_not_started() -> None:
    """Source: Mesos, Slave::__run (launch_executor)."""
    world = ready()

    effects = world.hears(
        RunTask(framework=FRAMEWORK, task=on_executor("t"), starts_executor=False)
    )

    (dropped,) = sent(effects)
    assert (dropped.state, dropped.reason) == (TaskState.DROPPED, "REASON_EXECUTOR_TERMINATED")
    assert kinds(effects)[0] == "ExecutorEnded"


def test_who_does_not_subscribe_in_time_is_killed_and_its_tasks_fail() -> None:
    """Counted from when its files were fetched."""
    stage = Stage("t", subscribes=False)
    assert stage.world.agent.custom.next_deadline_ms() is None
    stage.reports(TaskState.STARTING)

    assert stage.deadline() == [KillContainer(stage.container)]
    assert stage.world.now_ms == 60_000
    effects = stage.reports(TaskState.KILLED, wait_status=9)

    (failed,) = sent(effects)
    assert failed.reason == "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
    assert failed.message == "Executor did not register within 1mins"


def test_one_that_exits_before_it_came_fails_its_tasks() -> None:
    """Source: mesos-observed.md §1 row 10."""
    stage = Stage("t", subscribes=False)

    effects = stage.reports(TaskState.FAILED, wait_status=256)

    assert kinds(effects) == ["ExecutorEnded", "Update"]
    (failed,) = sent(effects)
    assert (failed.state, failed.reason) == (TaskState.FAILED, "REASON_EXECUTOR_TERMINATED")
    assert failed.source is Source.AGENT and failed.message == "Executor terminated"


# -- who may speak --------------------------------------------------------------------------


def test_calls_are_refused_in_mesoss_order() -> None:
    """Source: recordings, status-executor; mesos.md §2.8."""
    stage = Stage("t", subscribes=False)
    message = Message(data=b"x")

    def refused(**more: Any) -> tuple[int, str]:
        return answer(stage.calls(CallType.MESSAGE, message=message, **more))

    assert refused(framework_id=Id("no"), executor_id=Id("no")) == (
        400,
        "Framework cannot be found",
    )
    assert refused(executor_id=Id("no")) == (400, "Executor cannot be found")
    assert refused() == (403, "Executor is not subscribed")
    stage.subscribe("stream-1")
    assert refused() == (202, "")
    assert answer(stage.calls(CallType.UNKNOWN)) == (501, "501 Not Implemented.")


def test_a_second_subscription_closes_the_first() -> None:
    stage = Stage("t")

    effects = stage.subscribe("stream-2")

    assert CloseExecutorStream("stream-1") in effects
    assert stage.world.gets(ExecutorStreamClosed("stream-1")) == []
    assert told(stage.run("t2")) == [EventType.LAUNCH]


# -- updates --------------------------------------------------------------------------------


def test_an_update_is_stored_then_acknowledged_and_forwarded_under_its_own_uuid() -> None:
    stage = Stage("t")

    effects = stage.says("t", TaskState.RUNNING, b"u1", data=b"probe")

    kinds_in_order = [type(each) for each in stage.world.effects]
    assert kinds_in_order == [Persist, ExecutorAnswered, SendToExecutor, SendCall]
    assert told(effects) == [EventType.ACKNOWLEDGED]
    (update,) = sent(effects)
    assert update.uuid == b"u1".ljust(16) and update.data == b"probe"
    assert update.executor_id == Id("e") and update.agent_id == Id("S0")
    assert update.container_status is not None
    assert update.container_status.container_id == {"value": stage.container}
    assert update.container_status.executor_pid == 7


def test_an_update_that_came_before_is_only_acknowledged() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.RUNNING, b"u1")

    effects = stage.says("t", TaskState.RUNNING, b"u1")

    assert told(effects) == [EventType.ACKNOWLEDGED] and sent(effects) == []


def test_one_that_was_heard_and_superseded_is_still_known() -> None:
    """After a crash an executor repeats what the scheduler may have heard long ago."""
    stage = Stage("t")
    (first,) = sent(stage.says("t", TaskState.RUNNING, b"u1"))
    stage.says("t", TaskState.RUNNING, b"u2", healthy=True)
    stage.world.acknowledges(first)
    stage.world.crash()
    stage.world.subscribed()

    effects = stage.subscribe("stream-2", updates=[status("t", TaskState.RUNNING, b"u1")])

    assert states(effects) == []
    assert told(effects) == [EventType.SUBSCRIBED, EventType.ACKNOWLEDGED]


def test_news_after_the_end_are_acknowledged_and_go_nowhere() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.FINISHED, b"u1")

    effects = stage.says("t", TaskState.RUNNING, b"u2")

    assert told(effects) == [EventType.ACKNOWLEDGED] and sent(effects) == []


def test_an_update_of_a_task_it_never_got_is_passed_on() -> None:
    """Source: mesos-observed.md §2; recording executor-custom."""
    stage = Stage("t")

    effects = stage.says("stranger", TaskState.RUNNING, b"u1")

    (update,) = sent(effects)
    assert update.task_id == Id("stranger") and update.container_status is None
    stage.world.acknowledges(update)
    assert list(stage.world.agent.updates.about("F", "stranger")) == []


def test_an_update_for_another_agent_is_accepted_and_ignored() -> None:
    """Source: recording executor-custom."""
    stage = Stage("t")

    effects = stage.says("t", TaskState.RUNNING, b"u1", agent_id=Id("other"))

    assert answer(effects) == (202, "")
    assert told(effects) == [] and sent(effects) == []


# -- messages, kills ------------------------------------------------------------------------


def test_messages_pass_both_ways_unchanged() -> None:
    stage = Stage("t")
    data = bytes(range(256))

    out = stage.calls(CallType.MESSAGE, message=Message(data=data))
    back = stage.world.hears(MessageExecutor(framework_id=Id("F"), executor_id=Id("e"), data=data))

    assert SendCall(ExecutorMessage(framework_id=Id("F"), executor_id=Id("e"), data=data)) in out
    (event,) = [each.event for each in back if isinstance(each, SendToExecutor)]
    assert event.message is not None and event.message.data == data


def kill(task_id: str, policy: KillPolicy | None = None) -> KillTask:
    return KillTask(framework_id=Id("F"), task_id=Id(task_id), kill_policy=policy)


def test_a_kill_is_passed_on_with_its_policy() -> None:
    stage = Stage("t")
    policy = KillPolicy(grace_period=DurationInfo(5))

    effects = stage.world.hears(kill("t", policy))

    (event,) = [each.event for each in effects if isinstance(each, SendToExecutor)]
    assert event.kill is not None and event.kill.kill_policy == policy


def test_a_task_that_waits_is_killed_here_and_an_idle_executor_not_waited_for() -> None:
    stage = Stage("a", "b", subscribes=False)

    first = stage.world.hears(kill("a"))
    last = stage.world.hears(kill("b"))

    (killed,) = sent(first)
    assert (killed.state, killed.reason) == (
        TaskState.KILLED,
        "REASON_TASK_KILLED_DURING_LAUNCH",
    )
    assert KillContainer(stage.container) not in first
    assert KillContainer(stage.container) in last


def test_a_kill_that_it_could_not_hear_is_told_when_it_is_back() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.RUNNING, b"u1")
    stage.world.gets(ExecutorStreamClosed("stream-1"))

    assert told(stage.world.hears(kill("t"))) == []
    assert told(stage.subscribe("stream-2")) == [EventType.SUBSCRIBED, EventType.KILL]


# -- its end --------------------------------------------------------------------------------


def test_its_end_is_told_before_its_tasks_ends() -> None:
    """Source: mesos-observed.md §1 row 9; recording executor-dies."""
    stage = Stage("a", "b", "c")
    stage.says("c", TaskState.FINISHED, b"u1")

    effects = stage.reports(TaskState.FAILED, wait_status=768)

    assert kinds(effects) == ["ExecutorEnded", "Update", "Update"]
    (ended,) = [
        each.call
        for each in effects
        if isinstance(each, SendCall) and isinstance(each.call, ExecutorEnded)
    ]
    assert ended.status == 768
    assert states(effects) == [TaskState.FAILED, TaskState.FAILED]
    assert stage.world.agent.books.executors.live == {}


def test_a_shutdown_is_asked_for_and_enforced_after_the_grace_period() -> None:
    stage = Stage("t")

    asked = stage.world.hears(ShutdownExecutor(framework_id=Id("F"), executor_id=Id("e")))

    assert told(asked) == [EventType.SHUTDOWN]
    assert stage.deadline() == [KillContainer(stage.container)]
    assert stage.world.now_ms == 5_000


def test_an_executors_own_grace_period_counts() -> None:
    info = ExecutorInfo(
        executor_id=Id("e"),
        command=CommandInfo(value="run"),
        shutdown_grace_period=DurationInfo(1_000_000_000),
    )
    world = ready()
    world.hears(RunTask(framework=FRAMEWORK, task=on_executor("t", info)))
    (executor,) = world.agent.books.executors.live.values()
    world.agent.custom.admit(executor, "stream", Now(0, 0))

    world.hears(ShutdownExecutor(framework_id=Id("F"), executor_id=Id("e")))

    assert executor.due_ms == 1_000


def test_a_teardown_shuts_it_down_and_its_tasks_end_without_an_echo() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.RUNNING, b"u1")

    asked = stage.world.hears(ShutdownFramework(framework_id=Id("F")))
    ended = stage.reports(TaskState.FINISHED, wait_status=0)

    assert told(asked) == [EventType.SHUTDOWN]
    assert kinds(ended) == ["ExecutorEnded", "Update"]
    (farewell,) = sent(ended)
    assert farewell.uuid is None
    assert stage.world.agent.tasks.live == {}


def test_an_ending_agent_waits_for_its_executors() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.FINISHED, b"u1")

    effects = stage.world.gets(ShutdownRequested("for good"))

    assert told(effects) == [EventType.SHUTDOWN]
    assert not stage.world.agent.ending.is_over


def test_nothing_is_given_to_one_that_ends() -> None:
    stage = Stage("t")
    stage.world.hears(ShutdownExecutor(framework_id=Id("F"), executor_id=Id("e")))

    (dropped,) = sent(stage.run("t2"))

    assert (dropped.state, dropped.reason) == (TaskState.DROPPED, "REASON_EXECUTOR_TERMINATED")


# -- a restart of the agent -----------------------------------------------------------------


def restarted(stage: Stage) -> list[Effect]:
    effects = stage.world.crash()
    stage.world.subscribed()
    return effects


def test_a_restarted_agent_lets_only_subscribe_in_until_all_are_back() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.RUNNING, b"u1")
    (recovered,) = restarted(stage)

    assert isinstance(recovered, RecoverExecutor) and recovered.subscribed
    assert answer(stage.says("t", TaskState.RUNNING, b"u2"))[0] == 503
    assert answer(stage.subscribe("stream-2")) == (200, "")
    assert answer(stage.says("t", TaskState.RUNNING, b"u2"))[0] == 202


def test_updates_it_had_not_heard_acknowledged_are_replayed_in_order() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.STARTING, b"u1")
    restarted(stage)

    updates = [status("t", TaskState.STARTING, b"u1"), status("t", TaskState.RUNNING, b"u2")]
    effects = stage.subscribe("stream-2", updates=updates)

    assert told(effects) == [EventType.SUBSCRIBED, *[EventType.ACKNOWLEDGED] * 2]
    (stream,) = stage.world.agent.updates.streams.values()
    kept = [record.status.uuid for record in stream.kept]
    assert kept == [b"u1".ljust(16), b"u2".ljust(16)]


def test_a_task_that_it_never_heard_of_is_dropped_and_one_it_lists_is_not() -> None:
    """Source: Mesos, Slave::subscribe."""
    stage = Stage("lost", "listed", "spoken")
    stage.says("spoken", TaskState.RUNNING, b"u1")
    restarted(stage)

    effects = stage.subscribe("stream-2", tasks=["listed"])

    (dropped,) = sent(effects)
    assert dropped.task_id == Id("lost")
    assert (dropped.state, dropped.reason) == (TaskState.DROPPED, "REASON_AGENT_RESTARTED")


def test_who_never_comes_back_is_killed_and_its_tasks_are_gone() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.RUNNING, b"u1")
    restarted(stage)

    assert stage.deadline() == [KillContainer(stage.container)]
    assert stage.world.now_ms == 2_000
    effects = stage.reports(TaskState.KILLED, wait_status=9)

    last = list(stage.world.agent.updates.about("F", "t"))[0].latest
    assert last is not None and kinds(effects) == ["ExecutorEnded"]
    assert (last.state, last.reason) == (
        TaskState.GONE,
        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    )


def test_one_that_ended_meanwhile_fails_its_tasks() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.RUNNING, b"u1")
    restarted(stage)

    stage.reports(TaskState.FAILED, wait_status=256)

    last = list(stage.world.agent.updates.about("F", "t"))[0].latest
    assert last is not None
    assert (last.state, last.reason) == (TaskState.FAILED, "REASON_EXECUTOR_TERMINATED")
    assert not stage.world.agent.custom.is_recovering


def test_one_that_had_never_come_gets_its_tasks_when_it_comes() -> None:
    stage = Stage("a", "b", subscribes=False)
    restarted(stage)

    effects = stage.subscribe("stream-1")

    assert told(effects) == [EventType.SUBSCRIBED, EventType.LAUNCH, EventType.LAUNCH]


def test_after_a_reboot_no_executor_is_left() -> None:
    stage = Stage("t")
    stage.says("t", TaskState.RUNNING, b"u1")

    effects = stage.world.crash(boot_id="boot-2")

    assert not any(isinstance(effect, RecoverExecutor) for effect in effects)
    assert stage.world.agent.books.executors.live == {}


def test_subscribe_tells_the_master_which_executors_live() -> None:
    stage = Stage("t")
    (update,) = sent(stage.says("t", TaskState.FINISHED, b"u1"))
    stage.world.acknowledges(update)

    call = stage.world.agent.subscribe_call()

    assert [each.executor_id for each in call.executors] == [Id("e")]
    assert [each.framework_id for each in call.executors] == [Id("F")]
    assert [each.id for each in call.frameworks] == [Id("F")]
