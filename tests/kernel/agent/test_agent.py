"""The agent between master and executor. Source: Mesos, src/tests/slave_{,recovery_}tests.cpp."""

from typing import get_args

from kernel.agent.agent import _FROM_MASTER, _HANDLERS
from kernel.agent.talk import (
    EndAgent,
    Event,
    HangUp,
    KillContainer,
    LaunchMisread,
    LaunchTask,
    MasterLost,
    RecoverTask,
    RemoveSandbox,
    SendCall,
    ShutdownRequested,
)
from kernel.machine import DeadlineReached, Persist
from kernel.messages.agent import (
    AnyMasterEvent,
    ExecutorEnded,
    KillTask,
    NamedLaunch,
    Ping,
    Pong,
    RunTask,
    ShutdownAgent,
    ShutdownFramework,
    Unregister,
)
from kernel.messages.v1 import DurationInfo, Id, KillPolicy, Task
from kernel.model.task import TaskState
from tests.kernel.agent.world import FRAMEWORK, World, command, ready, sent, states


def test_every_event_has_a_handler() -> None:
    assert set(_HANDLERS) == set(get_args(Event))
    assert set(_FROM_MASTER) == set(get_args(AnyMasterEvent))


def test_a_task_is_on_disk_before_it_is_launched() -> None:
    world = ready()

    world.hears(RunTask(framework=FRAMEWORK, task=command("t")))

    kinds = [type(effect) for effect in world.effects]
    assert kinds == [Persist, LaunchTask]


def test_an_update_is_on_disk_before_it_is_sent() -> None:
    world = ready()
    container = world.runs()

    world.reports(container, TaskState.STARTING)

    assert [type(effect) for effect in world.effects] == [Persist, SendCall]


def test_a_launch_told_twice_is_one_launch_even_after_a_crash() -> None:
    world = ready()
    world.runs("t")

    assert world.hears(RunTask(framework=FRAMEWORK, task=command("t"))) == []
    world.crash()
    world.subscribed()
    assert world.hears(RunTask(framework=FRAMEWORK, task=command("t"))) == []


def test_an_id_is_not_reused_while_its_end_is_unheard() -> None:
    """Source: mesos-observed, row 7."""
    world = ready()
    container = world.runs("t")
    world.reports(container, TaskState.FAILED)

    effects = world.hears(RunTask(framework=FRAMEWORK, task=command("t")))

    (dropped,) = sent(effects)
    assert (dropped.state, dropped.reason) == (TaskState.DROPPED, "REASON_TASK_INVALID")


def test_containers_are_never_named_alike_even_for_the_same_task() -> None:
    world = ready()
    first = world.runs("t")
    (failed,) = sent(world.reports(first, TaskState.FAILED))
    world.acknowledges(failed)
    world.crash()
    world.subscribed()

    assert world.runs("t") != first


def test_what_this_agent_cannot_run_fails_with_a_sentence() -> None:
    world = ready()

    effects = world.hears(
        RunTask(framework=FRAMEWORK, task=command("t", container={"type": "DOCKER"}))
    )

    (failed,) = sent(effects)
    assert failed.state is TaskState.FAILED
    assert "Docker containers are not supported" in (failed.message or "")
    assert not any(isinstance(effect, LaunchTask) for effect in effects)


def test_a_kill_carries_the_grace_period_of_its_policy() -> None:
    world = ready()
    container = world.runs("t")
    policy = KillPolicy(grace_period=DurationInfo(1_500_000_000))

    effects = world.hears(KillTask(framework_id=Id("F"), task_id=Id("t"), kill_policy=policy))

    assert effects == [KillContainer(container, 1_500)]


def test_a_kill_is_remembered_over_a_crash() -> None:
    world = ready()
    world.runs("t")
    world.hears(KillTask(framework_id=Id("F"), task_id=Id("t")))

    (recovered,) = world.crash()

    assert isinstance(recovered, RecoverTask)
    assert recovered.killing


def test_a_kill_of_what_never_was_here_is_answered_with_dropped() -> None:
    world = ready()

    effects = world.hears(KillTask(framework_id=Id("F"), task_id=Id("ghost")))

    assert states(effects) == [TaskState.DROPPED]


def test_a_kill_of_what_has_ended_and_was_heard_is_silent() -> None:
    world = ready()
    container = world.runs("t")
    (finished,) = sent(world.reports(container, TaskState.FINISHED))
    world.acknowledges(finished)

    assert world.hears(KillTask(framework_id=Id("F"), task_id=Id("t"))) == []


def test_subscribe_brings_what_lives_and_what_ended_unheard() -> None:
    world = ready()
    world.reports(world.runs("lives"), TaskState.RUNNING)
    world.reports(world.runs("ended"), TaskState.FAILED)
    (heard,) = sent(world.reports(world.runs("heard"), TaskState.FAILED))
    world.acknowledges(heard)
    world.crash()

    call = world.agent.subscribe_call()

    assert call.agent_info.id == Id("S0")
    assert [(task.task_id.value, task.state) for task in call.tasks] == [
        ("lives", TaskState.RUNNING),
        ("ended", TaskState.FAILED),
    ] or [(task.task_id.value, task.state) for task in call.tasks] == [
        ("ended", TaskState.FAILED),
        ("lives", TaskState.RUNNING),
    ]
    assert call.frameworks == [FRAMEWORK]


def test_what_the_master_believes_wrongly_is_dropped() -> None:
    world = ready()
    world.runs("mine")
    believed = [
        Task(
            name=name,
            task_id=Id(name),
            framework_id=Id("F"),
            agent_id=Id("S0"),
            state=TaskState.STAGING,
        )
        for name in ("mine", "ghost")
    ]

    effects = world.subscribed(tasks=believed)

    assert [(each.task_id.value, each.reason) for each in sent(effects)] == [
        ("ghost", "REASON_RECONCILIATION")
    ]


def test_a_launch_that_can_not_be_read_is_dropped_with_its_executor() -> None:
    world = ready()
    world.runs("mine")
    launch = NamedLaunch("F", Id("e"), [Id("a"), Id("b"), Id("mine")])

    effects = world.gets(LaunchMisread(launch, "no such number"))

    said = [each.call for each in effects if isinstance(each, SendCall)]
    assert [each.executor_id for each in said if isinstance(each, ExecutorEnded)] == [Id("e")]
    assert [(each.task_id.value, each.reason) for each in sent(effects)] == [
        ("a", "REASON_TASK_INVALID"),
        ("b", "REASON_TASK_INVALID"),
    ]
    assert all("no such number" in (each.message or "") for each in sent(effects))


def test_a_master_of_an_older_term_is_left_even_after_a_crash() -> None:
    world = World()
    world.start()
    world.subscribed(epoch=5)
    world.gets(MasterLost("gone"))
    world.crash()

    (effect,) = world.subscribed(epoch=4)

    assert isinstance(effect, HangUp)
    assert not world.agent.registration.connected


def test_a_ping_is_answered_and_silence_is_not_suffered() -> None:
    world = ready()

    assert world.hears(Ping(), at_ms=10_000) == [SendCall(Pong())]
    assert world.agent.next_deadline_ms() == 85_000
    (effect,) = world.gets(DeadlineReached(), at_ms=85_000)
    assert isinstance(effect, HangUp)


def test_after_a_reboot_every_task_has_ended_unseen() -> None:
    world = ready()
    world.reports(world.runs("t"), TaskState.RUNNING)

    assert world.crash("boot-2") == []
    (running,) = sent(world.subscribed())
    (failed,) = sent(world.acknowledges(running))

    assert (failed.state, failed.reason) == (TaskState.FAILED, "REASON_EXECUTOR_TERMINATED")
    assert "restarted" in (failed.message or "")


def test_a_torn_down_framework_ends_with_a_farewell_to_the_master_only() -> None:
    """The master frees the resources when the process has ended; nobody acknowledges."""
    world = ready()
    container = world.runs("t")
    world.reports(container, TaskState.RUNNING)

    assert world.hears(ShutdownFramework(framework_id=Id("F"))) == [KillContainer(container)]
    (farewell,) = sent(world.reports(container, TaskState.KILLED))
    assert (farewell.state, farewell.uuid) == (TaskState.KILLED, None)
    assert world.agent.tasks.live == {}
    assert world.agent.subscribe_call().tasks == []


def test_an_old_sandbox_is_removed_and_forgotten() -> None:
    world = ready()
    container = world.runs("t")
    (finished,) = sent(world.reports(container, TaskState.FINISHED))
    world.acknowledges(finished)

    assert world.agent.books.collection.due_ms == 60_000
    effects = world.gets(DeadlineReached(), at_ms=60_000)

    root = "/work/slaves/S0/frameworks/F/executors/t/runs"
    assert effects == [RemoveSandbox(f"{root}/{container}", f"/work/meta/runs/{container}")]
    assert world.disk["completed"] == {} and world.disk["framework"] == {}


def test_the_end_waits_for_tasks_and_their_last_words() -> None:
    world = ready()
    container = world.runs("t")

    assert world.gets(ShutdownRequested("told to")) == [KillContainer(container, 3_000)]
    assert world.hears(RunTask(framework=FRAMEWORK, task=command("new")))[0] != LaunchTask
    (killed, *_) = sent(world.reports(container, TaskState.KILLED))
    dropped = next(iter(world.agent.updates.about("F", "new"))).pending()[0].status
    world.acknowledges(dropped)
    effects = world.acknowledges(killed)

    assert effects == [SendCall(Unregister()), EndAgent("told to")]
    world.crash()
    assert world.agent.registration.standing.agent_id is None


def test_last_words_that_nobody_hears_are_kept_for_the_next_life() -> None:
    world = ready()
    container = world.runs("t")
    world.gets(ShutdownRequested("told to"))
    world.reports(container, TaskState.KILLED)

    assert world.agent.next_deadline_ms() == 1_000
    assert world.gets(DeadlineReached(), at_ms=1_000) == [EndAgent("told to")]
    world.crash()
    assert states(world.subscribed()) == [TaskState.KILLED]


def test_a_refused_agent_brings_nothing_of_its_tasks_into_its_next_life() -> None:
    """Else updates of its former id come again and again, and nobody can acknowledge them."""
    world = ready()
    ended, alive = world.runs("t"), world.runs("u")
    world.reports(ended, TaskState.FINISHED)

    world.hears(ShutdownAgent(message="its machine is down for maintenance"))
    effects = world.reports(alive, TaskState.KILLED)

    assert any(isinstance(effect, EndAgent) for effect in effects)
    world.crash()
    assert states(world.subscribed()) == []
    assert world.agent.subscribe_call().tasks == []


def test_a_refused_agent_ends_and_comes_back_as_another() -> None:
    world = ready()

    effects = world.hears(ShutdownAgent(message="marked gone"))

    assert any(isinstance(effect, EndAgent) for effect in effects)
    world.crash()
    assert world.agent.registration.standing.agent_id is None
