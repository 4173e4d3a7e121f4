"""What the recordings were made of: a master, an agent, one running and one finished task."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.agents import live_agent
from tests.kernel.runtime.master.live import (
    JSON_HEADERS,
    Json,
    LiveMaster,
    LiveScheduler,
    live_master,
    task,
)

AGENT_FLAGS = (
    *("--resources", "cpus:4;mem:4096;disk:10000;ports:[31000-32000]"),
    *("--attributes", "rack:r1;level:10;zone:a"),
)
RECORDINGS = Path(__file__).parent / "recordings"
PRINTS = "printf 'hello\\nfrom the task\\n'"


class Stage:
    """Real processes. `short` has finished, `long` runs; the rest of the agent is on offer."""

    def __init__(self, master: LiveMaster, agent_port: int, work_dir: Path) -> None:
        self.master = master
        self.agent_port = agent_port
        self._open: dict[LiveScheduler, Json] = {}  # an offer that nobody has used yet
        old = LiveScheduler(master, name="earlier", principal="p")
        self.agent_id: str = old.offer(30)["agent_id"]["value"]
        old.call("TEARDOWN")
        self.book()
        self.scheduler = LiveScheduler(master, name="contract", principal="p")
        self.play(self.scheduler, "long", "sleep 1000", "TASK_RUNNING")
        self.play(self.scheduler, "short", PRINTS, "TASK_FINISHED")
        self.operate("UPDATE_WEIGHTS", weight_infos=[{"role": "test", "weight": 2.5}])
        self.set_quota()
        framework_id = self.scheduler.framework_id
        self.virtual = f"/frameworks/{framework_id}/executors/short/"
        self.sandboxes = f"{work_dir}/slaves/{self.agent_id}{self.virtual}"

    def book(self) -> None:
        """What the recordings booked: some cpus and disk, and half of that disk as a volume."""
        for name in ("operator-reserve-resources", "operator-create-volumes"):
            known = json.loads((RECORDINGS / f"{name}.json").read_text())
            call = known["request"]["body"]
            payload = {**call[call["type"].lower()], "agent_id": {"value": self.agent_id}}
            self.operate(call["type"], known["response"], **payload)

    def unbook(self) -> None:
        """The agent as it was: its volume goes first, for a reservation stays under one."""
        named = {}
        for name in ("operator-reserve-resources", "operator-create-volumes"):
            call = json.loads((RECORDINGS / f"{name}.json").read_text())["request"]["body"]
            named |= call[call["type"].lower()]
        who = {"agent_id": {"value": self.agent_id}}
        self.operate("DESTROY_VOLUMES", **who, volumes=named["volumes"])
        self.operate("UNRESERVE_RESOURCES", **who, resources=named["resources"])

    def set_quota(self, **amounts: object) -> None:
        """Of a role that nobody uses; nothing for none."""
        amounts = amounts or {
            "guarantees": {"cpus": {"value": 0.5}},
            "limits": {"cpus": {"value": 2}, "mem": {"value": 512}},
        }
        self.operate("UPDATE_QUOTA", quota_configs=[{"role": "quota-role", **amounts}])

    def operate(self, type_: str, expected: Json | None = None, **payload: object) -> None:
        """An operator's call that changes something; answered as expected, if that is known."""
        call = {"type": type_, type_.lower(): payload}
        reply = self.master.request("POST", "/api/v1", call, JSON_HEADERS)
        assert reply.status in (200, 202), reply.text
        if expected is not None:
            assert (reply.status, reply.text) == (expected["status"], expected["body"])

    def play(self, scheduler: LiveScheduler, task_id: str, text: str, until: str) -> None:
        """Launch one task and acknowledge what is said of it, until it is where it shall be and
        what it leaves is on offer again."""
        offer = self._open.pop(scheduler, None) or scheduler.offer()
        command = {"value": text}
        reply = scheduler.launch(offer, task(task_id, self.agent_id, command=command))
        assert reply.status == 202, reply.text
        state = ""
        while state != until or scheduler not in self._open:
            record = scheduler.stream.next()
            assert record is not None, f"the stream ended while {task_id} was {state}"
            if record["type"] == "OFFERS":
                self._open[scheduler] = record["offers"]["offers"][0]
            if record["type"] == "UPDATE":
                status = record["update"]["status"]
                state = status["state"]
                scheduler.acknowledge(status)


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    with live_master(directory / "master") as master:
        work_dir = directory / "agent"
        with live_agent(work_dir, f"http://127.0.0.1:{master.port}", *AGENT_FLAGS) as port:
            yield Stage(master, port, work_dir)


def shape(value: object, path: str = "") -> dict[str, str]:
    """Path -> type of all that is in a body; a list's elements are taken together."""
    found = {path: _type(value)}
    if isinstance(value, dict):
        for key, part in value.items():
            found |= shape(part, f"{path}.{key}")
    if isinstance(value, list):
        for part in value:
            found |= shape(part, f"{path}[]")
    return found


def _type(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(type(value).__name__)
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def apart(recorded: object, ours: object) -> list[str]:
    """Each path that only one of them has, or that has another type, with a sign."""
    theirs, mine = shape(recorded), shape(ours)
    lines = [f"-{path}" for path in theirs if path not in mine]
    lines += [f"+{path}" for path in mine if path not in theirs]
    lines += [f"~{path}" for path in theirs if path in mine and mine[path] != theirs[path]]
    return lines


__all__ = ["Json", "Stage", "apart", "stage"]
