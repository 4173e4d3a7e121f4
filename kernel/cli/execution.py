"""`tepui exec`: a command in the sandbox and the environment of a task that runs.

The task's agent launches it as a session and streams what it says; who it runs as, and that it ends
with the task or with this program, is decided there. Source: mesos.md §2.9; Mesos's CLI,
`mesos task exec`.
"""

import http.client
import json
import os
import sys
import urllib.parse
from base64 import b64decode, b64encode
from typing import Any
from uuid import uuid4

import click

from kernel.cli import api, sandboxes
from kernel.cli.options import locate, where

_JSON, _RECORDIO = "application/json", "application/recordio"
_INPUT_PIECE_BYTES = 1 << 16
_SIGNAL_BASE = 128  # as a shell says it

Json = dict[str, Any]


@click.command(
    "exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option("-i", "--stdin", "with_input", is_flag=True,
              help="Hand standard input on: all of it is read first.")  # fmt: skip
@where
@click.argument("task", metavar="TASK")
@click.argument("words", metavar="COMMAND…", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(with_input: bool, task: str, words: tuple[str, ...], **flags: Any) -> None:
    """Run a command where a task runs: as its user, in its sandbox, with its environment.

    TASK is the id of a running task, or the beginning of one. Ends with the command's exit status
    (128 + n after signal n); the command ends with the task, and when this program ends. There is
    no terminal: a shell that wants one is not interactive.
    """
    place = locate(flags)
    agent, parent = _find(place.master, task)
    argv = list(words[1:] if words[0] == "--" else words)
    if not argv:
        raise click.UsageError("Name the command to run.")
    container = {"value": f"exec-{uuid4()}", "parent": parent}
    command = {"shell": False, "value": argv[0], "arguments": argv}
    said = sys.stdin.buffer.read() if with_input else b""
    call = {"container_id": container, "command": command}
    connection, answer = _post(agent, _json_of("LAUNCH_NESTED_CONTAINER_SESSION", call), _JSON)
    try:
        _post(agent, _input(container, said), _RECORDIO)[0].close()
        _print(answer)
    except (OSError, http.client.HTTPException) as error:
        raise api.unreachable(agent, error) from error
    finally:
        connection.close()
    wait = {"type": "WAIT_CONTAINER", "wait_container": {"container_id": container}}
    ended = api.request("POST", f"{agent}/api/v1", wait)["wait_container"]
    if ended.get("message"):
        click.echo(ended["message"], err=True)
    status = os.waitstatus_to_exitcode(ended.get("exit_status", 1 << 8))
    raise SystemExit(status if status >= 0 else _SIGNAL_BASE - status)


def _find(master: str, wanted: str) -> tuple[str, Json]:
    """The address of the agent, and the id of the task's container."""
    state = api.request("GET", f"{master}/state")
    running = [
        task
        for framework in state.get("frameworks", [])
        for task in framework.get("tasks", [])
        if task.get("state") == "TASK_RUNNING" and str(task.get("id")).startswith(wanted)
    ]
    found = [task for task in running if task["id"] == wanted] or running
    if not found:
        raise api.Failure(f"No running task is called {wanted}.", api.EXIT_NOT_FOUND)
    if len(found) > 1:
        names = ", ".join(sorted(str(task["id"]) for task in found)[:5])
        raise api.Failure(f"{len(found)} running tasks are called so: {names}. Name one.", 2)
    (task,) = found
    for status in reversed(task.get("statuses", [])):
        container = status.get("container_status", {}).get("container_id")
        if container:
            agent = sandboxes.agent_address(master, task["slave_id"])
            return api.with_credentials_of(master, agent), container
    raise api.Failure(f"No agent has said yet which container {task['id']} has.")


def _json_of(type_: str, body: Json) -> bytes:
    return json.dumps({"type": type_, type_.lower(): body}).encode()


def _input(container: Json, said: bytes) -> bytes:
    """The call, and all of the input as records."""
    bodies: list[Json] = [{"type": "CONTAINER_ID", "container_id": container}]
    for start in range(0, len(said), _INPUT_PIECE_BYTES):
        piece = b64encode(said[start : start + _INPUT_PIECE_BYTES]).decode()
        bodies.append(_process_io(piece))
    records = [_json_of("ATTACH_CONTAINER_INPUT", body) for body in [*bodies, _process_io("")]]
    return b"".join(b"%d\n%s" % (len(record), record) for record in records)


def _process_io(piece: str) -> Json:
    data = {"type": "STDIN", "data": piece}
    return {"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": data}}


def _post(
    agent: str, body: bytes, content_type: str
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    place = urllib.parse.urlsplit(agent)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    accept = {"Accept": _RECORDIO, "Message-Accept": _JSON}
    headers = {"Content-Type": content_type, **accept}
    if content_type == _RECORDIO:
        headers = {"Content-Type": _RECORDIO, "Message-Content-Type": _JSON}
    try:
        connection.request("POST", "/api/v1", body, {**headers, **api.credentials(agent)})
        answer = connection.getresponse()
        over = answer.status == 404 and content_type == _RECORDIO  # it ended before its input came
        if answer.status >= 400 and not over:
            raise api.failure(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise api.unreachable(agent, error) from error
    return connection, answer


def _print(answer: http.client.HTTPResponse) -> None:
    """Until the end of the stream."""
    while line := answer.readline():
        record = json.loads(answer.read(int(line)))
        data = record.get("data", {})
        if record.get("type") == "DATA" and data.get("data"):
            target = sys.stderr if data["type"] == "STDERR" else sys.stdout
            target.buffer.write(b64decode(data["data"]))
            target.buffer.flush()
