"""A cluster for a test: `tepui up` as a real process, in a fresh directory, on free ports."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernel.cli import processes, state

EXAMPLES = Path(__file__).parents[2] / "examples"
UP_S = 60
STOP_S = 10  # what `tepui up` promises


class Cluster:
    """One directory, one range of ports; may be started and stopped several times."""

    def __init__(self, directory: Path, first_port: int, *flags: str) -> None:
        self.directory = directory
        self.first_port = first_port
        self.service_port = first_port + 100
        self.flags = flags
        self.process: subprocess.Popen[str] | None = None
        self.where: dict[str, Any] = {}
        self.up_s = 0.0

    # Life

    def up(self, *more: str) -> "Cluster":
        began = time.monotonic()
        words = self.command(
            "up", "--ports-from", str(self.first_port), *self.flags, *more, "--json"
        )
        errors = (self.directory.parent / f"{self.directory.name}.err").open("ab")
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
        errors.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"`tepui up` ended with {self.process.wait()}: {self.said()}"
        self.where = json.loads(line)
        self.up_s = time.monotonic() - began
        return self

    def said(self) -> str:
        return (self.directory.parent / f"{self.directory.name}.err").read_text()

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "kernel.cli", *words, "--dir", str(self.directory)]

    def run(self, *words: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """A command of the CLI against this cluster."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=timeout_s
        )

    def stop(self) -> float:
        """Ctrl-C; answers how long the end took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(STOP_S + 5) == 0, self.said()
        return time.monotonic() - began

    def clear(self) -> None:
        """At the end of a test, whatever happened in it: nothing stays."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S + 5)
            except subprocess.TimeoutExpired:
                left = processes.descendants(self.process.pid)
                for pid in [self.process.pid, *left]:
                    processes.kill(pid, signal.SIGKILL)
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        subprocess.run(self.command("down"), capture_output=True, timeout=60)

    def pid(self, name: str) -> int:
        """Of a child, now: it changes when the child is started again."""
        return state.read_children(self.directory)[name]

    # HTTP

    def ask(self, method: str, url: str, body: object = None) -> tuple[int, Any]:
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(url, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())

    def marathon(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return self.ask(method, f"{self.where['marathon']}{path}", body)

    def chronos(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return self.ask(method, f"{self.where['chronos']}/v1/scheduler/{path}", body)

    def deploy(self, app: dict[str, Any], timeout_s: float = 60) -> None:
        """Like `tepui app deploy`, by plain HTTP: PUT, then wait until no deployment is left."""
        status, answer = self.marathon("PUT", f"/v2/apps{app['id']}?force=true", app)
        assert status in (200, 201), answer
        self.settled(timeout_s)

    def settled(self, timeout_s: float = 60) -> None:
        eventually(lambda: self.deployments() == [], timeout_s, self.deployments)

    def deployments(self) -> list[Any]:
        found: list[Any] = self.marathon("GET", "/v3/deployments")[1]
        return found

    def tasks(self, app_id: str) -> list[Any]:
        status, answer = self.marathon("GET", f"/v2/apps{app_id}/tasks")
        assert status == 200, answer
        found: list[Any] = answer["tasks"]
        return found

    def fetch(self, port: int | None = None) -> str:
        """What an app answers through the load balancer; empty when it does not."""
        url = f"http://127.0.0.1:{port or self.service_port}/"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode().strip())
        except OSError:
            return ""


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def example(name: str, **changes: Any) -> dict[str, Any]:
    """A file of examples/ with other values at the top."""
    found: dict[str, Any] = json.loads((EXAMPLES / name).read_text())
    return found | changes


def app(cluster: Cluster, version: str = "v1", **changes: Any) -> dict[str, Any]:
    """The example app on a service port of this cluster."""
    found = example(f"app-{version}.json", **changes)
    found["portDefinitions"] = [{**found["portDefinitions"][0], "port": cluster.service_port}]
    return found


def eventually(
    claim: Callable[[], object], timeout_s: float = 20, why: Callable[[], object] = lambda: ""
) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


@contextmanager
def free_ports() -> Iterator[int]:
    """The first of a thousand ports that nobody uses; kept from other test runs meanwhile."""
    for first in range(20_000 + (os.getpid() % 6) * 1_000, 32_000, 1_000):
        path = Path(tempfile.gettempdir()) / f"tepui-test-ports-{first}.lock"
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if all(_is_free(first + n) for n in (*range(20), *range(100, 110), 300, 301)):
                yield first
                return
    raise AssertionError("no thousand free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_idle(sample_s: float = 0.3) -> bool:
    """Whether the machine has nothing else to do: what is promised in seconds is promised then."""
    before = _cpu_times()
    time.sleep(sample_s)
    after = _cpu_times()
    spent = [end - begin for begin, end in zip(before, after, strict=True)]
    return spent[3] / max(1, sum(spent)) > 0.7  # the fourth column of proc(5)'s cpu line is idle


def _cpu_times() -> list[int]:
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]


def alive_with(word: str) -> list[int]:
    """Every process with the word in its command line or environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if word.encode() in text and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def listening(ports: range) -> list[int]:
    """Which of these ports somebody listens on."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, state_code = re.split(r"\s+", line.strip())[1], line.split()[3]
        port = int(address.rpartition(":")[2], 16)
        if state_code == "0A" and port in ports:
            found.append(port)
    return sorted(found)
