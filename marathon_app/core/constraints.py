"""Decides whether one more instance of an app may go to an agent, seen from its constraints.

`Spread` counts the field values of the app's instances once and is then told of each new one, so
a hundred placements cost a hundred steps. Instances of an older configuration don't count: during
an upgrade old and new may share an agent. Source: Marathon, docs/constraints.md, Constraints.scala.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from marathon_app.schema.constraint import Constraint, Operator

HOSTNAME, REGION, ZONE = "hostname", "@region", "@zone"
Fields = Mapping[str, str]  # of an agent: its attributes, hostname, @region, @zone


def fields_of(
    attributes: Fields, hostname: str, region: str | None, zone: str | None
) -> dict[str, str]:
    fields = {**attributes, HOSTNAME: hostname, "@hostname": hostname}
    if region is not None:
        fields[REGION] = region
    if zone is not None:
        fields[ZONE] = zone
    return fields


class Spread:
    """The field values that count for one app. `known` are the fields of all agents heard of."""

    def __init__(
        self,
        constraints: Sequence[Constraint],
        target: int,
        placed: Iterable[Fields],
        known: Iterable[Fields] = (),
    ) -> None:
        self._constraints, self._target = constraints, target
        names = [constraint.field for constraint in constraints]
        self._counts: dict[str, dict[str, int]] = {name: {} for name in names}
        self._known: dict[str, dict[str, None]] = {name: {} for name in names}
        for fields in known:
            for name, values in self._known.items():
                if name in fields:
                    values[fields[name]] = None
        for fields in placed:
            self.add(fields)

    def add(self, fields: Fields) -> None:
        for name, counts in self._counts.items():
            if name in fields:
                counts[fields[name]] = counts.get(fields[name], 0) + 1

    def violation(self, fields: Fields) -> str | None:
        """The first constraint that `fields` breaks, in words, or None."""
        for constraint in self._constraints:
            value = fields.get(constraint.field)
            reason = self._missing(constraint) if value is None else self._broken(constraint, value)
            if reason is not None:
                return reason
        return None

    def _missing(self, constraint: Constraint) -> str | None:
        if constraint.operator is Operator.UNLIKE:
            return None
        return f"the agent has no attribute '{constraint.field}', which {_words(constraint)} needs"

    def _broken(self, constraint: Constraint, value: str) -> str | None:
        counts = self._counts[constraint.field]
        match constraint.operator:
            case Operator.UNIQUE:
                is_met = counts.get(value, 0) == 0
            case Operator.CLUSTER:
                wanted = constraint.value or next(iter(counts), value)
                is_met = value == wanted
            case Operator.MAX_PER:
                is_met = counts.get(value, 0) < int(constraint.value or 0)
            case Operator.LIKE:
                is_met = re.fullmatch(constraint.value or "", value) is not None
            case Operator.UNLIKE:
                is_met = re.fullmatch(constraint.value or "", value) is None
            case Operator.IS:
                is_met = _text(value) == _text(constraint.value or "")
            case Operator.GROUP_BY:
                is_met = self._keeps_balance(constraint, value)
        return None if is_met else f"{constraint.field} '{value}' breaks {_words(constraint)}"

    def _keeps_balance(self, constraint: Constraint, value: str) -> bool:
        """At most one more than in the emptiest group. DIFFERS: upstream may fill a group up."""
        counts = self._counts[constraint.field]
        known = self._known[constraint.field] | dict.fromkeys(counts)
        least = min((counts.get(other, 0) for other in known), default=0)
        here = counts.get(value, 0)
        if constraint.value is not None:
            groups = max(1, int(constraint.value))
            share = -(-self._target // groups)
            return here < share and here <= least
        return here <= least


def _words(constraint: Constraint) -> str:
    parts = [constraint.field, constraint.operator.value]
    return ":".join(parts if constraint.value is None else [*parts, constraint.value])


def _text(value: str) -> str:
    """Numbers are equal when they are so at three decimals; all else by text."""
    try:
        number = Decimal(value)
        return str(number.quantize(Decimal("0.001"), rounding=ROUND_HALF_EVEN).normalize())
    except InvalidOperation:
        return value
