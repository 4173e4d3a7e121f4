"""A small true executor, run as a process: does as its tasks' scheduler bids it in messages.

As the one of the recordings: says its environment and each event by MESSAGE; RUNNING follows a
LAUNCH and KILLED a KILL; a message is `{"post": …}` (a call to make, whose answer it tells),
`{"raw": base64}` (to be sent back), `{"state": …, "task_id": …}` (an update), `{"resubscribe": …}`
or `{"exit": code}`. With "stubborn" among its arguments it ignores SHUTDOWN and SIGTERM; it comes
back when its agent has been away, with what it has not heard acknowledged. All of it is also
written to `exchange` in its sandbox. Standard library only: it runs in a sandbox.
"""

import base64
import http.client
import json
import os
import signal
import sys
import time
import uuid
from typing import Any

ENDPOINT = os.environ["MESOS_AGENT_ENDPOINT"]
PATH = "/api/v1/executor"
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
IDS = {
    "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
    "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
}
PATIENCE_S, PAUSE_S = 15.0, 0.05  # how long it looks for its agent again, and how often
STUBBORN = "stubborn" in sys.argv

unacknowledged: dict[str, Any] = {}  # updates by uuid
tasks: dict[str, Any] = {}  # those without an acknowledged update


def note(**what: Any) -> None:
    with open("exchange", "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


class AgentAway(Exception):
    """A new SUBSCRIBE brings it what it has not acknowledged."""


def call(body: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, str]:
    body = {**IDS, **body}
    connection = http.client.HTTPConnection(ENDPOINT, timeout=10)
    try:
        connection.request("POST", PATH, json.dumps(body).encode(), headers or HEADERS)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException):
        raise AgentAway from None
    finally:
        connection.close()
    if answer.status == 503:
        raise AgentAway
    note(request=body, status=answer.status, text=text)
    return answer.status, text


def message(said: bytes) -> None:
    call({"type": "MESSAGE", "message": {"data": base64.b64encode(said).decode()}})


def tell(**what: Any) -> None:
    message(json.dumps(what).encode())


def update(task_id: str, state: str, **more: Any) -> None:
    status = {
        "task_id": {"value": task_id},
        "state": state,
        "source": "SOURCE_EXECUTOR",
        "executor_id": IDS["executor_id"],
        "uuid": base64.b64encode(uuid.uuid4().bytes).decode(),
        "timestamp": time.time(),
        **more,
    }
    unacknowledged[status["uuid"]] = status
    call({"type": "UPDATE", "update": {"status": status}})


def introduce() -> None:
    tell(env=dict(os.environ), cwd=os.getcwd(), argv=sys.argv)


class Stream:
    """One subscription."""

    def __init__(self, lists: dict[str, Any] | None = None) -> None:
        if lists is None:
            lists = {
                "unacknowledged_tasks": list(tasks.values()),
                "unacknowledged_updates": [{"status": s} for s in unacknowledged.values()],
            }
        body = {**IDS, "type": "SUBSCRIBE", "subscribe": lists}
        self.connection = http.client.HTTPConnection(ENDPOINT, timeout=600)
        self.connection.request("POST", PATH, json.dumps(body).encode(), HEADERS)
        self.answer = self.connection.getresponse()
        note(request=body, status=self.answer.status)
        if self.answer.status != 200:
            raise OSError(self.answer.read().decode())

    def next(self) -> dict[str, Any] | None:
        try:
            length = self.answer.readline()
            if not length:
                return None
            event: dict[str, Any] = json.loads(self.answer.read(int(length)))
        except (http.client.HTTPException, OSError, ValueError):
            return None
        note(event=event)
        return event


def come_back() -> Stream:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return Stream()
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(8)
            time.sleep(PAUSE_S)


def obey(stream: Stream, bidden: dict[str, Any]) -> Stream:
    if "raw" in bidden:
        message(base64.b64decode(bidden["raw"]))
    elif "post" in bidden:
        post = bidden["post"]
        status, text = call(post["body"], post.get("headers"))
        tell(posted=status, text=text)
    elif "state" in bidden:
        rest = {k: v for k, v in bidden.items() if k not in ("state", "task_id")}
        update(bidden["task_id"], bidden["state"], **rest)
    elif "resubscribe" in bidden:
        old, stream = stream, Stream(bidden["resubscribe"])
        introduce()
        note(end_of_stream=old.next() is None)
    elif "exit" in bidden:
        os._exit(bidden["exit"])
    return stream


def hear(stream: Stream, event: dict[str, Any]) -> Stream:
    kind = event["type"]
    if kind != "MESSAGE":
        tell(event=event)
    if kind == "LAUNCH":
        taken = [event["launch"]["task"]]
    elif kind == "LAUNCH_GROUP":
        taken = event["launch_group"]["task_group"]["tasks"]
    else:
        taken = []
    for task in taken:
        tasks[task["task_id"]["value"]] = task
        probe = base64.b64encode(b"probe").decode()
        update(task["task_id"]["value"], "TASK_RUNNING", data=probe, message="probe runs")
    if kind == "ACKNOWLEDGED":
        unacknowledged.pop(event["acknowledged"]["uuid"], None)
        tasks.pop(event["acknowledged"]["task_id"]["value"], None)
    elif kind == "KILL":
        update(event["kill"]["task_id"]["value"], "TASK_KILLED")
    elif kind == "MESSAGE":
        return obey(stream, json.loads(base64.b64decode(event["message"]["data"])))
    elif kind == "SHUTDOWN" and not STUBBORN:
        os._exit(0)
    return stream


def main() -> None:
    if STUBBORN:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(env=dict(os.environ), pid=os.getpid())
    stream = come_back()
    introduce()
    while True:
        try:
            event = stream.next()
            stream = hear(stream, event) if event is not None else come_back()
        except AgentAway:
            stream = come_back()


main()
