"""Executors of one's own under a real agent: the example, and one whose agent is killed.

Source: Mesos, docs/executor-http-api.md, docs/agent-recovery.md.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from kernel.framework import calls
from kernel.framework.matching import Taken
from kernel.framework.task import Task
from kernel.messages.scheduler import Event
from kernel.messages.v1 import (
    CommandInfo,
    Environment,
    ExecutorInfo,
    Id,
    Offer,
    TaskInfo,
    Variable,
)
from kernel.model.task import TaskState
from tests.cluster.nodes import Nodes, nodes
from tests.cluster.witness import Witness, until

ROOT = Path(__file__).parents[2]
PATIENT = Path(__file__).with_name("patient_executor.py")


@pytest.mark.timeout(120)
def test_the_example_adds_up_in_one_process_per_agent(tmp_path: Path) -> None:
    with nodes(tmp_path, agents=1) as cluster:
        ended = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "adder.py"), "--master", cluster.address]
            + ["1,2,3", "40,2"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert ended.returncode == 0, ended.stderr
    assert sorted(ended.stdout.splitlines()) == ["1,2,3 = 6", "40,2 = 42"]


class Patients(Witness):
    """A witness whose tasks run in an executor of its own."""

    heard: list[bytes]

    def task_info(self, task: Task, offer: Offer, taken: Taken) -> TaskInfo:
        path = Variable(name="PYTHONPATH", value=str(ROOT))
        command = CommandInfo(
            value=f"exec {sys.executable} {PATIENT} {self.pids.parent}",
            environment=Environment(variables=[path]),
        )
        executor = ExecutorInfo(type="CUSTOM", executor_id=Id("patient"), command=command)
        info = super().task_info(task, offer, taken)
        return structs.replace(info, command=None, executor=executor)

    def received(self, event: Event) -> None:
        if event.message is not None:
            self.heard.append(event.message.data)


@pytest.mark.timeout(180)
def test_an_executor_outlives_its_agent_and_says_then_what_happened_meanwhile(
    tmp_path: Path,
) -> None:
    async def scene(cluster: Nodes) -> None:
        framework = Patients("red", cluster.address, tmp_path)
        framework.heard = []
        running = asyncio.ensure_future(framework.run())
        await until(lambda: framework.ids, 20, lambda: "not subscribed")
        await played(cluster, framework, tmp_path)
        framework.stop(teardown=True)
        await running
        await until((tmp_path / "shut-down").exists, 20, lambda: "it was not shut down")

    with nodes(tmp_path, agents=1) as cluster:
        asyncio.run(scene(cluster))


async def played(cluster: Nodes, framework: Patients, directory: Path) -> None:
    ends, runs, dies = (framework.launch(kind, 1)[0] for kind in ("ends", "runs", "dies"))
    tasks = [ends, runs, dies]
    await until(lambda: framework.are(TaskState.RUNNING, tasks), 60, lambda: framework.last)
    pids = {framework.tasks[task_id].message for task_id in tasks}
    assert len(pids) == 1, "one process runs all of them"

    cluster.kill_agent(0)
    (directory / ends).touch()  # it ends while nobody hears of it
    await asyncio.sleep(0.5)  # long enough for the executor to have said so in vain
    cluster.start_agent(0)
    await until(lambda: framework.are(TaskState.FINISHED, [ends]), 60, lambda: framework.last)
    agent_id = framework.tasks[ends].agent_id
    framework.kill(dies)
    await until(lambda: framework.are(TaskState.KILLED, [dies]), 60, lambda: framework.last)
    framework.say(calls.message(agent_id, "patient", b"hello"))
    await until(lambda: framework.heard, 20, lambda: "no answer")

    assert framework.heard == [b"heard hello"]
    assert framework.history(ends) == [TaskState.RUNNING, TaskState.FINISHED]
    assert framework.history(runs) == [TaskState.RUNNING]
    assert framework.history(dies) == [TaskState.RUNNING, TaskState.KILLED]
    subscriptions = (directory / "subscriptions").read_text().split()
    assert len(subscriptions) == 2 and {*subscriptions} == pids, "the same process came back"
