"""What must hold of the master's books after every step; the tests and the simulation ask."""

from collections.abc import Sequence

from kernel.allocator.allocator import Allocator
from kernel.master.cluster import Cluster
from kernel.model.ids import AgentId
from kernel.model.resources import Resources, total


def check_books(cluster: Cluster) -> None:
    """Assert that the books agree with each other and with the allocator's."""
    cluster.allocator.check_invariants()
    for offer in cluster.offers.values():
        assert offer.offer_id in cluster.frameworks[offer.framework_id].offers
        assert offer.offer_id in cluster.agents[offer.agent_id].offers
        assert cluster.agents[offer.agent_id].is_connected
        assert offer.agent_id not in cluster.deactivations, "an offer of what is out of service"
        assert cluster.frameworks[offer.framework_id].is_connected
    for agent in cluster.agents.values():
        assert all(offer_id in cluster.offers for offer_id in agent.offers)
        held: list[Resources] = [cluster.offers[o].resources for o in agent.offers]
        held += [e.resources for e in agent.executors.values()]
        held += [t.resources for t in agent.tasks.values() if t.holds]
        held += [o.held for o in agent.operations.values()]
        _assert_sums(cluster.allocator, agent.agent_id, held)
        for key, record in agent.tasks.items():
            framework = cluster.framework(key[0])
            assert framework is not None and framework.tasks[key[1]] is record
            assert record.holds != record.state.is_terminal
    for framework_id, framework in cluster.frameworks.items():
        assert framework_id not in cluster.completed
        held = [record.resources for record in framework.tasks.values() if record.holds]
        assert total(tally.sum() for tally in framework.held.values()) == total(held)
        offered = [cluster.offers[offer_id].resources for offer_id in framework.offers]
        assert total(tally.sum() for tally in framework.offered.values()) == total(offered)
        for record in framework.tasks.values():
            assert record.key in cluster.agents[record.agent_id].tasks
        assert not any(task_id in framework.tasks for task_id in framework.unreachable)


def _assert_sums(allocator: Allocator, agent_id: AgentId, held: Sequence[Resources]) -> None:
    books = allocator.books[agent_id]
    sums = dict(books.free.exclusive().scalars)
    for bundle in held:
        for key, amount in bundle.exclusive().scalars.items():
            sums[key] = sums.get(key, 0) + amount
    assert sums == books.total.exclusive().scalars, f"{agent_id}: {sums} is not {books.total}"
