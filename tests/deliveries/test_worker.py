"""The worker as a real process: tries again, gives up with a reason, and survives a kill -9."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deliveries.queue import enqueue
from tests.deliveries.targets import hook, mailbox

QUICK = ("--retry-first-s", "0.05", "--attempts-max", "3")


@contextmanager
def worker(directory: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "deliveries", "--work-dir", str(directory), *QUICK, *flags]
    process = subprocess.Popen(command)
    try:
        eventually((directory / "ready").exists)
        yield process
    finally:
        process.kill()
        process.wait()
        (directory / "ready").unlink(missing_ok=True)


def eventually(claim: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def put(directory: Path, url: str, name: str = "1") -> None:
    event = {"kind": "webhook", "id": name, "url": url, "body": {"n": name}}
    enqueue(str(directory / "broker"), event)


def waiting(directory: Path) -> list[Path]:
    return [*(directory / "broker" / "new").iterdir(), *(directory / "broker" / "taken").iterdir()]


def test_a_target_that_recovers_gets_the_event_under_one_id(tmp_path: Path) -> None:
    with hook(503, 503, 204) as target, worker(tmp_path) as process:
        put(tmp_path, target.url)
        eventually(lambda: len(target.received) == 3 and not waiting(tmp_path))

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 3  # it stops within the supervisor's patience

    assert [headers["Tepui-Delivery-Id"] for headers, _ in target.received] == ["1", "1", "1"]


def test_what_keeps_failing_ends_as_a_dead_letter_with_its_reason(tmp_path: Path) -> None:
    with hook(500) as target, worker(tmp_path):
        put(tmp_path, target.url)
        eventually(lambda: any((tmp_path / "dead").glob("*.json")) and not waiting(tmp_path))

    letter = json.loads(next((tmp_path / "dead").glob("*.json")).read_text())
    assert letter["reason"] == "it answered 500"
    assert letter["attempts"] == 3 == len(target.received)
    assert letter["delivery"]["id"] == "1"


def test_a_worker_killed_in_the_middle_of_an_attempt_makes_it_again(tmp_path: Path) -> None:
    with hook(204, delay_s=0.5) as target:
        with worker(tmp_path) as first:
            put(tmp_path, target.url)
            eventually(lambda: len(target.received) == 1)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
            (tmp_path / "ready").unlink()
        with worker(tmp_path):
            eventually(lambda: len(target.received) == 2 and not waiting(tmp_path))


def test_one_dead_target_does_not_keep_another_from_its_event(tmp_path: Path) -> None:
    with hook(500) as bad, hook(204) as good, worker(tmp_path, "--retry-first-s", "60"):
        put(tmp_path, bad.url, "bad")
        eventually(lambda: len(bad.received) == 1)
        put(tmp_path, good.url, "good")
        eventually(lambda: len(good.received) == 1)


def test_a_mail_goes_out(tmp_path: Path) -> None:
    with mailbox() as (address, letters), worker(tmp_path, "--smtp", address):
        event = {"kind": "mail", "id": "1", "to": ["a@b.c"], "subject": "hello", "text": "there"}
        enqueue(str(tmp_path / "broker"), event)
        eventually(lambda: bool(letters))

    assert "Subject: hello" in letters[0]


def test_a_second_worker_in_one_directory_is_refused(tmp_path: Path) -> None:
    with worker(tmp_path):
        command = [sys.executable, "-m", "deliveries", "--work-dir", str(tmp_path)]
        second = subprocess.run(command, capture_output=True, text=True)

    assert second.returncode == 2
    assert "--work-dir" in second.stderr
