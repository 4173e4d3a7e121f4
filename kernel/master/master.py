"""Dispatches what happens to the parts of the master and joins what they want done.

Nothing is decided here but the order: first the event's own effects, then one allocation pass if
something became free or wanted, at most one each `PASS_GAP_MS`. Source: Mesos, master.cpp.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

from kernel.allocator.allocator import ALLOCATION_INTERVAL_MS, Allocator
from kernel.allocator.chance import Chance
from kernel.machine import DeadlineReached, Now
from kernel.master import (
    operator_views,
    oversubscription,
    registry,
    registry_drains,
    registry_gone,
)
from kernel.master.accept import Accept
from kernel.master.admission import list_hosts
from kernel.master.agents import Agents
from kernel.master.cluster import Cluster, Framework, Settings
from kernel.master.counts import OF_AGENTS
from kernel.master.deadlines import Kind
from kernel.master.departures import Departures
from kernel.master.drain import Drains
from kernel.master.events import (
    AgentBatchReceived,
    AgentStreamClosed,
    AgentSubscribed,
    CallAnswered,
    CloseOperatorStream,
    Effect,
    Event,
    FrameworkSubscribed,
    HostsListed,
    OperatorCallReceived,
    OperatorStreamClosed,
    OperatorSubscribed,
    SchedulerCallReceived,
    SchedulerStreamClosed,
    SendToOperators,
)
from kernel.master.explain import Explanations
from kernel.master.forgetting import Forgetting
from kernel.master.frameworks import Frameworks
from kernel.master.invariants import check_books
from kernel.master.inverse_offers import InverseOffers
from kernel.master.maintenance import Maintenance
from kernel.master.offers import Offers
from kernel.master.operations import Operations
from kernel.master.operator_operations import OperatorOperations
from kernel.master.operators import Operators, Outcome
from kernel.master.permissions import is_permitted
from kernel.master.quota import Quotas
from kernel.master.reads import Reads
from kernel.master.reconcile import on_reconcile
from kernel.master.removals import Removals
from kernel.master.sight import sight_of
from kernel.master.tasks import Tasks
from kernel.master.validate import mismatch
from kernel.master.weights import Weights
from kernel.messages import agent as agent_messages
from kernel.messages import operator
from kernel.messages.operator import HEARTBEAT
from kernel.messages.scheduler import Call, CallType, Roles
from kernel.model.ids import AgentId, FrameworkId, OfferId

# DIFFERS: Mesos looks at freed resources once a second. We look at once, but leave a moment
# between passes, so that what comes in a burst is given away together.
PASS_GAP_MS = 20

T = TypeVar("T")

Timed = Callable[[], AbstractContextManager[None]]

SchedulerHandler = Callable[[Framework, Call, Now], list[Effect]]

_ACCEPTED, _DONE, _BAD, _FORBIDDEN, _NOT_IMPLEMENTED = 202, 200, 400, 403, 501


class Master:
    """The machine. Invariants: those of its books."""

    timed: Timed = nullcontext  # around each allocation pass, for who can measure

    def __init__(
        self,
        settings: Settings,
        chance: Chance,
        now: Now,
        *,
        records: Mapping[str, Mapping[str, bytes]] | None = None,
        allocation_interval_ms: int = ALLOCATION_INTERVAL_MS,
    ) -> None:
        self.steps = 0  # tells a reader whether anything can have changed
        self.cluster = Cluster(settings, _allocator(settings, chance, allocation_interval_ms))
        self.operators = Operators(self._permits)  # the parts register there what they answer
        self._inverse = InverseOffers(self.cluster)
        self.reads = Reads(self.cluster)
        self._offers = Offers(self.cluster, self._inverse)
        self._tasks = Tasks(self.cluster)
        self._operations = Operations(self.cluster, self._offers, now)
        self._accept = Accept(self.cluster, self._offers, self._operations)
        self._frameworks = Frameworks(self.cluster, self._offers, self._tasks)
        self._departures = Departures(self.cluster, self._offers)
        self._removals = Removals(self.cluster, self._departures)
        self._forgetting = Forgetting(self.cluster)
        self._drains = Drains(self.cluster, self._offers, self._departures)
        self._agents = Agents(
            self.cluster,
            self._offers,
            self._frameworks,
            self._tasks,
            self._drains,
            self._operations,
        )
        self._maintenance = Maintenance(self.cluster, self._offers, self._inverse, self._departures)
        self._weights = Weights(self.cluster, self._offers)
        self._quotas = Quotas(self.cluster, self._offers)
        self._recover(records or {}, now)
        for part in (
            self._drains,
            self._maintenance,
            self._weights,
            self._quotas,
            OperatorOperations(self.cluster, self._offers, self._operations),
            Explanations(self.cluster),
        ):
            part.register(self.operators)
        self.operators.handle(operator.CallType.TEARDOWN, self._on_teardown)
        self._next_pass_ms = 0
        self._handlers: dict[type, Callable[[Any, Now], list[Effect]]] = {
            FrameworkSubscribed: self._on_framework_subscribed,
            SchedulerCallReceived: self._on_scheduler_call,
            SchedulerStreamClosed: self._on_scheduler_stream_closed,
            AgentSubscribed: self._on_agent_subscribed,
            AgentBatchReceived: self._on_agent_batch,
            AgentStreamClosed: self._on_agent_stream_closed,
            OperatorCallReceived: self.operators.on_call,
            OperatorSubscribed: self._on_operator_subscribed,
            OperatorStreamClosed: self._on_operator_stream_closed,
            HostsListed: lambda event, _: list_hosts(self.cluster, event.hosts),
            DeadlineReached: self._on_deadline,
        }
        self._calls = self._scheduler_calls()

    def _scheduler_calls(self) -> dict[CallType, SchedulerHandler]:
        return {
            CallType.TEARDOWN: lambda f, _, now: self._frameworks.on_teardown(f, now),
            CallType.ACCEPT: lambda f, c, now: self._accept.on_accept(f, _set(c.accept), now),
            CallType.DECLINE: lambda f, c, now: self._offers.on_decline(f, _set(c.decline), now),
            CallType.REVIVE: lambda f, c, _: self._frameworks.on_revive(f, _roles(c.revive)),
            CallType.SUPPRESS: lambda f, c, _: self._frameworks.on_suppress(f, _roles(c.suppress)),
            CallType.KILL: lambda f, c, now: self._tasks.on_kill(f, _set(c.kill), now),
            CallType.SHUTDOWN: lambda f, c, _: self._tasks.on_shutdown(f, _set(c.shutdown)),
            CallType.ACKNOWLEDGE: lambda f, c, _: self._tasks.on_acknowledge(
                f, _set(c.acknowledge)
            ),
            CallType.RECONCILE: lambda f, c, now: on_reconcile(
                self.cluster, f, _set(c.reconcile), now
            ),
            CallType.ACCEPT_INVERSE_OFFERS: lambda f, c, now: self._inverse.on_answer(
                f, _set(c.accept_inverse_offers), accepts=True, now=now
            ),
            CallType.DECLINE_INVERSE_OFFERS: lambda f, c, now: self._inverse.on_answer(
                f, _set(c.decline_inverse_offers), accepts=False, now=now
            ),
            CallType.ACKNOWLEDGE_OPERATION_STATUS: lambda f, c, _: self._operations.on_acknowledge(
                f, _set(c.acknowledge_operation_status)
            ),
            CallType.RECONCILE_OPERATIONS: lambda f, c, _: self._operations.on_reconcile(
                f, _set(c.reconcile_operations)
            ),
            CallType.MESSAGE: lambda f, c, _: self._tasks.on_message(f, _set(c.message)),
        }

    def _recover(self, records: Mapping[str, Mapping[str, bytes]], now: Now) -> None:
        """What an earlier master made durable."""
        self._removals.recover(registry.read(records), now)
        self._forgetting.plan(now)
        self.cluster.gone.update(registry_gone.read(records))
        self._drains.recover(registry_drains.read(records))
        self._maintenance.recover(records)
        self._weights.recover(records)
        self._quotas.recover(records, now)

    # --- the machine -----------------------------------------------------------------------

    def step(self, event: Event, now: Now) -> Sequence[Effect]:
        self.steps += 1
        effects = self._handlers[type(event)](event, now)
        effects += self._drains.settle(now)
        self._quotas.count_agents()
        self.cluster.allocator.expire(now.mono_ms)
        if self.cluster.allocator.is_due and now.mono_ms >= self._next_pass_ms:
            self._next_pass_ms = now.mono_ms + PASS_GAP_MS
            self.cluster.count("allocation_runs")
            with self.timed():
                given = self.cluster.allocator.allocate(now.mono_ms)
            effects += self._offers.make(given, now)
        if self._inverse.is_due and not self.cluster.allocator.is_due:
            effects += self._inverse.make(now)  # after the offers, which count as being there
        if self.cluster.watchers.news:
            effects += self._tell_operators()
        return effects

    def next_deadline_ms(self) -> int | None:
        due = [self.cluster.deadlines.next_ms(), self.cluster.allocator.next_end_ms()]
        if self.cluster.allocator.is_due:
            due.append(self._next_pass_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def check_invariants(self) -> None:
        check_books(self.cluster)
        self.reads.check()

    # --- schedulers ------------------------------------------------------------------------

    def _on_framework_subscribed(self, event: FrameworkSubscribed, now: Now) -> list[Effect]:
        self.cluster.count("messages_register_framework")
        return self._frameworks.on_subscribed(
            event.stream_id, event.subscribe, now, event.principal
        )

    def _on_scheduler_call(self, event: SchedulerCallReceived, now: Now) -> list[Effect]:
        call = event.call
        framework_id = FrameworkId(call.framework_id.value) if call.framework_id else None
        framework = self.cluster.frameworks.get(framework_id) if framework_id else None
        refusal = _stream_refusal(framework, event.stream_id, event.principal)
        if refusal is not None or framework is None:
            return [CallAnswered(event.request_id, *(refusal or (_BAD, "")))]
        self.cluster.count(f"calls/{(call.type or CallType.UNKNOWN).lower()}")
        if call.type is CallType.UNKNOWN:
            message = "A call of type UNKNOWN can't be carried out"
            return [CallAnswered(event.request_id, _NOT_IMPLEMENTED, message)]
        if call.type is CallType.UPDATE_FRAMEWORK:
            return self._on_update_framework(framework, event)
        handle = self._calls.get(call.type) if call.type is not None else None
        # What has no handler is taken and means nothing here: REQUEST.
        effects = handle(framework, call, now) if handle is not None else []
        return [CallAnswered(event.request_id, _ACCEPTED), *effects]

    def _on_update_framework(
        self, framework: Framework, event: SchedulerCallReceived
    ) -> list[Effect]:
        update = _set(event.call.update_framework)
        problem = self._frameworks.update_refusal(framework, update)
        if problem is not None:
            return [CallAnswered(event.request_id, _BAD, problem)]
        effects = self._frameworks.on_update_framework(framework, update)
        return [CallAnswered(event.request_id, _DONE), *effects]

    def _on_scheduler_stream_closed(self, event: SchedulerStreamClosed, now: Now) -> list[Effect]:
        return self._frameworks.on_stream_closed(event.stream_id, now)

    # --- agents ----------------------------------------------------------------------------

    def _on_agent_subscribed(self, event: AgentSubscribed, now: Now) -> list[Effect]:
        if (given_id := event.subscribe.agent_info.id) is not None:
            self._removals.heard_from(AgentId(given_id.value))
        return self._agents.on_subscribed(event.stream_id, event.subscribe, now)

    def _on_agent_batch(self, event: AgentBatchReceived, now: Now) -> list[Effect]:
        agent_id = AgentId(event.batch.agent_id.value)
        agent = self.cluster.agents.get(agent_id)
        if agent is None or agent.stream_id is None or agent.stream_id != event.stream_id:
            message = f"Agent {agent_id} is not subscribed over this stream; SUBSCRIBE first"
            return [CallAnswered(event.request_id, _FORBIDDEN, message)]
        self._removals.heard_from(agent_id)
        effects: list[Effect] = [CallAnswered(event.request_id, _ACCEPTED)]
        for call in event.batch.calls:
            if (name := OF_AGENTS.get(type(call))) is not None:
                self.cluster.count(name)
            match call:
                case agent_messages.Update():
                    effects += self._tasks.on_update(agent, call, now)
                case agent_messages.UpdateOperation():
                    effects += self._operations.on_update(agent, call, now)
                case agent_messages.ExecutorEnded():
                    effects += self._tasks.on_executor_ended(agent, call)
                case agent_messages.ExecutorMessage():
                    effects += self._tasks.on_executor_message(agent, call)
                case agent_messages.UpdateOversubscribed():
                    effects += oversubscription.on_update(self.cluster, self._offers, agent, call)
                case agent_messages.Unregister():
                    return effects + self._departures.on_unregister(agent, now)
                case agent_messages.Pong():
                    pass  # that it spoke is all there is to it
        return effects

    def _on_agent_stream_closed(self, event: AgentStreamClosed, now: Now) -> list[Effect]:
        return self._departures.on_stream_closed(event.stream_id, now)

    # --- operators -------------------------------------------------------------------------

    def _permits(self, call: operator.Call, principal: str | None) -> bool:
        return is_permitted(self.cluster.settings.acls, self.cluster, call, principal)

    def _on_teardown(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        framework_id = FrameworkId(_set(asked.call.teardown).framework_id.value)
        framework = self.cluster.frameworks.get(framework_id)
        if framework is None:
            return Outcome(_BAD, "No framework found with specified ID")
        return Outcome(_DONE, effects=self._frameworks.on_teardown(framework, now))

    def _on_operator_subscribed(self, event: OperatorSubscribed, now: Now) -> list[Effect]:
        sight = sight_of(self.cluster.settings.acls, event.principal)
        sees = partial(sight.subject, self.cluster) if sight is not None else None
        gone = self.cluster.watchers.add(event.stream_id, sees)
        for stream_id in gone:
            self.cluster.deadlines.cancel(Kind.WATCH, stream_id)
        return [
            *(CloseOperatorStream(stream_id) for stream_id in gone),
            *self._beat(event.stream_id, now),
        ]

    def _on_operator_stream_closed(self, event: OperatorStreamClosed, now: Now) -> list[Effect]:
        self.cluster.watchers.remove(event.stream_id)
        self.cluster.deadlines.cancel(Kind.WATCH, event.stream_id)
        return []

    def _beat(self, stream_id: str, now: Now) -> list[Effect]:
        at_ms = now.mono_ms + operator_views.HEARTBEAT_INTERVAL_S * 1000
        self.cluster.deadlines.set(Kind.WATCH, stream_id, at_ms)
        return [SendToOperators((stream_id,), HEARTBEAT)]

    def _tell_operators(self) -> list[Effect]:
        watchers = self.cluster.watchers
        effects: list[Effect] = []
        for news in watchers.take():
            to = tuple(s for s, sees in watchers.streams.items() if not sees or sees(news.subject))
            if to:
                effects.append(SendToOperators(to, operator_views.event_of(self.cluster, news)))
        return effects

    # --- time ------------------------------------------------------------------------------

    def _on_deadline(self, event: DeadlineReached, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        for kind, who in self.cluster.deadlines.take_due(now.mono_ms):
            match kind:
                case Kind.HEARTBEAT:
                    effects += self._frameworks.on_heartbeat(FrameworkId(who), now)
                case Kind.FAILOVER:
                    effects += self._frameworks.on_failover_timeout(FrameworkId(who), now)
                case Kind.OFFER:
                    effects += self._offers.on_timeout(OfferId(who))
                case Kind.INVERSE:
                    effects += self._inverse.on_quiet_over(AgentId(who), now)
                case Kind.QUOTA:
                    self._quotas.on_recovery_timeout()
                case Kind.PING:
                    effects += self._removals.on_ping_due(AgentId(who), now)
                case Kind.WATCH:
                    effects += self._beat(who, now)
                case Kind.RECOVER:
                    effects += self._removals.on_recovery_over(now)
                case Kind.REMOVAL:
                    effects += self._removals.on_turn(now)
                case Kind.FORGET:
                    effects += self._forgetting.on_due(now)
        return effects


def _allocator(settings: Settings, chance: Chance, interval_ms: int) -> Allocator:
    return Allocator(
        chance,
        interval_ms=interval_ms,
        minima=settings.minima,
        excluded=settings.names_without_share,
    )


def _stream_refusal(
    framework: Framework | None, stream_id: str | None, principal: str | None
) -> tuple[int, str] | None:
    """Why a call is refused before it is looked at: a status and a text."""
    if framework is None:
        return _BAD, "Framework cannot be found"
    if problem := mismatch(principal, framework.info):
        return _BAD, problem
    if framework.stream_id is None:
        return _FORBIDDEN, "Framework is not subscribed"
    if stream_id is None:
        return _BAD, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    if stream_id != framework.stream_id:
        return _BAD, (
            f"The stream ID '{stream_id}' included in this request didn't match the stream ID"
            f" currently associated with framework ID {framework.framework_id}"
        )
    return None


def _set(message: T | None) -> T:
    """What `validate.call_problem` has made sure of."""
    assert message is not None, "a call without its sub-message is refused before"
    return message


def _roles(message: Roles | None) -> Sequence[str]:
    return message.roles if message is not None else ()
