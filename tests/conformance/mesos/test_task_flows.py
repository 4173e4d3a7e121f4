"""Tasks' lives recorded on a real Mesos, replayed against a Tepui master and agent.

The recorded calls are made in their order, each with our ids; each recorded status update must
come, with the same state, source, reason, message and keys. Offers come when they come.
Source: recordings of Apache Mesos 1.12-dev, see the README of `recordings`.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agents import live_agent, shut_down, start_agent
from tests.conformance.mesos.stage import AGENT_FLAGS, apart
from tests.kernel.runtime.master.live import Json, LiveMaster, Reply, Stream, live_master
from tests.processes import free_port, wait_until

RECORDINGS = Path(__file__).parent / "recordings"
SCHEDULER = "/api/v1/scheduler"

#: Recording -> what in a status may be apart, and why.
DIFFERENCES: dict[str, dict[str, str]] = {
    ".*": {r"-\.container_status\.executor_pid": "An update does not say the task's pid yet."},
    "scheduler-task-failed": {
        r"\+\.container_status.*": "What failed before it ran also says which container it had.",
        r"message: .* status 1 -> .* status 127": "A missing binary has the shell's status.",
        r"message: .*Failed to (fetch|create).*": "Ours names the URI, or the user.",
        r"state: TASK_DROPPED.*": "A task whose user does not exist is FAILED, with the name.",
        r"reason: REASON_EXECUTOR_TERMINATED.*": "The reason of every container that can't start.",
    },
}
FLOWS = [
    "scheduler-check",
    "scheduler-health-check",
    "scheduler-max-completion-time",
    "scheduler-task-failed",
    "scheduler-uris-environment",
]


class Flow:
    """One recording under way: what stands for its ids here."""

    def __init__(self, master: LiveMaster, name: str, work_dir: Path) -> None:
        self.known = json.loads((RECORDINGS / f"{name}.json").read_text())
        self.master, self.name = master, name
        self.stream = Stream(master, SCHEDULER, self.known["request"]["body"])
        self.ours: dict[str, str] = {"<work_dir>": str(work_dir)}
        self.updates: list[Json] = []
        self.offer: Json | None = None
        self.problems: list[str] = []

    def play(self, *, before: Callable[[float], None] = lambda _at: None) -> None:
        """Calls and records as they were, one after the other; `before` each with its time."""
        told = self.known["response"]
        steps = [
            (at, 0, record) for at, record in zip(told["seconds"], told["records"], strict=True)
        ]
        steps += [(call["at"], 1, call) for call in self.known["calls"]]
        for at, is_call, step in sorted(steps, key=lambda each: each[:2]):
            before(at)
            self.call(step) if is_call else self.hear(step)
        self.stream.close()

    def hear(self, record: Json) -> None:
        if record["type"] == "SUBSCRIBED":
            mine = self.stream.wait_for("SUBSCRIBED")
            theirs = record["subscribed"]["framework_id"]["value"]
            self.framework_id: str = mine["subscribed"]["framework_id"]["value"]
            self.ours[theirs] = self.framework_id
        if record["type"] != "UPDATE":
            return
        status = record["update"]["status"]
        while not self.updates:
            self.take()
        mine = self.updates.pop(0)
        if "uuid" in status:
            self.ours[status["uuid"]] = mine["uuid"]
        self.compare(status, mine)

    def take(self, timeout_s: float = 20) -> None:
        record = self.stream.next(timeout_s)
        assert record is not None, "the stream ended"
        if record["type"] == "UPDATE":
            self.updates.append(record["update"]["status"])
        if record["type"] == "OFFERS":
            self.offer = record["offers"]["offers"][0]

    def compare(self, theirs: Json, mine: Json) -> None:
        lines = apart(theirs, mine)
        for key in ("task_id", "state", "source", "reason", "message", "healthy", "check_status"):
            if theirs.get(key) != mine.get(key):
                lines.append(f"{key}: {theirs.get(key)} -> {mine.get(key)}")
        for line in lines:
            if not any(
                re.fullmatch(names, self.name) and any(re.fullmatch(p, line) for p in allowed)
                for names, allowed in DIFFERENCES.items()
            ):
                self.problems.append(f"{theirs['state']}: {line}")

    def call(self, call: Json) -> None:
        body = call["request"]["body"]
        if body is None:
            return  # it looked into the sandbox
        if body["type"] == "ACCEPT":
            while self.offer is None:
                self.take()
            for theirs in body["accept"]["offer_ids"]:
                self.ours[theirs["value"]] = self.offer["id"]["value"]
            for task in body["accept"]["operations"][0]["launch"]["task_infos"]:
                self.ours[task["agent_id"]["value"]] = self.offer["agent_id"]["value"]
            self.offer = None
        reply = self.post(body)
        assert reply.status == call["response"]["status"], (body["type"], reply.text)

    def post(self, body: Any) -> Reply:
        text = json.dumps(body)
        for theirs, mine in self.ours.items():
            text = text.replace(theirs, mine)
        stream_id = self.stream.stream_id
        headers = {"Content-Type": "application/json", "Mesos-Stream-Id": stream_id}
        return self.master.request("POST", SCHEDULER, text.encode(), headers)


@contextmanager
def master_and_agent(directory: Path) -> Iterator[tuple[LiveMaster, Path]]:
    with (
        live_master(directory / "master") as master,
        live_agent(directory / "agent", f"http://127.0.0.1:{master.port}", *AGENT_FLAGS),
    ):
        yield master, directory


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveMaster, Path]]:
    with master_and_agent(tmp_path_factory.mktemp("flows")) as both:
        (both[1] / "fetched.txt").write_text("fetched\n")
        yield both


@pytest.mark.parametrize("name", FLOWS)
def test_a_tasks_life_is_told_as_mesos_tells_it(
    running: tuple[LiveMaster, Path], name: str
) -> None:
    flow = Flow(running[0], name, running[1])

    flow.play()

    assert flow.problems == []


def test_a_command_finds_what_it_fetched_and_the_environment_of_mesos(
    running: tuple[LiveMaster, Path],
) -> None:
    """Source: recording scheduler-uris-environment: what its task printed."""
    flow = Flow(running[0], "scheduler-uris-environment", running[1])
    looked = [call for call in flow.known["calls"] if "/stdout&" in call["request"]["path"]]
    recorded = looked[0]["response"]["body"]["data"].splitlines()

    flow.play()

    sandboxes = running[1].glob(f"agent/slaves/*/frameworks/{flow.framework_id}/executors/*/runs/*")
    printed = next(each for each in sandboxes if not each.is_symlink()) / "stdout"
    mine = printed.read_text().splitlines()
    assert (mine[0], mine[-1]) == (recorded[0], recorded[-1])
    names = [line.partition("=")[0] for line in recorded[1:-1]]
    missing = set(names) - {line.partition("=")[0] for line in mine[1:-1]}
    assert missing == set()


def has_heard_all(work_dir: Path) -> bool:
    """Whether the agent has kept that its updates were acknowledged: else it repeats them."""
    store = sqlite3.connect(f"file:{work_dir}/meta/agent.sqlite?mode=ro", uri=True)
    try:
        rows = store.execute("SELECT value FROM record WHERE collection = 'update'").fetchall()
    finally:
        store.close()
    return bool(rows) and all(json.loads(value).get("acknowledged") for (value,) in rows)


def test_an_agent_that_is_killed_and_started_again_brings_its_task_back(tmp_path: Path) -> None:
    """Source: recording scheduler-agent-restart. Mesos sent a RUNNING again that was acknowledged
    just before the kill; here an acknowledgement that was heard stays heard."""
    with live_master(tmp_path / "master") as master:
        where = (tmp_path / "agent", port := free_port(), f"http://127.0.0.1:{master.port}")
        agent = [start_agent(*where, *AGENT_FLAGS)]
        flow = Flow(master, "scheduler-agent-restart", tmp_path)
        told = flow.known["response"]
        again = [at for at, each in zip(told["seconds"], told["records"], strict=True) if at > 4.1]
        kept = [at not in again[:2] for at in told["seconds"]]
        for key in ("records", "seconds"):
            told[key] = [each for each, keep in zip(told[key], kept, strict=True) if keep]
        path = "/api/v1/scheduler"
        flow.known["calls"] = [
            call
            for call in flow.known["calls"]
            if call["request"]["path"] == path and not 4.1 < call["at"] < 4.15
        ]

        def kill_and_start(at: float) -> None:
            if at == 0.203:  # where the RESCIND says that the agent's link broke
                wait_until(lambda: has_heard_all(tmp_path / "agent"), 10, "acknowledgements")
                agent[0].kill()
                agent[0].wait()
            if at == 4.003:
                agent.append(start_agent(*where, *AGENT_FLAGS))

        try:
            flow.play(before=kill_and_start)
        finally:
            shut_down(port)
            agent[-1].wait(15)

    assert flow.problems == []
