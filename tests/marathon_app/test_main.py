"""The real process, `python -m marathon_app`: it starts, serves, says what is wrong, and ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests

from tests.processes import free_port, wait_until

NO_MASTER = "http://127.0.0.1:1"
APP = {"id": "/web", "cmd": "sleep 1"}


def command(port: int, work_dir: Path) -> list[str]:
    flags = {"--port": str(port), "--work-dir": str(work_dir), "--master": NO_MASTER}
    return [
        sys.executable,
        "-m",
        "marathon_app",
        *(word for flag in flags.items() for word in flag),
    ]


@contextmanager
def running(work_dir: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log: IO[bytes]
    with (work_dir / "log").open("ab") as log:
        process = subprocess.Popen(command(port, work_dir), stdout=log, stderr=log)
        try:
            wait_until(lambda: answers(url), 20, "an answer to /health")
            yield url, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_it_serves_streams_and_ends_within_two_seconds(tmp_path: Path) -> None:
    with running(tmp_path) as (url, process):
        headers = {"Accept": "text/event-stream"}
        with requests.get(f"{url}/v2/events", headers=headers, stream=True, timeout=10) as stream:
            lines = stream.iter_lines()
            assert next(lines) == b"event: event_stream_attached"
            assert requests.post(f"{url}/v2/apps", json=APP, timeout=10).status_code == 201
            wait_until(lambda: next(lines) == b"event: deployment_info", 10)

            process.send_signal(signal.SIGTERM)

            assert process.wait(2) == 0


def test_a_kill_9_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as (url, process):
        created = requests.post(f"{url}/v2/apps", json=APP, timeout=10).json()
        process.kill()
        process.wait(10)

    with running(tmp_path) as (url, _):
        found = requests.get(f"{url}/v2/apps/web", timeout=10).json()["app"]
        assert found["version"] == created["version"]
        assert found["deployments"] == created["deployments"]


def test_a_held_store_is_said_in_one_sentence(tmp_path: Path) -> None:
    with running(tmp_path):
        second = subprocess.run(
            command(free_port(), tmp_path), capture_output=True, text=True, timeout=20
        )
    assert second.returncode == 3
    assert "is held by pid" in second.stderr and "--work-dir" in second.stderr


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with running(tmp_path) as (url, _):
        port = int(url.rpartition(":")[2])
        second = subprocess.run(
            command(port, tmp_path / "other"), capture_output=True, text=True, timeout=20
        )
    assert second.returncode == 2 and "--port" in second.stderr


def test_flags_that_will_not_do_are_named() -> None:
    for flags, word in ((["--port", "x"], "--port"), (["--ip", "0.0.0.0"], "--insecure")):
        done = subprocess.run(
            [sys.executable, "-m", "marathon_app", *flags],
            capture_output=True,
            text=True,
            timeout=20,
            env={**os.environ},
        )
        assert done.returncode == 2 and word in done.stderr
