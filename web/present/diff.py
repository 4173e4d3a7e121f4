"""Compares two definitions key by key and says what was added, removed and changed."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

# Keys that Marathon answers but nobody writes: they would make every version differ.
ANSWERED_ONLY = (
    "version",
    "versionInfo",
    "tasks",
    "tasksStaged",
    "tasksRunning",
    "tasksHealthy",
    "tasksUnhealthy",
    "deployments",
    "lastTaskFailure",
    "readinessCheckResults",
    "taskStats",
)
# The longest line of a JSON view that is not broken.
LINE_LENGTH = 60


class Change(Struct, frozen=True):
    path: str
    kind: str  # added, removed or changed
    before: str
    after: str


def definition_of(app: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an answer that can be written back."""
    return {key: value for key, value in app.items() if key not in ANSWERED_ONLY}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Leaf by leaf, in order of the paths; a leaf is a scalar or an empty list or object."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    _forget_filled(old, new)
    _forget_filled(new, old)
    found = []
    for path in sorted({**old, **new}):
        if path not in new:
            found.append(Change(path, "removed", _text(old[path]), ""))
        elif path not in old:
            found.append(Change(path, "added", "", _text(new[path])))
        elif old[path] != new[path]:
            found.append(Change(path, "changed", _text(old[path]), _text(new[path])))
    return found


def _forget_filled(some: dict[str, Any], others: Mapping[str, Any]) -> None:
    """An empty object that the other side has filled is told by what it was filled with."""
    for path in [path for path, value in some.items() if value in ({}, [])]:
        if any(other.startswith((f"{path}.", f"{path}[")) for other in others):
            del some[path]


def _leaves(path: str, value: Any) -> Sequence[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        items = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and value:
        items = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        return [(path, value)] if path else []
    return [leaf for name, item in items for leaf in _leaves(name, item)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def pretty(definition: Mapping[str, Any]) -> str:
    """As the JSON views show it: keys in the order in which they came, short leaves on one line."""
    return _indented(definition, "")


def _indented(value: Any, indent: str) -> str:
    """Objects and lists that hold no others stay on one line inside another, if they are short."""
    flat = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    if not isinstance(value, Mapping | list) or not value:
        return flat
    items = list(value.values()) if isinstance(value, Mapping) else value
    is_leaf = not any(isinstance(item, Mapping | list) for item in items)
    if indent and is_leaf and len(indent + flat) <= LINE_LENGTH:
        return flat
    deeper = indent + "  "
    if isinstance(value, Mapping):
        names = [msgspec.json.encode(str(key)).decode() + ": " for key in value]
    else:
        names = [""] * len(items)
    lines = [
        deeper + name + _indented(item, deeper) for name, item in zip(names, items, strict=True)
    ]
    opening, closing = ("{", "}") if isinstance(value, Mapping) else ("[", "]")
    return "\n".join([opening, ",\n".join(lines), indent + closing])
