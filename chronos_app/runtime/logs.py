"""Fetches what a run wrote, from its agent's `/files`, as every tool for Mesos does.

The sandbox is found in the agent's `/state` (the executor of a command task has the task's id);
it is not remembered here, because the agent may delete it any time.
Source: Mesos, docs/endpoints/files/read.md and slave/state.md.
"""

from typing import Any
from urllib.parse import quote

from msgspec import Struct

from kernel.runtime.client import TROUBLE, HttpClient

READ_BYTES = 256 * 1024
LOG_BYTES_MAX = 4 * 1024 * 1024  # the end of a longer one is shown
STREAMS = ("stdout", "stderr")


class Log(Struct, frozen=True):
    """What was read, where it began, and how much there is in all."""

    data: bytes
    offset: int
    size: int


class LogAbsent(Exception):
    """There is nothing to show; the text says why."""


async def read_log(
    client: HttpClient, agent_url: str, framework_id: str, task_id: str, stream: str
) -> Log:
    """The last `LOG_BYTES_MAX` bytes; raises `LogAbsent`."""
    try:
        directory = await find_sandbox(client, agent_url, framework_id, task_id)
        return await _read_file(client, agent_url, f"{directory}/{stream}")
    except TROUBLE as error:
        raise LogAbsent(f"the agent at {agent_url} does not answer: {error}") from None


async def find_sandbox(client: HttpClient, agent_url: str, framework_id: str, task_id: str) -> str:
    """The directory of the task's executor on its agent."""
    for path in ("/state", "/slave(1)/state"):
        reply = await client.get(agent_url + path)
        if reply.status == 200:
            return _directory(reply.json(), framework_id, task_id)
    raise LogAbsent(f"the agent at {agent_url} does not show its state")


def _directory(state: Any, framework_id: str, task_id: str) -> str:
    frameworks = [*state.get("frameworks", []), *state.get("completed_frameworks", [])]
    for framework in frameworks:
        if framework.get("id") != framework_id:
            continue
        for field in ("executors", "completed_executors"):
            for executor in framework.get(field, []):
                if executor.get("id") == task_id and executor.get("directory"):
                    return str(executor["directory"])
    raise LogAbsent("the agent does not know this run any more; its sandbox was cleaned up")


async def _read_file(client: HttpClient, agent_url: str, path: str) -> Log:
    where = f"{agent_url}/files/read?path={quote(path, safe='')}"
    reply = await client.get(f"{where}&offset=-1")
    if reply.status != 200:
        raise LogAbsent(f"the agent does not give out {path}")
    size = int(reply.json()["offset"])
    offset = start = max(0, size - LOG_BYTES_MAX)
    parts: list[bytes] = []
    while offset < size:
        length = min(READ_BYTES, size - offset)
        reply = await client.get(f"{where}&offset={offset}&length={length}")
        data = reply.json().get("data", "").encode() if reply.status == 200 else b""
        if not data:
            break
        parts.append(data)
        offset += length
    return Log(b"".join(parts), start, size)
