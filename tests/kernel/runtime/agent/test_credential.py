"""An agent shows its credential to a master that asks for one, and asks its own visitors."""

import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

from tests.agents import live_agent
from tests.kernel.runtime.master.live import live_master
from tests.processes import wait_until

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
    guarded = ("--credentials", str(known), "--authenticate-agents")
    with live_master(tmp_path / "master", *guarded) as master:
        flags = ["--credential", str(known), "--http-credentials", str(known)]
        flags += ["--authenticate-http-readonly", "--resources", "cpus:1;mem:64"]
        with live_agent(tmp_path / "agent", f"http://127.0.0.1:{master.port}", *flags) as port:
            wait_until(lambda: master.request("GET", "/slaves").json()["slaves"], 20, "no agent")
            url = f"http://127.0.0.1:{port}"
            assert status(f"{url}/state", {}) == 401
            assert status(f"{url}/state", BASIC) == 200
            assert status(f"{url}/health", {}) == 200
