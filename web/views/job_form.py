"""The job form, with the next five runs in words as one types the schedule."""

import zoneinfo
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from flask import Blueprint, Response, abort, flash, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from web.present import diff, job_form
from web.present.app_form import Pair
from web.present.errors import Refusal, named_field, refusal_of
from web.present.job_form import JobValues
from web.rendering import page, parts, tried, tried_all
from web.shapes.chronos import Preview
from web.views.addresses import job_address

blueprint = Blueprint("job_form", __name__, url_prefix="/jobs")


@blueprint.get("/new")
def new() -> Response:
    origin = request.args.get("from", "")
    job = _definition(origin) if origin else dict(job_form.NEW_JOB)
    if origin:
        job = {**job_form.shown_of(job), "name": f"{origin}-copy"}
    return _screen(job_form.values_of(job), job, name="")


@blueprint.get("/edit/<path:name>")
def edit(name: str) -> Response:
    job = _definition(name)
    return _screen(job_form.values_of(job), job, name=name)


@blueprint.post("/new")
def create() -> AnyResponse:
    return _save("")


@blueprint.post("/edit/<path:name>")
def save(name: str) -> AnyResponse:
    return _save(name)


@blueprint.post("/preview")
def preview() -> Response:
    """The next runs as a piece of the page. A schedule that is refused says why, with 200."""
    values = _posted_values()
    return page("job_form/_preview.html", **_preview(values))


def _definition(name: str) -> dict[str, Any]:
    job = parts().chronos.definition(name)
    if job is None:
        abort(404, f"The job “{name}” does not exist.")
    return job


def _save(name: str) -> AnyResponse:
    values = _posted_values()
    base = _base()
    job, errors = job_form.job_of(values, base)
    if errors:
        refusal = Refusal("Nothing was sent: some fields hold no usable value.", errors)
        return _screen(values, base, name=name, refusal=refusal, status=422)
    if name:
        job["name"] = name
    elif _exists(str(job.get("name", ""))):
        said = "A job of this name exists. Open it to edit it, or choose another name."
        refusal = Refusal("Nothing was sent.", {"name": said})
        return _screen(values, base, name=name, refusal=refusal, status=422)
    reply = parts().chronos.save(job_form.definition_of(job))
    if not reply.is_success:
        refusal = refusal_of(reply.status, reply.json(), reply.body.decode("utf-8", "replace"))
        return _screen(values, base, name=name, refusal=_placed(refusal, values), status=422)
    flash(f"Saved the job {job['name']}.", "done")
    return redirect(job_address(str(job["name"])), 303)


def _exists(name: str) -> bool:
    """Chronos's POST would overwrite; a form called "new" must not."""
    return bool(name) and any(job.name == name for job in parts().chronos.jobs())


def _base() -> Mapping[str, Any]:
    try:
        base = msgspec.json.decode(request.form.get("base", "{}"))
    except (msgspec.DecodeError, RecursionError):
        return {}
    return base if isinstance(base, dict) else {}


def _placed(refusal: Refusal, values: JobValues) -> Refusal:
    """At the field that the sentence names, where the form has it."""
    named, said = named_field(refusal.message)
    field = values.kind if named == "schedule" else named
    shown = (*job_form.TEXTS, *job_form.NUMBERS, *job_form.KINDS)
    if refusal.by_field or field not in shown:
        return refusal
    return Refusal("The job was not saved.", {field: said}, refusal.other)


def _posted_values() -> JobValues:
    form = request.form
    keys, env = form.getlist("env.key"), form.getlist("env.value")
    kind = form.get("kind", "cron")
    return JobValues(
        texts={name: form.get(name, "").strip() for name in (*job_form.TEXTS, *job_form.NUMBERS)},
        flags={name: form.get(name) == "1" for name in job_form.FLAGS},
        kind=kind if kind in job_form.KINDS else "cron",
        cron=form.get("cron", "").strip(),
        iso=form.get("iso", "").strip(),
        parents=[name for name in form.getlist("parents") if name],
        env=[Pair(key.strip(), text) for key, text in zip(keys, env, strict=False) if key.strip()],
    )


def _preview(values: JobValues) -> dict[str, Any]:
    """`told` are the next runs, `refused` the sentence of a schedule that is none."""
    schedule = job_form.schedule_of(values)
    if values.kind == "parents" or not schedule:
        return {"told": None, "refused": "", "values": values}
    zone = values.texts.get("scheduleTimeZone", "")
    reply = tried(lambda: parts().chronos.preview(schedule, zone), None)
    if reply is None:
        return {"told": None, "refused": "", "values": values}
    if not reply.is_success:
        text = reply.body.decode("utf-8", "replace")
        return {
            "told": None,
            "refused": named_field(refusal_of(reply.status, reply.json(), text).message)[1],
            "values": values,
        }
    return {"told": parts().chronos.part.read(reply, Preview), "refused": "", "values": values}


@cache
def _zones() -> list[str]:
    """Reads hundreds of files, so it does so once."""
    return sorted(zoneinfo.available_timezones())


def _screen(
    values: JobValues,
    base: Mapping[str, Any],
    *,
    name: str,
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    jobs = tried_all(parts().chronos.jobs)
    return page(
        "job_form/show.html",
        status=status,
        name=name,
        base=diff.pretty(base),
        refusal=refusal,
        errors=refusal.by_field if refusal else {},
        others=sorted(job.name for job in jobs if job.name != name),
        zones=_zones(),
        **_preview(values),
    )
