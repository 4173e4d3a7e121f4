"""An agent shows its credential to a master that asks for one, and asks its own visitors."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

from tests.kernel.runtime.master.live import live_master
from tests.processes import free_port

BASIC = {"Authorization": "Basic " + b64encode(b"agent:s3cret").decode()}


def status(url: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as got:
            return int(got.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_an_agent_with_a_credential_registers_and_guards_itself(tmp_path: Path) -> None:
    known = tmp_path / "credentials"
    known.write_text("agent s3cret\n")
    port, work_dir = free_port(), tmp_path / "agent"
    flags = ("--credentials", str(known), "--authenticate-agents")
    with live_master(tmp_path / "master", *flags) as master:
        command = [sys.executable, "-m", "kernel", "agent", "--work-dir", str(work_dir)]
        command += ["--port", str(port), "--master", f"http://127.0.0.1:{master.port}"]
        command += ["--credential", str(known), "--http-credentials", str(known)]
        command += ["--authenticate-http-readonly", "--resources", "cpus:1;mem:64"]
        agent = subprocess.Popen(command, env={**os.environ, "TEPUI_LOG": "warning"})
        try:
            deadline = time.monotonic() + 20
            while not master.request("GET", "/slaves").json()["slaves"]:
                assert time.monotonic() < deadline, "the agent did not register"
                time.sleep(0.05)
            url = f"http://127.0.0.1:{port}"
            assert status(f"{url}/state", {}) == 401
            assert status(f"{url}/state", BASIC) == 200
            assert status(f"{url}/health", {}) == 200
        finally:
            shut = urllib.request.Request(f"http://127.0.0.1:{port}/tepui/v1/shutdown", b"")
            urllib.request.urlopen(shut, timeout=10)
            agent.wait(20)
