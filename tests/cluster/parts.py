"""Single processes of a cluster, started alone as on machines of their own."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import free_port, wait_until

START_S = 30.0


class Part:
    """One server and its worker, in a process group of its own."""

    def __init__(
        self,
        module: str,
        words: list[str],
        directory: Path,
        *,
        host: str = "127.0.0.1",
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.port = free_port()
        self.address = f"{host}:{self.port}"
        self.url = f"http://{self.address}"
        self._log = directory / "log"
        self._words = [
            *prefix, sys.executable, "-m", *module.split(), *words,
            "--port", str(self.port), "--work-dir", str(directory),
        ]  # fmt: skip
        directory.mkdir(parents=True, exist_ok=True)
        self.process = self._spawn()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(self._words, stdout=log, stderr=log, process_group=0)

    def signal(self, number: int) -> None:
        """To the arbiter and its worker alike."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait(START_S)

    def start_again(self) -> None:
        self.process = self._spawn()

    def shut_down(self) -> None:
        """An agent, with its tasks."""
        self.ask("POST", "/tepui/v1/shutdown")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def ask(
        self, method: str, path: str, body: object = None, timeout_s: float = 30
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, decoded body and headers (lower case); status 0 when nobody answers."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(self.url + path, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, _decoded(answer.read()), _lowered(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read()), _lowered(error.headers)
        except OSError:
            return 0, None, {}

    def is_healthy(self) -> bool:
        return self.ask("GET", "/health")[0] == 200


def _lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


class Parts:
    """All that a test has started; ended in the opposite order."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Part] = []

    def start(self, module: str, *words: str, name: str = "") -> Part:
        directory = self._directory / (name or f"{module.split()[-1]}-{len(self._started)}")
        return self.add(Part(module, list(words), directory), module)

    def add(self, part: Part, module: str) -> Part:
        self._started.append(part)
        wait_until(part.is_healthy, START_S, f"{module}: {part.log()[-2000:]}")
        return part

    def stop(self) -> None:
        for part in reversed(self._started):
            if part.process.poll() is None and "agent" in part._words:
                part.signal(signal.SIGCONT)
                part.shut_down()
                try:
                    part.process.wait(10)
                except subprocess.TimeoutExpired:
                    part.kill()
            part.stop()


@contextmanager
def parts_in(directory: Path) -> Iterator[Parts]:
    parts = Parts(directory)
    try:
        yield parts
    finally:
        parts.stop()
