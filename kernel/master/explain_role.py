"""Says why a framework is offered nothing, or not enough, under one role; and how a role stands.

Agents are taken together by what keeps them: most of the time one sentence is about many. Source:
`kernel.allocator.survey` for what is found.
"""

from collections.abc import Sequence
from typing import Any

from kernel.allocator.clients import MinimaMilli
from kernel.allocator.quota import Amounts
from kernel.allocator.survey import Cause, Finding, best, survey
from kernel.machine import Now
from kernel.master import phrases
from kernel.master.cluster import Cluster
from kernel.master.role_views import Used, role_records
from kernel.master.standing import drain_of, is_listed
from kernel.model.ids import AgentId, FrameworkId
from kernel.model.resources import MILLI
from kernel.model.roles import is_within

Answer = dict[str, Any]


def role_sentences(
    cluster: Cluster,
    framework_id: FrameworkId,
    role: str,
    wanted: MinimaMilli | None,
    now: Now,
) -> tuple[list[str], Answer]:
    """Why the framework is offered nothing under the role that it wants offers under."""
    allocator = cluster.allocator
    client = allocator.clients[framework_id]
    least = client.minima.get(role, allocator.minima)
    asked = wanted if wanted is not None else least
    findings = survey(allocator, framework_id, role, asked, now.mono_ms)
    by_cause: dict[Cause, list[Finding]] = {}
    for each in findings:
        by_cause.setdefault(each.cause, []).append(each)
    facts: Answer = {
        "wanted": [_numbers(each) for each in asked],
        "agents": [_shown(each) for each in findings],
    }
    if not findings:
        return ["There is no agent in the cluster."], facts
    sentences: list[str] = []
    if Cause.NOTHING in by_cause:
        names = _names(cluster, by_cause[Cause.NOTHING])
        sentences.append(f"Under role '{role}' it can be offered what is free on {names}.")
    if Cause.QUOTA in by_cause:
        sentences += _quota(cluster, role, by_cause[Cause.QUOTA])
    if Cause.FILTER in by_cause:
        sentences.append(_filters(cluster, role, by_cause[Cause.FILTER]))
    if Cause.TOO_SMALL in by_cause and Cause.NOTHING not in by_cause:
        sentences += _too_small(cluster, by_cause[Cause.TOO_SMALL], asked, wanted is None)
    sentences += _gates(cluster, role, by_cause)
    sentences += _inactive(cluster, by_cause.get(Cause.INACTIVE, []))
    return sentences, facts


def _names(cluster: Cluster, findings: Sequence[Finding]) -> str:
    hosts = dict.fromkeys(cluster.agents[each.agent_id].info.hostname for each in findings)
    return phrases.some(list(hosts))


def _numbers(amounts: Amounts) -> Answer:
    return {name: amount / MILLI for name, amount in amounts.items()}


def _shown(each: Finding) -> Answer:
    shown: Answer = {"agent_id": each.agent_id, "reason": each.cause.value}
    shown["free"] = _numbers(each.free)
    if each.lacking:
        shown["lacking"] = _numbers(each.lacking)
    if each.left_ms:
        shown["seconds_left"] = each.left_ms / 1000
    return shown


# --- one sentence each ---------------------------------------------------------------------


def _quota(cluster: Cluster, role: str, findings: Sequence[Finding]) -> list[str]:
    """Limits that are reached, and what is kept for the guarantees of others."""
    allocator = cluster.allocator
    names = dict.fromkeys(name for each in findings for name in each.lacking)
    sentences: list[str] = []
    for name in names:
        reached = [
            node
            for node in allocator.quota.path(role)
            if name in node.quota.limits
            and node.quota.limits[name] - node.consumed.get(name, 0)
            < max(each.lacking.get(name, 0) for each in findings)
        ]
        for node in reached:
            limit = phrases.amount(name, node.quota.limits[name])
            used = phrases.amount(name, node.consumed.get(name, 0))
            sentences.append(
                f"Role '{node.role}' may have {limit} at most, which is the limit of its quota, and"
                f" has {used} already, offers and reservations counted."
            )
        required = allocator.quota.required.get(name, 0)
        if required > 0 and not reached:
            spare = phrases.amount(name, allocator.books.spare.get(name, 0))
            sentences.append(
                f"Of the {spare} that {'are' if name == 'cpus' else 'is'} spare in the cluster,"
                f" {phrases.amount(name, required)} must be kept for what is guaranteed to"
                f" {_owed_roles(cluster, name, role)}."
            )
    return sentences


def _owed_roles(cluster: Cluster, name: str, but: str) -> str:
    quota = cluster.allocator.quota
    roles = [
        f"role '{node.role}'"
        for node in quota.nodes()
        if node.lacks(name) > 0 and name in node.quota.guarantees and not is_within(but, node.role)
    ]
    return phrases.some(sorted(roles)) or "other roles"


def _filters(cluster: Cluster, role: str, findings: Sequence[Finding]) -> str:
    """`findings` are refusals."""
    names = _names(cluster, findings)
    times = sorted(each.left_ms for each in findings)
    left = phrases.span(times[0])
    if times[-1] != times[0]:
        left = f"between {left} and {phrases.span(times[-1])}"
    them = "it" if len(findings) == 1 else "them"
    return (
        f"It has declined what is free on {names} under role '{role}' and is not offered {them}"
        f" again for another {left}, unless it revives or more becomes free there."
    )


def _too_small(
    cluster: Cluster, findings: Sequence[Finding], wanted: MinimaMilli, is_minimum: bool
) -> list[str]:
    nearest = best(findings, wanted)
    if nearest is None:
        return []
    name = cluster.agents[nearest.agent_id].info.hostname
    asked = phrases.joined([phrases.amounts(each) for each in wanted], "or")
    what = f"the least that is offered to it ({asked})" if is_minimum else asked
    has = phrases.amounts(nearest.free)
    nobody = "The other agents have" if len(findings) < len(cluster.agents) else "No agent has"
    if nobody != "No agent has":
        head = f"{nobody} less than {what} free for it"
    else:
        head = f"{nobody} {what} free for it"
    return [
        f"{head}: the best agent, {name}, has {has}, short of {phrases.amounts(nearest.lacking)}."
    ]


def _gates(cluster: Cluster, role: str, by_cause: dict[Cause, list[Finding]]) -> list[str]:
    """Agents that the framework itself, by what it says of itself, is kept off."""
    words = {
        Cause.CONSTRAINTS: f"Its offer constraints for role '{role}' leave out",
        Cause.GPUS: "It does not say that it knows gpus (GPU_RESOURCES), which keeps it off",
        Cause.REGION: "It does not say that it knows regions (REGION_AWARE), which keeps it off",
    }
    return [
        f"{text} {phrases.counted(len(by_cause[cause]), 'agent')}:"
        f" {_names(cluster, by_cause[cause])}."
        for cause, text in words.items()
        if cause in by_cause
    ]


def _inactive(cluster: Cluster, findings: Sequence[Finding]) -> list[str]:
    """Agents that are offered to nobody."""
    states: dict[str, list[str]] = {}
    for each in findings:
        agent = cluster.agents[each.agent_id]
        states.setdefault(_state(cluster, each.agent_id), []).append(agent.info.hostname)
    return [
        f"Agent {hosts[0]} is {state} and offered to nobody."
        if len(hosts) == 1
        else f"Agents {phrases.some(hosts)} are {state} and offered to nobody."
        for state, hosts in states.items()
    ]


def _state(cluster: Cluster, agent_id: AgentId) -> str:
    agent = cluster.agents[agent_id]
    if not agent.is_connected:
        return "not connected"
    drain = drain_of(cluster, agent)
    if drain is not None:
        return drain.state.value.lower()
    if agent_id in cluster.deactivations or is_listed(cluster, agent):
        return "deactivated"
    return "not on the operator's list of hosts to offer"


# --- a role --------------------------------------------------------------------------------


def on_role(cluster: Cluster, role: str) -> Answer:
    """How the role stands: who is there, what it has, what it may have."""
    record = role_records(cluster).get(role)
    quota = cluster.allocator.quota.get(role)
    used = Used(cluster).by(role)
    weight = cluster.weights.get(role, 1.0)
    facts: Answer = {
        "role": role,
        "weight": weight,
        "frameworks": list(record.frameworks) if record is not None else [],
        "guarantees": _numbers(quota.guarantees),
        "limits": _numbers(quota.limits),
        "consumed": _numbers(used),
    }
    if record is None:
        text = f"Nobody is subscribed to role '{role}', and it has nothing."
        return {"sentences": [text], "facts": facts}
    wanting = sum(cluster.allocator.ranking.wants(f, role) for f in record.frameworks)
    sentences = [
        f"Role '{role}' has a weight of {weight:g};"
        f" {_subscribed(len(record.frameworks), wanting)}.",
        f"Its tasks hold {phrases.amounts(record.held.quantities())}, and"
        f" {phrases.amounts(record.offered.quantities())} {_is_are(record.offered.quantities())}"
        f" on offer under it.",
    ]
    for name, limit in sorted(quota.limits.items()):
        sentences.append(
            f"With all below it, it uses {_part(name, used.get(name, 0))} of the"
            f" {phrases.amount(name, limit)} that its quota allows."
        )
    for name, guarantee in sorted(quota.guarantees.items()):
        sentences.append(_guarantee(name, guarantee, used.get(name, 0)))
    return {"sentences": sentences, "facts": facts}


def _subscribed(count: int, wanting: int) -> str:
    if count == 0:
        return "nobody is subscribed to it"
    if count == 1:
        return f"one framework is subscribed to it and wants {'' if wanting else 'no '}offers"
    those = f"{wanting or 'none'} {_wants(wanting)} offers"
    return f"{count} frameworks are subscribed to it, of which {those}"


def _part(name: str, milli: int) -> str:
    return phrases.amount(name, milli) if milli else "none"


def _wants(count: int) -> str:
    return "wants" if count == 1 else "want"


def _is_are(amounts: Amounts) -> str:
    """`nothing is`, `1 GiB of memory is`, `2 cpus are`, `1 cpu and 1 GiB of memory are`."""
    if len(amounts) > 1:
        return "are"
    return "are" if any(amounts.get(name, 0) > MILLI for name in ("cpus", "gpus")) else "is"


def _guarantee(name: str, guarantee: int, used: int) -> str:
    share = phrases.amount(name, guarantee)
    if used >= guarantee:
        return (
            f"It is guaranteed {share} and has them."
            if name == "cpus"
            else (f"It is guaranteed {share} and has it.")
        )
    return f"It is guaranteed {share} and still lacks {phrases.amount(name, guarantee - used)}."
