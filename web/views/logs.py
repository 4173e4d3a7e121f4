"""Reads a task's stdout and stderr through the agent that has them, piece by piece.

The browser follows a file by asking from the offset it has; it never talks to an agent itself.
"""

from typing import Any

import msgspec
from flask import Blueprint, Response, abort, request

from web.parts.mesos import Sandbox
from web.rendering import parts
from web.shapes.mesos import FilePart

blueprint = Blueprint("logs", __name__, url_prefix="/logs")
FILES = ("stdout", "stderr")
# What a page shows first: the end of the file. More is in the download.
TAIL_BYTES = 64 * 1024
READ_BYTES_MAX = 64 * 1024


@blueprint.get("/read")
def read() -> Response:
    """`{"data", "offset", "next"}`; without an offset the tail. 404 while there is no file."""
    box, name = _sandbox(), _file()
    size = parts().mesos.file_size(box, name)
    if size is None:
        abort(404, f"There is no {name} yet.")
    asked = request.args.get("offset", -1, type=int)
    offset = asked if 0 <= asked <= size else max(0, size - TAIL_BYTES)
    if offset >= size:
        return _json({"data": "", "offset": offset, "next": size, "size": size})
    # Asking for what was there at the probe, no more, makes the next offset certain: the text that
    # comes back may count otherwise, where bytes are no UTF-8.
    length = min(READ_BYTES_MAX, size - offset)
    piece = box.agent.read(parts().mesos.read_file(box, name, offset, length), FilePart)
    return _json({"data": piece.data, "offset": offset, "next": offset + length, "size": size})


@blueprint.get("/download")
def download() -> Response:
    box, name = _sandbox(), _file()
    reply = parts().mesos.download(box, name)
    if not reply.is_success:
        abort(404, f"There is no {name}.")
    headers = {"Content-Disposition": f"attachment; filename={name}.txt"}
    return Response(reply.body, content_type="text/plain; charset=utf-8", headers=headers)


def _sandbox() -> Sandbox:
    agent_id, task_id = request.args.get("agent", ""), request.args.get("task", "")
    box = parts().mesos.sandbox(agent_id, task_id)
    if box is None:
        abort(404, "The agent keeps no files of this task (any more).")
    return box


def _file() -> str:
    name = request.args.get("file", "stdout")
    if name not in FILES:
        abort(400, "The file is stdout or stderr.")
    return name


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), content_type="application/json")
