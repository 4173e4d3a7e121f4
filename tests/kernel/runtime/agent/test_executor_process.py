"""Custom executors as real processes under a real agent, through deaths of every kind.

The executor is `probe_executor`. Source: mesos.md §1.2, §2.8, §6 C9, C10, C14, D2, D3, D15.
"""

import asyncio
import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from kernel.messages.agent import (
    ExecutorEnded,
    RunGroup,
    ShutdownExecutor,
    Update,
)
from kernel.messages.protobuf import executor_pb2
from kernel.messages.protobuf.convert import fill, to_json_form
from kernel.messages.v1 import (
    CommandInfo,
    DurationInfo,
    Environment,
    ExecutorInfo,
    Id,
    Resource,
    ScalarValue,
    TaskInfo,
    Uri,
    Variable,
)
from kernel.model.task import TaskState
from kernel.runtime.call_form import PROTOBUF
from tests.kernel.runtime.agent.bench import alive
from tests.kernel.runtime.agent.fake_master import (
    FRAMEWORK,
    AgentProcess,
    FakeMaster,
    command,
    with_agent,
)

PROBE = Path(__file__).with_name("probe_executor.py")
RUNNING, FINISHED, FAILED, KILLED, GONE, DROPPED = (
    TaskState.RUNNING,
    TaskState.FINISHED,
    TaskState.FAILED,
    TaskState.KILLED,
    TaskState.GONE,
    TaskState.DROPPED,
)
RESOURCES = [
    Resource(name="cpus", type="SCALAR", scalar=ScalarValue(0.1)),
    Resource(name="mem", type="SCALAR", scalar=ScalarValue(64)),
]


def executor(*words: str, value: str | None = None, **more: Any) -> ExecutorInfo:
    text = value or " ".join(["exec", sys.executable, str(PROBE), *words])
    own = Environment(variables=[Variable(name="COLOUR", value="red")])
    return ExecutorInfo(
        executor_id=Id("probe"),
        framework_id=Id("F-1"),
        command=CommandInfo(value=text, environment=own, uris=more.pop("uris", [])),
        resources=RESOURCES,
        **more,
    )


def on(info: ExecutorInfo, task_id: str) -> TaskInfo:
    return command(task_id, "", command=None, executor=info)


async def environment(master: FakeMaster) -> dict[str, str]:
    await master.until(lambda: any("env" in each for each in master.messages()))
    found: dict[str, str] = next(e["env"] for e in master.messages() if "env" in e)
    return found


async def pid_of(agent: AgentProcess, name: str = "exchange") -> int:
    """The executor's, as it wrote it down itself."""
    while not (found := list(agent.work_dir.rglob(name))):
        await asyncio.sleep(0.02)
    return int(json.loads(found[0].read_text().splitlines()[0])["pid"])


def test_many_tasks_run_on_one_executor_that_ends_with_its_last_word(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = executor()
        await master.run(*(on(info, task_id) for task_id in ("a", "b", "c")))
        for task_id in ("a", "b", "c"):
            running = await master.hear(task_id, RUNNING)
            assert running.message == "probe runs" and running.data == b"probe"
            assert running.container_status is not None
            assert running.container_status.executor_pid == await pid_of(agent)
        await master.kill("b")
        await master.hear("b", KILLED)
        for task_id in ("a", "c"):
            await master.message("probe", state="TASK_FINISHED", task_id=task_id)
            await master.hear(task_id, FINISHED)
        await master.message("probe", exit=0)
        await master.until(lambda: master.ended() == [0])

        subscribed = [e for e in master.messages() if e.get("event", {}).get("type")]
        types = [each["event"]["type"] for each in subscribed]
        assert types[:4] == ["SUBSCRIBED", "LAUNCH", "LAUNCH", "LAUNCH"]
        state = await agent.get("/state")
        (framework,) = state["frameworks"]
        assert framework["executors"] == []
        (ended,) = framework["completed_executors"]
        assert ended["id"] == "probe" and len(ended["completed_tasks"]) == 3

    with_agent(tmp_path, act)


def test_an_executor_finds_mesoss_environment_and_its_files(tmp_path: Path) -> None:
    """Source: mesos.md §2.8; recording executor-custom."""
    gift = tmp_path / "gift.txt"
    gift.write_text("for you")

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = executor(uris=[Uri(value=str(gift))])
        await master.run(on(info, "t"))
        found = await environment(master)

        sandbox = Path(found["MESOS_SANDBOX"])
        assert found["MESOS_DIRECTORY"] == str(sandbox)
        assert sandbox.parts[-6:-1] == ("frameworks", "F-1", "executors", "probe", "runs")
        assert (sandbox / "gift.txt").read_text() == "for you"
        expected = {
            "COLOUR": "red",
            "MESOS_EXECUTOR_ID": "probe",
            "MESOS_FRAMEWORK_ID": "F-1",
            "MESOS_SLAVE_ID": "M-S0",
            "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{agent.port}",
            "MESOS_SLAVE_PID": f"slave(1)@127.0.0.1:{agent.port}",
            "MESOS_CHECKPOINT": "1",
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
            "MESOS_HTTP_COMMAND_EXECUTOR": "0",
            "MESOS_RECOVERY_TIMEOUT": "15mins",
            "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
            "LIBPROCESS_IP": "127.0.0.1",
            "LIBPROCESS_PORT": "0",
        }
        assert {name: found.get(name) for name in expected} == expected
        assert "MESOS_ALLOCATION_ROLE" not in found

    with_agent(tmp_path, act)


def test_its_death_is_told_before_the_deaths_of_its_tasks(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = executor()
        await master.run(on(info, "a"), on(info, "b"))
        await master.hear("a", RUNNING)
        await master.hear("b", RUNNING)
        os.kill(await pid_of(agent), signal.SIGKILL)
        last = await master.hear("a", FAILED)
        await master.hear("b", FAILED)

        assert last.reason == "REASON_EXECUTOR_TERMINATED"
        assert master.ended() == [signal.SIGKILL]
        calls = [c for c in master.told if isinstance(c, ExecutorEnded | Update)]
        assert [type(call) for call in calls[-3:]] == [ExecutorEnded, Update, Update]

    with_agent(tmp_path, act)


def test_who_ignores_a_shutdown_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = executor("stubborn", shutdown_grace_period=DurationInfo(700_000_000))
        await master.run(on(info, "t"))
        await master.hear("t", RUNNING)
        begin = time.monotonic()
        await master.say(ShutdownExecutor(framework_id=Id("F-1"), executor_id=Id("probe")))
        await master.hear("t", FAILED)

        assert 0.6 < time.monotonic() - begin < 4
        assert master.ended() == [signal.SIGKILL]

    with_agent(tmp_path, act)


def test_a_teardown_shuts_executors_down(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(on(executor(), "t"))
        await master.hear("t", RUNNING)
        pid = await pid_of(agent)
        await master.tear_down()
        await master.until(lambda: master.ended() == [0])

        assert not alive(pid)

    with_agent(tmp_path, act)


def test_who_does_not_subscribe_in_time_is_killed(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(on(executor(value="exec sleep 1000"), "t"))
        last = await master.hear("t", FAILED)

        assert last.reason == "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
        assert last.message == "Executor did not register within 500ms"
        assert master.ended() == [signal.SIGKILL]

    with_agent(tmp_path, act, "--executor-registration-timeout", "0.5")


def test_one_whose_files_cannot_be_fetched_fails_its_tasks(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(on(executor(uris=[Uri(value="/no/such/file")]), "t"))
        last = await master.hear("t", FAILED)

        assert last.reason == "REASON_CONTAINER_LAUNCH_FAILED"
        assert "/no/such/file" in (last.message or "")
        assert master.ended() == [-1]

    with_agent(tmp_path, act)


def test_a_group_reaches_a_custom_executor_as_one(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = executor()
        tasks = [on(info, "a"), on(info, "b")]
        await master.say(RunGroup(framework=FRAMEWORK, executor=info, tasks=tasks))
        await master.hear("a", RUNNING)
        await master.hear("b", RUNNING)

        types = [each["event"]["type"] for each in master.messages() if "event" in each]
        assert types.count("LAUNCH_GROUP") == 1 and "LAUNCH" not in types

    with_agent(tmp_path, act)


def test_after_a_kill_of_the_agent_it_comes_back_and_nothing_said_is_lost(tmp_path: Path) -> None:
    """Pending updates and those that were said while the agent was away, once each and in order.

    Meanwhile everything but SUBSCRIBE is refused with 503 (contract D15).
    """

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = executor()
        await master.run(on(info, "a"), on(info, "b"))
        await master.hear("a", RUNNING)
        await master.hear("b", RUNNING)
        pid = await pid_of(agent)
        master.acknowledging = False
        await master.message("probe", state="TASK_RUNNING", task_id="a", message="one")
        await master.until(lambda: any(each.message == "one" for each in master.heard))
        await agent.kill_hard()
        (exchange,) = agent.work_dir.rglob("exchange")
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)
        while exchange.read_text().count('"type": "SUBSCRIBED"') < 2:
            await asyncio.sleep(0.02)  # perhaps before our agent has come back to us
        master.acknowledging = True
        for status in (s for s in list(master.heard) if s.message == "one"):
            await master.acknowledge(status)
            break
        await master.message("probe", state="TASK_FINISHED", task_id="a", message="two")
        await master.hear("a", FINISHED)
        await master.kill("b")
        await master.hear("b", KILLED)

        assert await pid_of(agent) == pid
        told = {each.uuid: each for each in master.heard if each.task_id.value == "a"}
        assert [each.message for each in told.values()] == ["probe runs", "one", "two"]
        assert master.ended() == []

    with_agent(tmp_path, act)


def test_the_death_of_the_executor_while_the_agent_is_away_is_found(tmp_path: Path) -> None:
    """Source: contract C14."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(on(executor(), "t"))
        await master.hear("t", RUNNING)
        pid = await pid_of(agent)
        await agent.kill_hard()
        os.kill(pid, signal.SIGKILL)
        while alive(pid):
            await asyncio.sleep(0.02)
        await agent.start()
        last = await master.hear("t", FAILED)

        assert last.reason == "REASON_EXECUTOR_TERMINATED"

    with_agent(tmp_path, act)


def test_one_that_never_comes_back_is_killed_and_its_tasks_are_gone(tmp_path: Path) -> None:
    """Source: contract C14. Stopped, it can't come back; until then the agent is recovering."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(on(executor(), "t"))
        await master.hear("t", RUNNING)
        pid = await pid_of(agent)
        os.kill(pid, signal.SIGSTOP)
        await agent.kill_hard()
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)
        recovering = await agent.status("/state")
        last = await master.hear("t", GONE)

        assert recovering == 503
        assert last.reason == "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
        assert last.message == "Executor did not reregister within 2secs"
        assert not alive(pid)
        assert await agent.status("/state") == 200

    with_agent(tmp_path, act)


def test_an_executor_may_speak_protobuf(tmp_path: Path) -> None:
    """The test plays the executor whose process only sleeps."""
    who = {"executor_id": {"value": "probe"}, "framework_id": {"value": "F-1"}}

    def post(port: int, type_: str, **payload: Any) -> http.client.HTTPResponse:
        message = executor_pb2.Call()
        fill(message, {**who, "type": type_, **payload})
        headers = {"Content-Type": PROTOBUF, "Accept": PROTOBUF}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/api/v1/executor", message.SerializeToString(), headers)
        return connection.getresponse()

    def next_event(stream: http.client.HTTPResponse) -> dict[str, Any]:
        message = executor_pb2.Event()
        message.ParseFromString(stream.read(int(stream.readline())))
        return to_json_form(message)

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(on(executor(value="exec sleep 1000"), "t"))
        while not list(agent.work_dir.rglob("runs/latest")):
            await asyncio.sleep(0.02)
        stream = await asyncio.to_thread(post, agent.port, "SUBSCRIBE", subscribe={})
        assert (stream.status, stream.headers["Content-Type"]) == (200, PROTOBUF)
        first = await asyncio.to_thread(next_event, stream)
        second = await asyncio.to_thread(next_event, stream)
        status = {
            "task_id": {"value": "t"},
            "state": "TASK_RUNNING",
            "source": "SOURCE_EXECUTOR",
            "uuid": "AAECAwQFBgcICQoLDA0ODw==",
        }
        answer = await asyncio.to_thread(post, agent.port, "UPDATE", update={"status": status})
        third = await asyncio.to_thread(next_event, stream)

        assert first["subscribed"]["executor_info"]["executor_id"] == {"value": "probe"}
        assert second["launch"]["task"]["task_id"] == {"value": "t"}
        assert answer.status == 202
        assert third["acknowledged"]["uuid"] == status["uuid"]
        assert (await master.hear("t", RUNNING)).uuid == bytes(range(16))

    with_agent(tmp_path, act)
