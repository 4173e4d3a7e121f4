"""Keeps the quota of roles: what operators ask for is checked as a whole, durable, then in force.

All configurations of a call are taken or none. A guarantee must lie within the role's own limit and
every limit above it, and a role's guarantee must cover those of its children; unless it is forced,
the cluster must have what is guaranteed, and nobody may use more than is limited. What it means for
offers is the allocator's. A new master with quota waits for most of its agents before it offers
anything: it would take absent agents for missing resources. Source: Mesos,
src/master/quota_handler.cpp, docs/quota.md; recordings operator-*-quota, v0-quota.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from kernel.allocator.quota import Quota
from kernel.machine import Now
from kernel.master import registry_roles
from kernel.master.cluster import Cluster
from kernel.master.deadlines import Kind
from kernel.master.events import Effect, OperatorCallReceived
from kernel.master.offers import Offers
from kernel.master.operators import Operators, Outcome
from kernel.master.quota_rules import amounts_of, capacity_problem, tree_problem, use_problem
from kernel.master.role_views import Used
from kernel.master.validate import role_problem
from kernel.messages.operator import CallType
from kernel.messages.quantities import from_wire
from kernel.messages.quota import QuotaConfig, QuotaRequest
from kernel.messages.v1 import Resource, ScalarValue
from kernel.model.ids import OfferId
from kernel.model.kinds import UNRESERVED
from kernel.model.resources import MILLI, VALUE_MAX, ResourcesMalformed, total
from kernel.model.roles import is_within

_RECOVERY = "quota"  # who the deadline concerns: there is one


class Quotas:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers) -> None:
        self._cluster = cluster
        self._offers = offers
        self._agents_expected = 0

    def register(self, operators: Operators) -> None:
        operators.handle(CallType.UPDATE_QUOTA, self._on_update)
        operators.handle(CallType.SET_QUOTA, self._on_set)
        operators.handle(CallType.REMOVE_QUOTA, self._on_remove)
        operators.show(
            CallType.GET_QUOTA, lambda: {"status": self._status()}, pages={"/quota": self._status}
        )

    # --- after a failover ------------------------------------------------------------------

    def recover(self, records: Mapping[str, Mapping[str, bytes]], now: Now) -> None:
        """Begin with what an earlier master was told; wait for the agents that it knew."""
        cluster, settings = self._cluster, self._cluster.settings
        self._put(list(registry_roles.read_quotas(records).values()))
        known = len(cluster.recovered)
        self._agents_expected = -(-known * settings.agent_recovery_percent // 100)
        if cluster.quotas and self._agents_expected > 0:
            cluster.allocator.is_paused = True
            at_ms = now.mono_ms + settings.agent_recovery_timeout_ms
            cluster.deadlines.set(Kind.QUOTA, _RECOVERY, at_ms)

    def on_recovery_timeout(self) -> None:
        """Enough waited for."""
        self._cluster.allocator.is_paused = False

    def count_agents(self) -> None:
        """Offers are made again once enough agents are back."""
        allocator = self._cluster.allocator
        if allocator.is_paused and len(self._cluster.agents) >= self._agents_expected:
            allocator.is_paused = False
            self._cluster.deadlines.cancel(Kind.QUOTA, _RECOVERY)

    # --- calls -----------------------------------------------------------------------------

    def _on_update(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        update = asked.call.update_quota
        assert update is not None, "the form has been checked"
        problem = self._problem(update.quota_configs, is_forced=update.force)
        if problem is not None:
            return Outcome(400, f"Invalid QuotaConfig: {problem}")
        return self._apply(update.quota_configs)

    def _on_set(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        """Deprecated: the guarantee is also the limit, and what is set can't be set again."""
        assert asked.call.set_quota is not None, "the form has been checked"
        request = asked.call.set_quota.quota_request
        head = "Failed to validate set quota request"
        problem, config = _config_of(request)
        if config is None:
            return Outcome(400, f"{head}: {problem}")
        if config.role in self._cluster.quotas:
            text = f"Quota cannot be set for role '{config.role}' that already has quota"
            return Outcome(400, f"{head}: {text}")
        bad = self._problem([config], is_forced=True)
        if bad is not None:
            return Outcome(400, f"{head}: {bad}")
        short = self._problem([config], is_forced=bool(request.force))
        if short is not None:
            text = "Heuristic capacity check for set quota request failed"
            return Outcome(409, f"{text}: {short}")
        return self._apply([config])

    def _on_remove(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        """DIFFERS: a real master ends when the role has no quota."""
        assert asked.call.remove_quota is not None, "the form has been checked"
        role = asked.call.remove_quota.role
        head = "Failed to remove quota"
        if role not in self._cluster.quotas:
            return Outcome(400, f"{head}: Role '{role}' has no quota set")
        without = [QuotaConfig(role=role)]
        bad = self._problem(without, is_forced=True)
        return Outcome(400, f"{head}: {bad}") if bad is not None else self._apply(without)

    # --- checks ----------------------------------------------------------------------------

    def _problem(self, configs: Sequence[QuotaConfig], *, is_forced: bool) -> str | None:
        named: dict[str, None] = {}
        for config in configs:
            if config.role in named:
                return f"role '{config.role}' is named twice"
            named[config.role] = None
            problem = _config_problem(config)
            if problem is not None:
                return problem
        cluster = self._cluster
        wanted = {role: _quota_of(config) for role, config in cluster.quotas.items()}
        wanted |= {config.role: _quota_of(config) for config in configs}
        problem = tree_problem(wanted)
        if problem is not None or is_forced:
            return problem
        changed = {config.role: wanted[config.role] for config in configs}
        there = total(cluster.allocator.books[agent_id].total for agent_id in cluster.agents)
        problem = capacity_problem(wanted, changed, there.quantities())
        return problem or use_problem(changed, Used(cluster).by)

    # --- doing it --------------------------------------------------------------------------

    def _apply(self, configs: Sequence[QuotaConfig]) -> Outcome:
        self._put(configs)
        effects: list[Effect] = [registry_roles.put_quotas(configs)] if configs else []
        return Outcome(effects=[*effects, *self._offers.rescind(self._in_the_way(configs))])

    def _put(self, configs: Sequence[QuotaConfig]) -> None:
        """DIFFERS: Mesos goes on listing a role whose quota says nothing."""
        for config in configs:
            if config.guarantees or config.limits:
                self._cluster.quotas[config.role] = config
            else:
                self._cluster.quotas.pop(config.role, None)
            self._cluster.allocator.set_quota(config.role, _quota_of(config))

    def _in_the_way(self, configs: Sequence[QuotaConfig]) -> list[OfferId]:
        """Offers that a new limit forbids, or that a new guarantee needs."""
        found = list(dict.fromkeys(self._beyond_limits(configs)))  # of a role and of one above it
        if any(config.guarantees for config in configs):
            found += [offer_id for offer_id in self._needed() if offer_id not in found]
        return found

    def _beyond_limits(self, configs: Sequence[QuotaConfig]) -> list[OfferId]:
        quota = self._cluster.allocator.quota
        return [
            offer.offer_id
            for config in configs
            if any(
                node.consumed.get(name, 0) > limit
                for node in quota.path(config.role)[:1]
                for name, limit in node.quota.limits.items()
            )
            for offer in self._cluster.offers.values()
            if is_within(offer.role, config.role)
        ]

    def _needed(self) -> list[OfferId]:
        """The newest first, until as much is spare as guarantees require."""
        allocator = self._cluster.allocator
        lacking = {
            name: required - allocator.books.spare.get(name, 0)
            for name, required in allocator.quota.required.items()
        }
        found: list[OfferId] = []
        for offer in reversed(list(self._cluster.offers.values())):
            if not any(amount > 0 for amount in lacking.values()):
                break
            if allocator.quota.is_owed(offer.role):
                continue
            counted = offer.resources.of_role("").quantities()
            if any(lacking.get(name, 0) > 0 for name in counted):
                found.append(offer.offer_id)
                for name, amount in counted.items():
                    lacking[name] = lacking.get(name, 0) - amount
        return found

    # --- views -----------------------------------------------------------------------------

    def _status(self) -> dict[str, Any]:
        configs = [self._cluster.quotas[role] for role in sorted(self._cluster.quotas)]
        if not configs:
            return {}
        return {"infos": [_info(config) for config in configs], "configs": configs}


def _quota_of(config: QuotaConfig) -> Quota:
    guarantees = {n: a for n, a in amounts_of(config.guarantees).items() if a}
    return Quota(guarantees, amounts_of(config.limits))


def _config_problem(config: QuotaConfig) -> str | None:
    if problem := role_problem(config.role):
        return problem
    for what, scalars in (("guarantee", config.guarantees), ("limit", config.limits)):
        for name, scalar in scalars.items():
            if problem := _amount_problem(name, scalar.value):
                shown = f"{{'{name}': {scalar.value:g}}}"
                return f"Invalid {what} configuration {shown}: {problem}"
    return None


def _amount_problem(name: str, value: float) -> str | None:
    if not name.strip():
        return "It names no resource"
    if value < 0:
        return "Negative values not supported"
    if not isfinite(value) or value > VALUE_MAX:
        return f"It must be a number up to {VALUE_MAX:g}"
    return None


def _config_of(request: QuotaRequest) -> tuple[str, QuotaConfig | None]:
    """The deprecated form in the new one, or why it is none."""
    if not request.role:
        return "QuotaRequest must specify a role", None
    if request.role == "*":
        return "Quota cannot be set for the default '*' role", None
    if not request.guarantee:
        return "QuotaRequest must specify a guarantee", None
    try:
        guarantee = from_wire(request.guarantee)
    except ResourcesMalformed as error:
        return f"QuotaRequest with invalid resource: {error}", None
    if guarantee.ranges or guarantee.sets:
        return "QuotaRequest must not include non-scalar resources", None
    if any(kind is not UNRESERVED for kind in guarantee.kinds()):
        return "QuotaRequest must not contain reservations, disks or revocable resources", None
    names = [resource.name for resource in request.guarantee]
    if len(names) > len(dict.fromkeys(names)):
        return "QuotaRequest contains duplicate resource names", None
    scalars = {n: ScalarValue(a / MILLI) for n, a in guarantee.quantities().items()}
    return "", QuotaConfig(role=request.role, guarantees=scalars, limits=scalars)


def _info(config: QuotaConfig) -> dict[str, Any]:
    """As the deprecated answers have it."""
    guarantee = [
        Resource(name=name, type="SCALAR", scalar=scalar)
        for name, scalar in sorted(config.guarantees.items())
    ]
    return {"role": config.role, **({"guarantee": guarantee} if guarantee else {})}
