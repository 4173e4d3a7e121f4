"""Decides which agents a framework wants to be offered: its offer constraints, by role.

A role admits an agent when one of its groups holds, a group when all its constraints do. A regular
expression that could take for ever is refused. Source: Mesos, scheduler.proto (OfferConstraints),
src/master/allocator/mesos/offer_constraints_filter.cpp.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kernel.messages.v1 import AgentInfo, Attribute

REGEX_LENGTH_MAX = 4_096  # Mesos bounds RE2's memory to 4 KB and its program to 100 instructions
# DIFFERS: Mesos allows what RE2 can match in linear time; Python's engine must be asked less.
REPEATS_MAX = 3  # each multiplies the time by the text's length in Python's engine, not in RE2
_REPEATED_GROUP = re.compile(r"\)[*+{]")

_PREDICATES = (
    "exists",
    "not_exists",
    "text_equals",
    "text_not_equals",
    "text_matches",
    "text_not_matches",
)


def constraints_problem(roles: Sequence[str], wire: Mapping[str, Any] | None) -> str | None:
    """Why these constraints can't be accepted, or None."""
    for role, groups in _by_role(wire).items():
        if role not in roles:
            return (
                f"Offer constraints specify `role_constraints` for a role '{role}'not contained in"
                " the set of roles"
            )
        for constraint in (each for group in groups for each in group):
            problem = _constraint_problem(constraint)
            if problem is not None:
                return (
                    f"Offer constraints are not valid: A role {role} has an invalid"
                    f" 'AttributeConstraint': {problem}"
                )
    return None


class OfferConstraints:
    """What one framework accepts; made from a message that has no problem."""

    def __init__(self, wire: Mapping[str, Any] | None) -> None:
        self._by_role = _by_role(wire)

    def admit(self, role: str, info: AgentInfo) -> bool:
        """Whether the agent is one that the framework wants to be offered under the role."""
        groups = self._by_role.get(role)
        if not groups:
            return True
        return any(all(_holds(constraint, info) for constraint in group) for group in groups)


def _by_role(wire: Mapping[str, Any] | None) -> dict[str, list[list[dict[str, Any]]]]:
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for role, entry in _dict(_dict(wire).get("role_constraints")).items():
        groups = _list(_dict(entry).get("groups"))
        found[role] = [
            [_dict(each) for each in _list(_dict(group).get("attribute_constraints"))]
            for group in groups
        ]
    return found


def _constraint_problem(constraint: Mapping[str, Any]) -> str | None:
    selector, predicate = _dict(constraint.get("selector")), _dict(constraint.get("predicate"))
    if not (selector.get("attribute_name") or selector.get("pseudoattribute_type")):
        return "Exactly one of 'AttributeConstraint::Selector::{attribute_name, ..}' must be set"
    kinds = [kind for kind in _PREDICATES if kind in predicate]
    if len(kinds) != 1:
        return "Unknown predicate type"
    body = _dict(predicate[kinds[0]])
    if kinds[0].startswith("text_"):
        wanted = body.get("regex" if kinds[0].endswith("matches") else "value")
        if not isinstance(wanted, str):
            return f"'{kinds[0]}' lacks its text"
        if kinds[0].endswith("matches"):
            return _regex_problem(wanted)
    return None


def _regex_problem(pattern: str) -> str | None:
    head = f"Failed to construct regex from pattern '{pattern}'"
    if len(pattern) > REGEX_LENGTH_MAX:
        return f"Regex is longer than {REGEX_LENGTH_MAX} characters"
    repeats = len(re.findall(r"[*+{]", pattern))
    if re.search(r"\(\?(?!:)|\\[1-9]", pattern) or _REPEATED_GROUP.search(pattern):
        return f"{head}: look-arounds, back-references and repeated groups are not allowed"
    if repeats > REPEATS_MAX:
        return f"{head}: more than {REPEATS_MAX} repetitions are not allowed"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{head}: {error}"
    return None


def _holds(constraint: Mapping[str, Any], info: AgentInfo) -> bool:
    predicate = _dict(constraint.get("predicate"))
    values = _values(_dict(constraint.get("selector")), info)
    if "exists" in predicate:
        return bool(values)
    if "not_exists" in predicate:
        return not values
    # An attribute that is no text passes every predicate about text, as in Mesos.
    if any(value is None for value in values):
        return True
    texts = [value for value in values if value is not None]
    kind = next(kind for kind in _PREDICATES if kind in predicate)
    body = _dict(predicate[kind])
    if kind == "text_equals":
        return any(text == body["value"] for text in texts)
    if kind == "text_not_equals":
        return all(text != body["value"] for text in texts)
    matches = [re.fullmatch(body["regex"], text) is not None for text in texts]
    return any(matches) if kind == "text_matches" else not any(matches)


def _values(selector: Mapping[str, Any], info: AgentInfo) -> list[str | None]:
    """The texts of what is selected; None for a value that is no text."""
    pseudo = selector.get("pseudoattribute_type")
    if pseudo == "HOSTNAME":
        return [info.hostname]
    if pseudo in ("REGION", "ZONE"):
        domain = _dict(_dict(info.domain).get("fault_domain")).get(str(pseudo).lower())
        name = _dict(domain).get("name")
        return [name] if isinstance(name, str) else []
    wanted = selector.get("attribute_name")
    return [_text(attribute) for attribute in info.attributes if attribute.name == wanted]


def _text(attribute: Attribute) -> str | None:
    return attribute.text.value if attribute.text is not None else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
