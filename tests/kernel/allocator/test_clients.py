"""What is kept from frameworks that do not know it, and what is shared."""

from kernel.allocator.allocator import Allocator
from kernel.allocator.chance import NoChance
from kernel.allocator.clients import Client, is_enough
from kernel.allocator.cycle import Allocation
from kernel.allocator.quota import Quota
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.kinds import Disk, Reservation, kind
from kernel.model.resources import Resources, parse

A1 = AgentId("A1")
F1, F2 = FrameworkId("fw1"), FrameworkId("fw2")
REVOCABLE = Resources({(kind(is_revocable=True), "cpus"): 2_000})
VOLUME = Resources(
    {(kind((Reservation("a", True),), Disk(volume_id="v"), is_shared=True), "disk"): 100_000}
)
REFINED = Resources({(kind((Reservation("a"), Reservation("a/b", True))), "cpus"): 1_000})


def allocator_of(*clients: Client, total: Resources) -> Allocator:
    allocator = Allocator(NoChance())
    for client in clients:
        allocator.set_client(client)
    allocator.add_agent(A1, total)
    return allocator


def owned(given: list[Allocation]) -> dict[FrameworkId, Resources]:
    return {each.framework_id: each.resources for each in given}


def test_what_is_revocable_goes_to_those_who_take_it() -> None:
    """The rest goes to whoever is first; who comes later may still have the revocable part."""
    plain = parse("cpus:1;mem:100")
    allocator = allocator_of(
        Client(F1, ("a",)), Client(F2, ("b",), takes_revocable=True), total=plain + REVOCABLE
    )

    assert owned(allocator.allocate(0)) == {F1: plain, F2: REVOCABLE}
    allocator.check_invariants()


def test_what_is_revocable_counts_in_no_quota() -> None:
    """Source: mesos.md §3.3, quota consumption."""
    allocator = allocator_of(
        Client(F1, ("a",), takes_revocable=True), total=parse("cpus:4;mem:100") + REVOCABLE
    )
    allocator.set_quota("a", Quota({}, {"cpus": 1_000, "mem": 0}))

    assert owned(allocator.allocate(0)) == {F1: parse("cpus:1") + REVOCABLE}
    allocator.check_invariants()


def test_a_shared_volume_is_given_once_in_a_pass_to_those_who_share() -> None:
    """Source: mesos.md §3.2, 5: shared volumes at most once per pass."""
    minima = {"a": [{"cpus": 1}]}
    sharing = [Client(f, ("a",), takes_shared=True, minima=minima) for f in (F1, F2)]
    allocator = allocator_of(*sharing, total=parse("cpus:1;mem:100;cpus(a):1") + VOLUME)

    [first] = allocator.allocate(0)
    assert first.framework_id == F1 and first.resources.contains(VOLUME)
    allocator.give_back(F1, "a", A1, parse("cpus:1"))
    [second] = allocator.allocate(1)

    assert second.framework_id == F2
    assert second.resources == parse("cpus:1") + VOLUME, "F1 has it, too"
    allocator.check_invariants()


def test_a_shared_volume_is_kept_from_those_who_do_not_share() -> None:
    allocator = allocator_of(Client(F1, ("a",)), total=parse("cpus:1") + VOLUME)

    assert owned(allocator.allocate(0)) == {F1: parse("cpus:1")}


def test_a_refined_reservation_is_kept_from_those_who_know_only_one_level() -> None:
    allocator = allocator_of(
        Client(F1, ("a/b",), takes_refined=False), total=parse("cpus:1") + REFINED
    )
    assert owned(allocator.allocate(0)) == {F1: parse("cpus:1")}

    allocator.set_client(Client(F1, ("a/b",), takes_refined=True))

    assert owned(allocator.allocate(1)) == {F1: REFINED}


def test_agents_of_other_regions_are_for_those_who_know_regions() -> None:
    """Source: mesos.md §1.3, fault domains."""
    allocator = allocator_of(Client(F1, ("a",)), total=parse("cpus:1"))
    allocator.books[A1].is_remote = True
    assert allocator.allocate(0) == []

    allocator.set_client(Client(F2, ("a",), takes_remote=True))

    assert owned(allocator.allocate(1)) == {F2: parse("cpus:1")}


def test_one_of_the_minima_is_enough_and_none_is_no_bar() -> None:
    """Source: Mesos, HierarchicalAllocatorTest.FrameworkEmptyMinAllocatable."""
    either = [{"cpus": 2_000, "mem": 100}, {"disk": 5}]

    assert is_enough({"cpus": 2_000, "mem": 100}, either)
    assert is_enough({"disk": 5}, either)
    assert not is_enough({"cpus": 2_000, "mem": 99}, either)
    assert is_enough({}, [])


def test_what_is_excluded_has_no_share() -> None:
    """Source: mesos.md §3.3, --fair_sharing_excluded_resource_names."""
    allocator = Allocator(NoChance(), excluded=["gpus"])
    for framework_id, role in ((F1, "a"), (F2, "b")):
        allocator.set_client(Client(framework_id, (role,), takes_gpus=True))
    allocator.add_agent(A1, parse("cpus:1;gpus:8"))
    allocator.add_agent(AgentId("A2"), parse("cpus:8"))
    assert [each.framework_id for each in allocator.allocate(0)] == [F1, F2]

    allocator.add_agent(AgentId("A3"), parse("cpus:1"))

    assert [each.framework_id for each in allocator.allocate(1)] == [F1], "its gpus do not count"
