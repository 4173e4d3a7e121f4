"""Keeps which frameworks were asked to leave which agents, and what they answered.

When somebody is asked is decided by `inverse_offers`. Source: Mesos, docs/maintenance.md.
"""

from msgspec import Struct

from kernel.messages.maintenance import InverseOfferStatus
from kernel.messages.v1 import Unavailability
from kernel.model.ids import AgentId, FrameworkId, OfferId


class InverseOfferRecord(Struct, frozen=True):
    offer_id: OfferId
    framework_id: FrameworkId
    agent_id: AgentId
    unavailability: Unavailability


class InverseBooks:
    """Invariant: no framework is asked twice at a time about one agent."""

    def __init__(self) -> None:
        self.outstanding: dict[OfferId, InverseOfferRecord] = {}
        self._of: dict[tuple[FrameworkId, AgentId], OfferId] = {}
        self.answers: dict[AgentId, dict[FrameworkId, InverseOfferStatus]] = {}
        self.quiet_until_ms: dict[AgentId, dict[FrameworkId, int]] = {}

    def add(self, offer: InverseOfferRecord) -> None:
        who = (offer.framework_id, offer.agent_id)
        assert who not in self._of, f"{who} is asked twice"
        self.outstanding[offer.offer_id] = offer
        self._of[who] = offer.offer_id

    def take(self, offer_id: OfferId) -> InverseOfferRecord:
        offer = self.outstanding.pop(offer_id)
        del self._of[offer.framework_id, offer.agent_id]
        return offer

    def is_asked(self, framework_id: FrameworkId, agent_id: AgentId) -> bool:
        return (framework_id, agent_id) in self._of

    def is_quiet(self, framework_id: FrameworkId, agent_id: AgentId, now_ms: int) -> bool:
        """Whether the framework answered and is left alone for a while."""
        return self.quiet_until_ms.get(agent_id, {}).get(framework_id, 0) > now_ms

    def of_agent(self, agent_id: AgentId) -> list[OfferId]:
        return [o.offer_id for o in self.outstanding.values() if o.agent_id == agent_id]

    def of_framework(self, framework_id: FrameworkId) -> list[InverseOfferRecord]:
        return [o for o in self.outstanding.values() if o.framework_id == framework_id]

    def forget_answers(self, agent_id: AgentId) -> None:
        """The agent is gone, or what was asked about it has changed."""
        self.answers.pop(agent_id, None)
        self.quiet_until_ms.pop(agent_id, None)

    def forget_framework(self, framework_id: FrameworkId) -> None:
        """Nothing it answered counts any more."""
        for by_framework in (*self.answers.values(), *self.quiet_until_ms.values()):
            by_framework.pop(framework_id, None)  # type: ignore[attr-defined]
