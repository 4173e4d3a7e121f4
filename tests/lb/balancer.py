"""A real load balancer process with its real HAProxy, in a directory of the test's."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lb.small_web import get, until
from tests.processes import free_port


@dataclass
class Balancer:
    directory: Path
    marathon: str
    arguments: tuple[str, ...] = ()
    http_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    async def start(self, wait: bool = True) -> "Balancer":
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory / "lb.log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "lb", "--marathon", self.marathon),
                    *("--port", str(self.port), "--http-port", str(self.http_port)),
                    *("--work-dir", str(self.directory), *self.arguments),
                ],
                stdout=log,
                stderr=log,
            )
        if wait:
            await until(self.is_ready)
        return self

    async def is_ready(self) -> bool:
        answer = await get(self.port, "/health")
        return answer.status == 200 and json.loads(answer.body)["haproxy"] == "running"

    async def services(self) -> dict[str, Any]:
        return dict(json.loads((await get(self.port, "/v1/services")).body))

    async def servers(self, app_id: str) -> dict[str, str]:
        """The states of an app's servers by task name (or server name where there is no task)."""
        for service in (await self.services())["services"]:
            if service["appId"] == app_id:
                return {
                    (server["taskIds"] or [server["name"]])[0]: server["state"]
                    for server in service["servers"]
                }
        return {}

    async def haproxy_pid(self) -> int:
        return int((await self.services())["haproxy"]["pid"])

    def children(self) -> list[int]:
        assert self.process is not None
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split()]

    def kill(self) -> None:
        """kill -9 of the whole process: the arbiter, and with it its worker."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            while self.process.poll() is None:
                await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX" and os.path.exists(f"/proc/{pid}")
