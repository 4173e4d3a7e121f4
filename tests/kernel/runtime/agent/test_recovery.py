"""An agent that is killed with fifty tasks and unheard updates loses nothing of either.

Source: mesos.md §1.2, §6 C14 and D15; issue: agent recovery for real; recording
scheduler-agent-restart.
"""

import asyncio
import os
import signal
from pathlib import Path

from kernel.model.task import TaskState
from tests.kernel.runtime.agent.fake_master import AgentProcess, FakeMaster, command, with_agent

COUNT = 50
NAMES = [f"t-{number:02d}" for number in range(COUNT)]
LIVES = "echo $$ > pid; while [ ! -e go ]; do sleep 0.2; done; exit $(cat go)"


def sandboxes(agent: AgentProcess) -> dict[str, Path]:
    runs = agent.work_dir.glob("slaves/*/frameworks/F-1/executors/*/runs/*")
    return {run.parts[-3]: run for run in runs if not run.is_symlink()}


async def pids(agent: AgentProcess) -> dict[str, int]:
    """As the tasks know them themselves."""
    async with asyncio.timeout(30):
        while True:
            files = [run / "pid" for run in sandboxes(agent).values()]
            texts = [file.read_text().strip() if file.exists() else "" for file in files]
            if len(files) == COUNT and all(texts):
                return dict(zip(sandboxes(agent), map(int, texts), strict=True))
            await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


async def run_all(master: FakeMaster) -> None:
    """Half of them are heard to their RUNNING; of the others nothing is acknowledged."""
    master.deaf_to = set(NAMES[::2])
    await master.run(*(command(name, LIVES, mem=32.0) for name in NAMES))
    for name in NAMES[::2]:
        await master.hear(name, TaskState.STARTING)
    for name in NAMES[1::2]:
        await master.hear(name, TaskState.RUNNING)


async def come_back(master: FakeMaster, agent: AgentProcess) -> None:
    """And from now on everything is acknowledged."""
    master.deaf_to = set()
    await agent.start()
    await master.until(lambda: len(master.subscribes) == 2)


def test_fifty_tasks_live_on_under_their_pids_and_no_update_is_lost(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await run_all(master)
        before = await pids(agent)
        unheard = {name: master.last(name).uuid for name in NAMES[::2]}

        await agent.kill_hard()
        await come_back(master, agent)

        again = {task.task_id.value: task for task in master.subscribes[1].tasks}
        assert sorted(again) == NAMES
        assert {task.state for task in again.values()} == {TaskState.RUNNING}
        for name in NAMES:
            await master.hear(name, TaskState.RUNNING)
            assert master.states(name) == ["STARTING", "RUNNING"]
        for name, uuid in unheard.items():
            assert [each.uuid for each in master.heard if each.task_id.value == name][1] == uuid
        assert await pids(agent) == before
        assert all(is_alive(pid) for pid in before.values())

    with_agent(tmp_path, act)


def test_what_ends_while_agent_and_runner_are_down_is_told_as_it_was(tmp_path: Path) -> None:
    """Source: mesos.md §6 C14: an executor that is known to have exited."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await run_all(master)
        before = await pids(agent)
        runner = agent.runner_pid()

        await agent.kill_hard()
        os.kill(runner, signal.SIGKILL)
        places = sandboxes(agent)
        finish, fail, killed = NAMES[:5], NAMES[5:10], NAMES[10:15]
        for name in finish:
            (places[name] / "go").write_text("0")
        for name in fail:
            (places[name] / "go").write_text("3")
        for name in killed:
            os.kill(before[name], signal.SIGKILL)
        while any(is_alive(before[name]) for name in (*finish, *fail, *killed)):
            await asyncio.sleep(0.05)
        await come_back(master, agent)

        for names, state, words in (
            (finish, TaskState.FINISHED, "Command exited with status 0"),
            (fail, TaskState.FAILED, "Command exited with status 3"),
            (killed, TaskState.FAILED, "Command terminated with signal Killed"),
        ):
            for name in names:
                last = await master.hear(name, state)
                assert (last.message, last.source) == (words, last.source)
                assert master.states(name) == ["STARTING", "RUNNING", state.name]
        for name in NAMES[15:]:
            await master.hear(name, TaskState.RUNNING)
            assert master.states(name) == ["STARTING", "RUNNING"]
            assert is_alive(before[name])

    with_agent(tmp_path, act)


def test_while_it_recovers_the_agent_answers_503_and_registers_with_nobody(
    tmp_path: Path,
) -> None:
    """Source: mesos.md §6 D15; mesos-observed.md §2 (agent restart)."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("one", "sleep 1000"))
        await master.hear("one", TaskState.RUNNING)
        runner = agent.runner_pid()
        await agent.kill_hard()
        os.kill(runner, signal.SIGSTOP)  # what became of the tasks can't be found out
        try:
            await agent.start()
            while True:
                try:
                    reply = await agent.client.get(f"http://127.0.0.1:{agent.port}/state")
                    break
                except OSError:
                    await asyncio.sleep(0.02)
            call = f"http://127.0.0.1:{agent.port}/api/v1"
            asked = await agent.client.post(call, json_body={"type": "GET_STATE"})

            assert (reply.status, asked.status) == (503, 503)
            assert b"Agent has not finished recovery" in reply.body
            assert await agent.status("/health") == 200
            assert len(master.subscribes) == 1
        finally:
            os.kill(runner, signal.SIGCONT)
        await master.until(lambda: len(master.subscribes) == 2)
        assert await agent.status("/state") == 200

    with_agent(tmp_path, act)
