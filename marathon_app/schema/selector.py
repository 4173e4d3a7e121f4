"""Label selectors of `GET /v2/apps?label=`: read once, then asked about each app's labels.

Grammar: terms joined by commas, all must hold: `key`, `key==v`, `key!=v`, `key in (a, b)`,
`key notin (a, b)`. `!=` and `notin` also require the key. A character other than a letter, a digit
and `.-_` is escaped by a backslash. Source: Marathon, LabelSelectorParsers.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

TERM = r"((?:[A-Za-z0-9._\-]|\\.)+)"
_KEY = re.compile(rf"\s*{TERM}\s*")
_EQUALITY = re.compile(rf"(==|!=)\s*{TERM}\s*")
_SET = re.compile(rf"(in|notin)\s*\(\s*({TERM}(?:\s*,\s*{TERM})*)\s*\)\s*")
_MEMBER = re.compile(TERM)


class Malformed(ValueError):
    """The selector's text is none; the message says where."""


class Requirement(Struct, frozen=True):
    """The key must be there, and its value among `values` (or, negated, not among them)."""

    key: str
    values: tuple[str, ...] | None = None
    is_negated: bool = False

    def holds_for(self, labels: Mapping[str, str]) -> bool:
        if self.key not in labels:
            return False
        return self.values is None or (labels[self.key] in self.values) is not self.is_negated


class Selector(Struct, frozen=True):
    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.holds_for(labels) for requirement in self.requirements)


def parse(text: str) -> Selector:
    """Raises `Malformed`."""
    found: list[Requirement] = []
    at = 0
    while True:
        requirement, at = _requirement(text, at)
        found.append(requirement)
        if at == len(text):
            return Selector(tuple(found))
        if text[at] != ",":
            raise Malformed(_sentence(text, at))
        at += 1


def _requirement(text: str, at: int) -> tuple[Requirement, int]:
    key = _KEY.match(text, at)
    if key is None:
        raise Malformed(_sentence(text, at))
    name, at = _unescaped(key[1]), key.end()
    if equality := _EQUALITY.match(text, at):
        value = _unescaped(equality[2])
        return Requirement(name, (value,), equality[1] == "!="), equality.end()
    if membership := _SET.match(text, at):
        values = tuple(_unescaped(member[1]) for member in _MEMBER.finditer(membership[2]))
        return Requirement(name, values, membership[1] == "notin"), membership.end()
    return Requirement(name), at


def _unescaped(term: str) -> str:
    return re.sub(r"\\(.)", r"\1", term)


def _sentence(text: str, at: int) -> str:
    return (
        f"The label selector cannot be read at character {at + 1} of '{text}'. Write terms such as "
        "key, key==value, key!=value, key in (a, b), key notin (a, b), joined by commas."
    )
