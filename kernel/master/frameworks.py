"""Follows frameworks: subscribing, coming back, going away for a while or for good.

A framework lives as long as its stream, and then for its failover timeout. What it is offered is
the allocator's business, its tasks are `tasks`'s. Source: Mesos, docs/scheduler-http-api.md,
docs/high-availability-framework-guide.md; recordings of a real master.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from kernel.allocator.clients import Client, MinimaMilli
from kernel.machine import Now
from kernel.master.admission import framework_refusal
from kernel.master.cluster import Cluster, Framework
from kernel.master.constraints import OfferConstraints, constraints_problem
from kernel.master.deadlines import Kind
from kernel.master.events import CloseSchedulerStream, Effect, SendToScheduler
from kernel.master.offers import Offers
from kernel.master.tasks import Tasks
from kernel.master.validate import (
    framework_problem,
    principal_problem,
    role_problem,
    roles_of,
    suppressed_problem,
    update_problem,
)
from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.operator import EventType
from kernel.messages.v1 import FrameworkInfo, Id
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import MILLI, VALUE_MAX

HEARTBEAT_INTERVAL_MS = 15_000  # Mesos: DEFAULT_HEARTBEAT_INTERVAL

HEARTBEAT = scheduler.Event(type=scheduler.EventType.HEARTBEAT)


class Frameworks:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers, tasks: Tasks) -> None:
        self._cluster = cluster
        self._offers = offers
        self._tasks = tasks

    # --- coming ----------------------------------------------------------------------------

    def on_subscribed(
        self, stream_id: str, subscribe: scheduler.Subscribe, now: Now, principal: str | None = None
    ) -> list[Effect]:
        """A new framework, or an old one over a new stream."""
        info = subscribe.framework_info
        known_id = FrameworkId(info.id.value) if info.id is not None and info.id.value else None
        old = self._cluster.frameworks.get(known_id) if known_id is not None else None
        problem = self._subscribe_problem(subscribe, known_id, old) or self._forbidden(
            subscribe.framework_info, principal
        )
        if problem is not None:
            return [
                SendToScheduler(stream_id, _error(problem)),
                CloseSchedulerStream(stream_id),
            ]
        effects: list[Effect] = []
        if old is None:
            framework_id = known_id or FrameworkId(self._cluster.mint(""))
            framework = Framework(
                framework_id, replace(info, id=Id(framework_id)), registered_ms=now.wall_ms
            )
            self._cluster.frameworks[framework_id] = framework
            self._cluster.watchers.note(EventType.FRAMEWORK_ADDED, framework)
        else:
            framework = old
            effects += self._replace_stream(framework)
            framework.info = _kept(old.info, info)
            framework.reregistered_ms = now.wall_ms
            self._cluster.watchers.note(EventType.FRAMEWORK_UPDATED, framework)
        self._connect(framework, stream_id, now)
        effects += self._greet(framework)
        self._want_offers(framework, subscribe)
        if old is not None:
            effects += self._tell_agents(framework)
            effects += self._tasks.say_again(framework)
        return effects

    def _subscribe_problem(
        self,
        subscribe: scheduler.Subscribe,
        known_id: FrameworkId | None,
        old: Framework | None,
    ) -> str | None:
        info = subscribe.framework_info
        if known_id in self._cluster.completed:
            return "Framework has been removed"
        roles = roles_of(info)
        return (
            framework_problem(info)
            or framework_refusal(self._cluster.settings, info)
            or suppressed_problem(roles, subscribe.suppressed_roles)
            or constraints_problem(roles, subscribe.offer_constraints)
            or (principal_problem(old.info, info) if old is not None else None)
        )

    def _forbidden(self, info: FrameworkInfo, principal: str | None) -> str | None:
        roles = roles_of(info)
        who = principal if principal is not None else info.principal
        if self._cluster.settings.acls.allows("register_frameworks", who, roles):
            return None
        named = info.id.value if info.id is not None else ""
        return f"Not authorized to register framework {named} with roles {{ {', '.join(roles)} }}"

    def _replace_stream(self, framework: Framework) -> list[Effect]:
        """The framework failed over: the old scheduler is told, its offers go back unsaid."""
        old_stream = framework.stream_id
        self._offers.withdraw(framework)
        self._cluster.allocator.drop_client(framework.framework_id)
        if old_stream is None:
            return []
        del self._cluster.framework_of_stream[old_stream]
        return [
            SendToScheduler(old_stream, _error("Framework failed over")),
            CloseSchedulerStream(old_stream),
        ]

    def _connect(self, framework: Framework, stream_id: str, now: Now) -> None:
        framework.stream_id = stream_id
        framework.is_recovered = False
        self._cluster.framework_of_stream[stream_id] = framework.framework_id
        deadlines, who = self._cluster.deadlines, framework.framework_id
        deadlines.cancel(Kind.FAILOVER, who)
        deadlines.set(Kind.HEARTBEAT, who, now.mono_ms + HEARTBEAT_INTERVAL_MS)

    def _greet(self, framework: Framework) -> list[Effect]:
        subscribed = scheduler.Subscribed(
            framework_id=Id(framework.framework_id),
            heartbeat_interval_seconds=HEARTBEAT_INTERVAL_MS / 1000,
            master_info=self._cluster.settings.master_info,
        )
        event = scheduler.Event(type=scheduler.EventType.SUBSCRIBED, subscribed=subscribed)
        return self._cluster.tell(framework, event) + self._cluster.tell(framework, HEARTBEAT)

    def _want_offers(self, framework: Framework, subscribe: scheduler.Subscribe) -> None:
        settings = self._cluster.settings
        constraints = OfferConstraints(subscribe.offer_constraints)

        def takes(role: str, agent_id: AgentId) -> bool:
            return constraints.admit(role, self._cluster.agents[agent_id].info)

        client = Client(
            framework.framework_id,
            framework.roles,
            takes_gpus=framework.can("GPU_RESOURCES") or not settings.keeps_gpus_apart,
            takes_revocable=framework.can("REVOCABLE_RESOURCES"),
            takes_shared=framework.can("SHARED_RESOURCES"),
            takes_refined=framework.can("RESERVATION_REFINEMENT"),
            takes_remote=framework.can("REGION_AWARE"),
            minima=_minima(framework.info.offer_filters),
            takes=takes if subscribe.offer_constraints else None,
        )
        self._cluster.allocator.set_client(client, subscribe.suppressed_roles)

    def _tell_agents(self, framework: Framework) -> list[Effect]:
        """Agents that run its tasks keep its info, for the day we have forgotten it."""
        event = agent_messages.UpdateFramework(framework=framework.info)
        return [
            effect
            for agent_id in _agents_of(framework)
            for effect in self._cluster.tell_agent(agent_id, event)
        ]

    def recover(self, info: FrameworkInfo, now: Now) -> None:
        """An agent knows of a framework that has not come back to this master yet.

        DIFFERS: Mesos forgets the failover timeout here; we let it run from now on, but never
        shorter than agents have to come back.
        """
        assert info.id is not None
        framework_id = FrameworkId(info.id.value)
        if self._cluster.framework(framework_id) is not None:
            return
        framework = Framework(framework_id, info, now.wall_ms, is_recovered=True)
        self._cluster.frameworks[framework_id] = framework
        self._cluster.watchers.note(EventType.FRAMEWORK_ADDED, framework)
        wait_ms = max(_failover_ms(info), self._cluster.settings.agent_reregister_timeout_ms)
        self._cluster.deadlines.set(Kind.FAILOVER, framework_id, now.mono_ms + wait_ms)

    # --- going -----------------------------------------------------------------------------

    def on_stream_closed(self, stream_id: str, now: Now) -> list[Effect]:
        """The scheduler is away; it may come back within its failover timeout."""
        framework_id = self._cluster.framework_of_stream.pop(stream_id, None)
        if framework_id is None:
            return []
        framework = self._cluster.frameworks[framework_id]
        self._disconnect(framework)
        timeout_ms = _failover_ms(framework.info)
        if timeout_ms <= 0:
            return self._remove(framework, now)
        self._cluster.deadlines.set(Kind.FAILOVER, framework_id, now.mono_ms + timeout_ms)
        return []

    def on_failover_timeout(self, framework_id: FrameworkId, now: Now) -> list[Effect]:
        return self._remove(self._cluster.frameworks[framework_id], now)

    def on_teardown(self, framework: Framework, now: Now) -> list[Effect]:
        """The stream ends, the framework is completed, its tasks are killed."""
        stream_id = framework.stream_id
        effects: list[Effect] = []
        if stream_id is not None:
            del self._cluster.framework_of_stream[stream_id]
            self._disconnect(framework)
            effects.append(CloseSchedulerStream(stream_id))
        return effects + self._remove(framework, now)

    def _disconnect(self, framework: Framework) -> None:
        framework.stream_id = None
        self._offers.withdraw(framework)
        self._cluster.allocator.drop_client(framework.framework_id)
        self._cluster.deadlines.cancel(Kind.HEARTBEAT, framework.framework_id)

    def _remove(self, framework: Framework, now: Now) -> list[Effect]:
        """Its tasks keep their resources until their agents say that they have ended.

        DIFFERS: Mesos frees them at once, while the processes still run.
        """
        framework_id = framework.framework_id
        self._cluster.deadlines.cancel(Kind.FAILOVER, framework_id)
        framework.unregistered_ms = now.wall_ms
        framework.unreachable.clear()
        agents = _agents_of(framework)
        for agent_id, agent in self._cluster.agents.items():
            if any(key[0] == framework_id for key in agent.executors) and agent_id not in agents:
                agents.append(agent_id)
        self._cluster.complete(framework)
        self._cluster.watchers.note(EventType.FRAMEWORK_REMOVED, framework)
        event = agent_messages.ShutdownFramework(framework_id=Id(framework_id))
        return [
            effect for agent_id in agents for effect in self._cluster.tell_agent(agent_id, event)
        ]

    # --- calls -----------------------------------------------------------------------------

    def on_heartbeat(self, framework_id: FrameworkId, now: Now) -> list[Effect]:
        framework = self._cluster.frameworks[framework_id]
        at_ms = now.mono_ms + HEARTBEAT_INTERVAL_MS
        self._cluster.deadlines.set(Kind.HEARTBEAT, framework_id, at_ms)
        return self._cluster.tell(framework, HEARTBEAT)

    def on_revive(self, framework: Framework, roles: Sequence[str]) -> list[Effect]:
        if not any(role_problem(role) for role in roles):  # one bad role drops the whole call
            self._cluster.allocator.revive(framework.framework_id, roles)
            self._offers.on_revived(framework)
        return []

    def on_suppress(self, framework: Framework, roles: Sequence[str]) -> list[Effect]:
        if not any(role_problem(role) for role in roles):
            self._cluster.allocator.suppress(framework.framework_id, roles)
        return []

    def update_refusal(self, framework: Framework, call: scheduler.Subscribe) -> str | None:
        """Why an UPDATE_FRAMEWORK can't be done, or None."""
        roles = roles_of(call.framework_info)
        if problem := framework_problem(call.framework_info) or framework_refusal(
            self._cluster.settings, call.framework_info
        ):
            return f"Supplied FrameworkInfo is not valid: {problem}"
        if problem := update_problem(framework.info, call.framework_info):
            return f"FrameworkInfo update is not valid: {problem}"
        problem = constraints_problem(roles, call.offer_constraints) or suppressed_problem(
            roles, call.suppressed_roles
        )
        return f"'UpdateFramework' call is not valid: {problem}" if problem else None

    def on_update_framework(self, framework: Framework, call: scheduler.Subscribe) -> list[Effect]:
        """New labels, roles, timeouts; offers under roles that go are rescinded."""
        gone = [role for role in framework.roles if role not in roles_of(call.framework_info)]
        taken = self._offers.withdraw(framework, gone)
        framework.info = replace(call.framework_info, id=Id(framework.framework_id))
        self._cluster.watchers.note(EventType.FRAMEWORK_UPDATED, framework)
        self._want_offers(framework, call)
        effects: list[Effect] = []
        for offer_id in taken:
            effects += self._offers.tell_rescinded(framework.framework_id, offer_id)
        return effects + self._tell_agents(framework)


def _error(message: str) -> scheduler.Event:
    return scheduler.Event(type=scheduler.EventType.ERROR, error=scheduler.Error(message=message))


def _kept(old: FrameworkInfo, new: FrameworkInfo) -> FrameworkInfo:
    """A resubscription may not change these; it is not told so, as in Mesos."""
    return replace(new, id=old.id, user=old.user, checkpoint=old.checkpoint)


def _failover_ms(info: FrameworkInfo) -> int:
    return round(info.failover_timeout * 1000)


def _agents_of(framework: Framework) -> list[AgentId]:
    return list(dict.fromkeys(record.agent_id for record in framework.tasks.values()))


def _minima(offer_filters: Mapping[str, Any] | None) -> dict[str, MinimaMilli]:
    """FrameworkInfo.offer_filters as thousandths; what is no number is passed over."""
    found: dict[str, MinimaMilli] = {}
    for role, entry in (offer_filters or {}).items():
        minima = entry.get("min_allocatable_resources") if isinstance(entry, dict) else None
        groups = minima.get("quantities", []) if isinstance(minima, dict) else None
        if not isinstance(groups, list):
            continue
        found[role] = [_minimum(group) for group in groups if isinstance(group, dict)]
    return found


def _minimum(group: Mapping[str, Any]) -> dict[str, int]:
    amounts = group.get("quantities")
    if not isinstance(amounts, dict):
        return {}
    found: dict[str, int] = {}
    for name, value in amounts.items():
        number = value.get("value") if isinstance(value, dict) else None
        if isinstance(number, (int, float)) and abs(number) <= VALUE_MAX:
            found[name] = round(number * MILLI)
    return found
