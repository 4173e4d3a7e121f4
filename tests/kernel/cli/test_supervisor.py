"""Children are started, watched, started again and ended, with real small processes."""

import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.cli import state

# A supervisor of two children: one that is ready when its file is there, one that leaves an orphan.
PROGRAM = """
import contextlib
import sys
from pathlib import Path
from kernel.cli.layout import Child
from kernel.cli.supervisor import NotReady, Supervisor
directory = Path(sys.argv[1])
body = "import pathlib,time; pathlib.Path(%r).touch(); time.sleep(60)"
ready = str(directory / "steady.ready")
steady = Child("steady", ("-c", body % ready), str(directory / "steady"), ready_file=ready)
ready = str(directory / "parent.ready")
orphan = "import subprocess; subprocess.Popen(['sleep', '%s'], start_new_session=True);"
leaves = orphan % sys.argv[3] + body % ready
parent = Child("parent", ("-c", leaves), str(directory / "parent"), ready_file=ready)
broken = Child("broken", ("-c", sys.argv[2]), str(directory), ready_file="/nowhere")
children = [steady, parent] if len(sys.argv[2]) < 2 else [broken]
def report(line):
    with contextlib.suppress(OSError):  # the test may have stopped reading
        print(line, flush=True)
supervisor = Supervisor(directory, children, report)
supervisor.listen()
try:
    supervisor.start(20)
    print("ready", flush=True)
    supervisor.watch()
except NotReady as error:
    print("not ready:", error, flush=True)
supervisor.stop()
"""

Supervised = subprocess.Popen[str]


def supervise(directory: Path, broken: str = "-") -> Supervised:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory), broken, nap(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )


def nap(directory: Path) -> str:
    """How long this test's orphan sleeps; no other test's does so to the digit."""
    return f"61.{zlib.crc32(str(directory).encode())}"


def read_until(process: Supervised, word: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return line
    raise AssertionError(f"it ended without saying {word!r}")


def eventually(claim: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_disk_that_takes_no_file_does_not_end_the_supervisor(tmp_path: Path) -> None:
    """As with ENOSPC: the new process ids can't be written down, now and then they can."""
    with supervise(tmp_path) as process:
        read_until(process, "ready\n")
        before = state.read_children(tmp_path)["steady"]
        in_the_way = state.run_directory(tmp_path) / f"children.{process.pid}.tmp"
        in_the_way.mkdir()

        os.kill(before, signal.SIGKILL)
        read_until(process, "steady ended")
        time.sleep(0.2)  # nothing tells from outside that it has tried
        assert process.poll() is None
        assert state.read_children(tmp_path)["steady"] == before

        in_the_way.rmdir()
        eventually(lambda: state.read_children(tmp_path)["steady"] != before)
        process.terminate()
        assert process.wait(10) == 0


def test_a_killed_child_is_started_again_at_once(tmp_path: Path) -> None:
    with supervise(tmp_path) as process:
        read_until(process, "ready\n")
        before = state.read_children(tmp_path)["steady"]

        os.kill(before, signal.SIGKILL)
        line = read_until(process, "steady ended")

        assert "SIGKILL" in line and "at once" in line
        eventually(lambda: state.read_children(tmp_path)["steady"] != before)
        process.terminate()
        assert process.wait(10) == 0


def test_a_stop_leaves_nothing_behind_not_even_what_a_child_orphaned(tmp_path: Path) -> None:
    with supervise(tmp_path) as process:
        read_until(process, "ready\n")
        pids = state.read_children(tmp_path)
        os.kill(pids["parent"], signal.SIGKILL)  # its own child is an orphan now
        read_until(process, "parent ended")

        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert process.wait(10) == 0

        assert time.monotonic() - began < 10
        assert not state.born(pids["steady"])
        assert (
            f"sleep {nap(tmp_path)}"
            not in subprocess.run(
                ["ps", "-eo", "args"], capture_output=True, text=True, check=True
            ).stdout
        )


def test_a_child_that_refuses_its_flags_ends_the_start_with_its_own_words(tmp_path: Path) -> None:
    complaint = "import sys; sys.exit(print('--port is taken', file=sys.stderr) or 2)"
    with supervise(tmp_path, complaint) as process:
        line = read_until(process, "not ready:")

        assert "broken" in line and "--port is taken" in line


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid":1}'])
def test_half_a_state_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "up.json").write_bytes(content)

    assert state.read_up(tmp_path) is None


def test_a_directory_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    first, second = state.Lock(tmp_path), state.Lock(tmp_path)

    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()
