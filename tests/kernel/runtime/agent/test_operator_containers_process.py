"""Containers that operators launch, as real processes under a real agent.

Source: mesos.md §1.2, §2.9; recording status-operator-agent.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from kernel.messages.v1 import CommandInfo, Environment, Variable
from kernel.model.task import TaskState
from tests.kernel.runtime.agent.bench import alive
from tests.kernel.runtime.agent.fake_master import (
    AgentProcess,
    FakeMaster,
    command,
    with_agent,
)

RUNNING, KILLED = TaskState.RUNNING, TaskState.KILLED
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
Id = dict[str, Any]


async def call(agent: AgentProcess, type_: str, headers: Any = JSON, **body: Any) -> Any:
    """Status and text of one call."""
    url = f"http://127.0.0.1:{agent.port}/api/v1"
    content = json.dumps({"type": type_, type_.lower(): body}).encode()
    reply = await agent.client.post(url, body=content, headers=headers)
    return reply.status, reply.body.decode()


async def waited(agent: AgentProcess, container: Id, type_: str = "WAIT_CONTAINER") -> Any:
    status, text = await call(agent, type_, container_id=container)
    assert status == 200, text
    return json.loads(text)[type_.lower()]


async def task_of(master: FakeMaster, task_id: str, text: str, **more: Any) -> tuple[Id, int]:
    """Of a running task its container and pid."""
    await master.run(command(task_id, text, **more))
    status = await master.hear(task_id, RUNNING)
    assert status.container_status is not None
    pid, container = status.container_status.executor_pid, status.container_status.container_id
    assert pid is not None and container is not None
    return {"value": container["value"]}, pid


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while alive(pid):
            await asyncio.sleep(0.02)


async def pid_in(file: Path) -> int:
    async with asyncio.timeout(10):
        while not file.exists() or not file.read_text().strip():
            await asyncio.sleep(0.02)
    return int(file.read_text())


def test_a_nested_container_has_its_parents_environment_and_tells_its_wait_status(
    tmp_path: Path,
) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        own = CommandInfo(
            value="exec sleep 1000",
            environment=Environment(variables=[Variable(name="WHO", value="the task")]),
        )
        parent, _ = await task_of(master, "t", "", command=own)
        nested = {"value": "debug", "parent": parent}
        told = tmp_path / "told"
        text = f'echo "$WHO" "$MESOS_EXECUTOR_ID" > {told}; exit 3'
        assert await call(
            agent, "LAUNCH_CONTAINER", container_id=nested, command={"value": text}
        ) == (200, "")
        assert await waited(agent, nested) == {"exit_status": 3 << 8}
        assert told.read_text() == "the task t\n"
        again = await call(agent, "LAUNCH_CONTAINER", container_id=nested, command={"value": ":"})
        assert again == (202, "")

        assert await call(agent, "REMOVE_CONTAINER", container_id=nested) == (200, "")
        gone = "Container " + parent["value"] + ".debug cannot be found"
        assert await call(agent, "WAIT_CONTAINER", container_id=nested) == (404, gone)
        assert list((agent.work_dir / "containers").iterdir()) == []
        assert master.last("t").state is RUNNING

    with_agent(tmp_path, act)


def test_a_nested_container_dies_with_its_task_and_takes_what_is_inside_it_along(
    tmp_path: Path,
) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        parent, _ = await task_of(master, "t", "exec sleep 1000")
        outer = {"value": "outer", "parent": parent}
        inner = {"value": "inner", "parent": outer}
        pids = []
        for container in (outer, inner):
            file = tmp_path / str(container["value"])
            text = f"echo $$ > {file}; exec sleep 1000"
            launched = await call(
                agent, "LAUNCH_NESTED_CONTAINER", container_id=container, command={"value": text}
            )
            assert launched == (200, "")
            pids.append(await pid_in(file))
        awaited = asyncio.create_task(waited(agent, inner, "WAIT_NESTED_CONTAINER"))
        await master.kill("t")
        await master.hear("t", KILLED)
        assert await awaited == {"exit_status": 9}
        for pid in pids:
            await until_gone(pid)

    with_agent(tmp_path, act)


def test_a_standalone_container_is_signalled_and_its_sandbox_removed(tmp_path: Path) -> None:
    async def act(_master: FakeMaster, agent: AgentProcess) -> None:
        alone = {"value": "alone"}
        file = tmp_path / "pid"
        text = f"trap 'exit 7' TERM; pwd > where; echo $$ > {file}; while :; do sleep 0.05; done"
        launched = await call(
            agent, "LAUNCH_CONTAINER", container_id=alone, command={"value": text}
        )
        assert launched == (200, "")
        await pid_in(file)
        early = await call(agent, "REMOVE_CONTAINER", container_id=alone)
        assert early == (400, "Container alone has not terminated yet")
        assert await call(agent, "KILL_CONTAINER", container_id=alone, signal=15) == (200, "")
        assert await waited(agent, alone) == {"exit_status": 7 << 8}
        (sandbox,) = (agent.work_dir / "containers").iterdir()
        assert (sandbox / "where").read_text().strip() == str(sandbox)
        late = await call(agent, "KILL_CONTAINER", container_id=alone)
        assert late == (404, "Container 'alone' cannot be found (or is already killed)")
        assert await call(agent, "REMOVE_CONTAINER", container_id=alone) == (200, "")
        assert not sandbox.exists()

    with_agent(tmp_path, act)


def test_what_can_not_be_launched_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        parent, _ = await task_of(master, "t", "exec sleep 1000")
        run = {"value": "true"}
        nested = {"value": "n", "parent": parent}

        async def refused(status: int, words: str, type_: str, **body: Any) -> None:
            answered, text = await call(agent, type_, **body)
            assert (answered, words in text) == (status, True), text

        nowhere = {"value": "n", "parent": {"value": "nope"}}
        await refused(400, "Parent container nope does not exist", "LAUNCH_CONTAINER",
                      container_id=nowhere, command=run)  # fmt: skip
        await refused(400, "parent", "LAUNCH_NESTED_CONTAINER",
                      container_id={"value": "n"}, command=run)  # fmt: skip
        await refused(400, "invalid", "LAUNCH_CONTAINER",
                      container_id={"value": "../n"}, command=run)  # fmt: skip
        await refused(400, "'command'", "LAUNCH_CONTAINER", container_id=nested)
        await refused(400, "command.user", "LAUNCH_CONTAINER",
                      container_id=nested, command={**run, "user": "root"})  # fmt: skip
        image = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER"}}}
        await refused(400, "ContainerInfo is not supported", "LAUNCH_CONTAINER",
                      container_id=nested, command=run, container=image)  # fmt: skip
        await refused(400, "not launched by an operator", "REMOVE_CONTAINER", container_id=parent)
        await refused(400, "'signal'", "KILL_CONTAINER", container_id=parent, signal=-9)
        assert await call(agent, "PRUNE_IMAGES") == (200, "")
        page = {**JSON, "Origin": f"http://127.0.0.1:{agent.port}"}
        status, _ = await call(agent, "LAUNCH_CONTAINER", page, container_id=nested, command=run)
        assert status == 403
        deep: Id = {"value": "x"}
        for _ in range(20):
            deep = {"value": "x", "parent": deep}
        await refused(400, "deep", "LAUNCH_CONTAINER", container_id=deep, command=run)

    with_agent(tmp_path, act)
