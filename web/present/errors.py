"""Places what a part refused at the fields of the form, by the path that it named."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

_FIELDS: Sequence[tuple[str, str]] = (
    (r"id", "id"),
    (r"cmd|args", "cmd"),
    (r"user", "user"),
    (r"cpus", "cpus"),
    (r"mem", "mem"),
    (r"disk", "disk"),
    (r"instances", "instances"),
    (r"upgradeStrategy/minimumHealthCapacity", "minimumHealthCapacity"),
    (r"upgradeStrategy/maximumOverCapacity", "maximumOverCapacity"),
    (r"upgradeStrategy", "minimumHealthCapacity"),
    (r"taskKillGracePeriodSeconds", "taskKillGracePeriodSeconds"),
    (r"container/docker(/image)?", "image"),
    (r"labels/HAPROXY_\d+_VHOST", "vhost"),
    (r"labels/HAPROXY_\d+_PATH", "vhostPath"),
    (r"labels/HAPROXY_GROUP", "group"),
    (r"labels(/.*)?", "labels"),
    (r"env(/.*)?", "env"),
    (r"(portDefinitions|ports|requirePorts|container/portMappings)(/.*)?", "ports"),
    (r"healthChecks/0/path", "healthPath"),
    (r"healthChecks/0/portIndex", "healthPortIndex"),
    (r"healthChecks/0/gracePeriodSeconds", "healthGrace"),
    (r"healthChecks/0/intervalSeconds", "healthInterval"),
    (r"healthChecks/0/timeoutSeconds", "healthTimeout"),
    (r"healthChecks/0/maxConsecutiveFailures", "healthFailures"),
    (r"healthChecks/0/command(/value)?", "healthCommand"),
    (r"healthChecks(/.*)?", "healthProtocol"),
    (r"constraints(/.*)?", "constraints"),
    (r"dependencies(/.*)?", "dependencies"),
)


class Refusal(Struct, frozen=True):
    """What was refused: in one sentence, per field of the form, and what no field stands for."""

    message: str
    by_field: Mapping[str, str] = {}
    other: Sequence[str] = ()
    locked_by: Sequence[str] = ()


def refusal_of(status: int, body: Any, text: str = "") -> Refusal:
    """From the answer of Marathon (marathon.md §2.2) or of Chronos (`{"message": …}`, or text)."""
    if not isinstance(body, dict):
        return Refusal(text.strip()[:500] or f"It was refused with status {status}.")
    message = str(body.get("message") or f"It was refused with status {status}.")
    by_field: dict[str, str] = {}
    other: list[str] = []
    details = body.get("details")
    if isinstance(details, str):
        message = f"{message}: {details}"
    for detail in details if isinstance(details, list) else []:
        path, said = _detail(detail)
        field = field_of(path)
        if field:
            by_field[field] = f"{by_field[field]} {said}" if field in by_field else said
        else:
            other.append(f"{path}: {said}" if path.strip("/") else said)
    return Refusal(message, by_field, other, _locks(body.get("deployments")))


def named_field(sentence: str) -> tuple[str, str]:
    """Chronos begins a sentence about a field with its name: `schedule: has 2 fields`."""
    found = re.match(r"(?P<field>[A-Za-z]\w*): (?P<said>.+)", sentence, re.DOTALL)
    if found is None:
        # Without a name, the words of an older Chronos mostly say what it is about.
        words = sentence.lower()
        about = ("schedule", "name", "parents", "cpus", "mem", "disk", "retries")
        return next((word for word in about if word in words), ""), sentence
    return found["field"], found["said"]


def field_of(path: str) -> str:
    """The form's field for a path such as `/portDefinitions(0)/port`; empty when there is none."""
    plain = re.sub(r"\(([^)]*)\)", r"/\1", path).strip("/")
    for pattern, field in _FIELDS:
        if re.fullmatch(pattern, plain):
            return field
    return ""


def _detail(detail: Any) -> tuple[str, str]:
    if not isinstance(detail, dict):
        return "", str(detail)
    errors = detail.get("errors")
    said = "; ".join(str(error) for error in errors) if isinstance(errors, list) else str(errors)
    return str(detail.get("path") or ""), said


def _locks(deployments: Any) -> list[str]:
    if not isinstance(deployments, list):
        return []
    return [str(entry.get("id", "")) for entry in deployments if isinstance(entry, dict)]
