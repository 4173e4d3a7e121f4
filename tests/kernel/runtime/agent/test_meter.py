"""What tasks leave unused is lent out, on real processes. Source: docs/oversubscription.md."""

import time
from pathlib import Path

import pytest

from kernel.messages.quantities import from_wire
from kernel.messages.v1 import Resource, ScalarValue
from kernel.model.task import TaskState
from kernel.runtime.agent.meter import pressure
from tests.kernel.runtime.agent.bench import memory_is_limited
from tests.kernel.runtime.agent.fake_master import AgentProcess, FakeMaster, command, with_agent

LIMITED = pytest.mark.skipif(not memory_is_limited(), reason="no control groups here")
QUICK = ("--oversubscribed-resources-interval", "0.1")
BUSY = "while [ ! -e go ]; do sleep 0.05; done; while :; do :; done"


def cpus(amount: float, **more: object) -> Resource:
    return Resource(name="cpus", type="SCALAR", scalar=ScalarValue(amount), **more)  # type: ignore[arg-type]


def lent(master: FakeMaster) -> int:
    """Of cpus, in thousandths, as the master heard it last."""
    return from_wire(master.lent[-1].resources).scalar("cpus") if master.lent else 0


@LIMITED
def test_idle_cpus_are_lent_and_taken_back_when_the_task_wakes_up(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("idle", BUSY, volumes=[cpus(0.9)]))  # with its 0.1: one cpu
        await master.hear("idle", TaskState.RUNNING)
        await master.until(lambda: lent(master) >= 500, 30)

        sandbox = next(agent.work_dir.glob("slaves/*/frameworks/*/executors/idle/runs/*-*"))
        (sandbox / "go").touch()
        begin = time.monotonic()
        await master.until(lambda: lent(master) <= 300, 30)
        assert time.monotonic() - begin < 15

    with_agent(tmp_path, act, "--resource-estimator", "usage", *QUICK)


def test_a_machine_that_runs_short_kills_what_runs_on_lent_resources(tmp_path: Path) -> None:
    """The floor is above what any machine has, so this one is short from the start."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.until(lambda: lent(master) == 1_000)
        await master.run(
            command("regular", "sleep 1000"),
            command("lent", "sleep 1000", volumes=[cpus(1.0, revocable={})]),
        )
        last = await master.hear("lent", TaskState.GONE)

        assert last.reason == "REASON_CONTAINER_PREEMPTED"
        await master.hear("regular", TaskState.RUNNING)
        assert "GONE" not in master.states("regular")

    flags = ("--resource-estimator", "fixed:cpus:1", "--qos-mem-floor", "1000000000")
    with_agent(tmp_path, act, *flags, *QUICK)


def test_the_machine_is_measured() -> None:
    now = pressure()

    assert now.mem_available_mib > 0
    assert now.load_milli >= 0
