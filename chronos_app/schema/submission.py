"""Reads a job out of a request's body, by the rules of the path that it came on.

What needs other jobs (do the parents exist, is there a cycle) or the time (the schedule) is the
core's to check. Source: Chronos, JobDeserializer.scala, JobUtils.scala; docs/docs/api.md.
"""

import re
from enum import Enum
from typing import Any

import msgspec

from chronos_app.schema import reading
from chronos_app.schema.container import read_container
from chronos_app.schema.job import (
    Constraint,
    Counters,
    Defaults,
    Dialect,
    EnvironmentVariable,
    Fetch,
    Job,
    Submission,
)
from chronos_app.schema.reading import Body
from chronos_app.schema.refusal import Refused

# 3.x: JobUtils.jobNamePattern. 2.x also had spaces and #; tabs and line ends, which its \s
# allowed too, would break logs and the csv graph (DIFFERS).
NAMES = {
    Dialect.V2: re.compile(r"[\w.#\- ]+", re.ASCII),
    Dialect.V3: re.compile(r"[\w.-]+", re.ASCII),
}
NAME_ADVICE = {
    Dialect.V2: "use letters, digits, spaces and . _ - #",
    Dialect.V3: "use letters, digits and . _ -",
}
NAME_LENGTH_MAX = 150  # it goes into a task id, of which Mesos allows 255 bytes in all
OPERATORS = ("EQUALS", "LIKE", "UNLIKE")
RETRIES_MAX = 1_000
PARENTS_MAX = 1_000
_VARIABLE = re.compile(r"[^=\0]+")

# Every key that is read here or that only listings write; any other is kept in `extra`.
KNOWN = frozenset(
    [
        "name",
        "command",
        "shell",
        "executor",
        "executorFlags",
        "taskInfoData",
        "retries",
        "owner",
        "ownerName",
        "description",
        "successCount",
        "errorCount",
        "lastSuccess",
        "lastError",
        "cpus",
        "disk",
        "mem",
        "disabled",
        "softError",
        "dataProcessingJobType",
        "errorsSinceLastSuccess",
        "fetch",
        "uris",
        "environmentVariables",
        "arguments",
        "highPriority",
        "runAsUser",
        "concurrent",
        "maxCompletionTime",
        "container",
        "constraints",
        "parents",
        "schedule",
        "scheduleTimeZone",
        "epsilon",
        "async",
    ]
)


class Kind(Enum):
    """Which of the two upserts: `iso8601` or `dependency`."""

    SCHEDULED = "iso8601"
    DEPENDENT = "dependency"


def read_submission(raw: bytes, dialect: Dialect, kind: Kind, defaults: Defaults) -> Submission:
    """Read and check one body; raises `Refused` that names the field."""
    body = parse_object(raw)
    parents = _parents(body)
    if kind is Kind.DEPENDENT and not parents:
        raise Refused("parents", "must name at least one job for a dependent job")
    fetch, uris = _fetch(body), reading.texts(body, "uris")
    if fetch and uris and [item.uri for item in fetch] != list(uris):
        raise Refused("fetch", "can not be given together with uris; leave uris out")
    job = Job(
        name=_name(body, dialect),
        command=reading.text(body, "command"),
        shell=reading.flag(body, "shell", True),
        arguments=reading.texts(body, "arguments"),
        schedule="" if parents else reading.text(body, "schedule"),
        schedule_time_zone="" if parents else reading.text(body, "scheduleTimeZone"),
        epsilon=_epsilon(body, dialect, defaults),
        parents=parents,
        executor=reading.text(body, "executor"),
        executor_flags=reading.text(body, "executorFlags"),
        task_info_data=reading.text(body, "taskInfoData"),
        is_async=reading.flag(body, "async"),
        owner=reading.text(body, "owner"),
        owner_name=reading.text(body, "ownerName"),
        description=reading.text(body, "description"),
        retries=_at_most(reading.count(body, "retries", 2), "retries", RETRIES_MAX),
        cpus=reading.amount(body, "cpus") or defaults.cpus,
        mem=reading.amount(body, "mem") or defaults.mem,
        disk=reading.amount(body, "disk") or defaults.disk,
        disabled=reading.flag(body, "disabled"),
        concurrent=reading.flag(body, "concurrent"),
        max_completion_time_s=reading.count(body, "maxCompletionTime"),
        high_priority=reading.flag(body, "highPriority"),
        run_as_user=reading.text(body, "runAsUser") or defaults.run_as_user,
        soft_error=reading.flag(body, "softError"),
        data_processing=reading.flag(body, "dataProcessingJobType"),
        fetch=fetch,
        uris=() if fetch else uris,
        environment=_environment(body),
        constraints=_constraints(body),
        container=read_container(body),
        dialect=dialect,
        extra={key: value for key, value in body.items() if key not in KNOWN},
    )
    if not parents and "schedule" in body and not job.schedule and body["schedule"] is not None:
        raise Refused("schedule", "is empty; write one such as R/2030-01-31T08:00:00Z/P1D")
    return Submission(job, _counters(body))


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object out of bytes, or a refusal that says where the JSON breaks."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Refused("", f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused("", "the body must be a JSON object with the fields of one job")
    return body


def _name(body: Body, dialect: Dialect) -> str:
    name = reading.text(body, "name")
    if not name.strip():
        raise Refused("name", "is missing; every job has a name of its own")
    if not NAMES[dialect].fullmatch(name) or name in (".", ".."):
        raise Refused("name", f"{name[:60]!r} is not a job name; {NAME_ADVICE[dialect]}")
    if len(name) > NAME_LENGTH_MAX:
        raise Refused("name", f"is longer than {NAME_LENGTH_MAX} characters")
    return name


def _parents(body: Body) -> tuple[str, ...]:
    parents = tuple(dict.fromkeys(reading.texts(body, "parents")))
    if len(parents) > PARENTS_MAX:
        raise Refused("parents", f"are more than {PARENTS_MAX}")
    return parents


def _epsilon(body: Body, dialect: Dialect, defaults: Defaults) -> str:
    """2.x has a default and echoes it; 3.x takes the field and makes nothing of it."""
    return reading.text(body, "epsilon") or (defaults.epsilon if dialect is Dialect.V2 else "")


def _at_most(value: int, field: str, maximum: int) -> int:
    if value > maximum:
        raise Refused(field, f"must be at most {maximum}, but is {value}")
    return value


def _fetch(body: Body) -> tuple[Fetch, ...]:
    found = []
    for path, item in reading.objects(body, "fetch"):
        uri = reading.text(item, "uri")
        if not uri:
            raise Refused(f"{path}.uri", "is missing")
        found.append(
            Fetch(
                uri,
                executable=reading.flag(item, "executable"),
                cache=reading.flag(item, "cache"),
                extract=reading.flag(item, "extract", True),
                output_file=reading.text(item, "output_file"),
            )
        )
    return tuple(found)


def _environment(body: Body) -> tuple[EnvironmentVariable, ...]:
    found = []
    for path, item in reading.objects(body, "environmentVariables"):
        name = reading.as_text(item.get("name"), f"{path}.name")
        if not _VARIABLE.fullmatch(name):
            raise Refused(f"{path}.name", f"{name!r} is not the name of a variable")
        value = reading.as_text(item.get("value"), f"{path}.value")
        found.append(EnvironmentVariable(name, value))
    return tuple(found)


def _constraints(body: Body) -> tuple[Constraint, ...]:
    """Chronos dropped an operator that it did not know, and the job ran anywhere (DIFFERS)."""
    found = []
    for index, item in enumerate(reading.items(body, "constraints")):
        path = f"constraints[{index}]"
        if not isinstance(item, list) or len(item) != 3:
            raise Refused(path, 'must be a list of three, such as ["rack", "EQUALS", "r1"]')
        attribute, operator, value = (reading.as_text(part, path) for part in item)
        operator = reading.choice(operator.upper(), path, OPERATORS)
        if operator != "EQUALS":
            try:
                re.compile(value)
            except (re.error, RecursionError, OverflowError) as error:
                raise Refused(path, f"{value!r} is not a regular expression: {error}") from None
        found.append(Constraint(attribute, operator, value))
    return tuple(found)


def _counters(body: Body) -> Counters:
    return Counters(
        success_count=reading.count(body, "successCount"),
        error_count=reading.count(body, "errorCount"),
        errors_since_last_success=reading.count(body, "errorsSinceLastSuccess"),
        last_success=reading.text(body, "lastSuccess"),
        last_error=reading.text(body, "lastError"),
    )
