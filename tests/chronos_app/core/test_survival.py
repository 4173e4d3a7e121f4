"""Crashes at every effect: no occurrence is lost, none is doubled (J1 to J8).

The invariants are those of the Jepsen test of Chronos, made stronger: there a double run passed.
"""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_app.core.schedule import iso_utc
from chronos_app.core.settings import Settings
from chronos_app.schema.job import Dialect
from kernel.model.task import TaskState
from tests.chronos_app.core.world import START_MS, Start, World

PERIOD_MS, COUNT = 20_000, 4
END_MS = 150_000


def fate(start: Start) -> tuple[int, TaskState, str]:
    """The flaky one fails each first attempt; the long one outlives a restart."""
    if start.job == "flaky" and start.task_id.split(":")[2] == "0":
        return 500, TaskState.FAILED, "Command exited with status 1"
    return (6_000 if start.job == "long" else 300), TaskState.FINISHED, ""


def make_world(calls_survive: bool) -> World:
    return World(Settings(retry_delay_ms=3_000), fate=fate, calls_survive=calls_survive)


def submit_all(world: World) -> None:
    """Until each is acknowledged, as a client that retries would."""
    start, every = iso_utc(START_MS + 30_000), "PT20S"
    schedule = f"R{COUNT}/{start}/{every}"
    jobs: list[dict[str, object]] = [
        {"name": "plain", "schedule": schedule},
        {"name": "long", "schedule": schedule},
        {"name": "flaky", "schedule": schedule, "retries": 2},
        {"name": "left", "parents": ["plain"]},
        {"name": "right", "parents": ["plain"]},
        {"name": "both", "parents": ["left", "right"]},
    ]
    for job in jobs:
        while world.submit(**job) is None:
            world.run(3_000)
    while world.submit(Dialect.V2, name="strict", schedule=schedule, epsilon="PT10S") is None:
        world.run(3_000)


def check(world: World) -> None:
    assert max(Counter(start.task_id for start in world.starts).values()) == 1, "J2: doubled"
    nominal = [START_MS + 30_000 + k * PERIOD_MS for k in range(COUNT)]
    for name in ("plain", "long", "strict"):
        starts = [start for start in world.starts if start.job == name]
        assert [start.nominal_ms for start in starts] == nominal, f"J1, J4, J5: {name}"
        assert all(0 <= s.at_ms - s.nominal_ms < 10_000 for s in starts), f"J3: {name}"
    flaky = [start.nominal_ms for start in world.starts if start.job == "flaky"]
    assert Counter(flaky) == dict.fromkeys(nominal, 2), "each occurrence fails once, then succeeds"
    for name in ("left", "right", "both"):
        assert len(world.started(name)) == COUNT, f"J6: {name} fires once per complete cycle"
        times = [start.nominal_ms for start in world.starts if start.job == name]
        assert all(a < b for a, b in pairwise(times)), "J5"
    assert not world.cron.ledger.runs, "J8: the backlog drained"
    assert world.cron.ledger.progress["plain"].success_count == COUNT
    told = Counter(notice.notice_id for notice in world.notices)
    assert sorted(notice_id.split(":")[0] for notice_id in told) == ["job-exhausted"] * 4
    assert not world.cron.ledger.outbox, "every notice was handed over"


def effects_of_a_calm_run() -> int:
    world = make_world(False)
    submit_all(world)
    world.run_until(END_MS)
    check(world)
    return world.effects_count


EFFECTS_COUNT = effects_of_a_calm_run()


@pytest.mark.parametrize("calls_survive", [False, True])
def test_a_crash_before_any_single_effect_loses_and_doubles_nothing(calls_survive: bool) -> None:
    for crash_at in range(1, EFFECTS_COUNT + 1):
        world = make_world(calls_survive)
        world.crash_at = crash_at
        submit_all(world)

        world.run_until(END_MS)

        try:
            check(world)
        except AssertionError as error:
            raise AssertionError(f"crash before effect {crash_at}: {error}") from error


@settings(max_examples=60, deadline=None)
@given(
    crashes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    calls_survive=st.booleans(),
)
def test_several_crashes_in_a_row_lose_and_double_nothing(
    crashes: list[int], calls_survive: bool
) -> None:
    """Fewer than would keep it down for longer than an epsilon."""
    world = make_world(calls_survive)
    submit_all(world)

    for crash in crashes:
        world.crash_at = world.effects_count + crash
        world.run(15_000)
    world.crash_at = None
    world.run_until(END_MS)

    check(world)


def test_a_master_that_comes_and_goes_loses_and_doubles_nothing() -> None:
    world = make_world(False)
    submit_all(world)

    for _ in range(12):
        world.run(7_000)
        world.disconnect()
        world.later(1_500, world.connect)
    world.run_until(END_MS)

    check(world)
