"""The master's and the agents' questions. Source: mesos.md §2.9."""

import re

from msgspec import Struct

from web.client import Part, PartDown, Reply
from web.shapes import mesos as shapes

STATE_AGE_S = 1.0
# A page that follows a log asks every second; where the file lies does not change.
SANDBOX_AGE_S = 10.0
_PID = re.compile(r"@(?P<address>\[[0-9a-fA-F:]+\]:\d+|[^:@]+:\d+)$")


class Sandbox(Struct, frozen=True):
    """Where a task's files are: the agent that has them, and the directory there."""

    agent: Part
    directory: str


class Mesos:
    def __init__(self, part: Part) -> None:
        self.part = part
        self._agents: dict[str, Part] = {}

    def state(self) -> shapes.State:
        return self.part.read(self.part.get("/state", max_age_s=STATE_AGE_S), shapes.State)

    def roles(self) -> list[shapes.Role]:
        reply = self.part.get("/roles", max_age_s=STATE_AGE_S)
        return self.part.read(reply, shapes.Roles).roles if reply.is_success else []

    def schedule(self) -> shapes.Schedule:
        reply = self.part.get("/maintenance/schedule", max_age_s=STATE_AGE_S)
        return self.part.read(reply, shapes.Schedule) if reply.is_success else shapes.Schedule()

    def down_machines(self) -> list[shapes.Machine]:
        reply = self.part.get("/maintenance/status", max_age_s=STATE_AGE_S)
        return (
            self.part.read(reply, shapes.MaintenanceStatus).down_machines
            if reply.is_success
            else []
        )

    def not_enforced(self, slave: shapes.Slave) -> str:
        """What the agent says of limits that it cannot enforce."""
        agent = self.agent(slave)
        state = agent.read(agent.get("/state", max_age_s=SANDBOX_AGE_S), shapes.AgentState)
        return state.flags.isolation_notes

    def agent(self, slave: shapes.Slave) -> Part:
        url = address_of(slave)
        return self._agents.setdefault(url, self.part.at(url, f"Agent {slave.hostname}"))

    def sandbox(self, agent_id: str, task_id: str) -> Sandbox | None:
        """None when neither the master nor the agent knows the task (any more)."""
        slave = next((s for s in self.state().slaves if s.id == agent_id), None)
        if slave is None:
            return None
        agent = self.agent(slave)
        return _found(agent, task_id, SANDBOX_AGE_S) or _found(agent, task_id, 0)

    def read_file(self, box: Sandbox, name: str, offset: int, length: int) -> Reply:
        query = {"path": f"{box.directory}/{name}", "offset": offset, "length": length}
        return box.agent.get("/files/read", query)

    def file_size(self, box: Sandbox, name: str) -> int | None:
        """None when the file is not there (yet)."""
        query = {"path": f"{box.directory}/{name}", "offset": -1}
        reply = box.agent.get("/files/read", query)
        if reply.status == 404:
            return None
        return box.agent.read(reply, shapes.FilePart).offset

    def download(self, box: Sandbox, name: str) -> Reply:
        return box.agent.get("/files/download", {"path": f"{box.directory}/{name}"})


def _found(agent: Part, task_id: str, max_age_s: float) -> Sandbox | None:
    state = agent.read(agent.get("/state", max_age_s=max_age_s), shapes.AgentState)
    for framework in [*state.frameworks, *state.completed_frameworks]:
        for executor in [*framework.executors, *framework.completed_executors]:
            tasks = [*executor.tasks, *executor.queued_tasks, *executor.completed_tasks]
            if executor.id == task_id or any(task.id == task_id for task in tasks):
                return Sandbox(agent, executor.directory)
    return None


def address_of(slave: shapes.Slave) -> str:
    """An agent's URL from its pid `slave(1)@ip:port`."""
    found = _PID.search(slave.pid)
    if found:
        return f"http://{found['address']}"
    if not slave.hostname:
        raise PartDown("An agent", slave.id, "the master gave no address for it")
    return f"http://{slave.hostname}:{slave.port}"
