"""Persistent volumes of a real agent, through tasks, deaths and garbage collection.

Source: mesos.md §1.3; recording scheduler-reserve-create; Mesos, docs/persistent-volume.md.
"""

import asyncio
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kernel.messages.agent import RunGroup, RunTask
from kernel.messages.operations import Reserve, Volumes
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import (
    CommandInfo,
    DiskInfo,
    ExecutorInfo,
    Id,
    Persistence,
    ReservationInfo,
    Resource,
    ScalarValue,
    Volume,
)
from kernel.model.operation import OperationState
from kernel.model.task import TaskState
from tests.kernel.runtime.agent.fake_master import (
    FRAMEWORK,
    AgentProcess,
    FakeMaster,
    command,
    with_agent,
)

FINISHED = OperationState.FINISHED
DYNAMIC = [ReservationInfo(type="DYNAMIC", role="tests", principal="p")]


def disk(size: float, **more: Any) -> Resource:
    amount = ScalarValue(size)
    return Resource(name="disk", type="SCALAR", scalar=amount, reservations=DYNAMIC, **more)


def volume(**more: Any) -> Resource:
    persistence = Persistence(id="v1", principal="p")
    where = Volume(mode="RW", container_path="data")
    return disk(100, disk=DiskInfo(persistence=persistence, volume=where), **more)


def operation(type_: str, *resources: Resource) -> Operation:
    if type_ == "RESERVE":
        return Operation(type=type_, reserve=Reserve(resources=list(resources)))
    payload = Volumes(volumes=list(resources))
    return Operation(type=type_, **{type_.lower(): payload})


def test_data_outlives_the_task_the_agent_and_the_sandbox_and_ends_with_the_volume(
    tmp_path: Path,
) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        place = agent.work_dir / "volumes" / "roles" / "tests" / "v1"
        assert await master.apply(operation("RESERVE", disk(100))) is FINISHED
        assert await master.apply(operation("CREATE", volume())) is FINISHED
        assert place.is_dir()

        await master.run(command("writes", "echo hello > data/file", volumes=[volume()]))
        await master.hear("writes", TaskState.FINISHED)
        await agent.kill_hard()
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)
        total = master.subscribes[1].total or []
        assert [each.disk.persistence.id for each in total if each.disk and each.disk.persistence]

        while list(agent.work_dir.glob("slaves/*/frameworks/F-1/executors/writes/runs/*")):
            await asyncio.sleep(0.05)  # its sandbox goes after --gc-delay
        assert (place / "file").read_text() == "hello\n"
        await master.run(command("reads", "grep hello data/file", volumes=[volume()]))
        await master.hear("reads", TaskState.FINISHED)

        assert await master.apply(operation("DESTROY", volume())) is FINISHED
        while list(agent.work_dir.glob("volumes/.removed/*")) or place.exists():
            await asyncio.sleep(0.02)

    with_agent(tmp_path, act, "--gc-delay", "1")


def test_a_shared_volume_is_in_several_tasks_at_once_and_stays_while_one_lives(
    tmp_path: Path,
) -> None:
    """Source: Mesos, docs/shared-resources.md."""
    shared = volume(shared={})

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        assert await master.apply(operation("RESERVE", disk(100))) is FINISHED
        assert await master.apply(operation("CREATE", shared)) is FINISHED
        waits = "while [ ! -e data/go ]; do sleep 0.02; done; touch data/$MESOS_EXECUTOR_ID"
        await master.run(*(command(name, waits, volumes=[shared]) for name in ("a", "b")))
        for name in ("a", "b"):
            await master.hear(name, TaskState.RUNNING)

        assert await master.apply(operation("DESTROY", shared)) is OperationState.FAILED
        await master.run(command("c", "touch data/go", volumes=[shared]))
        for name in ("a", "b", "c"):
            await master.hear(name, TaskState.FINISHED)
        place = agent.work_dir / "volumes" / "roles" / "tests" / "v1"
        assert sorted(path.name for path in place.iterdir()) == ["a", "b", "go"]

    with_agent(tmp_path, act)


def test_an_executor_and_a_task_of_a_group_find_their_volume_in_their_sandboxes(
    tmp_path: Path,
) -> None:
    """Source: mesos.md §1.3; Mesos, docs/persistent-volume.md."""
    text = "echo executor > data/executor; sleep 1000"
    custom = ExecutorInfo(
        executor_id=Id("e"), type="CUSTOM", command=CommandInfo(value=text), resources=[volume()]
    )
    default = ExecutorInfo(executor_id=Id("d"), type="DEFAULT")

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        assert await master.apply(operation("RESERVE", disk(100))) is FINISHED
        assert await master.apply(operation("CREATE", volume())) is FINISHED
        place = agent.work_dir / "volumes" / "roles" / "tests" / "v1"
        member = command("member", "grep executor data/executor", volumes=[volume()])
        task = replace(command("on-e", ""), command=None, executor=custom)
        await master.say(RunTask(framework=FRAMEWORK, task=task))
        while not (place / "executor").exists():
            await asyncio.sleep(0.02)

        assert await master.apply(operation("DESTROY", volume())) is OperationState.FAILED
        await master.say(RunGroup(framework=FRAMEWORK, executor=default, tasks=[member]))
        await master.hear("member", TaskState.FINISHED)
        assert sorted(path.name for path in place.iterdir()) == ["executor"]

    with_agent(tmp_path, act)


def test_a_task_that_removes_its_sandbox_s_link_removes_no_data(tmp_path: Path) -> None:
    """Nor does the end of the sandbox, when the link was moved elsewhere in it."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        assert await master.apply(operation("RESERVE", disk(100))) is FINISHED
        assert await master.apply(operation("CREATE", volume())) is FINISHED
        text = "echo x > data/file; mkdir deep; mv data deep/elsewhere"
        await master.run(command("moves", text, volumes=[volume()]))
        await master.hear("moves", TaskState.FINISHED)
        while list(agent.work_dir.glob("slaves/*/frameworks/F-1/executors/moves/runs/*")):
            await asyncio.sleep(0.05)

        place = agent.work_dir / "volumes" / "roles" / "tests" / "v1"
        assert (place / "file").read_text() == "x\n"

    with_agent(tmp_path, act, "--gc-delay", "1")
