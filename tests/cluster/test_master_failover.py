"""kill -9 the master with three agents, two frameworks and two hundred tasks: nothing is lost.

Source: Mesos, docs/high-availability-framework-guide.md; mesos.md §6 C.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kernel.model.task import TaskState
from tests.cluster.nodes import Nodes, nodes
from tests.cluster.witness import Witness, until, witnesses

SLEEPERS, ENDING = 90, 10  # tasks of each framework: those that run on, those that end meanwhile
LIVED = [TaskState.STARTING, TaskState.RUNNING]
OFFERS_AGAIN_S = 15  # an aim; a busy machine takes longer without any fault of ours

Both = tuple[Witness, Witness]


def play(directory: Path, scene: Callable[[Nodes, Both], Awaitable[None]]) -> None:
    async def played(cluster: Nodes) -> None:
        async with witnesses(cluster.address, directory) as both:
            await scene(cluster, both)

    with nodes(directory, agents=3) as cluster:
        asyncio.run(played(cluster))


def state_counts(both: Both) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for one in both:
        states = [str(task.state) for task in one.tasks.values()]
        found[one.name] = {state: states.count(state) for state in sorted(set(states))}
    return found


async def all_run(both: Both, tasks: dict[str, list[str]]) -> None:
    await until(
        lambda: all(one.are(TaskState.RUNNING, tasks[one.name]) for one in both),
        90,
        lambda: state_counts(both),
    )


def lost(both: Both) -> list[Any]:
    fine = (*LIVED, TaskState.FINISHED)
    return [told for one in both for told in one.told if told[1] not in fine]


def on_master(cluster: Nodes) -> dict[str, dict[str, int]]:
    """By framework id, how many tasks the master says are in which state."""
    found: dict[str, dict[str, int]] = {}
    for framework in cluster.state()["frameworks"]:
        counts = found.setdefault(framework["id"], {})
        for task in framework["tasks"]:
            counts[task["state"]] = counts.get(task["state"], 0) + 1
    return found


@pytest.mark.timeout(300)
def test_two_hundred_tasks_two_frameworks_and_three_agents_outlive_the_master(
    tmp_path: Path,
) -> None:
    play(tmp_path, outlives)


async def outlives(cluster: Nodes, both: Both) -> None:
    tasks = {one.name: one.launch("sleeper", SLEEPERS) for one in both}
    ending = {one.name: one.launch("ending", ENDING, ends_at_go=True) for one in both}
    await all_run(both, {name: tasks[name] + ending[name] for name in tasks})
    ids = [one.framework_id for one in both]
    await until(lambda: len(alive(both, tasks)) == 2 * SLEEPERS, 30, lambda: "not all began")
    before = {task_id: one.processes(task_id) for one in both for task_id in tasks[one.name]}
    assert all(len(found) == 1 for found in before.values())
    used = {task.agent_id for one in both for task in one.tasks.values()}
    assert len(used) == 3, "every agent has some"

    cluster.kill_master()
    killed_s = time.monotonic()
    both[0].go.touch()  # these end while there is no master
    await until(lambda: not alive(both, ending), 30, lambda: alive(both, ending))
    late = {one.name: one.launch("late", 1) for one in both}  # wanted while there is none
    for one in both:
        one.offered_s.clear()
    await asyncio.to_thread(cluster.start_master)
    started_s = time.monotonic()
    await until(lambda: all(one.offered_s for one in both), 60, lambda: "no offers")
    for one in both:
        since = (one.offered_s[0] - started_s, one.offered_s[0] - killed_s)
        print(f"{one.name}: offers {since[0]:.2f} s after the master answered, {since[1]:.2f} s"
              " after it was killed")  # fmt: skip
    await all_run(both, late)
    await until(
        lambda: all(one.are(TaskState.FINISHED, ending[one.name]) for one in both),
        60,
        lambda: state_counts(both),
    )
    await until(lambda: settled(cluster, both), 30, lambda: on_master(cluster))

    assert [one.framework_id for one in both] == ids
    assert [list(dict.fromkeys(one.ids)) for one in both] == [[each] for each in ids]
    after = {task_id: one.processes(task_id) for one in both for task_id in tasks[one.name]}
    assert after == before, "each is the process that it was"
    assert lost(both) == []
    for one in both:
        assert one.are(TaskState.RUNNING, tasks[one.name])
        for task_id in tasks[one.name]:
            assert one.history(task_id) == LIVED, task_id
        for task_id in ending[one.name]:
            assert one.history(task_id) == [*LIVED, TaskState.FINISHED], "once, in order"
        assert one.offered_s[0] - started_s < OFFERS_AGAIN_S


def alive(both: Both, tasks: dict[str, list[str]]) -> list[str]:
    return [
        task_id
        for one in both
        for task_id in tasks[one.name]
        if any(born for _, born in one.processes(task_id))
    ]


def settled(cluster: Nodes, both: Both) -> bool:
    """The new master knows what the frameworks know: all that runs, and that the rest is over."""
    expected = {str(one.framework_id): {"TASK_RUNNING": SLEEPERS + 1} for one in both}
    return on_master(cluster) == expected


@pytest.mark.timeout(300)
@pytest.mark.parametrize("delay_ms", [0, 20, 150])
def test_a_launch_in_flight_happens_once_or_is_told_not_to_have_happened(
    tmp_path: Path, delay_ms: int
) -> None:
    async def scene(cluster: Nodes, both: Both) -> None:
        tasks = {one.name: one.launch("flying", 20) for one in both}
        await until(lambda: any(one.launched_count() for one in both), 30, lambda: "none")
        await asyncio.sleep(delay_ms / 1000)  # what is tested is this very instant
        cluster.kill_master()
        await asyncio.to_thread(cluster.start_master)
        await until(lambda: all_decided(both, tasks), 90, lambda: state_counts(both))

        for one in both:
            for task_id in tasks[one.name]:
                ran = one.processes(task_id)
                is_running = one.state_of(task_id) is TaskState.RUNNING
                if is_running and not ran:
                    await until(
                        lambda: one.processes(task_id),  # noqa: B023 - awaited here
                        10,
                        lambda: "runs, and does not",
                    )
                    ran = one.processes(task_id)
                assert len(ran) == is_running, f"{task_id}: {one.tasks[task_id]} {ran}"
        print(f"after {delay_ms} ms: {state_counts(both)}")

    play(tmp_path, scene)


def all_decided(both: Both, tasks: dict[str, list[str]]) -> bool:
    decided = (TaskState.RUNNING, TaskState.GONE, TaskState.DROPPED)
    return all(one.state_of(task_id) in decided for one in both for task_id in tasks[one.name])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("delay_ms", [0, 50])
def test_a_kill_in_flight_is_seen_through(tmp_path: Path, delay_ms: int) -> None:
    async def scene(cluster: Nodes, both: Both) -> None:
        doomed = {one.name: one.launch("doomed", 20) for one in both}
        spared = {one.name: one.launch("spared", 5) for one in both}
        await all_run(both, {name: doomed[name] + spared[name] for name in doomed})
        for one in both:
            for task_id in doomed[one.name]:
                one.kill(task_id)
        await asyncio.sleep(delay_ms / 1000)  # what is tested is this very instant
        cluster.kill_master()
        await asyncio.to_thread(cluster.start_master)
        await until(
            lambda: all(one.are(TaskState.KILLED, doomed[one.name]) for one in both),
            90,
            lambda: state_counts(both),
        )

        assert alive(both, doomed) == []
        assert len(alive(both, spared)) == 10
        for one in both:
            ends = [one.history(task_id)[-1] for task_id in doomed[one.name]]
            assert ends == [TaskState.KILLED] * 20

    play(tmp_path, scene)
