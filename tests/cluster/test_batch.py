"""The example framework, as a program against real processes, while everything dies."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.cluster.nodes import Nodes, nodes
from tests.processes import wait_until

ROOT = Path(__file__).parents[2]
BATCH = ROOT / "examples" / "batch.py"
COUNT = 24
# Each process says that it ran; one of an odd number fails when it is the first to make its mark.
COMMAND = (
    'echo "$NUMBER" >> {ran}; sleep 1; '
    "[ $((NUMBER % 2)) = 0 ] || ! mkdir {marks}/$NUMBER 2>/dev/null"
)


class Program:
    """The example, started and killed; its output is one file for all of its lives."""

    def __init__(self, directory: Path, master: str) -> None:
        self.ran, self.out = directory / "ran", directory / "out"
        (directory / "marks").mkdir()
        command = COMMAND.format(ran=self.ran, marks=directory / "marks")
        self._words = [sys.executable, str(BATCH), "--master", master, "--count", str(COUNT)]
        self._words += ["--state", str(directory / "batch.sqlite"), command]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.out.open("ab") as out:
            self._process = subprocess.Popen(
                self._words, stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def wait(self, timeout_s: float) -> int:
        assert self._process is not None
        return self._process.wait(timeout_s)

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines() if self.out.exists() else []

    def finished(self) -> list[str]:
        return [line.split()[0] for line in self.lines() if "TASK_FINISHED" in line]


@pytest.mark.timeout(240)
def test_every_task_ends_well_though_master_and_framework_are_killed_meanwhile(
    tmp_path: Path,
) -> None:
    with nodes(tmp_path, agents=1) as cluster:
        program = Program(tmp_path, cluster.address)
        program.start()
        try:
            ends_well(program, cluster)
        finally:
            program.kill()


def ends_well(program: Program, cluster: Nodes) -> None:
    wait_until(lambda: sum("RUNNING" in line for line in program.lines()) > 3, 30, "some run")
    cluster.kill_master()
    program.kill()  # both at once
    cluster.start_master()
    program.start()
    wait_until(lambda: program.finished(), 60, "some are through")
    cluster.kill_master()  # and the master alone
    cluster.start_master()

    assert program.wait(120) == 0, program.lines()

    lines = program.lines()
    ids = [line.split()[-1] for line in lines if line.startswith("subscribed as")]
    assert len(ids) >= 3 and len(dict.fromkeys(ids)) == 1, "one framework throughout"
    assert sorted({int(one.split(".")[0]) for one in program.finished()}) == list(range(COUNT))
    assert not [line for line in lines if "TASK_LOST" in line or "TASK_GONE" in line]
    ran = Counter(map(int, program.ran.read_text().split()))
    assert ran == {number: 1 + number % 2 for number in range(COUNT)}, "none ran twice for one try"
