"""The job form and the job's JSON are two views of one model, as with apps (`app_form`)."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from web.present.app_form import Pair, parse_number

TEXTS = ("name", "command", "description", "owner", "scheduleTimeZone", "runAsUser")
NUMBERS = ("cpus", "mem", "disk", "retries", "maxCompletionTime")
FLAGS = ("disabled", "concurrent", "highPriority", "softError")
KINDS = ("cron", "iso", "parents")
NEW_JOB: Mapping[str, Any] = {
    "name": "",
    "command": "",
    "schedule": "*/5 * * * *",
    "scheduleTimeZone": "UTC",
    "cpus": 0.1,
    "mem": 64,
    "retries": 2,
}
ANSWERED_ONLY = (
    "nextRun",
    "lastRun",
    "state",
    "inWords",
    "recent",
    "status",
    "waitingFor",
    "children",
    "exhausted",
    "warning",
    "successCount",
    "errorCount",
    "errorsSinceLastSuccess",
    "lastSuccess",
    "lastError",
)


class JobValues(Struct, frozen=True):
    texts: Mapping[str, str] = {}
    flags: Mapping[str, bool] = {}
    kind: str = "cron"
    cron: str = ""
    iso: str = ""
    parents: Sequence[str] = ()
    env: Sequence[Pair] = ()


def values_of(job: Mapping[str, Any]) -> JobValues:
    schedule = job.get("schedule")
    schedule = schedule if isinstance(schedule, str) else ""
    parents = job.get("parents")
    parents = [str(name) for name in parents] if isinstance(parents, list) else []
    kind = "parents" if parents else ("iso" if is_iso(schedule) else "cron")
    return JobValues(
        texts={name: _text(job.get(name)) for name in (*TEXTS, *NUMBERS)},
        flags={name: job.get(name) is True for name in FLAGS},
        kind=kind,
        cron=schedule if kind == "cron" else "",
        iso=schedule if kind == "iso" else "",
        parents=parents,
        env=_env(job.get("environmentVariables")),
    )


def is_iso(schedule: str) -> bool:
    """`R5/2026-…/PT1H`: an ISO repetition begins with R and has slashes; no cron line does."""
    head = schedule.strip()[:1].upper()
    return head == "R" and "/" in schedule


def schedule_of(values: JobValues) -> str:
    return {"cron": values.cron, "iso": values.iso}.get(values.kind, "").strip()


def job_of(values: JobValues, base: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The job that the form says, every other key of the base kept, and errors by field."""
    job: dict[str, Any] = copy.deepcopy(dict(base))
    errors: dict[str, str] = {}
    for name in TEXTS:
        _put(job, name, values.texts.get(name, ""))
    for name in NUMBERS:
        _put_number(job, name, values.texts.get(name, ""), errors)
    for name in FLAGS:
        if values.flags.get(name) or name in job:
            job[name] = bool(values.flags.get(name))
    if values.kind == "parents":
        job.pop("schedule", None)
        job.pop("scheduleTimeZone", None)
        job["parents"] = list(values.parents)
        if not values.parents:
            errors["parents"] = "Choose at least one job after which this one runs."
    else:
        job.pop("parents", None)
        job["schedule"] = schedule_of(values)
        if not job["schedule"]:
            errors[values.kind] = "Say when the job runs."
    _put_env(job, values.env)
    return job, errors


def definition_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Counters go along, because Chronos takes them from the body; answers do not."""
    return {key: value for key, value in job.items() if key not in ("nextRun", "lastRun", "state")}


def shown_of(job: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key not in ANSWERED_ONLY}


def _put(job: dict[str, Any], name: str, text: str) -> None:
    if text == _text(job.get(name)):
        return
    if text:
        job[name] = text
    else:
        job.pop(name, None)


def _put_number(job: dict[str, Any], name: str, text: str, errors: dict[str, str]) -> None:
    if text == _text(job.get(name)):
        return
    if not text.strip():
        job.pop(name, None)
        return
    value = parse_number(text)
    if value is None:
        errors[name] = f"“{text}” is not a number."
    else:
        job[name] = value


def _env(value: Any) -> list[Pair]:
    if not isinstance(value, list):
        return []
    return [
        Pair(_text(entry.get("name")), _text(entry.get("value")))
        for entry in value
        if isinstance(entry, dict)
    ]


def _put_env(job: dict[str, Any], env: Sequence[Pair]) -> None:
    written = [{"name": pair.key, "value": pair.value} for pair in env if pair.key]
    if written or "environmentVariables" in job:
        job["environmentVariables"] = written


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | dict | list):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
