"""Makes offers of what the allocator gives, and takes them back.

An offer is exclusive: its resources are held for one framework under one role until they are used,
declined, withdrawn or rescinded. Using them is `accept`'s. Source: Mesos, mesos.proto (Offer),
recordings of a real master.
"""

from collections.abc import Sequence

from kernel.allocator.allocator import Allocation
from kernel.machine import Now
from kernel.master.cluster import Agent, Cluster, Framework, OfferRecord
from kernel.master.events import Effect
from kernel.messages import scheduler
from kernel.messages.quantities import to_wire
from kernel.messages.v1 import Address, AllocationInfo, Filters, Id, Offer, Url
from kernel.model.ids import FrameworkId, OfferId

REFUSE_DEFAULT_MS = 5_000  # mesos.proto, Filters.refuse_seconds
REFUSE_MAX_MS = 365 * 24 * 3_600_000  # Mesos, src/master/allocator: 365 days


def refuse_ms_of(filters: Filters | None) -> int:
    """How long a refusal lasts; what makes no sense is the default, as in Mesos."""
    if filters is None:
        return REFUSE_DEFAULT_MS
    seconds = filters.refuse_seconds
    if not seconds >= 0:  # negative, or no number
        return REFUSE_DEFAULT_MS
    return REFUSE_MAX_MS if seconds * 1000 > REFUSE_MAX_MS else round(seconds * 1000)


class Offers:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def make(self, allocations: Sequence[Allocation]) -> list[Effect]:
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
        """Take back a framework's offers, under these roles or all, without a word."""
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
        url=_url(agent),
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
        allocation_info=AllocationInfo(role=offer.role) if is_multi_role else None,
    )


def _url(agent: Agent) -> Url:
    """Where the agent's HTTP API is; its path is a word of Mesos that clients build upon."""
    hostname, port = agent.info.hostname, agent.info.port
    is_address = hostname.replace(".", "").isdigit()
    ip = hostname if is_address else "127.0.0.1" if hostname == "localhost" else None
    return Url(
        scheme="http",
        address=Address(hostname=hostname, ip=ip, port=port),
        path="/slave(1)",
    )
