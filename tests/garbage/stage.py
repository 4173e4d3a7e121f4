"""A Tepui that garbage is thrown at, whom it may hit, and how it must be afterwards."""

import time
from pathlib import Path

from tests.contracts.cluster import OwnCluster
from tests.contracts.scheduler import Scheduler, framework_info, task
from tests.contracts.wire import Address, Stream, get, operate, request
from tests.garbage.sending import Reply

HEALTHY_WITHIN_S = 1.0
AGENT_PATH = "/tepui/v1/agent"
ELSEWHERE = "elsewhere.example"
PRECIOUS = "precious"  # the role of the framework that must not notice


class Victims:
    """A framework and an agent that garbage may use, change and end; they come back by
    themselves. Nothing of the framework and the agent that must not notice is ever named."""

    def __init__(self, master: Address) -> None:
        self._master = master
        self._scheduler: Scheduler | None = None
        self._agent: Stream | None = None

    @property
    def scheduler(self) -> Scheduler:
        """Subscribed, as far as one can know."""
        if self._scheduler is None or self._scheduler.stream.ends(0.001):
            info = framework_info(name="victim", roles=["victim"], failover_timeout=0.0)
            self._scheduler = Scheduler(self._master, info)
        return self._scheduler

    @property
    def agent(self) -> Stream:
        """An agent that says nothing unless garbage makes it."""
        if self._agent is None or self._agent.ends(0.001):
            resources = [
                {"name": name, "type": "SCALAR", "scalar": {"value": value}}
                for name, value in (("cpus", 2.0), ("mem", 1024.0), ("disk", 1000.0))
            ]
            info = {"hostname": ELSEWHERE, "port": 5051, "resources": resources}
            call = {"type": "SUBSCRIBE", "agent_info": info, "version": "garbage"}
            self._agent = Stream(self._master, AGENT_PATH, call)
            self._agent.until(lambda: self._agent and self._agent.all or None)
        return self._agent

    def pools(self) -> dict[str, list[str]]:
        """Values that mean something just now, by the field that they fit in."""
        agent_id = self.agent.all[0]["agent_id"]["value"]
        scheduler = self.scheduler
        scheduler.stream.quiet("NONE", 0.001)
        offers = [offer["id"]["value"] for offer in scheduler.offers()][-5:]
        return {
            "framework_id": [scheduler.id],
            "id": [scheduler.id, "a", "b", *offers],
            "agent_id": [agent_id],
            "offer_ids": offers or ["none"],
            "task_id": ["t1", "t2", "t3"],
            "executor_id": ["e1", "t1"],
            "role": ["victim", "victim/a", "*"],
            "roles": ["victim", "victim/a", "*"],
            "suppressed_roles": ["victim"],
            "name": ["cpus", "mem", "disk", "ports", "gpus"],
            "hostname": [ELSEWHERE],
            "ip": ["10.1.2.3"],
            "user": ["root", "nobody"],
            "command": ["true", "sleep 0.01"],
            "path": ["/", f"/frameworks/{scheduler.id}/executors/t1/runs/latest"],
            "uris": ["http://127.0.0.1:1/none"],
            "type": ["SCALAR", "RANGES", "LAUNCH", "RESERVE", "PARTITION_AWARE", "MULTI_ROLE"],
        }

    def close(self) -> None:
        if self._scheduler is not None:
            self._scheduler.stream.close()
        if self._agent is not None:
            self._agent.close()


class Stage:
    """Real processes, of which nobody may notice anything."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "log"
        self.cluster = OwnCluster(directory, log=self.log)
        self.master, self.agent = self.cluster.master, self.cluster.agent
        self.agent_id = self.cluster.agent_id(self.cluster.the_agent)
        self.victims = Victims(self.master)
        self._ids = self._who()

    def _who(self) -> list[object]:
        """Changes when a process was started anew."""
        return [get(self.master, "/state")["id"], get(self.agent, "/state")["start_time"]]

    def is_unharmed(self) -> None:
        """Both answer soon, nothing ended or failed inside, and who behaves well is served."""
        for address in (self.master, self.agent):
            started = time.monotonic()
            assert request(address, "GET", "/health").status == 200
            assert time.monotonic() - started < HEALTHY_WITHIN_S
        assert self._who() == self._ids, "a process was started anew"
        log = self.log.read_text(errors="replace")
        assert "Traceback" not in log, log[-6000:]
        self._undo()
        with Scheduler(self.master, framework_info(roles=[PRECIOUS])) as scheduler:
            offer = scheduler.offer(lambda offer: bool(offer["agent_id"]["value"] == self.agent_id))
            scheduler.launch(offer, task("served", offer, "true"))
            scheduler.status("served", "TASK_FINISHED")

    def _undo(self) -> None:
        """What operators may rightly do, and would leave nothing for others."""
        self.victims.scheduler.teardown()
        configs = operate(self.master, "GET_QUOTA")
        if configs.status == 200:
            status = configs.json().get("get_quota", {}).get("status", {})
            roles = [config["role"] for config in status.get("configs", [])]
            none = [{"role": role, "guarantees": {}, "limits": {}} for role in roles]
            operate(self.master, "UPDATE_QUOTA", force=True, quota_configs=none)

    def end(self) -> None:
        self.victims.close()
        self.cluster.end()


def judge(reply: Reply, *, has_body: bool = True) -> None:
    """Refused with a reason, or taken; never a failure of ours, never silence."""
    assert reply.status is not None, "it hung up without a word"
    # Mesos's word for the type UNKNOWN, and for calls of hers that are not done here.
    is_not_done = reply.status == 501 and reply.text != ""
    assert reply.status < 500 or is_not_done, (reply.status, reply.text)
    if 400 <= reply.status < 500 and reply.status != 404 and has_body:
        assert reply.text.strip() != "" or "allow" in reply.headers, reply
    assert reply.seconds < 5, reply
