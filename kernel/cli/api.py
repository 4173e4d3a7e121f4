"""Speaks JSON over HTTP to the parts of a cluster, for commands: one request, one answer, clear
errors.

Deliberately the standard library's client: a command starts in a moment, makes a few requests and
ends.
"""

import http.client
import json
import socket
import urllib.parse
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import click

EXIT_UNREACHABLE, EXIT_NOT_FOUND, EXIT_CONFLICT = 3, 4, 5
REDIRECTS_MAX = 4


class Failure(click.ClickException):
    """Ends the command with one sentence, and the exit code that tells scripts what kind it was."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        vars(self)["exit_code"] = (
            exit_code  # click declares it for the class, but reads the instance
        )


def request(method: str, url: str, body: object = None, *, timeout_s: float = 30) -> Any:
    """The decoded answer; anything but a success is a `Failure` in the server's own words."""
    status, raw = exchange(method, url, body, timeout_s=timeout_s)
    if status >= 400:
        raise failure(status, raw)
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def exchange(
    method: str, url: str, body: object = None, *, timeout_s: float = 30
) -> tuple[int, bytes]:
    # The leader is told who asks, too: a standby is trusted to know it.
    headers = {"Accept": "application/json", **credentials(url)}
    content = None
    if body is not None:
        content = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    for _ in range(REDIRECTS_MAX):
        connection, path = _connect(url, timeout_s)
        try:
            connection.request(method, path, body=content, headers=headers)
            answer = connection.getresponse()
            status, raw, leader = answer.status, answer.read(), answer.getheader("Location", "")
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(url, error) from error
        finally:
            connection.close()
        if status != 307 or not leader:
            return status, raw
        url = urllib.parse.urljoin(url, leader)  # a standby master says who leads
    raise Failure(f"{url}: the masters send to one another; ask again in a moment")


def events(url: str) -> Iterator[tuple[str, Any]]:
    """The server-sent events of a stream as (type, data); ends when the stream does."""
    connection, path = _connect(url, timeout_s=None)
    try:
        connection.request("GET", path, headers={"Accept": "text/event-stream", **credentials(url)})
        answer = connection.getresponse()
        kind = "message"
        for line in answer:
            field, _, value = line.decode().rstrip("\r\n").partition(":")
            if field == "event":
                kind = value.strip()
            elif field == "data":
                yield kind, json.loads(value)
                kind = "message"
    except (OSError, http.client.HTTPException, ValueError):
        return
    finally:
        connection.close()


def quote(name: str) -> str:
    return urllib.parse.quote(name, safe="/")


def without_secret(url: str) -> str:
    """The address as it may be shown."""
    where = urllib.parse.urlsplit(url)
    return where._replace(netloc=where.netloc.rpartition("@")[2]).geturl()


def with_credentials_of(url: str, other: str) -> str:
    """The address `other`, asked as who `url` is asked as."""
    who, at, _ = urllib.parse.urlsplit(url).netloc.rpartition("@")
    where = urllib.parse.urlsplit(other)
    return where._replace(netloc=f"{who}{at}{where.netloc}").geturl()


def credentials(url: str) -> dict[str, str]:
    """Those of `http://principal:secret@host`, as a header."""
    who, found, _ = urllib.parse.urlsplit(url).netloc.rpartition("@")
    pair = urllib.parse.unquote(who).encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"} if found else {}


def unreachable(url: str, error: Exception) -> Failure:
    why = "it did not answer in time" if isinstance(error, TimeoutError) else _words(error)
    where = urllib.parse.urlsplit(without_secret(url))
    message = (
        f"{where.scheme}://{where.netloc} cannot be reached: {why}. Is the cluster up (`tepui up`)?"
    )
    return Failure(message, EXIT_UNREACHABLE)


def _words(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def failure(status: int, raw: bytes) -> Failure:
    """The server's message, with one line per field that it complains about."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = raw.decode(errors="replace").strip()
    lines = [_lock(body) or _message(body) or f"the server answered {status}"]
    details = body.get("details") if isinstance(body, dict) else None
    if isinstance(details, str):
        lines.append(f"  {details}")
    elif isinstance(details, list):
        lines += [_detail(each) for each in details]
    codes = {404: EXIT_NOT_FOUND, 409: EXIT_CONFLICT, 503: EXIT_UNREACHABLE, 502: EXIT_UNREACHABLE}
    return Failure("\n".join(lines), codes.get(status, 1))


def _lock(body: object) -> str:
    """Marathon's own words for this name a flag of its API, not of this program."""
    deployments = body.get("deployments") if isinstance(body, dict) else None
    if not deployments:
        return ""
    names = " and ".join(str(each.get("id")) for each in deployments)
    return f"It is locked by a deployment that is under way ({names}); --force takes over from it."


def _message(body: object) -> str:
    if isinstance(body, dict):
        return str(body.get("message", ""))
    return body if isinstance(body, str) and len(body) < 500 else ""


def _detail(detail: object) -> str:
    if isinstance(detail, dict):
        return f"  {detail.get('path', '/')}: {'; '.join(map(str, detail.get('errors', [])))}"
    return f"  {detail}"


def _connect(url: str, timeout_s: float | None) -> tuple[http.client.HTTPConnection, str]:
    where = urllib.parse.urlsplit(url)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise Failure(f"{url} is no address; it must be like http://host:8080.", 2)
    secure = where.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    path = where.path + (f"?{where.query}" if where.query else "")
    return kind(where.hostname, where.port, timeout=timeout_s), path or "/"
