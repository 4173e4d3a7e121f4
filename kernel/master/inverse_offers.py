"""Asks frameworks to leave agents that are to be away, and remembers what they answer.

Every framework that has something on such an agent is asked, once at a time; after an answer it
is left alone for as long as its filter says, then asked again. The answer is advice for people:
nothing is done about it. When an agent is away is `machines`'s to know. Source: Mesos,
docs/maintenance.md, hierarchical.cpp (deallocate); recording operator-maintenance.
"""

from collections.abc import Sequence

from kernel.machine import Now
from kernel.master.addresses import url_of
from kernel.master.cluster import Agent, Cluster, Framework
from kernel.master.deadlines import Kind
from kernel.master.events import Effect
from kernel.master.inverse_books import InverseOfferRecord
from kernel.master.refusals import refuse_ms_of
from kernel.master.standing import unavailability
from kernel.messages import scheduler
from kernel.messages.maintenance import InverseOfferStatus
from kernel.messages.v1 import Id, InverseOffer, TimeInfo, Unavailability
from kernel.model.ids import AgentId, FrameworkId, OfferId

NS_PER_MS = 1_000_000


class InverseOffers:
    """Works on the books of one `Cluster`; knows which agents are worth a look."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._books = cluster.inverse
        self._candidates: dict[AgentId, None] = {}

    # --- asking ----------------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        return bool(self._candidates)

    def look_at(self, agent_id: AgentId) -> None:
        """Something has come to an agent, or its time has changed."""
        if self._cluster.machines.schedule.windows:
            self._candidates[agent_id] = None

    def look_everywhere(self) -> None:
        if self._cluster.machines.schedule.windows:
            self._candidates = dict.fromkeys(self._cluster.agents)

    def make(self, now: Now) -> list[Effect]:
        """One INVERSE_OFFERS event per framework that is to be asked."""
        by_framework: dict[FrameworkId, list[InverseOffer]] = {}
        for agent_id in self._candidates:
            agent = self._cluster.agents.get(agent_id)
            window = unavailability(self._cluster, agent) if agent is not None else None
            if agent is None or window is None or not agent.is_connected:
                continue
            for framework_id in _users(self._cluster, agent):
                if self._may_ask(framework_id, agent_id, now):
                    asked = self._ask(framework_id, agent, window)
                    by_framework.setdefault(framework_id, []).append(asked)
        self._candidates = {}
        effects: list[Effect] = []
        for framework_id, offers in by_framework.items():
            event = scheduler.Event(
                type=scheduler.EventType.INVERSE_OFFERS,
                inverse_offers=scheduler.InverseOffers(inverse_offers=offers),
            )
            effects += self._cluster.tell(self._cluster.frameworks[framework_id], event)
        return effects

    def _may_ask(self, framework_id: FrameworkId, agent_id: AgentId, now: Now) -> bool:
        framework = self._cluster.frameworks.get(framework_id)
        return (
            framework is not None
            and framework.is_connected
            and not self._books.is_asked(framework_id, agent_id)
            and not self._books.is_quiet(framework_id, agent_id, now.mono_ms)
        )

    def _ask(self, framework_id: FrameworkId, agent: Agent, window: Unavailability) -> InverseOffer:
        offer = InverseOfferRecord(
            OfferId(self._cluster.mint("O")), framework_id, agent.agent_id, window
        )
        self._books.add(offer)
        return wire_inverse_offer(self._cluster, offer)

    # --- answers ---------------------------------------------------------------------------

    def on_answer(
        self,
        framework: Framework,
        answer: scheduler.AnswerInverseOffers,
        *,
        accepts: bool,
        now: Now,
    ) -> list[Effect]:
        """Unknown ones, and those of others, are passed over."""
        refuse_ms = refuse_ms_of(answer.filters)
        for wire in answer.inverse_offer_ids:
            offer = self._books.outstanding.get(OfferId(wire.value))
            if offer is None or offer.framework_id != framework.framework_id:
                continue
            self._books.take(offer.offer_id)
            self._books.answers.setdefault(offer.agent_id, {})[offer.framework_id] = (
                InverseOfferStatus(
                    status="ACCEPT" if accepts else "DECLINE",
                    framework_id=Id(framework.framework_id),
                    timestamp=TimeInfo(now.wall_ms * NS_PER_MS),
                )
            )
            quiet = self._books.quiet_until_ms.setdefault(offer.agent_id, {})
            quiet[offer.framework_id] = now.mono_ms + max(refuse_ms, 1)
            self._plan(offer.agent_id, now)
        return []

    def on_quiet_over(self, agent_id: AgentId, now: Now) -> list[Effect]:
        """Somebody has been left alone for long enough."""
        quiet = self._books.quiet_until_ms.get(agent_id, {})
        for framework_id in [f for f, at_ms in quiet.items() if at_ms <= now.mono_ms]:
            del quiet[framework_id]
        self.look_at(agent_id)
        self._plan(agent_id, now)
        return []

    def _plan(self, agent_id: AgentId, now: Now) -> None:
        at_ms = min(self._books.quiet_until_ms.get(agent_id, {}).values(), default=None)
        if at_ms is not None:
            self._cluster.deadlines.set(Kind.INVERSE, agent_id, at_ms)

    def on_revived(self, framework_id: FrameworkId) -> None:
        """It wants to be asked again."""
        for quiet in self._books.quiet_until_ms.values():
            quiet.pop(framework_id, None)
        self.look_everywhere()

    # --- taking back -----------------------------------------------------------------------

    def rescind(self, agent_id: AgentId) -> list[Effect]:
        """The question is no longer one: the agent is away, or its time has changed."""
        offers = [self._books.take(offer_id) for offer_id in self._books.of_agent(agent_id)]
        return self._tell_rescinded(offers)

    def _tell_rescinded(self, offers: Sequence[InverseOfferRecord]) -> list[Effect]:
        effects: list[Effect] = []
        for offer in offers:
            event = scheduler.Event(
                type=scheduler.EventType.RESCIND_INVERSE_OFFER,
                rescind_inverse_offer=scheduler.RescindInverseOffer(
                    inverse_offer_id=Id(offer.offer_id)
                ),
            )
            effects += self._cluster.tell(self._cluster.frameworks[offer.framework_id], event)
        return effects

    def withdraw(self, framework: Framework) -> None:
        """Take back what this framework was asked, without a word: it is away or starts anew."""
        for offer in self._books.of_framework(framework.framework_id):
            self._books.take(offer.offer_id)
        self._books.forget_framework(framework.framework_id)
        self.look_everywhere()

    def forget_agent(self, agent_id: AgentId) -> list[Effect]:
        """The agent is no more, or is asked about anew."""
        self._books.forget_answers(agent_id)
        self._cluster.deadlines.cancel(Kind.INVERSE, agent_id)
        return self.rescind(agent_id)


def wire_inverse_offer(cluster: Cluster, offer: InverseOfferRecord) -> InverseOffer:
    """The inverse offer as its framework is shown it."""
    return InverseOffer(
        id=Id(offer.offer_id),
        url=url_of(cluster.agents[offer.agent_id]),
        framework_id=Id(offer.framework_id),
        agent_id=Id(offer.agent_id),
        unavailability=offer.unavailability,
    )


def _users(cluster: Cluster, agent: Agent) -> list[FrameworkId]:
    """Those that have something there: tasks, executors, offers."""
    users = dict.fromkeys(framework_id for framework_id, _ in agent.tasks)
    users |= dict.fromkeys(framework_id for framework_id, _ in agent.executors)
    users |= dict.fromkeys(cluster.offers[offer_id].framework_id for offer_id in agent.offers)
    return list(users)
