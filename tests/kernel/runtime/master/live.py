"""A real master process, and true small peers for it: a scheduler and an agent over HTTP."""

import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from kernel.messages.codec import RecordDecoder
from tests.processes import free_port

Json = dict[str, Any]
CAPABLE = [
    {"type": "PARTITION_AWARE"},
    {"type": "MULTI_ROLE"},
    {"type": "RESERVATION_REFINEMENT"},
]
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Reply:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class LiveMaster:
    """One `python -m kernel master` on a port and a work directory of its own."""

    def __init__(self, work_dir: Path, port: int, *flags: str) -> None:
        self.port = port
        command = [sys.executable, "-m", "kernel", "master", "--port", str(port)]
        command += ["--work-dir", str(work_dir), *flags]
        self.process = subprocess.Popen(command, env={**os.environ, "TEPUI_LOG": "warning"})
        self._await_health()

    def _await_health(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the master ended"
            try:
                if self.request("GET", "/health").status == 200:
                    return
            except OSError:
                time.sleep(0.02)  # there is no event to wait for: nobody listens yet
        raise AssertionError("the master did not come up")

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, path, raw, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def kill(self) -> None:
        """As kill -9 does, to the whole process."""
        for child in _children(self.process.pid):
            os.kill(child, signal.SIGKILL)
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(part) for part in found.read_text().split()] if found.exists() else []


@contextmanager
def live_master(work_dir: Path, *flags: str) -> Iterator[LiveMaster]:
    master = LiveMaster(work_dir, free_port(), *flags)
    try:
        yield master
    finally:
        if master.process.poll() is None:
            master.stop()


class Stream:
    """A subscription: records arrive in a queue until the stream ends."""

    def __init__(
        self, master: LiveMaster, path: str, body: Json, headers: dict[str, str] | None = None
    ) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", master.port, timeout=60)
        asked = {**JSON_HEADERS, **(headers or {})}
        self._connection.request("POST", path, json.dumps(body).encode(), asked)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.stream_id = self._answer.headers.get("Mesos-Stream-Id", "")
        self.records: queue.Queue[Json | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        decoder = RecordDecoder()
        try:
            while chunk := self._answer.read1(65536):
                for record in decoder.feed(chunk):
                    self.records.put(json.loads(record))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.records.put(None)

    def next(self, timeout_s: float = 10) -> Json | None:
        return self.records.get(timeout=timeout_s)

    def wait_for(self, fits: str | Callable[[Json], bool], timeout_s: float = 10) -> Json:
        """The next record of a type, or that fits; the others before it are passed over."""
        deadline = time.monotonic() + timeout_s
        while True:
            record = self.records.get(timeout=max(0.001, deadline - time.monotonic()))
            assert record is not None, f"the stream ended before {fits}"
            if record["type"] == fits if isinstance(fits, str) else fits(record):
                return record

    def drain(self, quiet_s: float) -> list[Json]:
        """What is there, until nothing has come for a moment."""
        found: list[Json] = []
        while True:
            try:
                record = self.records.get(timeout=quiet_s)
            except queue.Empty:
                return found
            if record is None:
                return found
            found.append(record)

    def close(self) -> None:
        sock = self._connection.sock
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._connection.close()


class LiveScheduler:
    """Subscribes at once; calls carry its framework id and stream id."""

    PATH = "/api/v1/scheduler"

    def __init__(self, master: LiveMaster, *, framework_id: str | None = None, **info: Any) -> None:
        self.master = master
        self.info: Json = {
            "user": "root",
            "name": "test",
            "failover_timeout": 60.0,
            "checkpoint": True,
            "capabilities": CAPABLE,
            "roles": ["test"],
            **info,
        }
        call: Json = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info}}
        if framework_id is not None:
            self.info["id"] = call["framework_id"] = {"value": framework_id}
        self.stream = Stream(master, self.PATH, call)
        first = self.stream.next()
        assert first is not None
        self.first = first
        if first["type"] == "SUBSCRIBED":
            self.framework_id: str = first["subscribed"]["framework_id"]["value"]

    def call(self, type_: str, **payload: Any) -> Reply:
        body: Json = {"type": type_, "framework_id": {"value": self.framework_id}}
        if payload:
            body[type_.lower()] = payload
        headers = {"Content-Type": "application/json", "Mesos-Stream-Id": self.stream.stream_id}
        return self.master.request("POST", self.PATH, body, headers)

    def offer(self, timeout_s: float = 10) -> Json:
        """The first offer of the next OFFERS."""
        record = self.stream.wait_for("OFFERS", timeout_s)
        offer: Json = record["offers"]["offers"][0]
        return offer

    def update(self, task_id: str | None = None) -> Json:
        """The next status, of a task or of any."""
        record = self.stream.wait_for(
            lambda r: (
                r["type"] == "UPDATE"
                and task_id in (None, r["update"]["status"]["task_id"]["value"])
            )
        )
        status: Json = record["update"]["status"]
        return status

    def launch(self, offer: Json, *tasks: Json, refuse_seconds: float = 0.0) -> Reply:
        return self.call(
            "ACCEPT",
            offer_ids=[offer["id"]],
            operations=[{"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}],
            filters={"refuse_seconds": refuse_seconds},
        )

    def acknowledge(self, status: Json) -> Reply:
        return self.call(
            "ACKNOWLEDGE",
            agent_id=status["agent_id"],
            task_id=status["task_id"],
            uuid=status["uuid"],
        )


def scalar(name: str, value: float) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def task(task_id: str, agent_id: str, *, cpus: float = 0.1, **more: Any) -> Json:
    return {
        "name": task_id,
        "task_id": {"value": task_id},
        "agent_id": {"value": agent_id},
        "resources": [scalar("cpus", cpus), scalar("mem", 32)],
        "command": {"value": "sleep 1000"},
        **more,
    }


class LiveAgent:
    """Speaks the agents' conversation as an agent must; runs nothing, says what it is told to."""

    PATH = "/tepui/v1/agent"

    def __init__(
        self,
        master: LiveMaster,
        *,
        agent_id: str | None = None,
        cpus: float = 4,
        tasks: list[Json] | None = None,
        frameworks: list[Json] | None = None,
        attributes: list[Json] | None = None,
    ) -> None:
        self.master = master
        ports = {"range": [{"begin": 31000, "end": 32000}]}
        info: Json = {
            "hostname": "localhost",
            "port": 5051,
            "resources": [
                scalar("cpus", cpus),
                scalar("mem", 4096),
                scalar("disk", 10000),
                {"name": "ports", "type": "RANGES", "ranges": ports},
            ],
            "attributes": attributes or [{"name": "rack", "type": "TEXT", "text": {"value": "r1"}}],
        }
        if agent_id is not None:
            info["id"] = {"value": agent_id}
        call = {"type": "SUBSCRIBE", "agent_info": info, "version": "test"}
        call |= {"tasks": tasks or [], "frameworks": frameworks or []}
        self.stream = Stream(master, self.PATH, call)
        self.subscribed = self.stream.next() or {}
        assert self.subscribed.get("type") == "SUBSCRIBED", self.subscribed
        self.agent_id: str = self.subscribed["agent_id"]["value"]

    def say(self, *calls: Json) -> Reply:
        body = {"type": "BATCH", "agent_id": {"value": self.agent_id}, "calls": list(calls)}
        headers = {"Content-Type": "application/json", "Mesos-Stream-Id": self.stream.stream_id}
        return self.master.request("POST", self.PATH, body, headers)

    def update(self, framework_id: str, task_id: str, state: str, **more: Any) -> Json:
        """The body of one UPDATE."""
        uuid = "AAAAAAAAAAAAAAAAAAAAAA==" if "uuid" not in more else more.pop("uuid")
        status = {
            "task_id": {"value": task_id},
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "agent_id": {"value": self.agent_id},
            "timestamp": 1.0,
            "uuid": uuid,
            **more,
        }
        return {"type": "UPDATE", "framework_id": {"value": framework_id}, "status": status}

    def close(self) -> None:
        self.stream.close()


def new_uuid() -> str:
    return str(uuid4())
