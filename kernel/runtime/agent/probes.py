"""Carries out one health check or check of a task: an HTTP request, a TCP connection, a command.

What a result means is `kernel.executor.checks`'. HTTP and TCP go to 127.0.0.1, where a task without
a network of its own listens. A command runs in the task's sandbox, with its environment and user
and inside its control groups. Source: Mesos, docs/health-checks.md; src/checks/checker_process.cpp.
"""

import asyncio
import os
import signal

from msgspec import Struct

from kernel.messages.v1 import (
    CheckInfo,
    CheckStatusInfo,
    CommandInfo,
    CommandResult,
    HealthCheck,
    HttpCheck,
    HttpResult,
    TcpResult,
)
from kernel.runtime.agent.container import SHELL
from kernel.runtime.client import TROUBLE, HttpClient

_HTTP_OK = range(200, 400)  # Mesos, docs/health-checks.md
_HOST = "127.0.0.1"
_TIMEOUT_DEFAULT_S = 20.0
#: Words: files to join, `--`, argv. As in `recorder`: 0 stands for the writer itself.
_JOIN = 'while [ "$1" != -- ]; do echo 0 > "$1"; shift; done; shift; exec "$@"'


class Beside(Struct, frozen=True):
    """Where a command check runs: as its task does."""

    sandbox: str
    environment: dict[str, str]
    joins: list[str] = []
    as_user: list[str] = []


async def probe(client: HttpClient, check: HealthCheck, beside: Beside) -> tuple[bool, str]:
    """Whether it is well, and what was seen; never raises for what a task does."""
    timeout_s = check.timeout_seconds or _TIMEOUT_DEFAULT_S
    try:
        async with asyncio.timeout(timeout_s):
            if check.http is not None:
                return await _http(client, check.http, timeout_s)
            if check.tcp is not None:
                return await _tcp(check.tcp.port)
            if check.command is not None:
                status = await _command(check.command, beside)
                return status == 0, f"the command exited with status {status}"
    except TimeoutError:
        return False, f"no answer within {timeout_s:g} s"
    except (*TROUBLE, ValueError) as error:
        return False, str(error) or type(error).__name__
    return False, "the check names neither http nor tcp nor a command"


async def ask(
    client: HttpClient, check: CheckInfo, beside: Beside
) -> tuple[CheckStatusInfo | None, str]:
    """What a check finds; None and why when it finds nothing, as when nobody answers HTTP."""
    timeout_s = check.timeout_seconds or None  # Mesos: zero means that it may take for ever
    try:
        async with asyncio.timeout(timeout_s):
            if check.http is not None:
                path = "/" + (check.http.path or "").removeprefix("/")
                url = f"http://{_HOST}:{check.http.port}{path}"
                wait_s = timeout_s or _TIMEOUT_DEFAULT_S
                headers = {"Connection": "close"}
                reply = await client.get(url, timeout_s=wait_s, headers=headers)
                return CheckStatusInfo(type="HTTP", http=HttpResult(status_code=reply.status)), ""
            if check.tcp is not None:
                accepted = await _accepts(check.tcp.port)
                return CheckStatusInfo(type="TCP", tcp=TcpResult(succeeded=accepted)), ""
            if check.command is not None:
                status = await _command(check.command.command, beside)
                result = CommandResult(exit_code=status)
                return CheckStatusInfo(type="COMMAND", command=result), ""
    except TimeoutError:
        return None, f"no answer within {timeout_s:g} s"
    except (*TROUBLE, ValueError) as error:
        return None, str(error) or type(error).__name__
    return None, "the check names neither http nor tcp nor a command"


async def _accepts(port: int) -> bool:
    try:
        await _tcp(port)
    except OSError:
        return False
    return True


async def _http(client: HttpClient, check: HttpCheck, timeout_s: float) -> tuple[bool, str]:
    path = check.path or "/"
    url = f"{check.scheme or 'http'}://{_HOST}:{check.port}{'' if path[0] == '/' else '/'}{path}"
    reply = await client.get(url, timeout_s=timeout_s, headers={"Connection": "close"})
    wanted = check.statuses or _HTTP_OK
    return reply.status in wanted, f"HTTP status {reply.status}"


async def _tcp(port: int) -> tuple[bool, str]:
    _, writer = await asyncio.open_connection(_HOST, port)
    writer.close()
    return True, "connected"


async def _command(command: CommandInfo, beside: Beside) -> int:
    """Its exit status; negative is the signal that ended it."""
    argv = [SHELL, "-c", command.value or ""]
    if not command.shell:
        argv = [command.value, *command.arguments[1:]] if command.value else command.arguments
    own = command.environment.variables if command.environment is not None else []
    process = await asyncio.create_subprocess_exec(
        *(SHELL, "-c", _JOIN, "tepui-probe", *beside.joins, "--", *beside.as_user, *argv),
        cwd=beside.sandbox,
        env={**beside.environment, **{each.name: each.value or "" for each in own}},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        status = await process.wait()
    finally:
        if process.returncode is None:  # it is not reaped yet, so its number is still its own
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return status
