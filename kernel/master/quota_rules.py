"""Which quotas make sense together, and with what there is and what is used.

Each function says what is wrong as a sentence, or None. Nested quota: a guarantee must lie within
every limit on its way to the root, and where a role has a guarantee of its own for a resource, it
must cover those of its children together; where it has none, it guarantees as much as they do.
A limit may be larger than one above it: the tightest binds.
"""

from collections.abc import Callable, Mapping

from kernel.allocator.quota import Amounts, Quota
from kernel.messages.v1 import ScalarValue
from kernel.model.resources import MILLI
from kernel.model.roles import ancestors

FORCE = "(use 'force' flag to bypass this check)"


def amounts_of(scalars: Mapping[str, ScalarValue]) -> dict[str, int]:
    """Thousandths by name."""
    return {name: round(scalar.value * MILLI) for name, scalar in scalars.items()}


def tree_problem(quotas: Mapping[str, Quota]) -> str | None:
    """What can't be kept whatever the cluster has."""
    total = effective_guarantees(quotas)
    for role in sorted(total):
        quota = quotas.get(role)
        own = quota.guarantees if quota is not None else {}
        for name, amount in total[role].items():
            if name in own and amount > own[name]:
                return (
                    f"the guarantee of role '{role}' is {name}:{own[name] / MILLI:g}, less than"
                    f" {name}:{amount / MILLI:g}, which its children are guaranteed together;"
                    " raise it, or lower theirs"
                )
            problem = _limits_problem(quotas, role, name, amount)
            if problem is not None:
                return problem
    return None


def _limits_problem(quotas: Mapping[str, Quota], role: str, name: str, amount: int) -> str | None:
    for above in (*ancestors(role), role):
        limits = quotas[above].limits if above in quotas else {}
        if name not in limits or amount <= limits[name]:
            continue
        if above == role and quotas[role].guarantees.get(name) == amount:
            return (
                f"'QuotaConfig.guarantees' {{ {name}: {amount / MILLI:g} }} is not contained"
                f" within the 'QuotaConfig.limits' {{ {name}: {limits[name] / MILLI:g} }}"
            )
        return (
            f"role '{role}' is guaranteed {name}:{amount / MILLI:g}, more than the limit"
            f" {name}:{limits[name] / MILLI:g} of role '{above}'"
        )
    return None


def effective_guarantees(quotas: Mapping[str, Quota]) -> dict[str, dict[str, int]]:
    """What each role and those below it are guaranteed: its own, or its children's if more."""
    total: dict[str, dict[str, int]] = {}
    paths = dict.fromkeys(path for role in quotas for path in (*ancestors(role), role))
    for role in sorted(paths, key=lambda path: -path.count("/")):  # the deepest first
        mine = total.setdefault(role, {})
        if role in quotas:
            for name, amount in quotas[role].guarantees.items():
                mine[name] = max(mine.get(name, 0), amount)
        above = ancestors(role)
        if above:
            parent = total.setdefault(above[-1], {})
            for name, amount in mine.items():
                parent[name] = parent.get(name, 0) + amount
    return total


def capacity_problem(
    quotas: Mapping[str, Quota], changed: Mapping[str, Quota], there: Amounts
) -> str | None:
    """Whether more would be guaranteed than the cluster has."""
    sums: dict[str, int] = {}
    for role, amounts in effective_guarantees(quotas).items():
        if "/" not in role:
            for name, amount in amounts.items():
                sums[name] = sums.get(name, 0) + amount
    names = sorted({name for quota in changed.values() for name in quota.guarantees})
    if all(sums.get(name, 0) <= there.get(name, 0) for name in names):
        return None
    return (
        f"total quota guarantees '{_shown(sums)}' exceed cluster capacity '{_shown(there)}' {FORCE}"
    )


def _shown(amounts: Amounts) -> str:
    return "; ".join(f"{name}:{amounts[name] / MILLI:.15g}" for name in sorted(amounts))


def use_problem(changed: Mapping[str, Quota], used_by: Callable[[str], Amounts]) -> str | None:
    """Whether a limit would be below what the role uses already."""
    for role, quota in changed.items():
        used = used_by(role) if quota.limits else {}
        for name, limit in quota.limits.items():
            if used.get(name, 0) > limit:
                return (
                    f"role '{role}' is already consuming '{name}:{used[name] / MILLI:g}'; this is"
                    f" more than the requested limit '{name}:{limit / MILLI:g}' {FORCE}"
                )
    return None
