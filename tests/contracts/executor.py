"""A custom executor of which the test plays the part: the process on the agent only reports back.

The agent starts `report.py`, which connects to the test, says its environment, and lives until it
is told with which code to exit. The executor's HTTP conversation is held by the test itself.
Source: mesos.md §2.8.
"""

import json
import socket
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.contracts.wire import TIMEOUT_S, Address, Answer, Json, Stream, request

PATH = "/api/v1/executor"
REPORT = Path(__file__).with_name("report.py")


class Puppet:
    """Waits for one executor process. `info` is what starts it."""

    def __init__(self, executor_id: str, resources: list[Json] | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(TIMEOUT_S)
        port = self._listening.getsockname()[1]
        self.executor_id = executor_id
        self.info: Json = {
            "type": "CUSTOM",
            "executor_id": {"value": executor_id},
            "command": {"value": f"exec {sys.executable} {REPORT} {port}"},
            "resources": resources or [],
        }
        self._connection: socket.socket | None = None
        self.environment: dict[str, str] = {}
        self.pid = 0

    def started(self) -> "Puppet":
        """Wait until the agent has started the process."""
        self._connection, _ = self._listening.accept()
        self._connection.settimeout(TIMEOUT_S)
        said = json.loads(self._connection.makefile().readline())
        self.environment, self.pid = said["environment"], said["pid"]
        return self

    def exit(self, code: int = 0) -> None:
        """Have the process exit."""
        assert self._connection is not None
        self._connection.sendall(b"%d\n" % code)

    def has_gone(self) -> bool:
        """Wait until the process has ended, whoever ended it."""
        assert self._connection is not None
        try:
            return self._connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Without us the process ends, too."""
        if self._connection is not None:
            self._connection.close()
        self._listening.close()


class Executor:
    """The executor's conversation with its agent."""

    def __init__(self, agent: Address, framework_id: str, executor_id: str, **lists: Any) -> None:
        self.agent = agent
        self._who = {
            "framework_id": {"value": framework_id},
            "executor_id": {"value": executor_id},
        }
        lists = {"unacknowledged_tasks": [], "unacknowledged_updates": [], **lists}
        call = {**self._who, "type": "SUBSCRIBE", "subscribe": lists}
        self.stream = Stream(agent, PATH, call)

    def call(self, type_: str, **payload: Any) -> Answer:
        body = {**self._who, "type": type_}
        if payload:
            body[type_.lower()] = payload
        return request(self.agent, "POST", PATH, body)

    def update(self, task_id: str, state: str, **more: Any) -> str:
        """Send one update; its uuid, in base64."""
        uuid = b64encode(uuid4().bytes).decode()
        status = {
            "task_id": {"value": task_id},
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "executor_id": self._who["executor_id"],
            "uuid": uuid,
            **more,
        }
        answer = self.call("UPDATE", status=status)
        assert answer.status == 202, answer.text
        return uuid

    def close(self) -> None:
        self.stream.close()
