"""Command tasks from launch to end. Source: Mesos, src/tests/command_executor_tests.cpp."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.executor.executor import _HANDLERS, Executor
from kernel.executor.talk import (
    AbandonSandbox,
    AdoptProcess,
    CheckFinished,
    CheckTask,
    Effect,
    Event,
    ForgetProcess,
    KillOrdered,
    KillProcess,
    LaunchOrdered,
    LifeRecovered,
    MemoryEnd,
    Orders,
    PrepareSandbox,
    ProbeFinished,
    ProbeTask,
    ProcessAbsent,
    ProcessEnded,
    ProcessRefused,
    ProcessStarted,
    ReportStatus,
    RunnerAttached,
    SandboxFailed,
    SandboxPrepared,
    SignalProcess,
    StartProcess,
)
from kernel.machine import DeadlineReached, Now
from kernel.messages.v1 import CheckInfo, CheckStatusInfo, HealthCheck, TcpResult
from kernel.model.task import Source, TaskState

RUN = "run-1"
ORDERS = Orders(grace_ms=3_000, killing_state=True)


class Talk:
    """One executor and what it said last."""

    def __init__(self) -> None:
        self.executor = Executor()

    def gets(self, event: Event, at_ms: int = 0) -> list[Effect]:
        effects = list(self.executor.step(event, Now(at_ms, at_ms)))
        self.executor.check_invariants()
        return effects

    def runs(self, orders: Orders = ORDERS) -> "Talk":
        self.gets(LaunchOrdered(RUN, orders))
        self.gets(SandboxPrepared(RUN))
        self.gets(ProcessStarted(RUN, 7))
        return self


def reports(effects: list[Effect]) -> list[TaskState]:
    return [each.state for each in effects if isinstance(each, ReportStatus)]


def test_every_event_has_a_handler() -> None:
    assert set(_HANDLERS) == set(get_args(Event))


def test_a_task_starts_runs_and_finishes() -> None:
    talk = Talk()

    assert talk.gets(LaunchOrdered(RUN, ORDERS)) == [PrepareSandbox(RUN)]
    assert talk.gets(SandboxPrepared(RUN)) == [
        ReportStatus(RUN, TaskState.STARTING),
        StartProcess(RUN),
    ]
    assert talk.gets(ProcessStarted(RUN, 7)) == [ReportStatus(RUN, TaskState.RUNNING)]
    assert talk.gets(ProcessEnded(RUN, 0)) == [
        ReportStatus(RUN, TaskState.FINISHED, "Command exited with status 0", wait_status=0),
        ForgetProcess(RUN),
    ]
    assert talk.executor.lives == {}


def test_a_launch_told_twice_is_one_launch() -> None:
    talk = Talk().runs()

    assert talk.gets(LaunchOrdered(RUN, ORDERS)) == []


def test_a_kill_escalates_after_the_grace_period() -> None:
    talk = Talk().runs()

    assert talk.gets(KillOrdered(RUN), at_ms=1_000) == [
        ReportStatus(RUN, TaskState.KILLING),
        SignalProcess(RUN),
    ]
    assert talk.executor.next_deadline_ms() == 4_000
    assert talk.gets(DeadlineReached(), at_ms=3_999) == []
    assert talk.gets(DeadlineReached(), at_ms=4_000) == [KillProcess(RUN)]
    assert reports(talk.gets(ProcessEnded(RUN, 137), at_ms=4_010)) == [TaskState.KILLED]


def test_killing_is_said_only_to_who_has_the_capability() -> None:
    talk = Talk().runs(Orders())

    assert talk.gets(KillOrdered(RUN)) == [SignalProcess(RUN)]


def test_a_task_that_exits_well_after_a_kill_was_killed() -> None:
    """Source: Mesos, CommandExecutorTest.NoTransitionFromKillingToFinished."""
    talk = Talk().runs()
    talk.gets(KillOrdered(RUN))

    assert reports(talk.gets(ProcessEnded(RUN, 0))) == [TaskState.KILLED]


def test_a_second_kill_may_only_shorten_the_grace_period() -> None:
    talk = Talk().runs()
    talk.gets(KillOrdered(RUN), at_ms=0)

    talk.gets(KillOrdered(RUN, grace_ms=60_000), at_ms=100)
    assert talk.executor.next_deadline_ms() == 3_000
    talk.gets(KillOrdered(RUN, grace_ms=500), at_ms=200)
    assert talk.executor.next_deadline_ms() == 700


def test_a_kill_during_the_fetch_ends_the_task_without_a_process() -> None:
    talk = Talk()
    talk.gets(LaunchOrdered(RUN, ORDERS))

    effects = talk.gets(KillOrdered(RUN))

    assert effects[0] == AbandonSandbox(RUN)
    assert reports(effects) == [TaskState.KILLED]
    assert talk.gets(SandboxPrepared(RUN)) == []


def test_a_kill_before_the_start_is_known_waits_for_it() -> None:
    talk = Talk()
    talk.gets(LaunchOrdered(RUN, ORDERS))
    talk.gets(SandboxPrepared(RUN))

    assert talk.gets(KillOrdered(RUN)) == []
    effects = talk.gets(ProcessStarted(RUN, 7))
    assert reports(effects) == [TaskState.RUNNING, TaskState.KILLING]
    assert effects[-1] == SignalProcess(RUN)


def test_a_failed_fetch_fails_the_task_without_starting() -> None:
    """Source: recordings, scheduler-task-failed."""
    talk = Talk()
    talk.gets(LaunchOrdered(RUN, ORDERS))

    (report,) = talk.gets(SandboxFailed(RUN, "Failed to fetch 'x'"))

    assert report == ReportStatus(
        RUN,
        TaskState.FAILED,
        "Failed to launch container: Failed to fetch 'x'",
        "REASON_CONTAINER_LAUNCH_FAILED",
        source=Source.AGENT,
    )


def test_a_refusal_of_the_runner_fails_the_task_once() -> None:
    talk = Talk()
    talk.gets(LaunchOrdered(RUN, ORDERS))
    talk.gets(SandboxPrepared(RUN))

    assert reports(talk.gets(ProcessRefused(RUN, "no room"))) == [TaskState.FAILED]
    assert talk.gets(ProcessEnded(RUN, 125)) == [ForgetProcess(RUN)]


def test_an_end_that_nobody_saw_is_never_a_success() -> None:
    talk = Talk().runs()

    report = talk.gets(ProcessEnded(RUN, None))[0]

    assert isinstance(report, ReportStatus)
    assert report.state is TaskState.FAILED
    assert report.reason == "REASON_EXECUTOR_TERMINATED"
    assert report.source is Source.AGENT


def test_an_end_for_want_of_memory_names_limit_and_peak() -> None:
    talk = Talk().runs()
    memory = MemoryEnd(64 << 20, 60 << 20)

    report = talk.gets(ProcessEnded(RUN, 137, 9, memory))[0]

    assert isinstance(report, ReportStatus)
    assert report.reason == "REASON_CONTAINER_LIMITATION_MEMORY"
    assert report.message == "Memory limit exceeded: Requested: 64MB Maximum Used: 60MB"
    assert report.memory_limit_bytes == 64 << 20


def test_a_task_over_its_completion_time_fails() -> None:
    """Source: recordings, scheduler-max-completion-time."""
    talk = Talk().runs(Orders(completion_ms_max=1_000))

    assert talk.executor.next_deadline_ms() == 1_000
    assert talk.gets(DeadlineReached(), at_ms=1_000) == [SignalProcess(RUN)]
    report = talk.gets(ProcessEnded(RUN, 143), at_ms=1_010)[0]
    assert report == ReportStatus(
        RUN,
        TaskState.FAILED,
        "Command terminated with signal Terminated",
        "REASON_MAX_COMPLETION_TIME_REACHED",
        wait_status=15,
    )


def test_a_hopeless_health_check_kills_and_the_end_is_unhealthy() -> None:
    check = HealthCheck(
        delay_seconds=0, interval_seconds=1, consecutive_failures=2, grace_period_seconds=0
    )
    talk = Talk().runs(Orders(health=check, killing_state=True))

    assert talk.gets(DeadlineReached(), at_ms=0) == [ProbeTask(RUN)]
    assert talk.executor.next_deadline_ms() is None
    first = talk.gets(ProbeFinished(RUN, healthy=False), at_ms=100)
    assert [each.healthy for each in first if isinstance(each, ReportStatus)] == [False]
    assert talk.gets(DeadlineReached(), at_ms=1_100) == [ProbeTask(RUN)]
    second = talk.gets(ProbeFinished(RUN, healthy=False), at_ms=1_200)
    assert reports(second) == [TaskState.RUNNING, TaskState.KILLING]
    assert second[-1] == SignalProcess(RUN)
    end = talk.gets(ProcessEnded(RUN, 143), at_ms=1_300)[0]
    assert isinstance(end, ReportStatus)
    assert (end.state, end.healthy) == (TaskState.KILLED, False)


def test_a_new_runner_is_asked_after_every_process() -> None:
    talk = Talk().runs()

    assert talk.gets(RunnerAttached()) == [AdoptProcess(RUN)]
    assert talk.gets(ProcessStarted(RUN, 7)) == []


def test_a_recovered_task_that_runs_is_not_reported_again() -> None:
    talk = Talk()
    talk.gets(LifeRecovered(RUN, ORDERS, TaskState.RUNNING))

    assert talk.gets(RunnerAttached()) == [AdoptProcess(RUN)]
    assert talk.gets(ProcessStarted(RUN, 7)) == []
    assert reports(talk.gets(ProcessEnded(RUN, 3))) == [TaskState.FAILED]


def test_a_recovered_task_that_ended_meanwhile_is_reported_in_full() -> None:
    talk = Talk()
    talk.gets(LifeRecovered(RUN, ORDERS, TaskState.STARTING))
    talk.gets(RunnerAttached())

    assert reports(talk.gets(ProcessEnded(RUN, 0))) == [TaskState.RUNNING, TaskState.FINISHED]


def test_a_recovered_task_that_never_started_is_started() -> None:
    talk = Talk()
    talk.gets(LifeRecovered(RUN, ORDERS, TaskState.STARTING))
    talk.gets(RunnerAttached())

    assert talk.gets(ProcessAbsent(RUN)) == [PrepareSandbox(RUN)]
    assert talk.gets(SandboxPrepared(RUN)) == [StartProcess(RUN)]


def test_a_kill_goes_on_after_the_agents_restart() -> None:
    talk = Talk()
    talk.gets(LifeRecovered(RUN, ORDERS, TaskState.KILLING, killing=True))
    talk.gets(RunnerAttached())

    assert talk.gets(ProcessStarted(RUN, 7), at_ms=500) == [SignalProcess(RUN)]
    assert talk.executor.next_deadline_ms() == 3_500


def test_a_killed_task_that_never_started_stays_unstarted() -> None:
    talk = Talk()
    talk.gets(LifeRecovered(RUN, ORDERS, TaskState.STAGING, killing=True))
    talk.gets(RunnerAttached())

    assert reports(talk.gets(ProcessAbsent(RUN))) == [TaskState.KILLED]


EVENTS = [
    LaunchOrdered(RUN, ORDERS),
    KillOrdered(RUN),
    KillOrdered(RUN, 100),
    SandboxPrepared(RUN),
    SandboxFailed(RUN, "x"),
    ProcessStarted(RUN, 7),
    ProcessAbsent(RUN),
    ProcessRefused(RUN, "x"),
    ProcessEnded(RUN, 0),
    ProcessEnded(RUN, None),
    ProbeFinished(RUN, healthy=False),
    RunnerAttached(),
    DeadlineReached(),
]


@given(st.lists(st.sampled_from(EVENTS[1:]), max_size=25))
@pytest.mark.parametrize("orders", [ORDERS, Orders(completion_ms_max=5)])
def test_whatever_happens_states_go_forward_and_end_once(
    orders: Orders, events: list[Event]
) -> None:
    talk = Talk()
    effects = talk.gets(LaunchOrdered(RUN, orders))
    for at_ms, event in enumerate(events):
        effects += talk.gets(event, at_ms=at_ms)

    states = reports(effects)
    order = (TaskState.STARTING, TaskState.RUNNING, TaskState.KILLING)
    live = [order.index(state) for state in states if not state.is_terminal]
    ends = [index for index, state in enumerate(states) if state.is_terminal]
    assert live == sorted(live)
    assert len(ends) <= 1
    assert not ends or ends[0] == len(states) - 1
    assert sum(isinstance(each, StartProcess) for each in effects) <= 1 + events.count(
        ProcessAbsent(RUN)
    )


UNASKED = CheckStatusInfo(type="TCP", tcp=TcpResult())
REFUSED = CheckStatusInfo(type="TCP", tcp=TcpResult(succeeded=False))
CHECKED = Orders(check=CheckInfo(type="TCP", delay_seconds=1, interval_seconds=1))


def test_a_check_is_told_in_every_update_and_kills_nothing() -> None:
    """Source: recording scheduler-check; mesos.md §1.4."""
    talk = Talk()

    talk.gets(LaunchOrdered(RUN, CHECKED))
    begun = talk.gets(SandboxPrepared(RUN)) + talk.gets(ProcessStarted(RUN, 7))
    assert [each.check_status for each in begun if isinstance(each, ReportStatus)] == [UNASKED] * 2

    for at_ms in (1_000, 2_000, 3_000):
        assert talk.gets(DeadlineReached(), at_ms) == [CheckTask(RUN)]
        told = talk.gets(CheckFinished(RUN, REFUSED), at_ms)
        changed = ReportStatus(
            RUN, TaskState.RUNNING, reason="REASON_TASK_CHECK_STATUS_UPDATED", check_status=REFUSED
        )
        assert told == ([changed] if at_ms == 1_000 else [])

    last = talk.gets(ProcessEnded(RUN, 0), 4_000)[0]
    assert isinstance(last, ReportStatus)
    assert (last.state, last.check_status) == (TaskState.FINISHED, REFUSED)


def test_after_a_restart_a_check_goes_on_where_it_was() -> None:
    talk = Talk()

    recovered = LifeRecovered(RUN, CHECKED, TaskState.RUNNING, age_ms=5_000, check_status=REFUSED)
    talk.gets(recovered, 0)
    talk.gets(ProcessStarted(RUN, 7), 0)

    assert talk.gets(DeadlineReached(), 1) == [CheckTask(RUN)]
    assert talk.gets(CheckFinished(RUN, REFUSED), 1) == []


def test_four_failures_are_told_four_times_and_then_the_task_is_killed_unhealthy() -> None:
    """Source: mesos.md §6, C17."""
    health = HealthCheck(
        delay_seconds=0, interval_seconds=1, consecutive_failures=4, grace_period_seconds=0
    )
    talk = Talk().runs(Orders(health=health))
    told: list[ReportStatus] = []
    for at_ms in (1_000, 2_000, 3_000, 4_000):
        talk.gets(DeadlineReached(), at_ms)
        effects = talk.gets(ProbeFinished(RUN, healthy=False), at_ms)
        told += [each for each in effects if isinstance(each, ReportStatus)]
    last = talk.gets(ProcessEnded(RUN, 143, 15), 4_100)[0]

    assert [(each.state, each.healthy) for each in told] == [(TaskState.RUNNING, False)] * 4
    assert isinstance(last, ReportStatus)
    assert (last.state, last.healthy) == (TaskState.KILLED, False)


def test_a_custom_executors_process_is_killed_without_another_warning() -> None:
    """It was asked to end over its API before."""
    talk = Talk().runs(Orders(kills_at_once=True))

    assert talk.gets(KillOrdered(RUN), at_ms=5) == [KillProcess(RUN)]
