"""Makes offers of what the allocator gives, and takes them back.

An offer is exclusive: its resources are held for one framework under one role until they are used,
declined, withdrawn or rescinded. Using them is `accept`'s. Source: Mesos, mesos.proto (Offer),
recordings of a real master.
"""

from collections.abc import Sequence

from kernel.allocator.cycle import Allocation
from kernel.machine import Now
from kernel.master.addresses import url_of
from kernel.master.cluster import Agent, Cluster, Framework, OfferRecord
from kernel.master.deadlines import Kind
from kernel.master.events import Effect
from kernel.master.inverse_offers import InverseOffers
from kernel.master.refusals import refuse_ms_of
from kernel.master.standing import unavailability
from kernel.messages import scheduler
from kernel.messages.quantities import to_wire
from kernel.messages.v1 import AllocationInfo, Id, Offer
from kernel.model.ids import AgentId, FrameworkId, OfferId


class Offers:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, inverse: InverseOffers) -> None:
        self._cluster = cluster
        self._inverse = inverse

    def make(self, allocations: Sequence[Allocation], now: Now) -> list[Effect]:
        """One OFFERS event per framework, all its agents and roles inside."""
        by_framework: dict[FrameworkId, list[Offer]] = {}
        for given in allocations:
            offer = OfferRecord(
                OfferId(self._cluster.mint("O")),
                given.framework_id,
                given.agent_id,
                given.role,
                given.resources,
            )
            self._cluster.add_offer(offer)
            self._inverse.look_at(given.agent_id)
            self._plan_timeout(offer.offer_id, now)
            wire = wire_offer(self._cluster, offer)
            by_framework.setdefault(given.framework_id, []).append(wire)
        effects: list[Effect] = []
        for framework_id, offers in by_framework.items():
            self._cluster.count("offers_sent", len(offers))
            event = scheduler.Event(
                type=scheduler.EventType.OFFERS, offers=scheduler.Offers(offers=offers)
            )
            effects += self._cluster.tell(self._cluster.frameworks[framework_id], event)
        return effects

    def _plan_timeout(self, offer_id: OfferId, now: Now) -> None:
        timeout_ms = self._cluster.settings.offer_timeout_ms
        if timeout_ms is not None:
            self._cluster.deadlines.set(Kind.OFFER, offer_id, now.mono_ms + timeout_ms)

    def on_timeout(self, offer_id: OfferId) -> list[Effect]:
        """It was neither used nor declined for too long; whoever wants it may have it now."""
        self._cluster.count("offers_timed_out")
        return self.rescind([offer_id])

    def on_decline(
        self, framework: Framework, decline: scheduler.Decline, now: Now
    ) -> list[Effect]:
        """Unknown offers, and those of others, are passed over."""
        refuse_ms = refuse_ms_of(decline.filters)
        for wire in decline.offer_ids:
            offer_id = OfferId(wire.value)
            if offer_id in framework.offers:
                self.give_back(offer_id, refuse_ms=refuse_ms, now=now)
                self._cluster.count("offers_declined")
        return []

    def give_back(self, offer_id: OfferId, *, refuse_ms: int, now: Now) -> None:
        """As declined: its framework is not asked again for a while."""
        offer = self._cluster.give_back_offer(offer_id)
        self._cluster.allocator.refuse(
            offer.framework_id,
            offer.role,
            offer.agent_id,
            offer.resources,
            refuse_ms=refuse_ms,
            now_ms=now.mono_ms,
        )

    def withdraw(self, framework: Framework, roles: Sequence[str] | None = None) -> list[OfferId]:
        """Take back a framework's offers, under these roles or all, without a word; with all of
        them also what it was asked to leave."""
        if roles is None:
            self._inverse.withdraw(framework)
        taken = [
            offer_id
            for offer_id in framework.offers
            if roles is None or self._cluster.offers[offer_id].role in roles
        ]
        for offer_id in taken:
            self._cluster.give_back_offer(offer_id)
        return taken

    def rescind(self, offer_ids: Sequence[OfferId]) -> list[Effect]:
        """Take these back and tell their frameworks."""
        effects: list[Effect] = []
        for offer_id in offer_ids:
            offer = self._cluster.give_back_offer(offer_id)
            effects += self.tell_rescinded(offer.framework_id, offer_id)
        return effects

    def rescind_all(self, agent: Agent) -> list[Effect]:
        """Take back all offers of the agent, and all requests to leave it."""
        return self.rescind(list(agent.offers)) + self._inverse.rescind(agent.agent_id)

    def forget(self, agent: Agent) -> list[Effect]:
        """The agent is no more: neither are its offers, nor who was asked to leave it."""
        return self.rescind(list(agent.offers)) + self._inverse.forget_agent(agent.agent_id)

    def look_at(self, agent_id: AgentId) -> None:
        """The agent is here: whoever has something there may have to leave it."""
        self._inverse.look_at(agent_id)

    def on_revived(self, framework: Framework) -> None:
        self._inverse.on_revived(framework.framework_id)

    def tell_rescinded(self, framework_id: FrameworkId, offer_id: OfferId) -> list[Effect]:
        event = scheduler.Event(
            type=scheduler.EventType.RESCIND, rescind=scheduler.Rescind(offer_id=Id(offer_id))
        )
        return self._cluster.tell(self._cluster.frameworks[framework_id], event)


def wire_offer(cluster: Cluster, offer: OfferRecord) -> Offer:
    """The offer as its framework is shown it."""
    framework = cluster.frameworks[offer.framework_id]
    agent = cluster.agents[offer.agent_id]
    is_multi_role = framework.can("MULTI_ROLE")
    return Offer(
        id=Id(offer.offer_id),
        framework_id=Id(offer.framework_id),
        agent_id=Id(offer.agent_id),
        hostname=agent.info.hostname,
        url=url_of(agent),
        domain=agent.info.domain,
        resources=to_wire(
            offer.resources,
            allocated_to=offer.role if is_multi_role else None,
            refined=framework.can("RESERVATION_REFINEMENT"),
        ),
        attributes=agent.info.attributes,
        executor_ids=[
            executor.info.executor_id
            for key, executor in agent.executors.items()
            if key[0] == offer.framework_id
        ],
        unavailability=unavailability(cluster, agent),
        allocation_info=AllocationInfo(role=offer.role) if is_multi_role else None,
    )
