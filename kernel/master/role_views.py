"""Shows roles: who is subscribed, what they hold, their weights and quota; and what they consume.

A role is shown when somebody is subscribed to it or holds something, or when it has reservations, a
weight or quota. Sums are those of exactly this role; only what quota consumes is of all below it,
too, and like Mesos counts no offers. Source: Mesos, docs/endpoints/master/roles.md; recordings
v0-roles, operator-get-roles.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from kernel.allocator.consumption import weigh
from kernel.allocator.quota import Amounts
from kernel.master.cluster import Cluster
from kernel.master.sight import Sight
from kernel.messages.v1 import Id, Resource, ScalarValue
from kernel.model.ids import FrameworkId
from kernel.model.resources import MILLI, NOTHING, Resources, ranges_count, total
from kernel.model.roles import ancestors

Json = dict[str, Any]


class RoleRecord(Struct):
    """Of one role."""

    frameworks: list[FrameworkId] = field(default_factory=list)
    held: Resources = NOTHING
    offered: Resources = NOTHING
    reserved: Resources = NOTHING


def role_records(cluster: Cluster) -> dict[str, RoleRecord]:
    """By role, in order of their names."""
    found: dict[str, RoleRecord] = {"*": RoleRecord()}
    for framework in cluster.frameworks.values():
        for role in framework.roles:
            found.setdefault(role, RoleRecord()).frameworks.append(framework.framework_id)
    everyone = (*cluster.frameworks.values(), *cluster.completed.values())
    tasks = ((role, tally.sum()) for f in everyone for role, tally in f.held.items())
    with_executors = [agent for agent in cluster.agents.values() if agent.executors]
    executors = ((e.role, e.resources) for a in with_executors for e in a.executors.values())
    offers = ((role, tally.sum()) for f in everyone for role, tally in f.offered.items())
    for role, resources in _sums((*tasks, *executors)).items():
        if not resources.is_empty:
            found.setdefault(role, RoleRecord()).held = resources
    for role, resources in _sums(offers).items():
        if not resources.is_empty:
            found.setdefault(role, RoleRecord()).offered = resources
    for role, resources in _sums(_reservations(cluster)).items():
        found.setdefault(role, RoleRecord()).reserved = resources
    for role in (*cluster.weights, *cluster.quotas):
        found.setdefault(role, RoleRecord())
    return {role: found[role] for role in sorted(found)}


def _reservations(cluster: Cluster) -> Iterable[tuple[str, Resources]]:
    for agent_id in cluster.agents:
        there = cluster.allocator.books[agent_id].total
        for role in dict.fromkeys(kind.role for kind in there.kinds() if kind.role):
            yield role, there.of_role(role)


def _sums(parts: Iterable[tuple[str, Resources]]) -> dict[str, Resources]:
    by_role: dict[str, list[Resources]] = {}
    for role, resources in parts:
        by_role.setdefault(role, []).append(resources)
    return {role: total(bundles) for role, bundles in by_role.items()}


class Used:
    """What roles consume for quota, without the offers that are out: those can be taken back."""

    def __init__(self, cluster: Cluster) -> None:
        self._consumption = cluster.allocator.consumption
        self._offered: dict[str, dict[str, int]] = {}  # by role, with all below it
        for offer in cluster.offers.values():
            for name, amount in weigh(offer.resources).counted.items():
                for path in (*ancestors(offer.role), offer.role):
                    sums = self._offered.setdefault(path, {})
                    sums[name] = sums.get(name, 0) + amount

    def by(self, role: str) -> Amounts:
        offered = self._offered.get(role, {})
        consumed = self._consumption.by(role)
        left = {name: amount - offered.get(name, 0) for name, amount in consumed.items()}
        return {name: amount for name, amount in left.items() if amount}


def roles(cluster: Cluster, sight: Sight | None = None) -> Json:
    """`/roles`."""
    used = Used(cluster)
    return {
        "roles": [
            {
                "name": role,
                "weight": cluster.weights.get(role, 1.0),
                "quota": _quota(cluster, role, used),
                "resources": _counts(record.held + record.offered),
                "allocated": _counts(record.held),
                "offered": _counts(record.offered),
                "reserved": _counts(record.reserved),
                "frameworks": record.frameworks,
            }
            for role, record in role_records(cluster).items()
            if sight is None or sight.role(role)
        ]
    }


def _quota(cluster: Cluster, role: str, used: Used) -> Json:
    quota = cluster.allocator.quota.get(role)
    return {
        "role": role,
        "guarantee": _numbers(quota.guarantees),
        "limit": _numbers(quota.limits),
        "consumed": _numbers(used.by(role)),
    }


def _numbers(amounts: Amounts) -> Json:
    return {name: amount / MILLI for name, amount in sorted(amounts.items())}


def _counts(resources: Resources) -> Json:
    """Ranges by how many."""
    counts = _numbers(resources.quantities())
    for (_, name), spans in resources.ranges.items():
        counts[name] = counts.get(name, 0.0) + float(ranges_count(spans))
    return counts


def get_roles(cluster: Cluster, sight: Sight | None = None) -> Json:
    """As GET_ROLES has it: scalars only, offers included."""
    return {
        "roles": [
            {
                "name": role,
                "weight": cluster.weights.get(role, 1.0),
                **({"frameworks": [Id(f) for f in record.frameworks]} if record.frameworks else {}),
                **({"resources": scalars} if (scalars := _scalars(record)) else {}),
            }
            for role, record in role_records(cluster).items()
            if sight is None or sight.role(role)
        ]
    }


def _scalars(record: RoleRecord) -> list[Resource]:
    return [
        Resource(name=name, type="SCALAR", scalar=ScalarValue(amount / MILLI))
        for name, amount in sorted((record.held + record.offered).quantities().items())
    ]
