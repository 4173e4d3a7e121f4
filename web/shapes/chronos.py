"""Reads of Chronos's jobs, runs and previews (Tepui's `/v1/scheduler/tepui/…`)."""

from typing import Any

from msgspec import Struct


class Run(Struct, frozen=True, rename="camel"):
    run_id: str = ""
    nominal: str | None = None
    started: str | None = None
    finished: str | None = None
    exit_status: int | None = None
    state: str = ""
    attempt: int = 0
    agent: str | None = None
    host: str | None = None
    task_id: str | None = None
    signal: int | str | None = None
    message: str | None = None


class Job(Struct, frozen=True, rename="camel"):
    name: str = ""
    command: str | None = None
    schedule: str | None = None
    schedule_time_zone: str | None = None
    parents: list[str] = []
    description: str | None = None
    owner: str | None = None
    disabled: bool = False
    cpus: float = 0.0
    mem: float = 0.0
    disk: float = 0.0
    retries: int = 0
    success_count: int = 0
    error_count: int = 0
    last_success: str | None = None
    last_error: str | None = None
    next_run: str | None = None
    next_runs: list[str] = []  # of one job asked for alone
    last_run: Any = None
    state: str = ""
    in_words: str | None = None
    recent: list[Run] = []
    waiting_for: list[str] = []
    warning: str | None = None


class Runs(Struct, frozen=True):
    runs: list[Run] = []


class Preview(Struct, frozen=True, rename="camel"):
    runs: list[str] = []
    in_words: str = ""
    notes: list[str] = []


class Jobs(Struct, frozen=True):
    jobs: list[Job] = []
