"""Says in sentences why a framework gets no offers, where a task is, and how a role stands.

Each answer is sentences for people beside the facts that they were made of. What keeps an agent
from a framework is `kernel.allocator.survey`'s to find, by the gates that the allocator itself
asks. Ours: Mesos says nothing of the kind (its users' most frequent question).
"""

from collections.abc import Sequence
from typing import Any

from kernel.allocator.clients import MinimaMilli
from kernel.machine import Now
from kernel.master import phrases
from kernel.master.cluster import Cluster, Framework
from kernel.master.deadlines import Kind
from kernel.master.events import OperatorCallReceived
from kernel.master.explain_role import on_role, role_sentences
from kernel.master.explain_task import on_task
from kernel.master.operators import Operators, Outcome
from kernel.messages.operator import CallType
from kernel.messages.operator_calls import Explain
from kernel.messages.quantities import from_wire
from kernel.model.ids import FrameworkId, TaskId
from kernel.model.resources import ResourcesMalformed, total

Answer = dict[str, Any]


class Explanations:
    """Works on the books of one `Cluster`; changes nothing."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def register(self, operators: Operators) -> None:
        operators.handle(CallType.EXPLAIN, self._on_explain)

    def _on_explain(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        explain = asked.call.explain
        assert explain is not None, "the form has been checked"
        try:
            wanted = _wanted(explain)
        except ResourcesMalformed as error:
            return Outcome(400, f"'explain.resources' can't be read: {error}")
        if explain.task_id is not None:
            framework_id = explain.framework_id.value if explain.framework_id else None
            shown = on_task(self._cluster, TaskId(explain.task_id.value), framework_id, now)
            return shown if isinstance(shown, Outcome) else Outcome(shown=shown)
        if explain.framework_id is not None:
            return self._on_framework(FrameworkId(explain.framework_id.value), wanted, now)
        if explain.role is not None:
            return Outcome(shown=on_role(self._cluster, explain.role))
        message = "Expecting 'framework_id', 'task_id' or 'role' of 'explain' to be present"
        return Outcome(400, message)

    def _on_framework(
        self, framework_id: FrameworkId, wanted: MinimaMilli | None, now: Now
    ) -> Outcome:
        framework = self._cluster.framework(framework_id)
        if framework is None:
            return Outcome(404, f"No framework of id '{framework_id}' is known")
        return Outcome(shown=on_framework(self._cluster, framework, wanted, now))


def _wanted(explain: Explain) -> MinimaMilli | None:
    amounts = from_wire(explain.resources).quantities()
    return [amounts] if amounts else None


def on_framework(
    cluster: Cluster, framework: Framework, wanted: MinimaMilli | None, now: Now
) -> Answer:
    """Why it gets no offers, or none that are large enough."""
    name = f"Framework '{framework.info.name}'"
    facts: Answer = {
        "framework_id": framework.framework_id,
        "name": framework.info.name,
        "connected": framework.is_connected,
        "roles": [],
    }
    away = _away(cluster, framework, name, now)
    if away is not None:
        return {"sentences": [away], "facts": facts}
    sentences = _outstanding(cluster, framework, name, facts)
    if cluster.allocator.is_paused:
        sentences.append(
            "Nothing is offered to anyone yet: quota is set, this master is new, and it waits for"
            " most of the agents that it knows of to come back."
        )
    for role in framework.roles:
        if not cluster.allocator.ranking.wants(framework.framework_id, role):
            sentences.append(
                f"It has suppressed role '{role}': under it it is offered nothing until it revives."
            )
            facts["roles"].append({"role": role, "suppressed": True})
            continue
        told, found = role_sentences(cluster, framework.framework_id, role, wanted, now)
        sentences += told
        facts["roles"].append({"role": role, "suppressed": False, **found})
    return {"sentences": sentences, "facts": facts}


def _away(cluster: Cluster, framework: Framework, name: str, now: Now) -> str | None:
    """Why a framework that is not here is offered nothing."""
    if framework.framework_id in cluster.completed:
        return (
            f"{name} has ended: it was torn down, or stayed away for too long. Its id is used up."
        )
    if framework.is_connected:
        return None
    until_ms = cluster.deadlines.at_ms(Kind.FAILOVER, framework.framework_id)
    left = ""
    if until_ms is not None:
        left = f" If it does not come back within {phrases.span(until_ms - now.mono_ms)}, it ends."
    why = (
        "this master knows of it only from agents that run its tasks"
        if framework.is_recovered
        else "its scheduler has gone away"
    )
    return f"{name} is not connected: {why}.{left}"


def _outstanding(cluster: Cluster, framework: Framework, name: str, facts: Answer) -> list[str]:
    offers = [cluster.offers[offer_id] for offer_id in framework.offers]
    facts["offers"] = [
        {"offer_id": offer.offer_id, "agent_id": offer.agent_id, "role": offer.role}
        for offer in offers
    ]
    if not offers:
        return [f"{name} is connected and has no offer in its hands."]
    held = total(offer.resources for offer in offers).quantities()
    places = phrases.some(_hostnames(cluster, [offer.agent_id for offer in offers]))
    return [
        f"{name} sits on {phrases.counted(len(offers), 'offer')} with {phrases.amounts(held)}, on"
        f" {places}, which it has neither used nor declined."
    ]


def _hostnames(cluster: Cluster, agent_ids: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(cluster.agents[agent_id].info.hostname for agent_id in agent_ids))
