"""Finds the sandbox of a task and reads its files over the agent's `/files`, as one would with
Mesos.

Knows that the executor of a plain command has the id of its task.
"""

import contextlib
import sys
import time
from collections.abc import Iterable
from typing import Any

import click
from msgspec import Struct

from kernel.cli import api

CHUNK_BYTES = 65_536
FOLLOW_S = 0.4


class Sandbox(Struct, frozen=True):
    """Where the files of one task are."""

    task_id: str
    agent: str  # address
    directory: str


def find(master: str, agent_id: str, task_id: str) -> Sandbox:
    agent = agent_address(master, agent_id)
    for framework in _frameworks(api.request("GET", f"{agent}/state")):
        for executor in [
            *framework.get("executors", []),
            *framework.get("completed_executors", []),
        ]:
            if executor.get("id") == task_id or _runs(executor, task_id):
                return Sandbox(task_id, agent, executor["directory"])
    raise api.Failure(
        f"The agent {agent} has no sandbox of {task_id} (any more).", api.EXIT_NOT_FOUND
    )


def _frameworks(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [*state.get("frameworks", []), *state.get("completed_frameworks", [])]


def _runs(executor: dict[str, Any], task_id: str) -> bool:
    every = (task for key in ("tasks", "completed_tasks") for task in executor.get(key, []))
    return any(task.get("id") == task_id for task in every)


def agent_address(master: str, agent_id: str) -> str:
    listed = api.request("GET", f"{master}/slaves")
    for agent in listed.get("slaves", []):
        if agent.get("id") == agent_id:
            return address_of(agent)
    raise api.Failure(f"The master knows no agent {agent_id}.", api.EXIT_NOT_FOUND)


def address_of(agent: dict[str, Any]) -> str:
    """An agent's pid is `slave(1)@10.0.0.1:5051`, as with Mesos."""
    _, at, place = str(agent.get("pid", "")).partition("@")
    return f"http://{place}" if at else f"http://{agent.get('hostname')}:{agent.get('port', 5051)}"


def show(sandboxes: Iterable[Sandbox], stream: str, *, lines: int, follow: bool) -> None:
    """Prints the end of each file; with `follow` also what is added, until Ctrl-C or the sandbox is
    gone.
    """
    places = list(sandboxes)
    offsets: dict[str, int] = {}
    for place in places:
        if len(places) > 1:
            click.echo(f"── {place.task_id}", err=True)
        end = _size(place, stream)
        start = max(0, end - lines * 200)
        text, offsets[place.task_id] = _read(place, stream, start)
        kept = text.splitlines(keepends=True)[-lines:] if lines else []
        click.echo("".join(kept), nl=False)
    with contextlib.suppress(KeyboardInterrupt):  # that is how following is meant to end
        while follow:
            sys.stdout.flush()
            time.sleep(FOLLOW_S)
            for place in places:
                text, offsets[place.task_id] = _read(place, stream, offsets[place.task_id])
                click.echo(text, nl=False)


def _size(place: Sandbox, stream: str) -> int:
    return int(_ask(place, stream, offset=-1)["offset"])


def _read(place: Sandbox, stream: str, offset: int) -> tuple[str, int]:
    pieces = []
    while data := _ask(place, stream, offset=offset, length=CHUNK_BYTES)["data"]:
        pieces.append(data)
        offset += len(data.encode())
    return "".join(pieces), offset


def _ask(place: Sandbox, stream: str, **query: int) -> dict[str, Any]:
    path = api.quote(f"{place.directory}/{stream}")
    more = "".join(f"&{key}={value}" for key, value in query.items())
    answer = api.request("GET", f"{place.agent}/files/read?path={path}{more}")
    assert isinstance(answer, dict)
    return answer
