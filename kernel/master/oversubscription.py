"""What agents lend out beyond what they have: it joins the pool as revocable, and leaves it again.

How much that is, and whom it costs their container, is the agent's to decide; who is offered it is
the allocator's (frameworks with REVOCABLE_RESOURCES). Source: Mesos, docs/oversubscription.md,
Master::updateSlave (offers of revocable resources are rescinded at each change).
"""

from kernel.master.cluster import Agent, Cluster, set_total
from kernel.master.events import Effect
from kernel.master.offers import Offers
from kernel.master.validate import resources_of
from kernel.messages.agent import UpdateOversubscribed


def on_update(
    cluster: Cluster, offers: Offers, agent: Agent, update: UpdateOversubscribed
) -> list[Effect]:
    """The agent's new revocable total; what is held of the old one stays held until it ends."""
    found, problem = resources_of(update.resources)
    lent = found.revocable()
    if problem is not None or lent == agent.lent:
        return []
    stale = [
        offer_id
        for offer_id in agent.offers
        if any(kind.is_revocable for kind in cluster.offers[offer_id].resources.kinds())
    ]
    effects = offers.rescind(stale)
    agent.lent = lent
    own = agent.wanted or cluster.allocator.books[agent.agent_id].total
    set_total(cluster, agent, own)
    cluster.allocator.filters.forget_agent(agent.agent_id)
    return effects
