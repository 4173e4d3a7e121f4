"""An agent that comes back with other flags, as a process. Source: mesos.md §1.2, §5 row 7."""

import asyncio
from pathlib import Path

from kernel.model.task import TaskState
from kernel.runtime.config import EXIT_USAGE
from tests.kernel.runtime.agent.fake_master import AgentProcess, FakeMaster, command, with_agent


def test_an_agent_with_other_resources_keeps_its_id_and_its_tasks(tmp_path: Path) -> None:
    """DIFFERS: Mesos makes its operator wipe the agent."""

    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await master.run(command("one", "sleep 1000"))
        await master.hear("one", TaskState.RUNNING)
        await agent.stop()

        other = AgentProcess(agent.work_dir, master, "--resources", "cpus:1", "--domain", "eu/a")
        await other.start()
        await master.until(lambda: len(master.subscribes) == 2)
        agent.process, agent.port = other.process, other.port
        await other.client.close()

        again = master.subscribes[1]
        assert again.agent_info.id is not None
        assert [task.task_id.value for task in again.tasks] == ["one"]
        cpus = [each.scalar for each in again.agent_info.resources if each.name == "cpus"]
        assert [scalar.value for scalar in cpus if scalar is not None] == [1.0]
        assert again.agent_info.domain is not None

    with_agent(tmp_path, act)


def test_under_equal_a_changed_agent_does_not_start_and_says_what_changed(tmp_path: Path) -> None:
    async def act(master: FakeMaster, agent: AgentProcess) -> None:
        await agent.stop()
        flags = ("--resources", "cpus:1;mem:4096;disk:1000", "--reconfiguration-policy", "equal")
        other = AgentProcess(agent.work_dir, master, *flags)
        await other.start()
        assert other.process is not None

        assert await asyncio.wait_for(other.process.wait(), 15) == EXIT_USAGE
        said = (tmp_path / "agent.log").read_text()
        assert "tepui agent: cpus was 4 and is 1." in said
        await other.client.close()
        await agent.start()
        await master.until(lambda: len(master.subscribes) == 2)

    with_agent(tmp_path, act)
