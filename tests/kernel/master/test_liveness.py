"""When an agent is pinged and when it is given up. Source: Mesos, --max_agent_ping_timeouts."""

from kernel.master.deadlines import Deadlines, Kind
from kernel.master.liveness import AgentGivenUp, Liveness, PingDue
from kernel.model.ids import AgentId

S1 = AgentId("S1")


def test_a_silent_agent_is_given_up_after_as_many_pings_as_may_be_missed() -> None:
    deadlines = Deadlines()
    liveness = Liveness(deadlines, interval_ms=15_000, misses_max=5)
    liveness.watch(S1, 0)

    for at_ms in range(0, 75_000, 15_000):
        assert deadlines.take_due(at_ms) == [(Kind.PING, S1)]
        assert liveness.due(S1, at_ms) == PingDue()
    assert deadlines.take_due(75_000) == [(Kind.PING, S1)]

    assert liveness.due(S1, 75_000) == AgentGivenUp()
    assert deadlines.next_ms() is None


def test_whatever_it_says_counts_as_an_answer() -> None:
    liveness = Liveness(Deadlines(), interval_ms=10, misses_max=1)
    liveness.watch(S1, 0)

    for at_ms in (0, 10, 20):
        assert liveness.due(S1, at_ms) == PingDue()
        liveness.heard_from(S1)


def test_one_that_is_forgotten_is_pinged_no_more() -> None:
    deadlines = Deadlines()
    liveness = Liveness(deadlines, interval_ms=10, misses_max=1)
    liveness.watch(S1, 0)

    liveness.forget(S1)
    liveness.heard_from(S1)

    assert deadlines.next_ms() is None
