"""Takes agents out of service and back: deactivated, drained, marked gone, as operators ask.

A deactivated agent is not offered; one that is to be drained is also told to end its tasks, and is
drained when the last of them has ended and its framework knows it. All this survives the master and
the agent: an agent is told again each time it subscribes. What becomes of a gone agent's tasks is
`departures`'. Source: Mesos, docs/draining.md, Master::Http::_drainAgent,
Master::checkAndTransitionDrainingAgent; recordings operator-drain-agent, operator-mark-agent-gone.
"""

from msgspec.structs import replace

from kernel.machine import Now
from kernel.master import registry_drains
from kernel.master.cluster import Agent, Cluster
from kernel.master.departures import Departures
from kernel.master.events import Effect, OperatorCallReceived
from kernel.master.offers import Offers
from kernel.master.operators import Operators, Outcome
from kernel.master.registry_drains import Deactivation, Drain, DrainState
from kernel.master.standing import refresh
from kernel.messages import agent as agent_messages
from kernel.messages.operator import CallType
from kernel.messages.operator_calls import Duration
from kernel.model.ids import AgentId

DURATION_MAX_S = 315_576_000_000  # google.protobuf.Duration: some 10,000 years

BAD, NOT_FOUND = 400, 404


class Drains:
    """Works on the books of one `Cluster`. Invariant: `_draining` are those whose drain is not at
    its end."""

    def __init__(self, cluster: Cluster, offers: Offers, departures: Departures) -> None:
        self._cluster = cluster
        self._offers = offers
        self._departures = departures
        self._draining: dict[AgentId, None] = {}

    def register(self, operators: Operators) -> None:
        operators.handle(CallType.DRAIN_AGENT, self._on_drain)
        operators.handle(CallType.DEACTIVATE_AGENT, self._on_deactivate)
        operators.handle(CallType.REACTIVATE_AGENT, self._on_reactivate)
        operators.handle(CallType.MARK_AGENT_GONE, self._on_mark_gone)

    def recover(self, known: dict[AgentId, Deactivation]) -> None:
        """What was out of service under an earlier master still is."""
        self._cluster.deactivations.update(known)
        for agent_id, deactivation in known.items():
            if _is_under_way(deactivation):
                self._draining[agent_id] = None

    # --- operators -------------------------------------------------------------------------

    def _on_drain(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        call = asked.call.drain_agent
        assert call is not None
        agent_id = AgentId(call.agent_id.value)
        if not self._is_known(agent_id):
            return Outcome(BAD, "Unknown agent")
        if problem := _grace_problem(call.max_grace_period):
            return Outcome(BAD, problem)
        drain = Drain(
            now.wall_ms, max_grace_ms=_ms(call.max_grace_period), mark_gone=call.mark_gone
        )
        self._draining[agent_id] = None
        effects = self._deactivate(agent_id, Deactivation(drain))
        effects += self._tell(agent_id, drain)
        return Outcome(effects=effects)

    def _on_deactivate(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        call = asked.call.deactivate_agent
        assert call is not None
        agent_id = AgentId(call.agent_id.value)
        if not self._is_known(agent_id):
            return Outcome(BAD, "Unknown agent")
        if agent_id in self._cluster.deactivations:
            return Outcome()
        return Outcome(effects=self._deactivate(agent_id, Deactivation()))

    def _on_reactivate(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        call = asked.call.reactivate_agent
        assert call is not None
        agent_id = AgentId(call.agent_id.value)
        deactivation = self._cluster.deactivations.get(agent_id)
        if deactivation is None:
            return Outcome(BAD, "Agent is not deactivated")
        if _is_under_way(deactivation):
            return Outcome(BAD, "Agent is still in the DRAINING state")
        del self._cluster.deactivations[agent_id]
        effects: list[Effect] = [registry_drains.reactivate(agent_id)]
        if deactivation.drain is not None:
            # On the same stream as any task that follows, so it is ready before one comes.
            effects += self._cluster.tell_agent(agent_id, agent_messages.ReactivateAgent())
        if (agent := self._cluster.agents.get(agent_id)) is not None:
            refresh(self._cluster, agent)
        return Outcome(effects=effects)

    def _on_mark_gone(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        call = asked.call.mark_agent_gone
        assert call is not None
        agent_id = AgentId(call.agent_id.value)
        if agent_id in self._cluster.gone:
            return Outcome()
        if not self._is_known(agent_id):
            return Outcome(NOT_FOUND, f"Agent '{agent_id}' not found")
        return Outcome(effects=self._mark_gone(agent_id, now))

    def _is_known(self, agent_id: AgentId) -> bool:
        cluster = self._cluster
        return any(
            agent_id in those for those in (cluster.agents, cluster.recovered, cluster.unreachable)
        )

    # --- parts -----------------------------------------------------------------------------

    def _deactivate(self, agent_id: AgentId, deactivation: Deactivation) -> list[Effect]:
        self._cluster.deactivations[agent_id] = deactivation
        effects: list[Effect] = [registry_drains.deactivate(agent_id, deactivation)]
        agent = self._cluster.agents.get(agent_id)
        if agent is not None:
            refresh(self._cluster, agent)
            effects += self._offers.rescind_all(agent)
        return effects

    def _tell(self, agent_id: AgentId, drain: Drain) -> list[Effect]:
        event = agent_messages.DrainAgent(
            max_grace_ms=drain.max_grace_ms, mark_gone=drain.mark_gone
        )
        return self._cluster.tell_agent(agent_id, event)

    def _mark_gone(self, agent_id: AgentId, now: Now) -> list[Effect]:
        self._draining.pop(agent_id, None)
        return self._departures.mark_gone(agent_id, now)

    # --- agents ----------------------------------------------------------------------------

    def on_subscribed(self, agent: Agent, *, is_draining: bool) -> list[Effect]:
        """What the agent may have missed: its drain, or that it is over."""
        deactivation = self._cluster.deactivations.get(agent.agent_id)
        if deactivation is not None and deactivation.drain is not None:
            return self._tell(agent.agent_id, deactivation.drain)
        if is_draining:
            event = agent_messages.ReactivateAgent()
            return self._cluster.tell_agent(agent.agent_id, event)
        return []

    def settle(self, now: Now) -> list[Effect]:
        """Drains that have come to their end: the agent is empty, or can't be asked any more."""
        effects: list[Effect] = []
        for agent_id in list(self._draining):
            deactivation = self._cluster.deactivations.get(agent_id)
            if deactivation is None or deactivation.drain is None:
                del self._draining[agent_id]  # the agent is no more
            elif agent_id in self._cluster.unreachable and deactivation.drain.mark_gone:
                effects += self._mark_gone(agent_id, now)
            elif agent_id in self._cluster.agents and _is_empty(self._cluster.agents[agent_id]):
                effects += self._finish(agent_id, deactivation.drain, now)
        return effects

    def _finish(self, agent_id: AgentId, drain: Drain, now: Now) -> list[Effect]:
        del self._draining[agent_id]
        if drain.mark_gone:
            return self._mark_gone(agent_id, now)
        drained = Deactivation(replace(drain, state=DrainState.DRAINED))
        self._cluster.deactivations[agent_id] = drained
        refresh(self._cluster, self._cluster.agents[agent_id])
        return [registry_drains.deactivate(agent_id, drained)]


def _is_under_way(deactivation: Deactivation) -> bool:
    drain = deactivation.drain
    return drain is not None and drain.state is DrainState.DRAINING


def _is_empty(agent: Agent) -> bool:
    """Nothing runs there, and everybody knows it.

    DIFFERS: Mesos does not wait for executors, and offers an agent that still refuses tasks.
    """
    if agent.tasks or agent.executors:
        return False
    return all(record.state.is_terminal for record in agent.operations.values())


def _ms(duration: Duration | None) -> int | None:
    if duration is None:
        return None
    return duration.seconds * 1000 + duration.nanos // 1_000_000


def _grace_problem(duration: Duration | None) -> str | None:
    if duration is None:
        return None
    if not 0 <= duration.seconds <= DURATION_MAX_S or not 0 <= duration.nanos < 1_000_000_000:
        return (
            "'max_grace_period' must be a duration that is not negative:"
            ' {"seconds": 30}, or also "nanos" below 1,000,000,000'
        )
    return None
