"""A real Chronos process on a free port, with a small true master to talk to."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from tests.chronos_app.runtime.master_stand_in import MasterStandIn
from tests.processes import free_port, wait_until

T = TypeVar("T")
TIMEOUT_S = 20.0


class ChronosProcess:
    """A context manager; `kill` and `start` again is a crash with the same store."""

    def __init__(self, directory: Path, *flags: str) -> None:
        self.directory = directory
        self.flags = flags
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.master = MasterStandIn(directory / "sandboxes")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()

    def __enter__(self) -> "ChronosProcess":
        self._thread.start()
        self.on_loop(self.master.start())
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._session.close()
        self.on_loop(self.master.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    def on_loop(self, running: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(running, self._loop).result(TIMEOUT_S)

    def start(self) -> None:
        command = [
            sys.executable, "-m", "chronos_app", "--port", str(self.port),
            "--master", self.master.url, "--work-dir", str(self.directory), *self.flags,
        ]  # fmt: skip
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, "TEPUI_SUPERVISED": "1"},
                process_group=0,
            )
        self.until(self.is_connected, "connected")

    def is_connected(self) -> bool:
        try:
            return bool(self.get("/health").json()["connected"])
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(TIMEOUT_S)

    def kill(self) -> None:
        """As kill -9 of all of it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(TIMEOUT_S)

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def until(self, holds: Any, what: str = "") -> None:
        wait_until(holds, TIMEOUT_S, what)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.request("POST", path, json=body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.request("PUT", path, json=body, **more)

    def delete(self, path: str, **more: Any) -> requests.Response:
        return self.request("DELETE", path, **more)

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._session.request(method, self.url + path, timeout=TIMEOUT_S, **more)

    def runs(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/v1/scheduler/tepui/job/{name}/runs").json()
        return found

    def delete_all(self) -> None:
        """So that tests can share a process."""
        for job in self.get("/v1/scheduler/jobs").json():
            assert self.delete(f"/v1/scheduler/job/{job['name']}").status_code == 204


@pytest.fixture(scope="session")
def shared_chronos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChronosProcess]:
    with ChronosProcess(tmp_path_factory.mktemp("chronos")) as process:
        yield process


@pytest.fixture
def chronos(shared_chronos: ChronosProcess) -> Iterator[ChronosProcess]:
    """One process for many tests; each finds it without jobs."""
    shared_chronos.delete_all()
    yield shared_chronos
