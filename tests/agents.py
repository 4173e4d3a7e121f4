"""Real agents for tests that have a master: started, and ended with all that they run."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import free_port

END_S = 20


@contextmanager
def live_agent(work_dir: Path, master: str, *flags: str) -> Iterator[int]:
    """Gives its port, at once: when it is registered the master shows it."""
    port = free_port()
    process = start_agent(work_dir, port, master, *flags)
    try:
        yield port
    finally:
        shut_down(port)
        process.wait(END_S)


def start_agent(work_dir: Path, port: int, master: str, *flags: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "kernel", "agent", "--work-dir", str(work_dir)]
    command += ["--port", str(port), "--master", master, *flags]
    return subprocess.Popen(command, env={**os.environ, "TEPUI_LOG": "warning"})


def shut_down(port: int) -> None:
    """Ends the agent, its tasks and its runner."""
    url = f"http://127.0.0.1:{port}/tepui/v1/shutdown"
    deadline = time.monotonic() + END_S
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, b"", method="POST"), timeout=5)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # it may be coming up still, and there is no event to wait for
