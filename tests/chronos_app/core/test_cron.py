"""The cron machine in a small true world; the bugs of Chronos by their number."""

from typing import get_args

import pytest

from chronos_app.core import cron as cron_module
from chronos_app.core.events import (
    CompletionReported,
    Denied,
    Done,
    Event,
    JobDeletionRequested,
    KillRequested,
    RunRequested,
    SchedulerEventReceived,
    SuccessMarked,
)
from chronos_app.core.schedule import iso_utc
from chronos_app.core.settings import Settings
from chronos_app.schema.job import Dialect
from kernel.messages import scheduler
from kernel.messages.scheduler import CallType, EventType
from kernel.model.task import TaskState
from tests.chronos_app.core.world import START_MS, Agent, Start, World, environment

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def at(offset_ms: int) -> str:
    return iso_utc(START_MS + offset_ms)


def fails(start: Start) -> tuple[int, TaskState, str]:
    return 100, TaskState.FAILED, "Command exited with status 3"


def lasts(duration_ms: int):  # type: ignore[no-untyped-def]
    return lambda start: (duration_ms, TaskState.FINISHED, "Command exited with status 0")


def test_every_event_has_a_handler() -> None:
    assert set(cron_module._HANDLERS) == set(get_args(Event))


def test_a_run_starts_within_a_quarter_of_a_second_of_its_time() -> None:
    world = World()
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT1M")

    world.run(10 * MINUTE)

    lateness = [started - MINUTE * (k + 1) for k, started in enumerate(world.started("a"))]
    assert len(lateness) == 9 and all(0 <= late < 50 for late in lateness)


def test_the_task_id_says_the_nominal_time_and_the_environment_repeats_it() -> None:
    """Source: Chronos, TaskUtils.scala; here with the nominal time, not that of queueing."""
    world = World()
    world.submit(name="a", schedule=f"R1/{at(5_000)}/PT1M", arguments=["x", "a/b;c"])

    world.run(MINUTE)

    (start,) = world.starts
    assert start.task_id == f"ct:{START_MS + 5_000}:0:a:x abc"
    assert environment(start)["CHRONOS_JOB_RUN_TIME"] == str(START_MS + 5_000)
    assert environment(start)["CHRONOS_JOB_NAME"] == "a"


def test_nothing_is_held_or_asked_for_while_nothing_is_due() -> None:
    world = World()
    world.submit(name="a", schedule=f"R/{at(HOUR)}/PT1H")

    world.run(30 * MINUTE)

    assert not world.cron.dispatch.held
    about_offers = [call.type for call in world.calls if call.type is not CallType.RECONCILE]
    assert about_offers[-1] is CallType.SUPPRESS
    assert len(world.calls) < 10


def test_rn_is_exact_and_the_job_is_disabled_after_its_last_run() -> None:
    """S19; source: Chronos, JobSchedulerSpec ("R1 success")."""
    world = World()
    world.submit(name="a", schedule=f"R3/{at(1_000)}/PT1M")

    world.run(HOUR)

    assert len(world.started("a")) == 3
    assert world.cron.ledger.progress["a"].disabled
    assert [notice.kind for notice in world.notices] == ["job-exhausted"]


def test_s16_a_past_start_runs_once_on_the_path_of_3x_and_not_on_that_of_2x() -> None:
    world = World()
    world.submit(name="three", schedule="R1/2014-01-01T00:00:00Z/PT1H")
    world.submit(Dialect.V2, name="two", schedule="R1/2014-01-01T00:00:00Z/PT1H")

    world.run(MINUTE)

    assert len(world.started("three")) == 1
    assert world.started("two") == [] and world.states("two") == ["skipped"]


def test_s17_what_was_missed_is_made_up_for_by_one_run_and_a_row_says_so() -> None:
    world = World()
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT1M")
    world.run(90_000)
    world.crash(down_ms=5 * MINUTE)

    world.run(5 * MINUTE + 10_000)

    assert [(r.state.value, r.missed_count) for r in world.cron.ledger.history.newest("a")] == [
        ("succeeded", 1),
        ("coalesced", 4),
        ("succeeded", 1),
    ]


def test_epsilon_lets_each_occurrence_start_late_but_not_later_than_that() -> None:
    world = World()
    world.submit(Dialect.V2, name="a", schedule=f"R/{at(MINUTE)}/PT1M", epsilon="PT150S")
    world.crash(down_ms=5 * MINUTE + 10_000)

    world.run(5 * MINUTE + 30_000)

    nominal = [(start.nominal_ms - START_MS) // MINUTE for start in world.starts]
    assert nominal == [3, 4, 5]
    assert world.cron.ledger.history.newest("a", 9)[-1].state.value == "skipped"


def test_s18_r0_is_listed_and_never_runs_and_s27_may_run_by_hand_once() -> None:
    world = World()
    world.submit(name="a", schedule=f"R0/{at(0)}/PT1S")
    world.run(MINUTE)
    assert world.started("a") == []

    assert isinstance(world.tell(RunRequested(1, "a")), Done)
    world.run(MINUTE)

    assert len(world.started("a")) == 1
    assert world.cron.ledger.jobs["a"].job.schedule.startswith("R0/")


def test_s28_a_run_by_hand_is_outside_the_count() -> None:
    world = World()
    world.submit(name="a", schedule=f"R2/{at(MINUTE)}/PT1M")
    world.tell(RunRequested(1, "a", "--now"))

    world.run(10 * MINUTE)

    assert len(world.started("a")) == 3
    assert world.starts[0].info.command and world.starts[0].info.command.value == "true --now"


def test_s20_posting_the_same_definition_again_disturbs_nothing() -> None:
    """#332: five-minute jobs started to run each minute."""
    world = World()
    for _ in range(20):
        world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT5M", successCount=0)
        world.run(MINUTE)

    assert [started // MINUTE for started in world.started("a")] == [1, 6, 11, 16]
    assert world.cron.ledger.progress["a"].success_count == 4


def test_an_edit_of_the_command_keeps_the_cursor_and_one_of_the_schedule_runs_nothing_again() -> (
    None
):
    world = World()
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT5M")
    world.run(2 * MINUTE)

    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT5M", command="date")
    world.run(MINUTE)
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT10M", command="date")
    world.run(9 * MINUTE)

    assert [started // MINUTE for started in world.started("a")] == [1, 11]


def test_s22_failures_with_no_retries_run_exactly_as_scheduled() -> None:
    world = World(fate=fails)
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT1M", retries=0)

    world.run(5 * MINUTE + 30_000)

    assert len(world.started("a")) == 5
    assert world.cron.ledger.progress["a"].error_count == 5


def test_each_occurrence_has_its_retries_to_itself() -> None:
    """Chronos gave none to a job whose last occurrence had failed."""
    world = World(Settings(retry_delay_ms=10_000), fate=fails)
    world.submit(name="a", schedule=f"R2/{at(MINUTE)}/PT10M", retries=2)

    world.run(HOUR)

    attempts = [start.task_id.split(":")[2] for start in world.starts]
    assert attempts == ["0", "1", "2"] * 2
    assert world.cron.ledger.progress["a"].error_count == 2
    kinds = [notice.kind for notice in world.notices]
    assert kinds == ["job-failed", "job-failed", "job-exhausted"]


def test_a_retry_survives_a_restart() -> None:
    world = World(Settings(retry_delay_ms=30_000), fate=fails)
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT10M", retries=1)
    world.run(5_000)
    world.crash()

    world.run(MINUTE)

    assert [started // 1_000 for started in world.started("a")] == [1, 31]


def test_the_exit_status_and_the_agent_are_in_the_history() -> None:
    world = World(fate=fails)
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT10M", retries=0)

    world.run(MINUTE)

    (run,) = world.cron.ledger.history.newest("a")
    assert (run.exit_status, run.state.value, run.agent_host) == (3, "failed", "s1.example")


def test_a_job_that_keeps_failing_is_disabled_at_the_threshold() -> None:
    world = World(Settings(disable_after_failures=3), fate=fails)
    world.submit(name="a", schedule=f"R/{at(1_000)}/PT1M", retries=0, owner="x@y.z, b@c.d")

    world.run(HOUR)

    assert len(world.started("a")) == 3
    assert [notice.kind for notice in world.notices] == ["job-failed"] * 2 + ["job-disabled"]
    assert world.notices[-1].owners == ("x@y.z", "b@c.d")


def test_without_concurrent_an_overrun_is_followed_by_one_run_at_its_end() -> None:
    world = World(fate=lasts(150_000))
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT1M")

    world.run(6 * MINUTE)

    starts = world.started("a")
    assert [started // 1_000 for started in starts] == [60, 210, 360] or len(starts) == 2
    assert all(b - a >= 150_000 for a, b in zip(starts, starts[1:], strict=False))


def test_with_concurrent_runs_overlap() -> None:
    world = World(fate=lasts(150_000))
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT1M", concurrent=True)

    world.run(6 * MINUTE)

    assert len(world.started("a")) == 5


def test_what_does_not_fit_never_holds_up_what_does() -> None:
    world = World()
    world.submit(name="big", schedule=f"R/{at(1_000)}/PT1H", cpus=64, highPriority=True)
    world.submit(name="small", schedule=f"R/{at(1_000)}/PT1H")

    world.run(10_000)

    assert world.started("big") == [] and len(world.started("small")) == 1
    (waiting,) = world.cron.ledger.live("big")
    assert "short of 60" in world.cron.waiting.why[waiting.run_id]


def test_high_priority_goes_first() -> None:
    world = World(agents=(Agent("S1", cpus=1.0),))
    for name, high in (("low", False), ("high", True)):
        world.submit(name=name, schedule=f"R1/{at(5_000)}/PT1H", cpus=1, highPriority=high)

    world.run(MINUTE)

    assert [start.job for start in world.starts] == ["high", "low"]


@pytest.mark.parametrize(
    ("constraint", "agent"),
    [
        (["rack", "EQUALS", "r2"], "S2"),
        (["rack", "LIKE", "r[2-9]"], "S2"),
        (["rack", "UNLIKE", "r2"], "S1"),
        (["hostname", "EQUALS", "s2.example"], "S2"),
    ],
)
def test_constraints_choose_the_agent(constraint: list[str], agent: str) -> None:
    agents = (Agent("S1", attributes={"rack": "r1"}), Agent("S2", attributes={"rack": "r2"}))
    world = World(agents=agents)
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1H", constraints=[constraint])

    world.run(MINUTE)

    assert [start.info.agent_id.value for start in world.starts] == [agent]


def test_kill_ends_the_task_without_a_retry_or_a_counted_error() -> None:
    world = World(fate=lasts(HOUR))
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1H")
    world.run(5_000)

    assert isinstance(world.tell(KillRequested(1, "a")), Done)
    world.run(5 * MINUTE)

    assert world.states("a") == ["killed"]
    assert len(world.starts) == 1 and world.cron.ledger.progress["a"].error_count == 0


def test_a_deleted_job_is_killed_and_never_runs_again() -> None:
    world = World(fate=lasts(HOUR))
    world.submit(name="a", schedule=f"R/{at(1_000)}/PT1M", concurrent=True)
    world.run(5_000)

    assert isinstance(world.tell(JobDeletionRequested(1, "a")), Done)
    world.crash()
    world.run(10 * MINUTE)

    assert len(world.starts) == 1 and not world.cron.ledger.runs


def test_a_job_made_anew_never_has_a_task_id_of_the_old_one() -> None:
    world = World()
    for _ in range(3):
        world.submit(name="a", schedule=f"R1/{at(-1_000)}/PT1M")
        world.run(5_000)
        world.tell(JobDeletionRequested(1, "a"))

    ids = [start.task_id for start in world.starts]
    assert len(ids) == 3 == len(set(ids))


def test_s23_a_restart_with_a_running_task_starts_no_second_one() -> None:
    """#411, #818."""
    world = World(fate=lasts(5 * MINUTE))
    world.submit(name="a", schedule=f"R/{at(1_000)}/PT1M")
    world.run(30_000)

    for _ in range(3):
        world.crash()
        world.run(30_000)

    assert len(world.starts) == 1


def test_s25_a_clock_that_is_set_back_runs_nothing_twice() -> None:
    world = World()
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT1M")
    world.run(5 * MINUTE + 30_000)

    world.wall_ms -= 3 * MINUTE
    world.run(5 * MINUTE)

    nominal = [start.nominal_ms for start in world.starts]
    assert nominal == sorted(set(nominal)) and len(nominal) == 7


def test_a_clock_that_is_set_forward_is_noticed_within_ten_seconds() -> None:
    world = World()
    world.submit(name="a", schedule=f"R/{at(HOUR)}/PT1H")
    world.run(MINUTE)

    world.wall_ms += HOUR
    world.run(11_000)

    assert len(world.starts) == 1


def test_s29_a_success_by_hand_does_not_disable_a_job_that_is_still_retrying() -> None:
    world = World(fate=fails)
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1M", retries=3)
    world.run(30_000)

    world.tell(SuccessMarked(1, "a"))

    assert not world.cron.ledger.progress["a"].disabled


def test_an_asynchronous_job_of_2x_is_over_when_it_says_so() -> None:
    world = World()
    job = {"name": "a", "schedule": f"R1/{at(1_000)}/PT1M", "async": True}
    world.submit(Dialect.V2, **job)
    world.run(MINUTE)
    assert world.states("a") == []

    world.tell(CompletionReported(1, world.starts[0].task_id, 0))

    assert world.states("a") == ["succeeded"]


def test_a_run_that_takes_longer_than_it_may_is_killed_and_counts_as_failed() -> None:
    world = World(fate=lasts(HOUR))
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1M", retries=0, maxCompletionTime=30)

    world.run(2 * MINUTE)

    assert world.states("a") == ["failed"]
    assert world.cron.ledger.progress["a"].error_count == 1


def test_children_fire_once_per_cycle_in_the_order_of_the_graph() -> None:
    """Source: Chronos, JobSchedulerIntegrationTest ("complex graph")."""
    world = World()
    world.submit(name="a", schedule=f"R3/{at(1_000)}/PT1M")
    for name, parents in (("b", ["a"]), ("c", ["a"]), ("d", ["b", "c"])):
        assert isinstance(world.submit(name=name, parents=parents), Done)

    world.run(10 * MINUTE)

    order = [start.job for start in world.starts]
    assert order == ["a", "b", "c", "d"] * 3


def test_a_cycle_and_an_unknown_parent_are_refused_and_nothing_changes() -> None:
    world = World()
    world.submit(name="a", schedule=f"R/{at(HOUR)}/PT1H")
    world.submit(name="b", parents=["a"])

    cycle = world.submit(name="a", parents=["b"])
    itself = world.submit(name="c", parents=["c"])
    unknown = world.submit(name="c", parents=["nobody"])

    assert isinstance(cycle, Denied) and "a -> b -> a" in cycle.refusal.message
    assert isinstance(itself, Denied) and itself.refusal.field == "parents"
    assert isinstance(unknown, Denied) and "'nobody'" in unknown.refusal.message
    assert list(world.cron.ledger.jobs) == ["a", "b"]


def test_a_failed_parent_does_not_fire_its_children_unless_it_fails_softly() -> None:
    world = World(fate=lambda start: fails(start) if start.job in "ab" else lasts(10)(start))
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1M", retries=0)
    world.submit(name="b", schedule=f"R1/{at(1_000)}/PT1M", retries=0, softError=True)
    world.submit(name="of-a", parents=["a"])
    world.submit(name="of-b", parents=["b"])

    world.run(MINUTE)

    assert [start.job for start in world.starts] == ["a", "b", "of-b"]


def test_the_children_of_a_deleted_job_take_over_its_place() -> None:
    world = World()
    world.submit(name="a", schedule=f"R/{at(MINUTE)}/PT1M")
    world.submit(name="b", parents=["a"], description="kept")
    world.submit(name="c", parents=["b"])

    world.tell(JobDeletionRequested(1, "b"))
    assert world.cron.ledger.jobs["c"].job.parents == ("a",)
    world.tell(JobDeletionRequested(1, "a"))
    world.run(90_000)

    assert world.cron.ledger.jobs["c"].job.schedule == f"R/{at(MINUTE)}/PT1M"
    assert [start.job for start in world.starts] == ["c"]


def test_progress_of_a_cycle_survives_a_restart() -> None:
    """#811: Chronos kept it in memory only."""
    slow = lambda start: lasts(MINUTE if start.job == "b" else 100)(start)  # noqa: E731
    world = World(fate=slow)
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1H")
    world.submit(name="b", schedule=f"R1/{at(1_000)}/PT1H")
    world.submit(name="c", parents=["a", "b"])
    world.run(10_000)
    world.crash()

    world.run(2 * MINUTE)

    assert [start.job for start in world.starts] == ["a", "b", "c"]


def test_a_late_start_is_told_to_the_owner_with_its_reason() -> None:
    world = World(agents=(Agent("S1", cpus=1.0),), fate=lasts(3 * MINUTE))
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1H", cpus=1)
    world.submit(name="b", schedule=f"R1/{at(2_000)}/PT1H", cpus=1)

    world.run(10 * MINUTE)

    late = [notice for notice in world.notices if notice.kind == "job-late"]
    assert [notice.job for notice in late] == ["b"]


def test_a_cron_expression_runs_on_the_minute() -> None:
    world = World()
    world.submit(name="a", schedule="*/5 * * * *")

    world.run(16 * MINUTE)

    assert len(world.starts) == 3
    assert all(start.nominal_ms % (5 * MINUTE) == 0 for start in world.starts)
    assert all(start.at_ms - start.nominal_ms < 50 for start in world.starts)


def test_weeks_across_a_change_of_the_clock_lose_and_double_nothing() -> None:
    world = World(Settings(history_count_max=100))
    world.wall_ms += int(130.5 * DAY)  # October 2026
    world.submit(name="cron", schedule="30 2 * * *", scheduleTimeZone="Europe/Berlin")
    world.submit(name="iso", schedule="R/2026-01-01T02:30:00/P1D", scheduleTimeZone="Europe/Berlin")
    before = len(world.started("iso"))  # one at once, for what was missed

    world.run(30 * DAY)

    assert len(world.started("cron")) == 30
    assert len(world.started("iso")) - before in (30, 31)


def test_an_orphan_counts_for_nothing_in_a_new_job_of_its_name() -> None:
    world = World(fate=lasts(MINUTE))
    world.submit(name="a", schedule=f"R1/{at(1_000)}/PT1M")
    world.run(5_000)
    world.tell(JobDeletionRequested(1, "a"))
    world.submit(name="a", schedule=f"R1/{at(HOUR)}/PT1M")

    world.run(10 * MINUTE)

    assert world.states("a") == []
    assert world.cron.ledger.progress["a"].success_count == 0


def test_a_framework_that_was_torn_down_comes_back_as_a_new_one() -> None:
    world = World()
    world.run(1_000)
    error = scheduler.Error(message="Framework has been removed")

    world.tell(SchedulerEventReceived(scheduler.Event(type=EventType.ERROR, error=error)))

    assert world.cron.ledger.framework_id == ""
