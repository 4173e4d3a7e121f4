"""Sends bytes as they are, well-formed or not, and says what came back."""

import contextlib
import http.client
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

from tests.contracts.wire import Address

TIMEOUT_S = 20.0


class Reply(NamedTuple):
    """`status` is None when the server hung up without a word. A stream's body is not read."""

    status: int | None
    headers: Mapping[str, str]
    text: str
    seconds: float


def request_bytes(
    method: str, target: bytes, headers: Mapping[str, str], body: bytes | None
) -> bytes:
    """One HTTP request; nothing in it is checked."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: 127.0.0.1"]
    lines += [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers.items()]
    if body is not None and "Transfer-Encoding" not in headers and "Content-Length" not in headers:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def send(address: Address, raw: bytes, *, half_close: bool = False, method: str = "POST") -> Reply:
    """Over a connection of its own. With `half_close` the server sees an end after `raw`."""
    started = time.monotonic()
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(raw)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection, method=method)
        try:
            answer.begin()
            is_stream = answer.status == 200 and answer.chunked
            text = "" if is_stream else answer.read().decode(errors="replace")
        except (http.client.HTTPException, ConnectionResetError):
            return Reply(None, {}, "", time.monotonic() - started)
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, headers, text, time.monotonic() - started)
