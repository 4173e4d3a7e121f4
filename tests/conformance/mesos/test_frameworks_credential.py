"""Marathon and Chronos, each a real process, at a master that asks frameworks who they are."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.runtime.master.live import LiveMaster, live_master
from tests.processes import free_port, wait_until

FLAGS = ("--authenticate-http-frameworks", "--authenticate-agents")


@contextmanager
def process(module: str, work_dir: Path, *flags: str) -> Iterator[int]:
    """On a port of its own, until the end of the block."""
    port = free_port()
    command = [sys.executable, "-m", *module.split(), "--port", str(port)]
    command += ["--work-dir", str(work_dir), *flags]
    work_dir.mkdir()
    with (work_dir / "log").open("w") as log:
        running = subprocess.Popen(
            command, env={**os.environ, "TEPUI_LOG": "info"}, stdout=log, stderr=log
        )
    try:
        yield port
    finally:
        running.terminate()
        running.wait(20)


def connected(master: LiveMaster) -> list[str]:
    found = master.request("GET", "/frameworks").json()["frameworks"]
    return sorted(each["name"] for each in found if each["active"])


def ask(port: int, path: str, body: object = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data)
    asked.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def test_marathon_and_chronos_show_their_credential_and_run_tasks(tmp_path: Path) -> None:
    for name in ("agent", "marathon", "chronos"):
        (tmp_path / f"{name}.credential").write_text(
            json.dumps({"principal": name, "secret": f"{name}-s3cret"})
        )
    known = tmp_path / "credentials"
    known.write_text("".join(f"{n} {n}-s3cret\n" for n in ("agent", "marathon", "chronos")))
    with live_master(tmp_path / "master", "--credentials", str(known), *FLAGS) as master:
        to_master = ("--master", f"http://127.0.0.1:{master.port}")

        def as_(name: str) -> tuple[str, ...]:
            return (*to_master, "--credential", str(tmp_path / f"{name}.credential"))

        resources = ("--resources", "cpus:2;mem:512;disk:100;ports:[31000-31010]")
        with (
            process("kernel agent", tmp_path / "agent", *as_("agent"), *resources) as agent,
            process("marathon_app", tmp_path / "marathon", *as_("marathon")) as marathon,
            process("chronos_app", tmp_path / "chronos", *as_("chronos")),
        ):
            wait_until(lambda: connected(master) == ["chronos", "marathon"], 30, "both connected")
            app = {"id": "/a", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 1}
            ask(marathon, "/v2/apps", app)
            wait_until(
                lambda: ask(marathon, "/v2/apps//a")["app"]["tasksRunning"] == 1, 30, "it runs"
            )
            ask(agent, "/tepui/v1/shutdown", {})


@pytest.mark.parametrize("module", ["marathon_app", "chronos_app"])
def test_a_wrong_secret_keeps_a_framework_out(tmp_path: Path, module: str) -> None:
    known, wrong = tmp_path / "credentials", tmp_path / "wrong"
    known.write_text("x s3cret\n")
    wrong.write_text("x guessed\n")
    with live_master(tmp_path / "master", "--credentials", str(known), *FLAGS) as master:
        flags = ("--master", f"http://127.0.0.1:{master.port}", "--credential", str(wrong))
        log = tmp_path / "framework" / "log"
        with process(module, tmp_path / "framework", *flags):
            wait_until(lambda: log.exists() and "401" in log.read_text(), 30, "it was refused")
            assert connected(master) == []
        assert "guessed" not in log.read_text()
