"""Keeps the weights of roles: as operators set them, durable before they count.

A weight divides the role's share at its level of the tree; nothing that runs is moved. Offers that
are out are taken back when a role with frameworks is concerned, so that they are made anew. Source:
Mesos, src/master/weights_handler.cpp, docs/weights.md; recordings v0-put-weights*.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from kernel.machine import Now
from kernel.master import registry_roles
from kernel.master.cluster import Cluster
from kernel.master.events import Effect, OperatorCallReceived
from kernel.master.offers import Offers
from kernel.master.operators import Operators, Outcome
from kernel.master.validate import role_problem
from kernel.messages.operator import CallType

WEIGHT_DEFAULT = 1.0
_MILLI_MAX = 10**15  # beyond it nothing is left of a share


class Weights:
    """Works on the books of one `Cluster`."""

    def __init__(self, cluster: Cluster, offers: Offers) -> None:
        self._cluster = cluster
        self._offers = offers

    def register(self, operators: Operators) -> None:
        operators.handle(CallType.UPDATE_WEIGHTS, self._on_update)
        operators.show(CallType.GET_WEIGHTS, self._shown, pages={"/weights": self._infos})

    def recover(self, records: Mapping[str, Mapping[str, bytes]]) -> None:
        """Begin with what an earlier master was told."""
        for role, weight in registry_roles.read_weights(records).items():
            self._set(role, weight)

    def _set(self, role: str, weight: float) -> None:
        self._cluster.weights[role] = weight
        weight_milli = min(max(1, round(weight * 1000)), _MILLI_MAX)
        self._cluster.allocator.ranking.set_weight(role, weight_milli)

    def _on_update(self, asked: OperatorCallReceived, now: Now) -> Outcome:
        update = asked.call.update_weights
        assert update is not None, "the form has been checked"
        changed: dict[str, float] = {}
        for info in update.weight_infos:
            role = (info.role or "").strip()
            problem = _problem(role, info.weight)
            if problem is not None:
                head = "Failed to validate update weights request JSON"
                return Outcome(400, f"{head}{problem}")
            changed[role] = info.weight
        if not changed:
            return Outcome()
        for role, weight in changed.items():
            self._set(role, weight)
        effects: list[Effect] = [registry_roles.put_weights(changed)]
        if any(self._cluster.allocator.ranking.has_frameworks(role) for role in changed):
            effects += self._offers.rescind(list(self._cluster.offers))
        return Outcome(effects=effects)

    def _infos(self) -> list[dict[str, Any]]:
        return [
            {"role": role, "weight": weight}
            for role, weight in sorted(self._cluster.weights.items())
        ]

    def _shown(self) -> dict[str, Any]:
        infos = self._infos()
        return {"weight_infos": infos} if infos else {}


def _problem(role: str, weight: float) -> str | None:
    if problem := role_problem(role):
        return f": Invalid role '{role}': {problem}"
    if not isfinite(weight):
        return f" for role '{role}': Invalid weight '{weight}': Weights must be numbers"
    if weight <= 0:
        return f" for role '{role}': Invalid weight '{weight:g}': Weights must be positive"
    return None
