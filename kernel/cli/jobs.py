"""`tepui job …`: what a person or a script does with jobs. Uses chronos's public interface."""

from typing import Any

import click

from kernel.cli import api, tables
from kernel.cli.apps import STREAM, read_json
from kernel.cli.options import JSON, locate, where
from kernel.cli.settings import Where


@click.group("job")
def jobs() -> None:
    """Add, look at, run and remove jobs."""


def url_of(place: Where, rest: str) -> str:
    return f"{place.chronos}/v1/scheduler/{rest}"


def _job_url(place: Where, name: str, rest: str = "") -> str:
    return url_of(place, f"job/{_name(name)}{rest}")


def _name(name: str) -> str:
    return api.quote(name).replace("/", "%2F")


@jobs.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@JSON
@where
def add(file: str, as_json: bool, **flags: Any) -> None:
    """Add the job that FILE describes, or the list of jobs; one that exists is replaced.

    FILE is JSON as chronos takes it; a job with parents runs after them, others by their schedule.
    """
    place = locate(flags)
    body = read_json(file)
    every = body if isinstance(body, list) else [body]
    for each in every:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise api.Failure(f"{file} must hold a job or a list of jobs, each with a name.", 2)
    for each in every:
        kind = "dependency" if each.get("parents") else "iso8601"
        api.request("POST", url_of(place, kind), each)
        if not as_json:
            click.echo(f"Added {each['name']}.")
    if as_json:
        tables.show_json({"added": [each["name"] for each in every]})


def _jobs(place: Where) -> list[dict[str, Any]]:
    listed = api.request("GET", url_of(place, "tepui/jobs"))
    found = listed.get("jobs", []) if isinstance(listed, dict) else listed
    return list(found)


@jobs.command("list")
@JSON
@where
def list_jobs(as_json: bool, **flags: Any) -> None:
    """List all jobs with their schedules, last and next runs."""
    place = locate(flags)
    found = _jobs(place)
    if as_json:
        tables.show_json(found)
        return
    rows = [_row(each) for each in sorted(found, key=lambda each: str(each["name"]))]
    heads = ["JOB", "WHEN", "STATE", "LAST RUN", "NEXT RUN"]
    empty = "No jobs yet: `tepui job add examples/job-cron.json` adds the first."
    click.echo(tables.table(heads, rows, empty=empty))


def _row(each: dict[str, Any]) -> list[object]:
    parents = each.get("parents")
    when = f"after {', '.join(parents)}" if parents else each.get("schedule", "-")
    return [each["name"], when, each.get("state", "-"), _last(each), _moment(each.get("nextRun"))]


def _last(each: dict[str, Any]) -> str:
    last = each.get("lastRun")
    if isinstance(last, dict):
        at = _moment(last.get("finished") or last.get("started") or last.get("nominal"))
        return f"{last.get('state', '')} {at}".strip()
    return _moment(last)


def _moment(value: object) -> str:
    return tables.moment(value if isinstance(value, str) else None)


def _one(place: Where, name: str) -> dict[str, Any]:
    for each in _jobs(place):
        if each["name"] == name:
            return each
    raise api.Failure(f"There is no job {name!r}.", api.EXIT_NOT_FOUND)


@jobs.command()
@click.argument("name", metavar="JOB")
@click.option("--arguments", help="Words to append to the command, this once.")
@JSON
@where
def run(name: str, arguments: str | None, as_json: bool, **flags: Any) -> None:
    """Run JOB now, beside its schedule."""
    place = locate(flags)
    _one(place, name)
    query = f"?arguments={api.quote(arguments)}" if arguments else ""
    api.request("PUT", _job_url(place, name, query))
    if as_json:
        tables.show_json({"started": name})
    else:
        click.echo(f"Started {name}; `tepui job history {name}` shows how it goes.")


def _runs(place: Where, name: str) -> list[dict[str, Any]]:
    _one(place, name)
    listed = api.request("GET", url_of(place, f"tepui/job/{_name(name)}/runs"))
    found = listed.get("runs", []) if isinstance(listed, dict) else listed
    return list(found)


@jobs.command()
@click.argument("name", metavar="JOB")
@JSON
@where
def history(name: str, as_json: bool, **flags: Any) -> None:
    """List the runs of JOB with their times and exit statuses, newest first."""
    place = locate(flags)
    found = _newest_first(_runs(place, name))
    if as_json:
        tables.show_json(found)
        return
    rows = [
        [each.get("runId"), each.get("state"), each.get("exitStatus"), each.get("attempt"),
         _moment(each.get("nominal")), _moment(each.get("started")), _moment(each.get("finished"))]
        for each in found
    ]  # fmt: skip
    heads = ["RUN", "STATE", "EXIT", "ATTEMPT", "DUE", "STARTED", "FINISHED"]
    click.echo(tables.table(heads, rows, empty=f"{name} has not run yet."))


def _newest_first(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def order(each: dict[str, Any]) -> tuple[str, str]:
        return (str(each.get("nominal") or ""), str(each.get("started") or ""))

    return sorted(runs, key=order, reverse=True)


@jobs.command()
@click.argument("name", metavar="JOB")
@click.argument("run_id", metavar="[RUN]", required=False)
@STREAM
@where
def logs(name: str, run_id: str | None, stream: str | None, **flags: Any) -> None:
    """Show what a RUN of JOB wrote; without RUN, the last one."""
    place = locate(flags)
    found = _newest_first(_runs(place, name))
    chosen = next((each for each in found if run_id in (None, str(each["runId"]))), None)
    if chosen is None:
        which = f"run {run_id}" if run_id else "run yet"
        raise api.Failure(f"{name} has no {which}.", api.EXIT_NOT_FOUND)
    rest = f"tepui/job/{_name(name)}/runs/{_name(str(chosen['runId']))}/log"
    _, raw = api.exchange("GET", url_of(place, f"{rest}?stream={stream or 'stdout'}"))
    click.echo(raw.decode(errors="replace"), nl=False)


@jobs.command()
@click.argument("name", metavar="JOB")
@JSON
@where
def delete(name: str, as_json: bool, **flags: Any) -> None:
    """Remove JOB and end its runs."""
    place = locate(flags)
    _one(place, name)
    api.request("DELETE", _job_url(place, name))
    if as_json:
        tables.show_json({"deleted": name})
    else:
        click.echo(f"Deleted {name}.")
