"""The agent as a process: what a master hears of real tasks, through deaths of every kind."""

import asyncio
import os
import signal
import tarfile
import time
from pathlib import Path

import pytest
from aiohttp import web

from kernel.messages.v1 import (
    CommandInfo,
    DurationInfo,
    Environment,
    HealthCheck,
    Id,
    KillPolicy,
    Task,
    TcpCheck,
    Uri,
    Variable,
)
from kernel.model.task import TaskState
from kernel.runtime.agent.node import groups_name
from tests.kernel.runtime.agent.bench import alive, kill_hard, memory_is_limited
from tests.kernel.runtime.agent.fake_master import (
    AgentProcess,
    FakeMaster,
    command,
    with_agent,
)
from tests.processes import free_port

LIMITED = pytest.mark.skipif(not memory_is_limited(), reason="no memory control group here")
RUNNING, FINISHED, FAILED, KILLED = (
    TaskState.RUNNING,
    TaskState.FINISHED,
    TaskState.FAILED,
    TaskState.KILLED,
)


def test_a_command_goes_through_starting_and_running_to_finished(tmp_path: Path) -> None:
    """Source: recordings, scheduler-launch-finished."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("one", "echo hello"))
        last = await master.hear("one", FINISHED)

        assert master.states("one") == ["STARTING", "RUNNING", "FINISHED"]
        assert last.message == "Command exited with status 0"
        assert last.source is not None and last.source.value == "SOURCE_EXECUTOR"
        assert len(last.uuid or b"") == 16
        assert last.executor_id == last.task_id

    with_agent(tmp_path, act)


def test_failures_are_told_in_mesos_words(tmp_path: Path) -> None:
    """Source: recordings, scheduler-task-failed."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        uris = CommandInfo(value="true", uris=[Uri(value="/no/such/file")])
        user = CommandInfo(value="true", user="no-such-user")
        await master.run(
            command("exits", "exit 3"),
            command("dies", "kill -9 $$"),
            command("fetches", "", command=uris),
            command("switches", "", command=user),
            command("docker", "true", container={"type": "DOCKER", "docker": {"image": "x"}}),
        )
        for task in ("exits", "dies", "fetches", "switches", "docker"):
            await master.hear(task, FAILED)

        assert master.last("exits").message == "Command exited with status 3"
        assert master.last("dies").message == "Command terminated with signal Killed"
        assert master.states("fetches") == ["FAILED"]
        assert master.last("fetches").reason == "REASON_CONTAINER_LAUNCH_FAILED"
        assert "/no/such/file" in (master.last("fetches").message or "")
        if os.geteuid() == 0:
            assert "No such user 'no-such-user'" in (master.last("switches").message or "")
        assert "Docker containers are not supported" in (master.last("docker").message or "")

    with_agent(tmp_path, act)


def test_a_kill_ends_the_task_and_says_killing_to_those_who_can_hear_it(tmp_path: Path) -> None:
    """Source: recordings, scheduler-kill-killing-state."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("one", "sleep 1000"))
        await master.hear("one", RUNNING)
        await master.kill("one")
        await master.hear("one", KILLED)

        assert master.states("one") == ["STARTING", "RUNNING", "KILLING", "KILLED"]
        assert master.last("one").message == "Command terminated with signal Terminated"

    with_agent(tmp_path, act)


def test_who_ignores_sigterm_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    """Source: recordings, scheduler-kill-escalation."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        policy = KillPolicy(grace_period=DurationInfo(1_000_000_000))
        stubborn = "trap '' TERM; touch ready; while true; do sleep 0.1; done"
        await master.run(command("one", stubborn, kill_policy=policy))
        await master.hear("one", RUNNING)
        while not list(agent.work_dir.rglob("ready")):
            await asyncio.sleep(0.02)
        begin = time.monotonic()
        await master.kill("one")
        last = await master.hear("one", KILLED)

        assert last.message == "Command terminated with signal Killed"
        assert 0.9 < time.monotonic() - begin < 5

    with_agent(tmp_path, act)


def test_after_a_kill_of_the_agent_every_task_runs_on_under_its_pid(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(
            command("stays", "echo $$ > pid; exec sleep 1000"),
            command("ends", "while [ ! -e go ]; do sleep 0.05; done; exit 5"),
        )
        await master.hear("stays", RUNNING)
        await master.hear("ends", RUNNING)
        pid = int(await _file(agent, "stays", "pid"))

        await agent.kill_hard()
        (_sandbox(agent, "ends") / "go").touch()
        while not list((agent.work_dir / "meta" / "runs").glob("*/exit")):
            await asyncio.sleep(0.02)
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)
        last = await master.hear("ends", FAILED)

        assert last.message == "Command exited with status 5"
        assert alive(pid)
        again = {task.task_id.value: task.state for task in master.subscribes[1].tasks}
        assert again == {"stays": RUNNING, "ends": RUNNING}
        assert master.subscribes[1].agent_info.id is not None
        assert master.states("stays") == ["STARTING", "RUNNING"]
        await master.kill("stays")
        await master.hear("stays", KILLED)
        assert not alive(pid)

    with_agent(tmp_path, act)


def test_a_duplicate_launch_does_not_start_it_twice(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        task = command("one", "echo once; sleep 1000")
        await master.run(task, task)
        await master.hear("one", RUNNING)
        await agent.kill_hard()
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)
        await master.run(task)
        await master.run(command("two", "true"))
        await master.hear("two", FINISHED)

        assert await _file(agent, "one", "stdout") == "once\n"
        assert master.states("one") == ["STARTING", "RUNNING"]

    with_agent(tmp_path, act)


def test_unheard_updates_survive_the_agent_in_their_order(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        master.acknowledging = False
        await master.run(command("one", "exit 4"))
        await master.hear("one", TaskState.STARTING)
        while not list((agent.work_dir / "meta" / "runs").glob("*/exit")):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)  # only the head was sent; nothing else may come

        assert master.states("one") == ["STARTING"]
        first = master.last("one").uuid
        await agent.kill_hard()
        master.acknowledging = True
        await agent.start()
        await master.hear("one", FAILED)

        assert [each.state.name for each in master.heard][:2] == ["STARTING", "STARTING"]
        assert master.states("one") == ["STARTING", "RUNNING", "FAILED"]
        assert master.heard[1].uuid == first

    with_agent(tmp_path, act)


def test_a_killed_runner_is_replaced_and_the_tasks_live_on(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(
            command("stays", "echo $$ > pid; exec sleep 1000"),
            command("ends", "while [ ! -e go ]; do sleep 0.05; done; exit 0"),
        )
        await master.hear("stays", RUNNING)
        await master.hear("ends", RUNNING)
        pid = int(await _file(agent, "stays", "pid"))

        before = agent.runner_pid()
        kill_hard(before)
        (_sandbox(agent, "ends") / "go").touch()
        await master.hear("ends", FINISHED)

        assert alive(pid)
        assert agent.runner_pid() not in (0, before)
        await master.kill("stays")
        await master.hear("stays", KILLED)
        assert not alive(pid)

    with_agent(tmp_path, act)


@LIMITED
def test_a_greedy_task_fails_for_its_memory(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        greedy = "head -c 300000000 /dev/zero | tail -c 300000000 | wc -c; sleep 1000"
        await master.run(command("one", greedy, mem=40.0))
        last = await master.hear("one", FAILED)

        assert last.reason == "REASON_CONTAINER_LIMITATION_MEMORY"
        assert (last.message or "").startswith("Memory limit exceeded: Requested: 40MB")
        assert last.limitation is not None
        assert last.limitation["resources"][0]["scalar"]["value"] == 40.0

    with_agent(tmp_path, act)


def test_a_failing_health_check_ends_the_task_as_killed_and_unhealthy(tmp_path: Path) -> None:
    """Source: recordings, scheduler-health-check."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        check = HealthCheck(
            type="COMMAND",
            command=CommandInfo(value="test -e second && exit 1; touch second"),
            delay_seconds=0,
            interval_seconds=0.1,
            timeout_seconds=5,
            consecutive_failures=3,
            grace_period_seconds=0,
        )
        await master.run(command("one", "sleep 1000", health_check=check))
        last = await master.hear("one", KILLED)

        seen = [(each.state.name, each.healthy) for each in master.heard]
        assert seen == [
            ("STARTING", None),
            ("RUNNING", None),
            ("RUNNING", True),
            *[("RUNNING", False)] * 3,
            ("KILLING", None),
            ("KILLED", False),
        ]
        assert last.message == "Command terminated with signal Terminated"

    with_agent(tmp_path, act)


def test_tcp_checks_see_the_task_come_up(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        port = free_port()
        check = HealthCheck(
            type="TCP",
            tcp=TcpCheck(port=port),
            delay_seconds=0,
            interval_seconds=0.1,
            grace_period_seconds=30,
        )
        server = f"exec python3 -m http.server {port} --bind 127.0.0.1"
        environment = Environment(variables=[Variable(name="PATH", value=os.environ["PATH"])])
        info = CommandInfo(value=server, environment=environment)
        await master.run(command("one", "", command=info, health_check=check))
        await master.until(lambda: any(each.healthy for each in master.heard))

        assert not any(each.healthy is False for each in master.heard)

    with_agent(tmp_path, act)


def test_uris_and_environment_reach_the_task(tmp_path: Path) -> None:
    """Source: recordings, scheduler-uris-environment."""
    (tmp_path / "fetched.txt").write_text("fetched\n")

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = CommandInfo(
            value="cat got.txt && env",
            uris=[Uri(value=f"file://{tmp_path}/fetched.txt", output_file="got.txt")],
            environment=Environment(variables=[Variable(name="COLOUR", value="red")]),
        )
        await master.run(command("one", "", command=info))
        await master.hear("one", FINISHED)

        lines = (await _file(agent, "one", "stdout")).splitlines()
        assert lines[0] == "fetched"
        sandbox = str(_sandbox(agent, "one").resolve())
        assert {f"MESOS_SANDBOX={sandbox}", f"MESOS_DIRECTORY={sandbox}", "COLOUR=red"} <= set(
            lines
        )
        assert not any(line.startswith("MESOS_TASK_ID=") for line in lines)

    with_agent(tmp_path, act)


def test_a_deposed_master_is_left(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("first", "true"))
        await master.hear("first", FINISHED)  # so the term is on record
        master.epoch = 0
        await agent.kill_hard()
        await agent.start()
        await master.until(lambda: len(master.subscribes) >= 4)
        master.epoch = 2
        count = len(master.subscribes)
        await master.until(lambda: len(master.subscribes) > count)
        await master.run(command("one", "true"))

        await master.hear("one", FINISHED)

    with_agent(tmp_path, act)


def test_what_the_master_believes_and_the_agent_never_got_is_dropped(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await agent.kill_hard()
        master.believed = [_believed("ghost")]
        await agent.start()

        dropped = await master.hear("ghost", TaskState.DROPPED)
        assert dropped.reason == "REASON_RECONCILIATION"

    with_agent(tmp_path, act)


def test_a_launch_that_the_agent_can_not_read_is_answered_with_dropped(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        framework = {"id": {"value": "F-1"}}
        alone = {"task_id": {"value": "alone"}, "command": 7}
        grouped = [{"task_id": {"value": name}, "resources": "all"} for name in ("one", "two")]
        await master.say(
            {"type": "RUNTASK", "framework": framework, "task": alone},
            {
                "type": "RUNGROUP",
                "framework": framework,
                "executor": {"executor_id": {"value": "e"}},
                "tasks": grouped,
            },
            {"type": "RUNTASK"},  # about nobody: nobody waits
        )
        for name in ("alone", "one", "two"):
            dropped = await master.hear(name, TaskState.DROPPED)
            assert "The agent can't read" in (dropped.message or "")
        assert len(master.ended()) == 1

        await master.run(command("next", "true"))
        await master.hear("next", FINISHED)

    with_agent(tmp_path, act)


def test_a_torn_down_framework_takes_its_tasks_along(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("one", "echo $$ > pid; exec sleep 1000"))
        await master.hear("one", RUNNING)
        pid = int(await _file(agent, "one", "pid"))
        await master.tear_down()
        while alive(pid):
            await asyncio.sleep(0.02)
        state = await agent.get("/state")
        while state["frameworks"][0]["executors"]:
            state = await agent.get("/state")

        last = await master.hear("one", KILLED)
        assert last.uuid is None  # nobody is left to acknowledge it

    with_agent(tmp_path, act)


def test_sigterm_leaves_the_tasks_and_shutdown_leaves_nothing(tmp_path: Path) -> None:
    pids: list[int] = []

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("one", "echo $$ > pid; exec sleep 1000"))
        await master.hear("one", RUNNING)
        pid = int(await _file(agent, "one", "pid"))
        await agent.stop()
        assert alive(pid)
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)

        pids.extend([pid, agent.runner_pid()])
        begin = time.monotonic()
        await agent.shut_down()

        assert time.monotonic() - begin < 6
        assert master.states("one")[-1] == "KILLED"
        assert master.unregistered

    with_agent(tmp_path, act)

    assert pids[1] and not any(alive(pid) for pid in pids)
    name = groups_name(str(tmp_path / "work"))
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{name}"))


def test_sigusr1_ends_everything_too(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("one", "trap '' TERM; while true; do sleep 0.1; done"))
        await master.hear("one", RUNNING)
        assert agent.process is not None
        agent.process.send_signal(signal.SIGUSR1)
        await asyncio.wait_for(agent.process.wait(), 8)

        assert master.states("one")[-1] == "KILLED"
        assert not agent.runner_pid()

    with_agent(tmp_path, act)


def test_the_state_names_the_sandbox_as_mesos_does(tmp_path: Path) -> None:
    """Source: recordings, v0-agent-state."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("short", "echo out"), command("long", "sleep 1000"))
        await master.hear("short", FINISHED)
        await master.hear("long", RUNNING)
        for path in ("/state", "/slave(1)/state"):
            framework = (await agent.get(path))["frameworks"][0]
            live, over = framework["executors"], framework["completed_executors"]
            assert [each["id"] for each in live] == ["long"]
            assert live[0]["tasks"][0]["state"] == "TASK_RUNNING"
            assert live[0]["tasks"][0]["resources"]["cpus"] == 0.1
            directory = over[0]["directory"]
            assert Path(directory, "stdout").read_text() == "out\n"
            read = await agent.get(f"/files/read?path={directory}/stdout&offset=0")
            assert read == {"data": "out\n", "offset": 0}
        figures = await agent.get("/monitor/statistics")
        assert [each["executor_id"] for each in figures] == ["long"]
        assert (await agent.get("/metrics/snapshot"))["slave/tasks_running"] == 1.0
        assert await agent.status("/health") == 200

    with_agent(tmp_path, act)


def test_whenever_the_agent_is_killed_each_task_starts_at_most_once(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir(mode=0o777)
    names = [f"t{number}" for number in range(40)]

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(*(command(name, f"echo x >> {marks}/{name}") for name in names))
        for delay_s in (0.05, 0.02, 0.1):
            await asyncio.sleep(delay_s)  # the point is to strike in the middle
            await agent.kill_hard()
            master.believed = [_believed(name) for name in names if not _ended(master, name)]
            count = len(master.subscribes)
            await agent.start()
            await master.until(lambda seen=count: len(master.subscribes) > seen)
        await master.until(lambda: all(_ended(master, name) for name in names), timeout_s=40)

        for name in names:
            mark = marks / name
            starts = mark.read_text().count("x") if mark.exists() else 0
            end = master.last(name).state
            assert (end, starts) in [(FINISHED, 1), (TaskState.DROPPED, 0)], (end, starts)

    with_agent(tmp_path, act)


def test_a_second_agent_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        other = AgentProcess(agent.work_dir, master)
        await other.start()
        assert other.process is not None
        try:
            assert await asyncio.wait_for(other.process.wait(), 15) != 0
        finally:
            await other.client.close()

        assert len(master.subscribes) == 1
        assert "held" in (tmp_path / "agent.log").read_text()

    with_agent(tmp_path, act)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch users")
def test_a_task_runs_as_the_user_it_names(tmp_path: Path) -> None:
    for directory in (tmp_path, *list(tmp_path.parents)[:2]):
        directory.chmod(0o755)  # pytest's are closed to others

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        info = CommandInfo(value="id -un; touch mine", user="nobody")
        await master.run(command("one", "", command=info))
        await master.hear("one", FINISHED)

        assert await _file(agent, "one", "stdout") == "nobody\n"
        assert (_sandbox(agent, "one") / "mine").owner() == "nobody"

    with_agent(tmp_path, act)


def test_archives_over_http_are_unpacked_in_the_sandbox(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "inner.txt").write_text("inside\n")
    with tarfile.open(served / "pack.tar.gz", "w:gz") as archive:
        archive.add(served / "inner.txt", "inner.txt")

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        application = web.Application()
        application.router.add_static("/", served)
        runner = web.AppRunner(application)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = f"http://127.0.0.1:{port}"
        good = CommandInfo(value="cat inner.txt", uris=[Uri(value=f"{url}/pack.tar.gz")])
        tool = CommandInfo(
            value="./tool",
            uris=[Uri(value=f"{url}/inner.txt", executable=True, output_file="tool")],
        )
        bad = CommandInfo(value="true", uris=[Uri(value=f"{url}/none")])
        out = CommandInfo(
            value="true", uris=[Uri(value=f"{url}/inner.txt", output_file="../../out")]
        )
        await master.run(
            command("good", "", command=good),
            command("tool", "", command=tool),
            command("bad", "", command=bad),
            command("out", "", command=out),
        )
        await master.hear("good", FINISHED)
        for name in ("tool", "bad", "out"):
            await master.hear(name, FAILED)
        await runner.cleanup()

        assert await _file(agent, "good", "stdout") == "inside\n"
        assert "the server answered 404" in (master.last("bad").message or "")
        assert "is no name in the sandbox" in (master.last("out").message or "")

    with_agent(tmp_path, act)


def test_a_hundred_tasks_of_one_batch_run_at_once(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        begin = time.monotonic()
        await master.run(*(command(f"t{number}", "exec sleep 1000") for number in range(100)))
        await master.until(
            lambda: sum(each.state is RUNNING for each in master.heard) >= 100, timeout_s=30
        )
        took_s = time.monotonic() - begin
        print(f"100 tasks RUNNING after {took_s:.2f} s")

        assert took_s < 10  # generous: the machine may be busy

    with_agent(tmp_path, act)


def _sandbox(agent: AgentProcess, task_id: str) -> Path:
    pattern = f"slaves/*/frameworks/*/executors/{task_id}/runs/latest"
    return next(iter(agent.work_dir.glob(pattern)))


async def _file(agent: AgentProcess, task_id: str, name: str) -> str:
    path = _sandbox(agent, task_id) / name
    async with asyncio.timeout(20):
        while not path.exists() or not path.read_text().endswith("\n"):
            await asyncio.sleep(0.02)
    return path.read_text()


def _ended(master: FakeMaster, task_id: str) -> bool:
    return any(each.task_id.value == task_id and each.state.is_terminal for each in master.heard)


def _believed(task_id: str) -> Task:
    return Task(
        name=task_id,
        task_id=Id(task_id),
        framework_id=Id("F-1"),
        agent_id=Id("M-S0"),
        state=TaskState.STAGING,
    )
