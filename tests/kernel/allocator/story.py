"""A story of an allocator, told by a list of steps: what the properties are tried on.

`python -m tests.kernel.allocator.story SEED` prints one, to compare processes with each other.
"""

import sys

from kernel.allocator.allocator import Allocator
from kernel.allocator.chance import SeededChance
from kernel.allocator.clients import Client
from kernel.allocator.cycle import Allocation
from kernel.allocator.quota import Quota
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import Resources, parse, total

ROLES = ("*", "eng", "eng/web", "eng/db", "ops")
FRAMEWORKS = tuple((FrameworkId(f"F{n}"), ROLES[n % len(ROLES)]) for n in range(7))
WHAT = ("agent", "join", "leave", "decline", "end", "suppress", "revive", "quota", "reserve",
        "away", "back", "tick")  # fmt: skip
Step = tuple[str, int, int]


class Story:
    """Each step is one thing that happens, then a pass."""

    def __init__(self, seed: int) -> None:
        self.allocator = Allocator(SeededChance(seed))
        self.now_ms = 0
        self.totals: dict[AgentId, Resources] = {}
        self.held: list[Allocation] = []
        self.told: list[tuple[str, str, str, str]] = []

    def go(self, what: str, who: int, size: int) -> list[Allocation]:
        """One step and the pass after it."""
        self.happen(what, who, size)
        self.now_ms += 7
        given = self.allocator.allocate(self.now_ms)
        self.held += given
        for each in given:
            self.told.append((each.framework_id, each.role, each.agent_id, repr(each.resources)))
        return given

    def happen(self, what: str, who: int, size: int) -> None:
        framework_id, role = FRAMEWORKS[who % len(FRAMEWORKS)]
        is_known = framework_id in self.allocator.clients
        if what == "agent":
            self.add(parse(f"cpus:{size};mem:{100 * size};ports:[1-{size}];cpus(eng):1"))
        elif what == "join":
            self.allocator.set_client(Client(framework_id, (role,)))
        elif what == "leave":
            self.allocator.drop_client(framework_id)
        elif what in ("suppress", "revive") and is_known:
            (self.allocator.suppress if what == "suppress" else self.allocator.revive)(framework_id)
        elif what in ("decline", "end") and self.held:
            self.give_back(self.held.pop(who % len(self.held)), is_declined=what == "decline")
        elif what == "quota":
            guarantee = {"cpus": 1000 * (size - 1)} if size > 1 else {}
            limit = {"cpus": 2000 * size, "mem": 150_000 * size} if who % 2 else {}
            self.allocator.set_quota(ROLES[who % len(ROLES)], Quota(guarantee, limit))
        elif what == "reserve" and self.totals:
            self.reserve(list(self.totals)[who % len(self.totals)], "eng" if size > 2 else "ops")
        elif what in ("away", "back") and self.totals:
            agent_id = list(self.totals)[who % len(self.totals)]
            self.allocator.set_agent_active(agent_id, what == "back")
        elif what == "tick":
            self.now_ms += 1_000

    def add(self, resources: Resources) -> AgentId:
        agent_id = AgentId(f"S{len(self.totals)}")
        self.totals[agent_id] = resources
        self.allocator.add_agent(agent_id, resources)
        return agent_id

    def give_back(self, given: Allocation, *, is_declined: bool = False) -> None:
        who = (given.framework_id, given.role, given.agent_id, given.resources)
        self.allocator.give_back(*who)
        if is_declined:
            self.allocator.refuse(*who, refuse_ms=500, now_ms=self.now_ms)

    def reserve(self, agent_id: AgentId, role: str) -> None:
        """An operator reserves a free cpu."""
        if self.allocator.books[agent_id].free.contains(parse("cpus:1")):
            before, after = parse("cpus:1"), parse(f"cpus({role}):1")
            self.allocator.convert(agent_id, before, after)
            self.totals[agent_id] = self.totals[agent_id] - before + after

    def held_on(self, agent_id: AgentId) -> Resources:
        return total(each.resources for each in self.held if each.agent_id == agent_id)


def main(seed: int) -> None:
    chance = SeededChance(seed)
    steps: list[Step] = [
        (what, who, size) for what in WHAT * 3 for who in range(7) for size in (1, 2, 3)
    ]
    chance.shuffle(steps)
    story = Story(seed)
    for step in steps:
        story.go(*step)
    print(story.told)


if __name__ == "__main__":
    main(int(sys.argv[1]))
