"""The runner: real tasks, real signals, real deaths."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.kernel.runtime.agent.bench import Bench, alive, kill_hard, memory_is_limited, on_bench

LIMITED = pytest.mark.skipif(not memory_is_limited(), reason="no memory control group here")


def test_a_task_runs_in_its_sandbox_and_its_exit_is_told(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start("one", "pwd; echo to-stderr >&2; exit 3")

        ended = await bench.hear("one", "ended")

        assert ended["status"] == 3
        assert bench.output("one").strip() == str(tmp_path / "sandbox" / "one")
        assert (tmp_path / "sandbox" / "one" / "stderr").read_text() == "to-stderr\n"
        assert (tmp_path / "record" / "one" / "exit").read_text() == "3\n"

    on_bench(tmp_path, act)


def test_an_exit_with_143_is_told_from_a_death_by_sigterm(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start("exits", "exit 143")
        bench.start("dies", "kill -TERM $$")

        exits, dies = await bench.hear("exits", "ended"), await bench.hear("dies", "ended")

        assert exits["status"] == dies["status"] == 143
        if exits["exact"] is not None:  # the kernel tells, since 6.15
            assert os.WIFEXITED(exits["exact"]) and os.WEXITSTATUS(exits["exact"]) == 143
            assert os.WIFSIGNALED(dies["exact"]) and os.WTERMSIG(dies["exact"]) == signal.SIGTERM

    on_bench(tmp_path, act)


def test_the_environment_reaches_the_task_whatever_its_names(tmp_path: Path) -> None:
    strange = {"COLOUR": "deep red", "with.dot": "1", "LD_LIBRARY_PATH": "/nowhere", "ENV": "x"}

    async def act(bench: Bench) -> None:
        order = bench.order("one", argv=["/usr/bin/env"], environment=strange)
        bench.link.send(order)

        await bench.hear("one", "ended")

        seen = dict(line.split("=", 1) for line in bench.output("one").splitlines())
        assert {name: seen.get(name) for name in strange} == strange
        assert "OLDPWD" not in seen

    on_bench(tmp_path, act)


def test_a_task_has_a_session_of_its_own_and_plain_signals(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start("one", "cat /proc/self/status; cat /proc/$$/stat; ls -l /proc/$$/fd")

        await bench.hear("one", "ended")

        text = bench.output("one")
        ignored = next(line for line in text.splitlines() if line.startswith("SigIgn"))
        assert int(ignored.split()[1], 16) & 0x7FFFFFFF == 0  # above are the C library's own
        stat = next(line for line in text.splitlines() if "(sh)" in line).split()
        assert stat[0] == stat[4] == stat[5]  # pid, process group, session
        assert "pipe" not in text

    on_bench(tmp_path, act)


def test_the_same_run_is_never_started_twice(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start("one", "echo started; sleep 1000")
        bench.start("one", "echo started; sleep 1000")

        await bench.hear("one", "started")
        await bench.lose_agent()
        bench.come_back()
        await bench.attach()
        bench.start("one", "echo started; sleep 1000")
        await bench.hear("one", "started")

        await _text_in(tmp_path / "sandbox" / "one" / "stdout", "started")
        assert bench.output("one") == "started\n"

    on_bench(tmp_path, act)


def test_sigterm_goes_to_the_whole_process_group(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start(
            "one", "(trap 'echo child; exit' TERM; sleep 30 & wait) & trap '' TERM; echo up; wait"
        )
        await bench.hear("one", "started")
        stdout = tmp_path / "sandbox" / "one" / "stdout"
        await _text_in(stdout, "up")
        await asyncio.sleep(0.2)

        bench.link.send({"do": "signal", "run": "one", "signal": 15})
        await bench.hear("one", "ended")

        assert "child" in stdout.read_text()

    on_bench(tmp_path, act)


def test_a_daemon_that_left_the_session_ends_with_its_task(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start("one", "setsid sh -c 'echo $$ > daemon; exec sleep 1000' & sleep 0.3")

        await bench.hear("one", "ended")

        assert not alive(int((tmp_path / "sandbox" / "one" / "daemon").read_text()))

    on_bench(tmp_path, act)


def test_without_control_groups_daemons_are_found_and_the_lack_is_told(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        command = "setsid sh -c 'echo $$ > daemon; exec sleep 1000' & sleep 0.3; exec sleep 1000"
        bench.start("one", command)
        await bench.hear("one", "started")
        daemon = tmp_path / "sandbox" / "one" / "daemon"
        await _text_in(daemon, "\n")
        bench.link.send({"do": "kill", "run": "one"})
        ended = await bench.hear("one", "ended")

        assert ended["status"] == 137
        assert not alive(int(daemon.read_text()))
        assert bench.notes["enforced"] == []
        assert any("memory is not enforced" in note for note in bench.notes["notes"])

    on_bench(tmp_path, act, groups_name="no/such/parent")


@LIMITED
def test_a_fork_bomb_stays_within_its_bounds(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bomb = "bomb() { bomb & bomb & wait; }; bomb"
        order = bench.order("one", argv=["/bin/sh", "-c", bomb])
        order["limits"]["pids"] = 40
        bench.link.send(order)
        await bench.hear("one", "started")
        bench.start("two", "exit 0")
        assert (await bench.hear("two", "ended"))["status"] == 0
        bench.link.send({"do": "kill", "run": "one"})

        await bench.hear("one", "ended")

    on_bench(tmp_path, act)


def test_what_the_agent_knows_nothing_of_is_ended(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start("known", "sleep 1000")
        bench.start("orphan", "sleep 1000")
        await bench.hear("known", "started")
        pid = (await bench.hear("orphan", "started"))["pid"]

        bench.link.send({"do": "keep", "runs": ["known"]})
        await bench.hear("orphan", "ended")

        assert not alive(pid)
        assert bench.said("known", "ended") is None

    on_bench(tmp_path, act)


def test_a_killed_runner_leaves_the_tasks_and_the_next_one_learns_their_exits(
    tmp_path: Path,
) -> None:
    async def act(bench: Bench) -> None:
        bench.start("stays", "sleep 1000")
        bench.start("ends", "sleep 0.2; exit 7")
        bench.start("later", "while [ ! -e go ]; do sleep 0.05; done; exit 9")
        pid = (await bench.hear("stays", "started"))["pid"]
        await bench.hear("ends", "started")
        await bench.hear("later", "started")

        bench.attached = 0
        kill_hard(bench.link.pid)
        await _text_in(tmp_path / "record" / "ends" / "exit", "7")
        await bench.attach()
        bench.news = {}
        for run in ("stays", "ends", "later"):
            bench.link.send(bench.order(run, "adopt"))

        assert (await bench.hear("stays", "started"))["pid"] == pid
        assert (await bench.hear("ends", "ended"))["status"] == 7
        (tmp_path / "sandbox" / "later" / "go").touch()
        assert (await bench.hear("later", "ended"))["status"] == 9
        bench.link.send({"do": "kill", "run": "stays"})
        assert (await bench.hear("stays", "ended"))["status"] == 137

    on_bench(tmp_path, act)


def test_without_a_recorder_and_a_record_the_exit_is_unknown(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        bench.start("one", "while [ ! -e go ]; do sleep 0.05; done; exit 0")
        pid = (await bench.hear("one", "started"))["pid"]
        recorder = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

        kill_hard(recorder)
        await bench.until(lambda: not alive(recorder) or True)
        (tmp_path / "sandbox" / "one" / "go").touch()
        ended = await bench.hear("one", "ended")

        assert ended["status"] is None
        runner = bench.link.pid
        bench.start("two", "exit 3")  # the runner goes on
        assert (await bench.hear("two", "ended"))["status"] == 3
        assert bench.link.pid == runner

    on_bench(tmp_path, act)


@LIMITED
def test_a_task_over_its_memory_is_killed_and_the_reason_is_told(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        greedy = "head -c 200000000 /dev/zero | tail -c 200000000 | wc -c; sleep 1000"
        bench.start("one", greedy)

        ended = await bench.hear("one", "ended")

        assert ended["memory"]["limit"] == 64 << 20

    on_bench(tmp_path, act)


@LIMITED
def test_no_control_group_is_left_behind(tmp_path: Path) -> None:
    groups: list[str] = []

    async def act(bench: Bench) -> None:
        bench.start("one", "sleep 1000 & exit 0")
        bench.start("two", "sleep 1000")
        pid = (await bench.hear("two", "started"))["pid"]
        own = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        groups.extend(line for line in own if "tepui-test" in line)
        await bench.hear("one", "ended")

    on_bench(tmp_path, act)

    assert groups
    for line in groups:
        _, controllers, path = line.split(":", 2)
        mount = f"/sys/fs/cgroup/{controllers or 'unified'}"
        assert not Path(mount + path).parent.exists()


def test_a_work_directory_of_any_length_will_do(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 100) / ("e" * 100)
    long.mkdir(parents=True)

    async def act(bench: Bench) -> None:
        bench.start("one", "exit 0")

        assert (await bench.hear("one", "ended"))["status"] == 0

    on_bench(long, act)


def test_a_hundred_tasks_run_within_a_second_and_cost_no_wakeups(tmp_path: Path) -> None:
    async def act(bench: Bench) -> None:
        begin = time.monotonic()
        for number in range(100):
            bench.link.send(bench.order(f"t{number}", argv=["/bin/sleep", "1000"]))
        await bench.until(lambda: len(bench.news) == 100)
        took_s = time.monotonic() - begin

        rss_kib = _status_kib(bench.link.pid, "VmRSS")
        switches = _switches(bench.link.pid)
        await asyncio.sleep(1)  # the point is that nothing happens
        print(f"100 tasks in {took_s:.3f} s; runner {rss_kib} KiB")
        assert _switches(bench.link.pid) - switches <= 1
        assert rss_kib < 20_480
        assert took_s < 5  # generous: the machine may be busy

    on_bench(tmp_path, act)


def _status_kib(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise AssertionError(f"no {key}")


def _switches(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in text if "ctxt_switches" in line)


async def _text_in(path: Path, text: str) -> None:
    async with asyncio.timeout(20):
        while not (path.exists() and text in path.read_text()):
            await asyncio.sleep(0.01)
