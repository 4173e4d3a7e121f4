"""The worked examples of mesos.md §3.4, named as in Mesos's tests, and some of nested quota.

Amounts are Mesos's; agents are looked at in the order they came.
"""

from kernel.allocator.allocator import Allocator
from kernel.allocator.chance import NoChance
from kernel.allocator.clients import Client
from kernel.allocator.cycle import Allocation
from kernel.allocator.quota import Quota
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import parse

A1, A2, A3, A4, A5 = (AgentId(f"A{n}") for n in range(1, 6))
F1, F2, F3, F4 = (FrameworkId(f"fw{n}") for n in range(1, 5))


class Play:
    """Frameworks join and agents arrive; what is given away meanwhile is remembered."""

    def __init__(self, interval_ms: int = 1_000) -> None:
        self.allocator = Allocator(NoChance(), interval_ms=interval_ms)
        self.now_ms = 0

    def join(self, framework_id: FrameworkId, role: str) -> None:
        self.allocator.set_client(Client(framework_id, (role,)))

    def arrive(self, agent_id: AgentId, resources: str) -> list[FrameworkId]:
        self.allocator.add_agent(agent_id, parse(resources))
        return [given.framework_id for given in self.allocate()]

    def allocate(self) -> list[Allocation]:
        given = self.allocator.allocate(self.now_ms)
        self.allocator.check_invariants()
        return given

    def decline(self, given: Allocation, refuse_ms: int) -> None:
        who = (given.framework_id, given.role, given.agent_id, given.resources)
        self.allocator.give_back(*who)
        self.allocator.refuse(*who, refuse_ms=refuse_ms, now_ms=self.now_ms)

    def quota(self, role: str, guarantees: str = "", limits: str = "") -> None:
        quota = Quota(parse(guarantees).quantities(), parse(limits).quantities())
        self.allocator.set_quota(role, quota)

    def held(self, role: str) -> dict[str, int]:
        return dict(self.allocator.ranking.held_below(role))


def test_unreserved_drf() -> None:
    """UnreservedDRF: the share of the role decides before that of the framework."""
    play = Play()
    play.join(F1, "role1")
    assert play.arrive(A1, "cpus:2;mem:1024") == [F1]
    play.join(F2, "role2")
    assert play.arrive(A2, "cpus:1;mem:512") == [F2]
    assert play.arrive(A3, "cpus:3;mem:2048") == [F2]
    play.join(F3, "role1")
    assert play.arrive(A4, "cpus:4;mem:4096") == [F3]
    play.join(F4, "role1")
    assert play.arrive(A5, "cpus:1;mem:512") == [F2]


def test_reserved_drf() -> None:
    """ReservedDRF: reservations weigh on the share of their role."""
    play = Play()
    play.join(F1, "role1")
    assert play.arrive(A1, "cpus:1;mem:512;cpus(role1):100;mem(role1):1024") == [F1]
    play.join(F2, "role2")
    assert play.arrive(A2, "cpus:2;mem:512") == [F2]
    assert play.arrive(A3, "cpus:2;mem:512") == [F2]
    play.join(F3, "role1")
    assert play.arrive(A4, "cpus(role1):2;mem(role1):512") == [F3]


def test_nested_role_drf() -> None:
    """NestedRoleDRF: the share of the subtree comes first."""
    play = Play()
    play.join(F1, "a/b")
    assert play.arrive(A1, "cpus:2;mem:1024") == [F1]
    play.join(F2, "a/c")
    play.join(F3, "d/e")
    assert play.arrive(A2, "cpus:1;mem:512") == [F3]
    play.join(F4, "d/f")
    assert play.arrive(A3, "cpus:2;mem:1024") == [F4]


def test_same_share_fairness() -> None:
    """SameShareFairness: equal frameworks get five rounds each of ten."""
    play = Play()
    play.join(F1, "*")
    play.join(F2, "*")
    play.allocator.add_agent(A1, parse("cpus:2;mem:1024"))
    counts = {F1: 0, F2: 0}
    for _ in range(10):
        [given] = play.allocate()
        counts[given.framework_id] += 1
        play.decline(given, refuse_ms=0)
        play.now_ms += 1_000

    assert counts == {F1: 5, F2: 5}


def test_quota_against_starvation() -> None:
    """QuotaAgainstStarvation: who hoards by declining for no time does not keep a guarantee from
    being met."""
    play = Play()
    play.join(F1, "quota")
    assert play.arrive(A1, "cpus:1;mem:512") == [F1]
    play.join(F2, "*")
    assert play.arrive(A2, "cpus:1;mem:512") == [F2]
    given = Allocation(F2, "*", A2, parse("cpus:1;mem:512"))
    for _ in range(3):  # its share is nought whenever it has declined, so it is next again
        play.decline(given, refuse_ms=0)
        play.now_ms += 1_000
        [given] = play.allocate()
        assert given.framework_id == F2

    play.quota("quota", "cpus:2;mem:1024")
    play.decline(given, refuse_ms=0)
    play.now_ms += 1_000
    [given] = play.allocate()

    assert (given.framework_id, given.agent_id) == (F1, A2)


def test_small_offer_filter_timeout() -> None:
    """SmallOfferFilterTimeout: a filter of 1 s lasts an allocation interval of 60 s."""
    play = Play(interval_ms=60_000)
    play.join(F1, "*")
    play.allocator.add_agent(A1, parse("cpus:2;mem:1024"))
    [given] = play.allocate()
    play.now_ms = 10
    play.decline(given, refuse_ms=1_000)

    play.now_ms = 60_000
    assert play.allocate() == []
    play.now_ms = 120_000
    assert [given.agent_id for given in play.allocate()] == [A1]


# --- weights -----------------------------------------------------------------------------


def test_update_weight() -> None:
    """UpdateWeight: a role of weight 2 gets twice as many agents."""
    play = Play()
    play.allocator.ranking.set_weight("role2", 2_000)
    play.join(F1, "role1")
    play.join(F2, "role2")

    owners = [play.arrive(AgentId(f"S{n}"), "cpus:2;mem:1024")[0] for n in range(6)]

    assert (owners.count(F1), owners.count(F2)) == (2, 4)
    play.allocator.ranking.set_weight("role1", 4_000)
    owners = [play.arrive(AgentId(f"T{n}"), "cpus:2;mem:1024")[0] for n in range(6)]
    assert (owners.count(F1), owners.count(F2)) == (6, 0)


def test_a_weight_counts_at_each_level() -> None:
    """Source: mesos.md §3.3, role tree."""
    play = Play()
    play.allocator.ranking.set_weight("a/b", 3_000)
    for framework_id, role in ((F1, "a/b"), (F2, "a/c"), (F3, "d")):
        play.join(framework_id, role)

    owners = [play.arrive(AgentId(f"S{n}"), "cpus:2;mem:1024")[0] for n in range(16)]

    assert [owners.count(each) for each in (F1, F2, F3)] == [6, 2, 8]


# --- limits, headroom, chopping --------------------------------------------------------------


def test_an_offer_is_chopped_to_fit_a_limit() -> None:
    """Source: mesos.md §3.3, limits; §3.2, stage 2."""
    play = Play()
    play.quota("a", limits="cpus:3")
    play.join(F1, "a/b")
    play.allocator.add_agent(A1, parse("cpus:2;mem:512"))
    play.allocator.add_agent(A2, parse("cpus:2;mem:512;ports:[1-9]"))

    bundles = [given.resources for given in play.allocate()]

    assert bundles == [parse("cpus:2;mem:512"), parse("cpus:1;mem:512;ports:[1-9]")]


def test_reserved_resources_go_to_their_role_beyond_its_limit() -> None:
    """Source: mesos.md §3.3, reserved resources."""
    play = Play()
    play.quota("a", limits="cpus:3;mem:1")
    play.join(F1, "a")
    play.allocator.add_agent(A1, parse("cpus(a):8;mem(a):512;cpus:4;mem:100"))

    assert [given.resources for given in play.allocate()] == [parse("cpus(a):8;mem(a):512")]


def test_what_is_reserved_and_unused_counts_against_the_limit() -> None:
    """Source: mesos.md §3.3, quota consumption."""
    play = Play()
    play.quota("a", limits="cpus:3")
    play.allocator.add_agent(A1, parse("cpus(a):2"))
    play.allocator.set_agent_active(A1, False)
    play.join(F1, "a")
    play.allocator.add_agent(A2, parse("cpus:4;mem:512"))

    assert [given.resources for given in play.allocate()] == [parse("cpus:1;mem:512")]


def test_headroom_is_kept_for_a_guarantee_that_nobody_asks_for_yet() -> None:
    """Source: mesos.md §3.3, headroom."""
    play = Play()
    play.quota("later", "cpus:3;mem:512")
    play.join(F1, "*")
    play.allocator.add_agent(A1, parse("cpus:2;mem:512"))
    play.allocator.add_agent(A2, parse("cpus:2;mem:512"))

    assert [given.resources for given in play.allocate()] == [parse("cpus:1;mem:512")]
    play.join(F2, "later")
    play.now_ms += 1_000
    owners = {(given.framework_id, given.agent_id) for given in play.allocate()}
    assert owners == {(F2, A1), (F2, A2)}
    assert play.held("later") == {"cpus": 3_000, "mem": 512_000}


def test_what_came_back_lets_what_was_withheld_go_at_the_next_tick() -> None:
    play = Play()
    play.quota("a", limits="cpus:2")
    play.join(F1, "a")
    play.allocator.add_agent(A1, parse("cpus:2;mem:512"))
    play.allocator.add_agent(A2, parse("cpus:2"))
    [first] = play.allocate()
    assert play.allocator.next_end_ms() is None

    play.decline(first, refuse_ms=100_000)

    assert play.allocate() == []
    assert play.allocator.next_end_ms() == 1_000
    play.now_ms = 1_000
    assert [given.agent_id for given in play.allocate()] == [A2]


def test_a_guarantee_is_met_before_shares_count_and_no_further() -> None:
    """Stage 1 gives what is guaranteed; the rest goes by shares. Source: mesos.md §3.2."""
    play = Play()
    play.quota("a", "cpus:2;mem:100")
    for agent_id in (A1, A2):
        play.allocator.add_agent(agent_id, parse("cpus:8;mem:800"))
    play.join(F1, "a")
    play.join(F2, "b")

    given = {(each.framework_id, each.agent_id): each.resources for each in play.allocate()}

    assert given == {
        (F1, A1): parse("cpus:2;mem:100"),
        (F2, A1): parse("cpus:6;mem:700"),
        (F1, A2): parse("cpus:8;mem:800"),
    }


# --- nested quota ------------------------------------------------------------------------


def test_nested_guarantees_are_kept_apart() -> None:
    """Ours: a child's guarantee is not eaten by its siblings, the parent's rest is anyone's."""
    play = Play()
    play.quota("a", "cpus:6")
    play.quota("a/b", "cpus:2")
    for agent_id in (A1, A2, A3, A4):
        play.allocator.add_agent(agent_id, parse("cpus:2"))
    play.join(F1, "a/c")

    got = sum(given.resources.scalar("cpus") for given in play.allocate())

    assert got == 6_000  # 4 that are guaranteed to a, 2 that are nobody's
    play.join(F2, "a/b")
    [given] = play.allocate()
    assert given.framework_id == F2


def test_a_limit_above_binds_children_on_the_same_agent() -> None:
    play = Play()
    play.quota("a", limits="cpus:3")
    play.join(F1, "a/b")
    play.join(F2, "a/c")
    play.quota("a/b", limits="cpus:1")
    play.allocator.add_agent(A1, parse("cpus:8;mem:100"))
    play.allocator.add_agent(A2, parse("cpus:8;mem:100"))

    play.allocate()

    assert play.held("a")["cpus"] == 3_000
    assert play.held("a/b")["cpus"] <= 1_000
