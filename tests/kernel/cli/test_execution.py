"""`tepui exec`, against a real master and agent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.cluster import OwnCluster
from tests.contracts.scheduler import Scheduler


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    own = OwnCluster(tmp_path_factory.mktemp("exec"))
    try:
        yield own
    finally:
        own.end()


def tepui(cluster: OwnCluster, *words: str, typed: bytes = b"") -> tuple[int, bytes, bytes]:
    """Exit code, standard output and error of `tepui exec`."""
    flags = ["--master", f"http://{cluster.master}", "--dir", str(cluster.directory)]
    done = subprocess.run(
        [sys.executable, "-m", "kernel.cli", "exec", *flags, *words],
        input=typed,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_command_runs_in_the_sandbox_of_a_task_and_its_end_is_ours(cluster: OwnCluster) -> None:
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("exec-1", "echo here > file; exec sleep 1000")

        shell = ("--", "sh", "-c", "cat file; echo bad >&2; echo $MESOS_EXECUTOR_ID; exit 3")
        assert tepui(cluster, "exec-1", *shell) == (3, b"here\nexec-1\n", b"bad\n")
        assert tepui(cluster, "exec-1", "cat", "file") == (0, b"here\n", b"")
        assert tepui(cluster, "exec", "sh", "-c", "kill -9 $$")[0] == 128 + 9

        typed = tepui(cluster, "-i", "exec-1", "wc", "-c", typed=b"x" * 300_000)
        assert typed == (0, b"300000\n", b"")
        assert tepui(cluster, "exec-1", "wc", "-c", typed=b"not handed on")[1] == b"0\n"


def test_a_task_that_does_not_run_is_not_found(cluster: OwnCluster) -> None:
    code, _, error = tepui(cluster, "nobody", "true")
    assert code == 4 and b"No running task is called nobody" in error


def test_a_name_that_several_tasks_have_is_not_guessed(cluster: OwnCluster) -> None:
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("two-a")
        scheduler.run("two-b")
        code, _, error = tepui(cluster, "two", "true")
        assert code == 2 and b"two-a, two-b" in error


def test_an_agent_that_asks_for_credentials_is_told_the_masters(tmp_path: Path) -> None:
    pairs = tmp_path / "credentials"
    pairs.write_text("ops hush\n")
    flags = ("--authenticate-http-readwrite", "--http-credentials", str(pairs))
    cluster = OwnCluster(tmp_path / "own", agent_flags=flags)
    try:
        with Scheduler(cluster.master) as scheduler:
            scheduler.run("guarded")
            code, _, error = tepui(cluster, "guarded", "true")
            assert code != 0 and b"401" in error or b"credentials" in error.lower()

            known = {**os.environ, "TEPUI_MASTER": f"http://ops:hush@{cluster.master}"}
            words = ["exec", "--dir", str(cluster.directory), "guarded", "echo", "hello"]
            done = subprocess.run(
                [sys.executable, "-m", "kernel.cli", *words],
                capture_output=True,
                timeout=30,
                check=False,
                env=known,
            )
            assert (done.returncode, done.stdout) == (0, b"hello\n"), done.stderr
    finally:
        cluster.end()
