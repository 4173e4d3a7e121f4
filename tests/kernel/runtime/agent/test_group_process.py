"""Task groups as real processes under a real agent, its death included.

Source: mesos.md §1.2, §1.4; recordings, scheduler-launch-group*.
"""

from pathlib import Path

from kernel.messages.agent import RunGroup
from kernel.messages.v1 import ExecutorInfo, Id, TaskInfo
from kernel.model.task import TaskState
from tests.kernel.runtime.agent.bench import alive
from tests.kernel.runtime.agent.fake_master import (
    FRAMEWORK,
    AgentProcess,
    FakeMaster,
    command,
    with_agent,
)

INFO = ExecutorInfo(executor_id=Id("pod"), framework_id=Id("F-1"), type="DEFAULT")
RUNNING, FAILED, KILLED = TaskState.RUNNING, TaskState.FAILED, TaskState.KILLED


def group(*tasks: TaskInfo) -> RunGroup:
    return RunGroup(framework=FRAMEWORK, executor=INFO, tasks=list(tasks))


def member(task_id: str, text: str) -> TaskInfo:
    return command(task_id, text, executor=INFO)


def test_a_group_survives_the_agent_and_dies_together(tmp_path: Path) -> None:
    """Each task in a sandbox inside the executor's; same pids after kill -9 of the agent; then
    one fails, the other is killed, and the executor has ended."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        waits = "while [ ! -e go ]; do sleep 0.05; done; exit 1"
        await master.say(group(member("stays", "exec sleep 1000"), member("fails", waits)))
        stays = await master.hear("stays", RUNNING)
        fails = await master.hear("fails", RUNNING)
        assert stays.container_status is not None and fails.container_status is not None
        pid, container = stays.container_status.executor_pid, fails.container_status.container_id
        assert pid is not None and container is not None and stays.executor_id == Id("pod")
        runs = agent.work_dir / "slaves/M-S0/frameworks/F-1/executors/pod/runs"
        sandbox = runs / container["parent"]["value"] / "containers" / container["value"]
        assert (sandbox / "stdout").exists() and (runs / "latest").resolve() == sandbox.parents[1]

        await agent.kill_hard()
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)
        assert alive(pid)
        assert [each.executor_id for each in master.subscribes[1].executors] == [Id("pod")]
        (framework,) = (await agent.get("/state"))["frameworks"]
        (shown,) = framework["executors"]
        assert (shown["id"], shown["type"], len(shown["tasks"])) == ("pod", "DEFAULT", 2)

        (sandbox / "go").touch()
        await master.hear("fails", FAILED)
        await master.hear("stays", KILLED)
        await master.until(lambda: master.ended() == [0])
        assert not alive(pid)

    with_agent(tmp_path, act)


def test_several_groups_share_an_executor_and_die_apart(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.say(group(member("a", "sleep 1000"), member("b", "sleep 1000")))
        await master.say(group(member("c", "sleep 1000")))
        for task_id in ("a", "b", "c"):
            await master.hear(task_id, RUNNING)
        await master.kill("a")
        await master.hear("a", KILLED)
        await master.hear("b", KILLED)
        assert master.last("c").state is RUNNING and master.ended() == []

        await master.kill("c")
        await master.until(lambda: master.ended() == [0])

    with_agent(tmp_path, act)
