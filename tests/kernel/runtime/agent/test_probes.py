"""Health probes against real listeners and real commands. Source: Mesos, docs/health-checks.md."""

import asyncio
import socket
import time
from pathlib import Path

import pytest
from aiohttp import web

from kernel.messages.v1 import (
    CheckCommand,
    CheckHttp,
    CheckInfo,
    CheckStatusInfo,
    CheckTcp,
    CommandInfo,
    CommandResult,
    HealthCheck,
    HttpCheck,
    HttpResult,
    TcpCheck,
    TcpResult,
)
from kernel.runtime.agent.probes import Beside, ask, probe
from kernel.runtime.client import HttpClient
from tests.kernel.runtime.agent.bench import ENVIRONMENT
from tests.processes import free_port


def run(check: HealthCheck, sandbox: Path = Path("/")) -> tuple[bool, str]:
    async def whole() -> tuple[bool, str]:
        client = HttpClient()
        try:
            return await probe(client, check, Beside(str(sandbox), ENVIRONMENT))
        finally:
            await client.close()

    return asyncio.run(whole())


def run_http(status: int, **more: object) -> tuple[bool, str]:
    """Probe a real server that answers `status` on /well and is slow on /slow."""

    async def well(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(10)
        return web.Response()

    async def whole() -> tuple[bool, str]:
        application = web.Application()
        application.router.add_get("/well", well)
        application.router.add_get("/slow", slow)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        client = HttpClient()
        port = listening.getsockname()[1]
        timeout_s = more.pop("timeout_seconds", 5.0)
        assert isinstance(timeout_s, float)
        http = HttpCheck(port=port, **more)  # type: ignore[arg-type]
        try:
            check = HealthCheck(type="HTTP", http=http, timeout_seconds=timeout_s)
            return await probe(client, check, Beside("/", {}))
        finally:
            await client.close()
            await runner.cleanup()

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("status", "healthy"), [(200, True), (204, True), (399, True), (404, False), (500, False)]
)
def test_http_is_well_from_200_to_399(status: int, healthy: bool) -> None:
    assert run_http(status, path="/well") == (healthy, f"HTTP status {status}")


def test_http_may_name_its_statuses() -> None:
    assert run_http(404, path="well", statuses=[404])[0]
    assert not run_http(200, path="/well", statuses=[404])[0]


def test_a_slow_answer_is_no_answer() -> None:
    assert run_http(200, path="/slow", timeout_seconds=0.2) == (False, "no answer within 0.2 s")


def test_tcp_is_well_when_something_listens() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        check = HealthCheck(type="TCP", tcp=TcpCheck(port=port))
        assert not run(check)[0]
        listening.listen()
        assert run(check) == (True, "connected")


def test_a_command_runs_in_the_sandbox_and_its_status_decides(tmp_path: Path) -> None:
    (tmp_path / "here").touch()

    assert run(HealthCheck(command=CommandInfo(value="test -e here")), tmp_path)[0]
    unwell = run(HealthCheck(command=CommandInfo(value="exit 3")), tmp_path)
    assert unwell == (False, "the command exited with status 3")
    assert run(HealthCheck(command=CommandInfo(shell=False, value="/bin/true")), tmp_path)[0]


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    command = CommandInfo(value="sleep 1000 & echo $! > child; wait")
    begin = time.monotonic()

    healthy, _ = run(HealthCheck(command=command, timeout_seconds=0.5), tmp_path)

    assert not healthy
    assert time.monotonic() - begin < 5
    stat = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_check_of_nothing_says_so() -> None:
    assert run(HealthCheck()) == (False, "the check names neither http nor tcp nor a command")


def asked(check: CheckInfo, answer: bytes = b"", sandbox: Path = Path("/")) -> object:
    """The answer to a check, while `answer` is told to whoever connects to its port."""

    async def tell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async def whole() -> object:
        client = HttpClient()
        endpoint = check.http or check.tcp
        server = None
        if answer and endpoint is not None:
            server = await asyncio.start_server(tell, "127.0.0.1", endpoint.port)
        try:
            return (await ask(client, check, Beside(str(sandbox), ENVIRONMENT)))[0]
        finally:
            if server is not None:
                server.close()
            await client.close()

    return asyncio.run(whole())


def test_a_check_tells_what_it_found_and_judges_nothing(tmp_path: Path) -> None:
    """Source: mesos.md §1.4, §2.10 (CheckInfo, check_status)."""
    port = free_port()
    command = CheckCommand(command=CommandInfo(value="exit 3"))
    web_page = CheckInfo(type="HTTP", http=CheckHttp(port=port, path="/x"))
    door = CheckInfo(type="TCP", tcp=CheckTcp(port=port))

    assert asked(CheckInfo(type="COMMAND", command=command), sandbox=tmp_path) == CheckStatusInfo(
        type="COMMAND", command=CommandResult(exit_code=3)
    )
    assert asked(web_page, b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") == CheckStatusInfo(
        type="HTTP", http=HttpResult(status_code=503)
    )
    assert asked(door, b"hello") == CheckStatusInfo(type="TCP", tcp=TcpResult(succeeded=True))


def test_who_does_not_answer_a_check_is_unknown_but_a_closed_port_is_an_answer() -> None:
    port = free_port()
    slow = CheckCommand(command=CommandInfo(value="sleep 1000"))

    assert asked(CheckInfo(type="HTTP", http=CheckHttp(port=port))) is None
    assert asked(CheckInfo(type="COMMAND", command=slow, timeout_seconds=0.2)) is None
    assert asked(CheckInfo(type="TCP", tcp=CheckTcp(port=port))) == CheckStatusInfo(
        type="TCP", tcp=TcpResult(succeeded=False)
    )
