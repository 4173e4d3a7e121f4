"""`python -m tests.benchmarks.passes`: how long one pass of the allocator takes, without the wire.

The shapes are those of Mesos's benchmarks (mesos.md §4.1): agents of 24 cpus, 4 GiB and 1,000
ports; frameworks that take all, decline all, or have suppressed; quota of 2,500 small and 500 large
roles. CPU time of this process, so that others on the machine don't count.
"""

import argparse
import time
from collections.abc import Callable

from kernel.allocator.allocator import Allocator
from kernel.allocator.chance import SeededChance
from kernel.allocator.clients import Client
from kernel.allocator.cycle import Allocation
from kernel.allocator.quota import Quota
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import parse

AGENT = "cpus:24;mem:4096;disk:4096;ports:[31000-32000]"


def took_s(what: Callable[[], object]) -> float:
    began = time.process_time()
    what()
    return time.process_time() - began


def cluster(agents: int, frameworks: int, roles: int = 1) -> Allocator:
    allocator = Allocator(SeededChance(1))
    for number in range(frameworks):
        role = f"role{number % roles}"
        allocator.set_client(Client(FrameworkId(f"F{number}"), (role,)))
    for number in range(agents):
        allocator.add_agent(AgentId(f"A{number}"), parse(AGENT))
    return allocator


def decline(allocator: Allocator, given: list[Allocation], now_ms: int) -> None:
    for each in given:
        who = (each.framework_id, each.role, each.agent_id, each.resources)
        allocator.give_back(*who)
        allocator.refuse(*who, refuse_ms=5_000, now_ms=now_ms)


def hungry(agents: int, frameworks: int, roles: int) -> float:
    """Everything is free, all want it."""
    allocator = cluster(agents, frameworks, roles)
    return took_s(lambda: allocator.allocate(0))


def declining(agents: int, frameworks: int, rounds: int = 5) -> float:
    """The last of several rounds in each of which everybody declines everything."""
    allocator = cluster(agents, frameworks)
    for number in range(rounds):
        decline(allocator, allocator.allocate(number), number)
    return took_s(lambda: allocator.allocate(rounds))


def suppressed(agents: int, frameworks: int) -> float:
    """All but one in a hundred want nothing."""
    allocator = cluster(agents, frameworks)
    for number in range(frameworks):
        if number % 100:
            allocator.suppress(FrameworkId(f"F{number}"))
    return took_s(lambda: allocator.allocate(0))


def revived(agents: int, frameworks: int) -> float:
    """One revives where the others have declined everything."""
    allocator = cluster(agents, frameworks)
    for number in range(5):
        decline(allocator, allocator.allocate(number), number)
    while given := allocator.allocate(6):
        decline(allocator, given, 6) if frameworks <= 20 else None
    allocator.revive(FrameworkId("F0"))
    return took_s(lambda: allocator.allocate(7))


def quota(small: int, large: int) -> tuple[float, float]:
    """LargeAndSmallQuota: the pass that meets all guarantees, and the empty one after it."""
    allocator = Allocator(SeededChance(1))
    share = parse(AGENT).quantities()
    for number in range(small + large):
        parts = {n: a // 5 if number < small else a * 5 for n, a in share.items()}
        allocator.set_quota(f"role{number}", Quota(parts, parts))
        allocator.set_client(Client(FrameworkId(f"F{number}"), (f"role{number}",)))
    for number in range(small // 5 + large * 5):
        allocator.add_agent(AgentId(f"A{number}"), parse(AGENT))
    first = took_s(lambda: allocator.allocate(0))
    return first, took_s(lambda: allocator.allocate(1))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.passes", description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    agents = parser.parse_args().agents
    rows = [
        *((f"{agents} agents, {n} hungry", hungry(agents, n, 1)) for n in (1, 100, 1000, 6000)),
        (f"{agents} agents, 1000 hungry in 50 roles", hungry(agents, 1000, 50)),
        (f"{agents} agents, 1000 that decline", declining(agents, 1000)),
        (f"{agents} agents, 1000 of which 990 suppressed", suppressed(agents, 1000)),
        (f"{agents} agents, one of 1000 revives", revived(agents, 1000)),
    ]
    met, empty = quota(2500, 500)
    rows += [("quota, 3000 roles, 3000 agents", met), ("the same, nothing left to do", empty)]
    for name, seconds in rows:
        print(f"{name:<48} {seconds * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
