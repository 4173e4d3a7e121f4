"""A job as its owner wrote it: every field of Chronos 2.x and 3.x, with Chronos's defaults.

Only what the owner says is here. What has happened to the job (counters, cursor) is the core's
`Progress`. Source: Chronos, docs/docs/api.md; BaseJob.scala and JobDeserializer.scala (defaults).
"""

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct


class Dialect(StrEnum):
    """Which Chronos is spoken: the path says it."""

    V2 = "2.x"  # /scheduler
    V3 = "3.x"  # /v1/scheduler


class Fetch(Struct, frozen=True, omit_defaults=False):
    """One file to fetch into the sandbox."""

    uri: str
    executable: bool = False
    cache: bool = False
    extract: bool = True
    output_file: str = ""


class EnvironmentVariable(Struct, frozen=True):
    """One variable of the command's environment."""

    name: str
    value: str


class Constraint(Struct, frozen=True):
    """A predicate over an agent's attribute; `hostname` is an attribute of every agent."""

    attribute: str
    operator: str
    value: str


class Job(Struct, frozen=True, omit_defaults=True):
    """The definition; `schedule` and `parents` exclude each other.

    `extra` keeps the fields that we do not know, so that a tool that compares finds them again.
    """

    name: str
    command: str = ""
    shell: bool = True
    arguments: tuple[str, ...] = ()
    schedule: str = ""
    schedule_time_zone: str = ""
    epsilon: str = ""
    parents: tuple[str, ...] = ()
    executor: str = ""
    executor_flags: str = ""
    task_info_data: str = ""
    is_async: bool = False
    owner: str = ""
    owner_name: str = ""
    description: str = ""
    retries: int = 2
    cpus: float = 0.0
    mem: float = 0.0
    disk: float = 0.0
    disabled: bool = False
    concurrent: bool = False
    max_completion_time_s: int = 0
    high_priority: bool = False
    run_as_user: str = ""
    soft_error: bool = False
    data_processing: bool = False
    fetch: tuple[Fetch, ...] = ()
    uris: tuple[str, ...] = ()
    environment: tuple[EnvironmentVariable, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    container: dict[str, Any] | None = None
    dialect: Dialect = Dialect.V3
    extra: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def is_dependent(self) -> bool:
        return bool(self.parents)

    def files(self) -> tuple[Fetch, ...]:
        """What to fetch, however it was written."""
        return self.fetch or tuple(Fetch(uri) for uri in self.uris)

    def owners(self) -> tuple[str, ...]:
        """The addresses to tell; `owner` separates them by commas."""
        return tuple(part.strip() for part in self.owner.split(",") if part.strip())


class Counters(Struct, frozen=True, omit_defaults=True):
    """What happened to a job, as listings show it; honoured in a body on creation only."""

    success_count: int = 0
    error_count: int = 0
    errors_since_last_success: int = 0
    last_success: str = ""
    last_error: str = ""


class Defaults(Struct, frozen=True):
    """What a field means that a body leaves out; from the flags of the process."""

    cpus: float = 0.1
    mem: float = 128.0
    disk: float = 256.0
    epsilon: str = "PT60S"
    run_as_user: str = ""


class Submission(Struct, frozen=True):
    """A body that was read: the job, and the counters that it brought along."""

    job: Job
    counters: Counters = Counters()
