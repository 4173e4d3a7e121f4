"""Containers that operators launch, as real processes under a real agent.

Source: mesos.md §1.2, §2.9; recording status-operator-agent.
"""

import asyncio
import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from kernel.messages.codec import RecordDecoder, recordio
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


async def session(agent: AgentProcess, container: Id, text: str) -> Any:
    """The open answer of a session."""
    url = f"http://127.0.0.1:{agent.port}/api/v1"
    body = {"container_id": container, "command": {"value": text}}
    type_ = "LAUNCH_NESTED_CONTAINER_SESSION"
    content = json.dumps({"type": type_, type_.lower(): body}).encode()
    accept = {"Accept": "application/recordio", "Message-Accept": "application/json"}
    headers = {"Content-Type": "application/json", **accept}
    return agent.client.stream("POST", url, body=content, headers=headers)


async def said(answer: Any) -> dict[str, bytes]:
    """All that came until the end, by output."""
    found = {"STDOUT": b"", "STDERR": b""}
    decoder = RecordDecoder()
    async for chunk in answer.content.iter_any():
        for record in decoder.feed(chunk):
            told = json.loads(record)
            if told["type"] == "CONTROL":
                continue
            data = told["data"]
            found[data["type"]] += b64decode(data["data"])
    return found


def records(*bodies: Any) -> bytes:
    type_ = "ATTACH_CONTAINER_INPUT"
    return b"".join(
        recordio(json.dumps({"type": type_, type_.lower(): body}).encode()) for body in bodies
    )


async def feed(agent: AgentProcess, container: Id, data: bytes) -> int:
    told = {"type": "DATA", "data": {"type": "STDIN", "data": b64encode(data).decode()}}
    body = records(
        {"type": "CONTAINER_ID", "container_id": container},
        {"type": "PROCESS_IO", "process_io": told},
    )
    headers = {"Content-Type": "application/recordio", "Message-Content-Type": "application/json"}
    url = f"http://127.0.0.1:{agent.port}/api/v1"
    return (await agent.client.post(url, body=body, headers=headers)).status


def test_a_session_begins_in_the_tasks_sandbox_and_streams_both_outputs(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        parent, _ = await task_of(master, "t", "echo here > file; exec sleep 1000")
        container = {"value": "s", "parent": parent}
        text = "cat file; echo bad >&2; cat; head -c 3000000 /dev/zero; exit 5"
        async with await session(agent, container, text) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "application/recordio"
            assert answer.headers["Message-Content-Type"] == "application/json"
            assert await feed(agent, container, b"typed\n" * 20_000) == 200
            told = await said(answer)
        assert told["STDERR"] == b"bad\n"
        assert told["STDOUT"] == b"here\n" + b"typed\n" * 20_000 + bytes(3_000_000)
        assert await waited(agent, container) == {"exit_status": 5 << 8}
        assert master.last("t").state is RUNNING

    with_agent(tmp_path, act)


def test_a_session_dies_with_the_connection_of_who_asked_for_it(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        parent, task_pid = await task_of(master, "t", "exec sleep 1000")
        container = {"value": "s", "parent": parent}
        file = tmp_path / "pid"
        async with await session(agent, container, f"echo $$ > {file}; exec sleep 1000") as answer:
            assert answer.status == 200
            pid = await pid_in(file)
            answer.close()
        await until_gone(pid)
        assert alive(task_pid)
        assert await waited(agent, container) == {"exit_status": 9}

    with_agent(tmp_path, act)


def test_a_session_that_can_not_begin_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async def act(_master: FakeMaster, agent: AgentProcess) -> None:
        nowhere = {"value": "s", "parent": {"value": "nope"}}
        async with await session(agent, nowhere, "true") as answer:
            assert answer.status == 400
            assert b"Parent container nope does not exist" in await answer.read()
        assert await feed(agent, nowhere, b"x") == 404
        status, text = await call(agent, "ATTACH_CONTAINER_OUTPUT", container_id=nowhere)
        assert (status, "cannot be found" in text) == (404, True)
        assert list((agent.work_dir / "meta" / "runs").glob("operator-*")) == []

    with_agent(tmp_path, act)
