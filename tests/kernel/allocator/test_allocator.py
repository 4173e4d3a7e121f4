"""Passes over agents: refusals, minima, and who may have what. What is promised always is in
`test_promises`."""

from kernel.allocator.allocator import Allocator
from kernel.allocator.chance import NoChance
from kernel.allocator.clients import Client
from kernel.allocator.cycle import Allocation
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import Resources, parse

A1, A2, A3, A4, A5 = (AgentId(f"A{n}") for n in range(1, 6))
F1, F2, F3, F4 = (FrameworkId(f"fw{n}") for n in range(1, 5))


def allocator_of(**roles: str) -> Allocator:
    allocator = Allocator(NoChance())
    for name, role in roles.items():
        allocator.set_client(Client(FrameworkId(name), (role,)))
    return allocator


def machine(cpus: float, mem: float, more: str = "") -> Resources:
    return parse(f"cpus:{cpus};mem:{mem};{more}")


def owners(allocations: list[Allocation]) -> list[tuple[str, str]]:
    return [(a.agent_id, a.framework_id) for a in allocations]


def test_what_was_refused_for_zero_seconds_goes_to_another_at_once() -> None:
    """DIFFERS from Mesos, where nobody is asked before the next tick."""
    allocator = allocator_of(fw1="*", fw2="*")
    allocator.add_agent(A1, machine(2, 1024))
    [first] = allocator.allocate(100)
    decline(allocator, first, refuse_ms=0, now_ms=100)

    [second] = allocator.allocate(100)
    decline(allocator, second, refuse_ms=0, now_ms=100)

    assert (first.framework_id, second.framework_id) == (F1, F2)
    assert allocator.allocate(999) == []
    assert owners(allocator.allocate(1_000)) == [(A1, F1)]


def decline(allocator: Allocator, offered: Allocation, *, refuse_ms: int, now_ms: int) -> None:
    who = (offered.framework_id, offered.role, offered.agent_id, offered.resources)
    allocator.give_back(*who)
    allocator.refuse(*who, refuse_ms=refuse_ms, now_ms=now_ms)


def test_a_bigger_bundle_passes_the_filter_of_a_smaller_one() -> None:
    """Source: mesos.md §1.3, DECLINE and filters."""
    allocator = allocator_of(fw1="*")
    allocator.add_agent(A1, machine(2, 1024))
    [whole] = allocator.allocate(0)
    half = machine(1, 512)
    allocator.give_back(F1, "*", A1, half)
    allocator.refuse(F1, "*", A1, half, refuse_ms=100_000, now_ms=0)
    assert allocator.allocate(5_000) == []

    allocator.give_back(F1, "*", A1, whole.resources - half)

    assert owners(allocator.allocate(5_000)) == [(A1, F1)]


def test_a_revival_forgets_refusals() -> None:
    allocator = allocator_of(fw1="*")
    allocator.add_agent(A1, machine(2, 1024))
    decline(allocator, allocator.allocate(0)[0], refuse_ms=100_000, now_ms=0)
    assert allocator.allocate(1) == []

    allocator.revive(F1)

    assert owners(allocator.allocate(2)) == [(A1, F1)]


def test_refusals_outlive_a_change_of_roles_where_the_role_stays() -> None:
    """A framework that updated itself was asked at once for all that it had just refused.

    Source: Mesos, updateFramework of hierarchical.cpp.
    """
    allocator = allocator_of(fw1="stays")
    allocator.add_agent(A1, machine(2, 1024))
    decline(allocator, allocator.allocate(0)[0], refuse_ms=100_000, now_ms=0)

    allocator.set_client(Client(F1, ("stays", "comes")))

    assert [offered.role for offered in allocator.allocate(2_000)] == ["comes"]


def test_a_suppressed_framework_is_offered_nothing_until_it_revives() -> None:
    allocator = allocator_of(fw1="*")
    allocator.suppress(F1)
    allocator.add_agent(A1, machine(2, 1024))
    assert allocator.allocate(0) == []

    allocator.revive(F1, ["*"])

    assert owners(allocator.allocate(0)) == [(A1, F1)]


def test_crumbs_are_not_offered() -> None:
    """Source: Mesos, HierarchicalAllocatorTest.Allocatable."""
    allocator = allocator_of(fw1="*")
    allocator.add_agent(A1, machine(0.009, 31, "disk:1000;ports:[1-10]"))
    allocator.add_agent(A2, machine(0.01, 0))
    allocator.add_agent(A3, machine(0, 32))

    assert [agent for agent, _ in owners(allocator.allocate(0))] == [A2, A3]


def test_a_framework_may_lower_the_bar() -> None:
    """Source: Mesos, HierarchicalAllocatorTest.FrameworkMinAllocatable."""
    allocator = Allocator(NoChance())
    allocator.set_client(Client(F1, ("*",), minima={"*": [{"disk": 500_000}]}))
    allocator.add_agent(A1, parse("disk:1000"))

    assert owners(allocator.allocate(0)) == [(A1, F1)]


def test_agents_with_gpus_are_for_frameworks_that_know_them() -> None:
    """Source: Mesos, --filter_gpu_resources."""
    allocator = Allocator(NoChance())
    allocator.set_client(Client(F1, ("*",)))
    allocator.set_client(Client(F2, ("*",), takes_gpus=True))
    allocator.add_agent(A1, machine(2, 1024, "gpus:1"))

    assert owners(allocator.allocate(0)) == [(A1, F2)]


def test_a_reservation_goes_to_its_role_and_below_never_sideways() -> None:
    """Source: mesos.md §3.3, reserved resources."""
    allocator = allocator_of(fw1="eng/web", fw2="ops")
    allocator.add_agent(A1, parse("cpus(eng):4;mem(eng):1024;cpus:1;mem:100"))

    given_away = {a.framework_id: a.resources for a in allocator.allocate(0)}

    assert given_away[F1] == parse("cpus(eng):4;mem(eng):1024;cpus:1;mem:100")
    assert F2 not in given_away


def test_an_inactive_agent_is_not_offered() -> None:
    allocator = allocator_of(fw1="*")
    allocator.add_agent(A1, machine(2, 1024))
    allocator.set_agent_active(A1, False)
    assert allocator.allocate(0) == []

    allocator.set_agent_active(A1, True)

    assert owners(allocator.allocate(0)) == [(A1, F1)]


def test_an_agent_that_comes_back_smaller_never_gives_what_it_lacks() -> None:
    allocator = allocator_of(fw1="*")
    allocator.add_agent(A1, machine(4, 1024, "ports:[1-10]"))
    held = machine(3, 512, "ports:[1-10]")
    allocator.hold(F2, "*", A1, held)

    allocator.resize_agent(A1, machine(1, 1024, "ports:[1-5]"))

    assert allocator.books[A1].free == parse("mem:512")
    allocator.give_back(F2, "*", A1, held)
    assert allocator.books[A1].free.contains(machine(1, 1024))
    allocator.check_invariants()
